"""Locust's processes on the hosts of a network, and what was seen of one run.

The target is the witness: who asked, and who asks still.
"""

import csv
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from locust import runners

from tests.e2e.support import ROOT, Process
from tests.fleet import pulses
from tests.fleet.network import MASTER, TARGET, Network

USERS = 12
WINDOW_S = 1.5
"""A user that did not ask for so long has gone: each asks every half second."""
PACE_S = 0.5
SPAN_S = 1.0
"""The load is weighed over so long."""
PORT = 8000

Mode = Literal["plain", "rebalancing", "suite"]
"""Locust as it is, with --enable-rebalancing, or with the suite."""

Counts = dict[str, dict[str, tuple[int, float, float]]]
"""By client and user: requests, and the moments of the first and of the last one."""


@dataclass(frozen=True)
class Timers:
    """How long things last, in seconds: Locust's timers, and by them the faults."""

    constants: Mapping[str, float] = field(default_factory=dict)
    silence: float = 10.0
    give_up: float = 60.0
    cut: float = 20.0
    long: float = 80.0
    restart: float = 4.0
    patience: float = 30.0
    """How long users may take to be right again."""

    @property
    def missed(self) -> float:
        """How long Locust takes at most to miss a worker that falls silent.

        Its master counts down from HEARTBEAT_LIVENESS once in HEARTBEAT_INTERVAL, and acts on what
        is below nought at the turn after.
        """
        liveness, interval = (
            self.constants.get(name, getattr(runners, name))
            for name in ("HEARTBEAT_LIVENESS", "HEARTBEAT_INTERVAL")
        )
        return float((liveness + 2) * interval)


QUICK = Timers(
    constants={
        "SILENCE": 5.0,
        "MASTER_HEARTBEAT_TIMEOUT": 16,
        "HEARTBEAT_DEAD_INTERNAL": -20,
        "WORKER_REPORT_INTERVAL": 1.0,
        "CONNECT_TIMEOUT": 1,
        "CONNECT_RETRY_COUNT": 30,
    },
    silence=5.0,
    give_up=16.0,
    cut=9.0,
    long=22.0,
    restart=2.0,
    patience=50.0,
)
REAL = Timers()


@dataclass
class Seen:
    """What came of one scenario."""

    users: int = 0
    """Users that asked the target after the fault was over."""
    moved: float | None = None
    """Seconds until they were as many as wanted, from the fault on."""
    taken_over: float = 0.0
    """Seconds from the fault until the last user of a lost worker asked from another, or longer."""
    starved: float = 0.0
    """For how many of those seconds the processes that had to do it came late, all together."""
    too_few: float = 0.0
    too_many: float = 0.0
    """For how many seconds from the fault on the load was off by more than a quarter."""
    quiet: float | None = None
    """Seconds until users whose master cannot be heard asked no more."""
    asked: int = 0
    """Requests that the target saw of this run."""
    recorded: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    record: dict[str, Any] | None = None
    files: set[str] = field(default_factory=set)
    by_client: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """The verdict of the record; without a record, none."""
        return self.record["outcome"]["verdict"] if self.record else "none"

    @property
    def reasons(self) -> str:
        """What explains it."""
        return "\n".join(self.record["outcome"]["reasons"]) if self.record else ""


class FleetLab:
    """One run on a network of its own; everything it started ends with `close`."""

    def __init__(self, folder: Path, network: Network, timers: Timers, mode: Mode) -> None:
        self.folder, self.network, self.timers, self.mode = folder, network, timers, mode
        self.seen = Seen()
        self.processes: dict[str, Process] = {}
        self.old: set[str] = set()
        """Users of a run that is over; they do not count."""
        self._fault: float | None = None
        self._totals: list[tuple[float, int]] = []
        self._counts = folder / "counts.json"
        file = str(self._counts)
        self._start("target", "target", ["-m", "tests.fleet.target", TARGET, str(PORT), file])
        self.wait(self._counts.exists, "the target")

    @property
    def guard(self) -> bool:
        """Whether the suite is there."""
        return self.mode == "suite"

    # -- processes -------------------------------------------------------------------------------

    def master(self, *options: str, name: str = "master", workers: int | None = None) -> Process:
        """Start a master that waits for its workers and has no planned end."""
        files = ["--csv", name]
        if self.guard:
            files += ["--results-dir", name, "--preflight", "off"]
        else:
            files += ["--html", f"{name}.html"]
            files += ["--enable-rebalancing"] if self.mode == "rebalancing" else []
        count = self._workers if workers is None else workers
        return self._locust(
            name,
            "master",
            *[
                "--master",
                "--master-bind-host",
                MASTER,
                "--headless",
                "--only-summary",
                "--expect-workers",
                str(count),
            ],
            *["-u", str(USERS), "-r", "100", "--host", f"http://{TARGET}:{PORT}"],
            *files,
            *options,
        )

    def worker(self, number: int) -> Process:
        """Start a worker on a host of its own."""
        host = f"worker{number}"
        return self._locust(host, host, "--worker", "--master-host", MASTER)

    def start(self, workers: int, *options: str) -> None:
        """Start all and wait until every user asks."""
        self._workers = workers
        self.master(*options)
        for number in range(workers):
            self.worker(number)
        self.wait(lambda: self.asking() == USERS, "the users")
        time.sleep(1.0)

    def close(self) -> None:
        """End every process that is still there and show what they said."""
        for process in reversed(self.processes.values()):
            process.destroy()
        for name, process in self.processes.items():
            print(f"--- {name}", process.output[-3000:], process.errors[-6000:], sep="\n")

    def _start(self, name: str, host: str, arguments: list[str], **variables: str) -> Process:
        command = [*self.network.inside(host), sys.executable, *arguments]
        process = Process(command, self.folder, name, {"PYTHONPATH": str(ROOT), **variables})
        self.processes[name] = process
        return process

    def _locust(self, name: str, host: str, *options: str) -> Process:
        file = str(ROOT / "tests" / "fleet" / "visitors.py")
        return self._start(
            name,
            host,
            ["-m", "locust", "-f", file, *options],
            FLEET_TIMERS=json.dumps(dict(self.timers.constants)),
            FLEET_GUARD="on" if self.guard else "off",
            FLEET_PULSE=str(self.folder / f"{name}.pulse"),
        )

    # -- what the target saw ---------------------------------------------------------------------

    def counts(self) -> tuple[float, Counts]:
        """Now, and what the target saw."""
        found = json.loads(self._counts.read_text())
        return found["now"], found["seen"]

    def asking(self, worker: int | None = None) -> int:
        """How many users ask, of one worker or of all."""
        now, seen = self.counts()
        clients = seen if worker is None else [self.network.address(worker)]
        return sum(
            last > now - WINDOW_S
            for one in clients
            for user, (_, _, last) in seen.get(one, {}).items()
            if user not in self.old
        )

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 120.0) -> float:
        """Wait for a condition; how long it took. Fails at the deadline."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() < began + seconds, f"not in time: {what}"
            time.sleep(0.05)
        return time.monotonic() - began

    # -- the course of a scenario ----------------------------------------------------------------

    def fault(self) -> None:
        """The fault happens now; users that ask are watched from here on."""
        self._fault = time.monotonic()

    def watch(self, seconds: float) -> None:
        """Let time pass and keep what the target saw meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            now, seen = self.counts()
            total = sum(count for users in seen.values() for count, *_ in users.values())
            if not self._totals or now >= self._totals[-1][0] + SPAN_S:
                self._totals.append((now, total))
            time.sleep(0.05)

    def weigh(self) -> None:
        """Say for how long the load was wrong."""
        wanted = USERS / PACE_S
        for (begin, before), (end, after) in pairwise(self._totals):
            rate = (after - before) / (end - begin)
            self.seen.too_few += (end - begin) * (rate < 0.75 * wanted)
            self.seen.too_many += (end - begin) * (rate > 1.25 * wanted)

    def settle(self, steady: float = 4.0) -> None:
        """Wait until as many users as wanted ask, and go on asking for a while."""
        assert self._fault is not None
        self.watch(2 * WINDOW_S)  # what asked before the fault has left the window
        deadline, since = time.monotonic() + self.timers.patience, time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - since < steady:
            if self.asking() != USERS:
                since = time.monotonic()
            self.watch(0.1)
        self.seen.users = self.asking()
        if self.seen.users == USERS:
            self.seen.moved = since - self._fault

    def take_over(self) -> None:
        """Say when worker 0 had all users, also those of the worker that was lost; or not yet."""
        assert self._fault is not None
        now, seen = self.counts()
        begun = sorted(first for _, first, _ in seen[self.network.address(0)].values())
        moment = begun[USERS - 1] if len(begun) >= USERS else now
        self.seen.taken_over = moment - self._fault
        files = (self.folder / f"{name}.pulse" for name in ("master", "worker0", "target"))
        self.seen.starved = sum(pulses.late(one, self._fault, moment) for one in files)

    def end(
        self, *names: str, master: str = "master", stop: signal.Signals | None = signal.SIGINT
    ) -> Seen:
        """Stop the master, wait for the named processes and take up what they left."""
        self.weigh()
        if stop is not None:
            self.processes[master].signal(stop)
        for name in (master, *names):
            if name in self.processes:
                self.seen.codes[name] = self.finish(name)
        time.sleep(0.3)  # the target writes what it saw ten times a second
        _, seen = self.counts()
        self.seen.by_client = {
            client: sum(count for count, *_ in users.values()) for client, users in seen.items()
        }
        self.seen.asked = sum(self.seen.by_client.values())
        self.collect(master)
        return self.seen

    def finish(self, name: str) -> int:
        """Wait for the end of a process; its exit code."""
        process = self.processes[name]
        self.wait(lambda: not process.running, f"the end of {name}")
        return process.end().code

    def collect(self, master: str) -> None:
        """Take up the record, or Locust's own table where there is none."""
        for path in self.folder.glob(f"{master}/*/run.json"):
            self.seen.record = json.loads(path.read_text())
            self.seen.files = {one.name for one in path.parent.iterdir()}
            self.seen.recorded = self.seen.record["total"]["requests"]
            return
        self.seen.files = {one.name for one in self.folder.glob(f"{master}*") if one.is_file()}
        table = self.folder / f"{master}_stats.csv"
        if not table.exists():
            return
        with table.open() as file:
            rows = list(csv.DictReader(file))
        self.seen.recorded = sum(
            int(row["Request Count"]) for row in rows if row["Name"] == "Aggregated"
        )
