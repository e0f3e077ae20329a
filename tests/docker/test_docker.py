"""The image and the compose file, run by a real engine; the targets' own counts are the witness."""

import json
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.docker.engine import CALL_S, IMAGE, Engine
from tests.e2e.conftest import lab
from tests.e2e.support import (
    NAMES,
    ROOT,
    Json,
    Lab,
    Process,
    Target,
    check_counts,
    counted,
    wait_until,
)
from tests.e2e.test_web_ui import chromium

pytestmark = pytest.mark.docker

__all__ = ["chromium", "lab"]

SEALED = "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none"
PAGE = "http://127.0.0.1:8089"
USERS = 5
"""Of the profile smoke."""


class Composed:
    """The services of the compose file, all of them gone when the test is over."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.variables: dict[str, str] = {}

    def __call__(self, *arguments: str, check: bool = True) -> str:
        return self.engine.docker("compose", *arguments, check=check, **self.variables)

    def headless(self, *options: str) -> Process:
        """A run without the page, as the documents say to start it."""
        command = ["compose", "run", "--rm", *options, "--use-aliases", "headless"]
        return self.engine.start(*command, **self.variables)

    def results(self, file: str) -> str:
        """A file of the only run's results, or all of them; taken as the documents say."""
        command = "docker compose run --rm --no-deps -T --entrypoint tar headless -cC /results ."
        return self.engine.sh(f"{command} | tar -xO --wildcards '{file}'")

    @property
    def record(self) -> Json:
        record: Json = json.loads(self.results("*/run.json"))
        return record


class ComposedTarget(Target):
    """The reference target of predict in its container."""

    def __init__(self, composed: Composed) -> None:
        super().__init__("http://127.0.0.1:8000")
        self._composed = composed

    def counts(self) -> dict[str, dict[str, int]]:
        url = f"{self.address}/__count"
        asking = f"import urllib.request as u; print(u.urlopen('{url}').read().decode())"
        found: dict[str, dict[str, int]] = json.loads(
            self._composed("exec", "predict", "python", "-c", asking)
        )
        return found


@pytest.fixture
def composed(engine: Engine) -> Iterator[Composed]:
    composed = Composed(engine)
    yield composed
    composed("--profile", "*", "down", "--volumes", "--timeout", "5")


def end(process: Process) -> int:
    """Wait for the end of a run and of its container; the code of the verdict."""
    deadline = time.perf_counter() + CALL_S
    while process.running:
        assert time.perf_counter() < deadline, f"not in time\n{process.output}\n{process.errors}"
        time.sleep(0.2)
    return process.end().code


# -- the image ---------------------------------------------------------------------------------


def test_the_image_is_a_drop_in_for_locusts(engine: Engine) -> None:
    assert engine.docker("run", "--rm", IMAGE, "--version").startswith("locust 2.")
    config = json.loads(engine.docker("inspect", IMAGE))[0]["Config"]
    assert config["Entrypoint"] == ["locust"] and config["User"] == "10001:10001"
    assert set(config["ExposedPorts"]) == {"5557/tcp", "8089/tcp"}
    assert config["WorkingDir"] == "/home/locust"
    shell = ["run", "--rm", "--entrypoint", "sh", IMAGE, "-c"]
    assert engine.docker(*shell, "command -v locust; command -v gauntlet").split() == [
        "/opt/venv/bin/locust",
        "/opt/venv/bin/gauntlet",
    ]


def test_the_project_is_a_small_layer_on_what_it_needs(engine: Engine) -> None:
    sizes = engine.docker("history", "--no-trunc", "--format", "{{.Size}} {{.CreatedBy}}", IMAGE)
    (project,) = (line for line in sizes.splitlines() if "COPY /opt/project" in line)
    assert float(project.split("MB")[0]) < 20, sizes


def test_a_sealed_container_without_capabilities_tests_its_own_target(engine: Engine) -> None:
    sealed = ["run", "--rm", *SEALED, "--tmpfs", "/results:uid=10001,gid=10001"]
    looking = "grep CapEff /proc/self/status; touch /home/locust/x || echo sealed; id -u"
    seen = engine.docker(*sealed, "--entrypoint", "sh", IMAGE, "-c", f"({looking}) 2>/dev/null")
    assert seen.split() == ["CapEff:", "0" * 16, "sealed", "10001"]
    printed = engine.docker(
        *sealed,
        IMAGE,
        "--headless",
        "--only-summary",
        "-u",
        "4",
        "-r",
        "4",
        "-t",
        "5s",
        "--threshold",
        "fail_ratio <= 0%",
    )
    assert "✓ PASS" in printed


def test_the_page_of_a_container_runs_a_profile_and_obeys_docker_stop(
    engine: Engine, lab: Lab, chromium: str
) -> None:
    engine.docker("run", "-d", "--name", "page", "-p", "127.0.0.1:8089:8089", IMAGE)
    try:
        wait_until(lambda: "Starting web" in _logs(engine, "page"), "the page")
        album = lab.folder / "screenshots"
        album.mkdir()
        visit = [sys.executable, "-m", "tests.e2e.browser", "stopped", chromium, PAGE, str(album)]
        ended = lab.start(*engine.inside(*visit), variables={"PYTHONPATH": str(ROOT)}).end()
        assert ended.code == 0, ended.errors + _logs(engine, "page")
        seen = json.loads((album / "seen.json").read_text())
        assert (seen["errors"], seen["outside"]) == ([], [])
        assert {row[1] for row in seen["statistics"]} == NAMES | {"Aggregated"}
        assert all(int(row[2]) > 0 and row[3] == "0" for row in seen["statistics"])
        assert seen["ended"][0] == ["Verdict", "", "", "", "✗ INVALID"]
        engine.docker("stop", "--time", "60", "page")
        state = json.loads(engine.docker("inspect", "page"))[0]["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (4, False), _logs(engine, "page")
    finally:
        engine.docker("rm", "-f", "page")


def _logs(engine: Engine, name: str) -> str:
    """What the container said, on either channel."""
    return engine.sh(f"docker logs {name} 2>&1")


# -- compose -----------------------------------------------------------------------------------


def test_a_headless_run_counts_what_its_target_counts(composed: Composed) -> None:
    rules = "[rps >= 0.1/s, p95 <= 60s, p99 <= 60s]"  # the machine may be slow
    run = composed.headless("-e", "LOCUST_PREFLIGHT=off", "-e", f"LOCUST_THRESHOLD={rules}")
    run.wait_for(f"Shape test updating to {USERS} users")
    asking = "import urllib.request as u; print(u.urlopen('http://headless:9646/metrics').read())"
    assert "gauntlet_" in composed("exec", "predict", "python", "-c", asking)
    assert end(run) == 0, run.output + run.errors
    record = composed.record
    assert record["outcome"]["verdict"] == "PASS"
    assert counted(record) == {"workers": 2, "lost": []}
    check_counts(record, ComposedTarget(composed), USERS)


def test_a_worker_that_is_killed_makes_the_run_invalid(composed: Composed) -> None:
    run = composed.headless()
    run.wait_for(f"Shape test updating to {USERS} users")
    composed.engine.docker("kill", "--signal", "KILL", "gauntlet-headless-worker-1")
    assert end(run) == 4, run.output + run.errors
    assert "✗ INVALID" in run.output
    assert len(composed.record["fleet"]["lost"]) == 1


def test_up_alone_gives_a_page_that_has_its_workers(composed: Composed) -> None:
    composed("up", "-d", "--scale", "worker=3", "--no-build")
    asking = (
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8089/worker-count').read())"
    )
    ask = ["exec", "master", "python", "-c", asking]
    wait_until(lambda: '"worker_count": 3' in composed(*ask, check=False), "three workers")


def test_a_key_in_a_file_is_in_no_environment_process_list_log_or_report(
    composed: Composed, tmp_path: Path
) -> None:
    key = "a-key-that-nobody-else-would-think-of"
    file = tmp_path / "key"
    file.write_text(key)
    file.chmod(0o644)
    tmp_path.parent.chmod(0o755)
    composed.variables = {"EATER_SECRET_KEY_FILE": str(file), "LOCUSTFILE": "chater_flows.py"}
    composed("up", "-d", "--no-build", "chater")
    short = {"LOAD_PROFILE": "", "USERS": "4", "SPAWN_RATE": "4", "RUN_TIME": "10s"}
    settings = chain.from_iterable(("-e", f"LOCUST_{key}={value}") for key, value in short.items())
    run = composed.headless(*settings)
    run.wait_for("Sending spawn jobs of 4 users")
    names = composed("--profile", "*", "ps", "-q").split()
    told = [
        composed.engine.docker("inspect", *names),
        *(composed.engine.docker("top", name, "-o", "pid,args") for name in names),
    ]
    assert len(names) >= 4 and any("--worker" in one for one in told)
    assert end(run) == 0, run.output + run.errors
    told += [run.output, run.errors, composed("--profile", "*", "logs"), composed.results("*")]
    assert [one for one in told if key in one] == []
