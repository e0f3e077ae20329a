"""Real Locust processes and real targets for the end-to-end tests: started, watched, ended.

    def test_it(lab: Lab) -> None:
        lab.profile("tiny", duration="3s")
        ended = lab.run("--load-profile", "tiny")
        assert ended.code == 0
        assert lab.record["outcome"]["verdict"] == "PASS"

Every process is started in a session of its own, writes into files of the test's folder, and is
ended by its id when the test is over. Nothing waits without a deadline.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOCUSTFILE = ROOT / "locustfiles" / "predict_mix.py"
DEADLINE_S = 120.0
NAMES = {
    "/health",
    "/predict?return_image=False",
    "/predict?return_image=True",
    "/predict (large image)",
}
"""The four statistics names of predict."""

Json = dict[str, Any]

MIX: Json = {
    "weights": {"health": 25, "predict": 25, "image": 25, "large": 25},
    "wait": "10ms-30ms",
    "image_sizes": {"small": [64, 48], "large": [160, 120]},
    "sizes": {"predict": "small", "image": "small", "large": "large"},
    "pictures": {"count": 2},
}
"""Small pictures and short pauses: many requests for little work."""


class Ended(NamedTuple):
    """What a process left behind."""

    code: int
    output: str
    errors: str

    @property
    def mistakes(self) -> list[str]:
        """The lines of standard error, without those of Locust's log."""
        return [line for line in self.errors.splitlines() if line and not line.startswith("[")]


class Process:
    """A process of a test, its output in files."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        label: str,
        variables: Mapping[str, str],
        terminal: int | None = None,
        errors_to: int | None = None,
    ) -> None:
        self.command = list(command)
        self._output, self._errors = folder / f"{label}.out", folder / f"{label}.err"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LOCUST_")}
        with open(self._output, "wb") as output, open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(
                self.command,
                cwd=folder,
                env={**inherited, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output if terminal is None else terminal,
                stderr=errors if errors_to is None else errors_to,
                start_new_session=True,
            )
        self.pid: int = self._process.pid

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def children(self) -> list[psutil.Process]:
        """Every process that this one started, and theirs; none once it is gone."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def session(self) -> list[psutil.Process]:
        """Every process of its session that is there, also those that outlived it."""
        found = []
        for pid in psutil.pids():
            with suppress(ProcessLookupError, psutil.NoSuchProcess):  # it ended a moment ago
                if os.getsid(pid) == self.pid:
                    found.append(psutil.Process(pid))
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM to this process alone, as Kubernetes does."""
        self.signal(signal.SIGTERM)

    def press_ctrl_c(self) -> None:
        """Interrupt this process and all that it started, as a terminal does."""
        os.killpg(self.pid, signal.SIGINT)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the condition holds; fails when the process ends before."""
        wait_until(lambda: condition() or not self.running, f"{what}, by {self.command}")
        if not self.running:
            assert condition(), f"ended before: {what}\n{self.output}\n{self.errors}"

    def wait_for(self, text: str) -> None:
        """Wait until the process wrote `text`."""
        self.wait_until(lambda: text in self.output or text in self.errors, text)

    def end(self) -> Ended:
        """Wait for the end of the process."""
        wait_until(lambda: not self.running, f"the end of {' '.join(self.command)}")
        return Ended(self._process.returncode, self.output, self.errors)

    def destroy(self) -> None:
        """End the process and all that it started, by their ids."""
        if not self.running:
            return
        family = self.children()
        self._process.kill()
        self._process.wait(DEADLINE_S)
        for child in family:
            if child.is_running():
                child.kill()


class Target:
    """A running reference target of predict, or the one that a run embedded."""

    def __init__(self, address: str) -> None:
        self.address = address

    def counts(self) -> dict[str, dict[str, int]]:
        """What the target says it answered: endpoint -> column -> count."""
        connection = http.client.HTTPConnection(self.address.partition("//")[2], timeout=DEADLINE_S)
        try:
            connection.request("GET", "/__count")
            counts: dict[str, dict[str, int]] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return counts

    @property
    def requests(self) -> int:
        """How many requests came, to all endpoints."""
        return sum(columns["requests"] for columns in self.counts().values())


class Lab:
    """A folder with profiles and results, and the processes that a test starts in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[Process] = []
        self.write("profiles/predict/mix.yaml", MIX)

    # -- declarative input -----------------------------------------------------------------------

    def write(self, name: str, content: Json | str) -> Path:
        """A file in the folder; a mapping is written as YAML."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    def mix(self, **changes: Any) -> None:
        """The mix with other values."""
        self.write("profiles/predict/mix.yaml", {**MIX, **changes})

    def profile(
        self,
        name: str = "tiny",
        duration: str = "3s",
        users: int = 2,
        thresholds: Sequence[str] = (),
        **more: Any,
    ) -> str:
        """A profile of predict's own with just these thresholds; gives back its name."""
        shown: Json = {"description": "A profile of a test", "users": users, "spawn_rate": 100}
        shown |= {"duration": duration, "thresholds": list(thresholds)}
        self.write(f"profiles/predict/{name}.yaml", shown | more)
        return name

    def environment(self, name: str, address: str, protected: bool = False) -> str:
        """An environment with one address for predict; gives back its name."""
        content: Json = {"description": "An environment of a test", "protected": protected}
        self.write(
            f"profiles/environments/{name}.yaml", {**content, "targets": {"predict": address}}
        )
        return name

    # -- processes -------------------------------------------------------------------------------

    def start(
        self,
        *command: str,
        folder: Path | None = None,
        variables: Mapping[str, str] | None = None,
        terminal: int | None = None,
        errors: int | None = None,
    ) -> Process:
        """Start any command in the lab's folder; what it writes to may be terminals."""
        label = f"process-{len(self.processes)}"
        process = Process(command, folder or self.folder, label, variables or {}, terminal, errors)
        self.processes.append(process)
        return process

    def locust(
        self,
        *options: str,
        file: Path | str = LOCUSTFILE,
        folder: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Process:
        """Start the stock command with a locustfile."""
        command = [sys.executable, "-m", "locust", "-f", str(file), *options]
        return self.start(*command, folder=folder, variables=variables)

    def headless(self, *options: str, file: Path | str = LOCUSTFILE, **variables: str) -> Process:
        """Start a headless run whose results go to the lab."""
        common = ["--headless", "--only-summary", "--results-dir", "results"]
        return self.locust(*common, *options, file=file, variables=variables)

    def run(self, *options: str, file: Path | str = LOCUSTFILE, **variables: str) -> Ended:
        """A headless run from start to end."""
        return self.headless(*options, file=file, **variables).end()

    def cluster(self, workers: int, *options: str, file: Path | str = LOCUSTFILE) -> list[Process]:
        """Start a master and its workers as processes of their own; the master is the first."""
        bound, at = meeting_point()
        fleet = "--master", *bound, "--expect-workers", str(workers)
        master = self.headless(*fleet, *options, file=file)
        return [master, *(self.locust("--worker", *at, file=file) for _ in range(workers))]

    def forked(self, *options: str) -> Process:
        """Start a master that makes its two workers itself."""
        bound, at = meeting_point()
        return self.headless("--processes", "2", *bound, *at, *options)

    def target(self, *options: str) -> Target:
        """Start a reference target of our own choice of faults."""
        target = "-m", "gauntlet.targets", "predict", "--port", "0"
        process = self.start(sys.executable, *target, "--service-time", "0s", *options)
        process.wait_for("ready http://")
        return Target(process.output.split()[1])

    def close(self) -> None:
        """End every process that is still there; pytest shows what they said if a test failed."""
        for process in reversed(self.processes):
            process.destroy()
        for process in self.processes:
            print(" ".join(process.command), process.output, process.errors, sep="\n")

    # -- results ---------------------------------------------------------------------------------

    @property
    def results(self) -> list[Path]:
        """The folders of finished runs, oldest first."""
        return sorted(path.parent for path in (self.folder / "results").glob("*/run.json"))

    @property
    def record(self) -> Json:
        """The record of the only run."""
        assert len(self.results) == 1, "\n".join(process.errors for process in self.processes)
        return read_record(self.results[0])

    @property
    def verdict(self) -> str:
        """The verdict of the only run."""
        return str(self.record["outcome"]["verdict"])

    @property
    def reasons(self) -> str:
        """What explains the verdict of the only run."""
        return "\n".join(self.record["outcome"]["reasons"])


def read_record(folder: Path) -> Json:
    """The run record in a folder of results."""
    record: Json = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return record


def figures(record: Json, told: str = "shown") -> dict[str, Any]:
    """What is shown of each figure in the only section of a record, or its `value`, by name."""
    (section,) = record["sections"]
    return {figure["name"]: figure[told] for figure in section["figures"]}


def broken(record: Json) -> set[str]:
    """The rules of a record that did not hold."""
    return {one["rule"] for one in record["thresholds"] if not one["held"]}


def counted(record: Json) -> Json:
    """How many workers took part and which were lost; all that the others counted is there."""
    fleet: Json = record["fleet"]
    assert [one for one in fleet["members"] if one["missing"]] == []
    assert sum(one["requests"] for one in fleet["members"]) == record["total"]["requests"]
    return {"workers": fleet["workers"], "lost": fleet["lost"]}


def check_counts(record: Json, target: Target, users: int, asked: int = 0) -> None:
    """Every request that the target saw is in the record, but for one in flight per user.

    `asked` are the calls of the preflight. Locust may cut the last request of a user even where
    `-s` gives it time, if the user's pause ends in the moment of its stop.
    """
    unseen = target.requests - asked - record["total"]["requests"]
    assert 0 <= unseen <= users, (target.counts(), record["total"])


def free_port() -> int:
    """A port of the kernel's choice that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def meeting_point() -> tuple[list[str], list[str]]:
    """Where a master and its workers meet: the master's options and those of a worker."""
    port, host = str(free_port()), "127.0.0.1"
    bound = ["--master-bind-host", host, "--master-bind-port", port]
    return bound, ["--master-host", host, "--master-port", port]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until the condition holds; fails at the deadline."""
    deadline = time.perf_counter() + DEADLINE_S
    while not condition():
        assert time.perf_counter() < deadline, f"not in time: {what}"
        time.sleep(0.02)


def answers(port: int) -> bool:
    """Whether Locust's page is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def wait_until_gone(processes: Sequence[psutil.Process]) -> None:
    """Fails if one of the processes still runs at the deadline."""
    _, alive = psutil.wait_procs(list(processes), timeout=DEADLINE_S)
    assert not alive
