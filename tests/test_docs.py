"""The documents keep their word: what they say to type is typed, what they name is there.

Commands run in a copy of the checkout whose profiles last seconds, whose pictures are small and
whose limits no machine is too slow for; a few at a time, each once. What a command becomes on the
way stands in `shortened`, what another test runs in `ELSEWHERE`. Documents may also hold files: a
block of Python or YAML whose first line names one is laid into the copy.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import gauntlet
from gauntlet import config, thresholds
from gauntlet.clients import chater as chater_api
from gauntlet.clients import predict
from gauntlet.errors import UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.measure.outcomes import OWN
from gauntlet.systems import SYSTEMS
from gauntlet.units import format_duration
from tests.e2e.support import ROOT, Ended, Process, free_port, wait_until

README = ROOT / "README.md"
ORIGINALS = ROOT / "docs" / "from-the-originals.md"
PROFILES = ROOT / "docs" / "profiles.md"
DESIGN = ROOT / "docs" / "design.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])

AT_ONCE = 6
OWN_CHATER = "http://localhost:5000"
OWN_SERVICE = re.compile(r"http://localhost:(8000|30080|30987)\b")
"""Addresses in the documents at which a reader has a service; here a reference target has."""

SHORTER = (
    ("-u 400 -r 100 -t 10m", "-u 4 -r 4 -t 3s"),
    ("--users 50 --spawn-rate 5 --run-time 5m", "-u 4 -r 4 -t 3s"),
    ("-u 20 -r 2 -t 5m", "-u 4 -r 4 -t 3s"),
    ("-u 10 -r 2 -t 3m", "-u 4 -r 4 -t 3s"),
    ("-u 30 -r 3 -t 10m", "-u 4 -r 4 -t 3s"),
    ("-u 10 -r 10 -t 5m", "-u 4 -r 4 -t 3s"),
    ("capacity predict", "capacity predict --from 6 --to 6 --repeats 1 --step 3s --settle 2s"),
    ("--port 5000", "--port 0"),
    ("--arrivals 1200/min -t 5s", "--arrivals 1200/min -t 8s"),  # p99 needs 100 requests
    ("-t 5s", "-t 3s"),
    ("< 2s", "< 60s"),
    ("< 1s", "< 60s"),
    ("'p95(", "'p50("),
    ("rps >= 5/s", "rps >= 0.1/s"),
    ("--port 8000", "--port 0"),
    ("--port 8001", "--port 0"),
    ("--base-port 7000", "--base-port 0"),
    ("--metrics-port 9646", "--metrics-port 0"),
)
FILE_SERVER = "127.0.0.1:7000"
"""The address in the documents at which a reader has a file server."""
SMALL = {"image_sizes": {"small": [64, 48], "large": [160, 120]}, "pictures": {"count": 2}}
"""Pictures that are made and sent for little work."""

ELSEWHERE = {
    "gauntlet report results/20261120T090000Z-predict-smoke": (
        "tests/test_report_command.py::test_every_file_that_comes_from_the_record_is_made_again"
    ),
    "gauntlet report results/20261120T090000Z-predict-smoke "
    "results/20261120T090002Z-predict-smoke": (
        "tests/test_report_command.py::test_records_of_several_masters_become_one_with_its_verdict"
    ),
    "gauntlet report results/20261120T090000Z-predict-smoke "
    "results/20261121T090000Z-predict-smoke -o both.html": (
        "tests/test_report_command.py::test_runs_that_made_no_load_together_are_laid_over_each_other"
    ),
    "locust -f locustfiles/predict_mix.py --master --headless --expect-workers 2 "
    "--load-profile smoke": "tests/test_docs.py::test_the_master_and_its_workers",
    "locust -f locustfiles/predict_mix.py --worker": (
        "tests/test_docs.py::test_the_master_and_its_workers"
    ),
    "locust -f - --worker": "tests/test_docs.py::test_the_master_and_its_workers",
    f"pip install 'dist/locust_gauntlet-{gauntlet.__version__}-py3-none-any.whl[targets]'": (
        "tests/test_wheel.py::test_gauntlet_run_works_in_an_empty_folder"
    ),
    **{
        command: f"tests/docker/test_docker.py::{test}"
        for command, test in {
            "docker build -t gauntlet .": "test_the_image_is_a_drop_in_for_locusts",
            "docker run -p 127.0.0.1:8089:8089 gauntlet": (
                "test_the_page_of_a_container_runs_a_profile_and_obeys_docker_stop"
            ),
            "docker compose up --scale worker=4": (
                "test_up_alone_gives_a_page_that_has_its_workers"
            ),
            "docker compose run --rm --use-aliases headless": (
                "test_a_headless_run_counts_what_its_target_counts"
            ),
            "docker compose run --rm --no-deps -T --entrypoint tar headless -cC /results . "
            "> results.tar": "test_a_headless_run_counts_what_its_target_counts",
            "docker compose --profile '*' down --volumes": (
                "test_a_headless_run_counts_what_its_target_counts"
            ),
            "make test-docker": "test_the_image_is_a_drop_in_for_locusts",
        }.items()
    },
    **{
        f"LOCUSTFILE={file}.py docker compose --profile {name} up": (
            "tests/test_compose.py::test_the_documents_name_each_systems_locustfile"
        )
        for name, file in {
            "walrus": "walrus_blobs",
            "chater": "chater_flows",
            "image-cloud": "image_cloud_roundtrip",
            "file-server": "file_server_mix",
        }.items()
    },
    "docker compose --profile metrics up": (
        "tests/test_compose.py::test_pages_are_on_the_loopback_address_and_nothing_else_is_outside"
    ),
    "kubectl apply -k k8s/overlays/smoke-job": (
        "tests/test_containers.py::test_an_overlay_has_no_faults"
    ),
    "kubectl apply -k k8s/overlays/web-ui": (
        "tests/test_containers.py::test_an_overlay_has_no_faults"
    ),
    "kubectl apply -f k8s/stress-test-job.yaml": (
        "tests/test_containers.py::test_the_job_of_one_file_is_smoke_job"
    ),
    "kubectl apply -f k8s/operator/locust-test.yaml": (
        "tests/test_containers.py::test_the_operators_options_are_known"
    ),
    "kubectl -n gauntlet logs --follow job/locust-master": (
        "tests/test_containers.py::test_the_job_that_is_followed_is_there"
    ),
    **{
        f"kubectl -n gauntlet {command}": (
            "tests/test_containers.py::test_what_is_typed_in_a_cluster_is_about_what_is_there"
        )
        for command in (
            "exec job/locust-master -c reports -- tar -C /results -cf - . | tar -xf -",
            "exec job/locust-master -c reports -- touch /results/.copied",
            "describe pod -l app=locust-master",
            "create secret generic load-test-secrets --from-file=jwt-token=/dev/stdin "
            "--from-file=web-password=password.txt",
            "port-forward service/locust-web 8089",
        )
    },
    "gauntlet k8s run --overlay smoke-job --workers 2": (
        "tests/cluster/kubernetes.py::test_a_run_passes_and_its_reports_come_home"
    ),
    **{
        f"gauntlet k8s run --overlay {name}": (
            "tests/test_containers.py::test_chater_keeps_the_names_of_the_originals"
        )
        for name in ("chater", "chater-job")
    },
    **{
        f"gauntlet {command}": (
            "tests/e2e/test_image_cloud.py::test_the_whole_of_the_originals_flow"
        )
        for command in (
            "run image-cloud --config config.json",
            "run image-cloud --config config.json --only-process 1",
            "run image-cloud --config config.json --full",
            "make-images --config config.json",
            "verify-images output",
            "analyze-images output",
        )
    },
    "gauntlet run image-cloud --env local --profile smoke": (
        "tests/e2e/test_image_cloud.py::test_a_node_that_is_killed_is_named_by_the_verdict"
    ),
    **dict.fromkeys(
        (
            "gauntlet suite --system predict",
            "gauntlet suite --system predict smoke quick standard --scale 0.5",
            "gauntlet suite --resume results/20261126T090000Z-predict-suite",
        ),
        "tests/suite/test_suite.py::"
        "test_a_suite_that_was_killed_goes_on_after_its_last_finished_step",
    ),
    **dict.fromkeys(
        (
            "gauntlet compare results/before results/after",
            "gauntlet compare -b results/a1 -b results/a2 -b results/a3 "
            "results/b1 results/b2 results/b3",
        ),
        "tests/compare/test_command.py::test_a_regression_is_shown_in_every_form_and_ends_with_3",
    ),
    **dict.fromkeys(
        ("gauntlet prove", "gauntlet prove predict"),
        "tests/suite/test_prove.py::test_a_threshold_that_was_loosened_by_hand_is_found",
    ),
    "gauntlet init mine": "tests/test_wheel.py::test_gauntlet_init_makes_a_folder_that_runs",
}
SEED = "738"
"""Of the runs: in the first two tasks of five users it has every task of the file server several
times, and the flow of Chater. By the dice, one that a threshold is about may be missing."""
EXIT_CODES = {"gauntlet run predict --profile smoke --env production": ExitCode.USAGE}
"""Commands of the documents that do not end with 0."""


# -- reading the documents ---------------------------------------------------------------------


class Row(NamedTuple):
    """A row of a table: what the original had, what is ours without its backticks, the note."""

    original: str
    ours: str
    note: str


def blocks(document: Path, *languages: str) -> list[str]:
    """The texts of a document's code blocks."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language in languages]


def commands(*documents: Path) -> list[str]:
    """Every command that documents say to type, once."""
    lines = [
        line.removeprefix("$ ")
        for document in documents
        for text in [*blocks(document, "sh", "bash", "shell"), *_typed(document)]
        for line in text.splitlines()
        if line and not line.startswith("#")
    ]
    return list(dict.fromkeys(lines))


def _typed(document: Path) -> list[str]:
    """The prompts' lines of console blocks, without the answers."""
    return [
        "\n".join(line for line in text.splitlines() if line.startswith("$ "))
        for text in blocks(document, "console")
    ]


def table(document: Path, heading: str) -> list[list[str]]:
    """The rows of the tables under a heading, without their heads."""
    _, found, section = document.read_text().partition(f" {heading}\n")
    assert found, f"{document.name}: no heading {heading!r}"
    section = re.split(r"^#", section, flags=re.MULTILINE)[0]
    cells = [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    dividers = [at for at, row in enumerate(cells) if set(row[0]) <= set("|-")]
    heads = {at - 1 for at in dividers}
    return [row for at, row in enumerate(cells) if at not in heads and at not in dividers]


def rows(heading: str) -> list[Row]:
    """The rows of a table of the originals that have a like of ours."""
    found = [
        Row(original, ours.replace("`", ""), note.strip())
        for original, ours, note in table(ORIGINALS, heading)
    ]
    return [row for row in found if row.ours != "—"]


def named(document: Path, heading: str) -> list[str]:
    """What the first column of a table names in backticks."""
    return [row[0].strip("`") for row in table(document, heading)]


HEADINGS = re.findall(r"^### (.+)$", ORIGINALS.read_text(), re.MULTILINE)
RUNNABLE = [
    *rows("Commands and options"),
    *rows("Deployment"),
    *rows("Walrus: commands"),
    *rows("Chater: commands"),
    *rows("File server: commands"),
]
KEYS = [
    *rows("Configuration keys"),
    *rows("Figures of the quick benchmark"),
    *rows("Walrus: settings"),
    *rows("Chater: settings"),
    *rows("Image cloud: settings"),
    *rows("File server: settings"),
]
WALRUS = "BLOBS_NUM=5 MAX_THREADS=8 locust -f locustfiles/walrus_blobs.py --headless"
IMAGES = "gauntlet run image-cloud --profile light --full"
TYPED = [command for command in commands(*DOCUMENTS) if command not in ELSEWHERE]


def serves(command: str) -> bool:
    """Whether a command goes on until it is interrupted: a target, or the web page."""
    page = command.startswith("locust ") and "--headless" not in command
    return page or "--mode web" in command or command.startswith("gauntlet target ")


# -- typing the commands -----------------------------------------------------------------------


def shortened(command: str, address: str) -> str:
    """What is run for a command: no installation, no minutes, no address but the given one."""
    if command.startswith("make "):
        return "make -o .venv/installed demo" if command == "make demo" else f"{command} -n"
    for long, short in SHORTER:
        command = command.replace(long, short)
    return OWN_SERVICE.sub(address, command)


def lenient(rule: str) -> str:
    """The rule with a limit that a busy machine keeps, of a percentile that has enough requests."""
    parsed = thresholds.parse(rule)
    if parsed.quantile is not None:
        rule = rule.replace(parsed.metric, "p50", 1)
    limit = {"time": "60s", "rate": "0.1/s"}.get(parsed.kind)
    return rule if limit is None else re.sub(r"(<=|>=|<|>).*", rf"\1 {limit}", rule)


def shorten(profile: Path) -> None:
    """Let a profile last seconds; one without a curve of its own keeps none."""
    content = yaml.safe_load(profile.read_text())
    if "thresholds" in content:
        parsed = {rule: thresholds.parse(rule) for rule in content["thresholds"]}
        whole = [rule for rule, one in parsed.items() if not (one.phase or one.inner)]
        content["thresholds"] = [lenient(rule) for rule in whole]
    if "duration" in content:
        content |= {"users": 5, "spawn_rate": 5, "duration": "3s", "phases": []}
    if "iterations" in content:
        content |= {"iterations": 10, "duration": "5m"}  # ends when they are done
    profile.write_text(yaml.safe_dump(content))


def lay_out(folder: Path) -> None:
    """Make the files that the documents show."""
    for document in DOCUMENTS:
        for text in blocks(document, "python", "yaml"):
            if name := re.match(r"# ([\w/-]+\.(?:py|yaml))\n", text):
                (folder / name[1]).parent.mkdir(parents=True, exist_ok=True)
                (folder / name[1]).write_text(text)


class Stage:
    """A copy of the checkout in which commands run, `AT_ONCE` at a time, each once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("users", "shapes", "k8s"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".venv").symlink_to(sys.prefix)
        for name in (
            "Makefile",
            "pyproject.toml",
            *(path.name for path in ROOT.glob("requirements*.lock")),
        ):
            (folder / name).symlink_to(ROOT / name)
        for name in ("locustfiles", "profiles"):
            shutil.copytree(ROOT / name, folder / name)
        mix = yaml.safe_load((folder / "profiles/predict/mix.yaml").read_text())
        lay_out(folder)
        (folder / "profiles/predict/mix.yaml").write_text(yaml.safe_dump(mix | SMALL))
        chater = yaml.safe_load((folder / "profiles/chater/mix.yaml").read_text())
        quick = chater | {"wait": "20ms-50ms", "photo": {"size": [40, 30], "count": 2}}
        (folder / "profiles/chater/mix.yaml").write_text(yaml.safe_dump(quick))
        images = folder / "profiles/image_cloud/mix.yaml"
        small = {"pictures": {"width": 64, "height": 48, "count": 2}}
        images.write_text(yaml.safe_dump(yaml.safe_load(images.read_text()) | small))
        for profile in [*folder.glob("profiles/*.yaml"), *folder.glob("profiles/*/*.yaml")]:
            if profile.stem != "mix" and profile.parent.name != "environments":
                shorten(profile)
        self._processes: list[Process] = []
        self._waiting: list[str] = []
        self._running: dict[str, Process] = {}
        self._ended: dict[str, Ended] = {}
        self.chater = OWN_CHATER
        chater_service = self.start(
            "gauntlet target chater --port 0 --daily-limit 0 --answer-grid 0s --slots 0"
        )
        chater_service.wait_for("ready http://")
        self.chater = chater_service.output.split()[1]
        service = self.start("gauntlet target predict --port 0")
        service.wait_for("ready http://")
        self.address = service.output.split()[1]
        files = self.start("gauntlet target file-server --port 0 --pool 20 --populate 10,50")
        files.wait_for("ready tcp://")
        self.file_server = files.output.split()[1].removeprefix("tcp://")
        narrow = {"volumes": [1], "client_pools": [2], "server_pools": [1]}
        plan = folder / "profiles/matrix/file-server.yaml"
        plan.write_text(yaml.safe_dump(yaml.safe_load(plan.read_text()) | narrow))
        for name in ("local", "k8s"):
            environment = folder / f"profiles/environments/{name}.yaml"
            environment.write_text(OWN_SERVICE.sub(self.address, environment.read_text()))

    def start(self, command: str, **variables: str) -> Process:
        """Type a command, at a shell in which the environment is active."""
        command = command.replace(FILE_SERVER, getattr(self, "file_server", FILE_SERVER))
        variables = {
            "HOME": str(self.folder),
            "MAKEFLAGS": "",
            "MAKELEVEL": "",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LOCUST_WEB_HOST": "127.0.0.1",
            "LOCUST_MASTER_BIND_HOST": "127.0.0.1",
            "LOCUST_SEED": SEED,
        } | (variables or self.ports())
        label = f"command-{len(self._processes)}"
        command = command.replace(OWN_CHATER, self.chater)
        process = Process(["bash", "-c", f"set -eu; {command}"], self.folder, label, variables)
        self._processes.append(process)
        return process

    def ports(self) -> dict[str, str]:
        """Locust's variables for ports of the kernel's choice."""
        port = str(free_port())
        both = {"LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port}
        return {"LOCUST_WEB_PORT": str(free_port()), **both}

    def announce(self, command: str) -> None:
        """Say that the command's end will be asked for."""
        if command not in self._waiting:
            self._waiting.append(command)

    def ended(self, command: str) -> Ended:
        """What the command left behind."""
        if command not in self._ended and command not in self._running:
            self.announce(command)
        self.wait_until(lambda: command in self._ended, f"the end of {command}")
        return self._ended[command]

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, while the commands that were announced go on."""

        def met() -> bool:
            self._go_on()
            return condition()

        wait_until(met, what)

    def results(self, command: str) -> Path:
        """The folder of results of the command's run."""
        found = re.findall(r"^Results: (.+)$", self.ended(command).output, re.MULTILINE)
        return self.folder / str(found[-1])

    def close(self) -> None:
        """End every process that is still there."""
        for process in self._processes:
            process.destroy()

    def _go_on(self) -> None:
        for command, process in list(self._running.items()):
            if not process.running:
                self._ended[command] = self._running.pop(command).end()
        for command in [one for one in self._waiting if self._may_begin(one)]:
            if len(self._running) < AT_ONCE and self._may_begin(command):
                self._waiting.remove(command)
                self._running[command] = self.start(shortened(command, self.address))

    def _may_begin(self, command: str) -> bool:
        """Whether no other run has the same accounts at one service, and sets other weights."""
        return OWN_CHATER not in command or not any(OWN_CHATER in one for one in self._running)


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The stage of all commands that the chosen tests of this file are about."""
    stage = Stage(tmp_path_factory.mktemp("checkout"))
    for item in request.session.items:
        callspec = getattr(item, "callspec", None)
        if item.path == Path(__file__) and callspec is not None:
            if "command" in callspec.params and not serves(callspec.params["command"]):
                stage.announce(callspec.params["command"])
    try:
        yield stage
    finally:
        stage.close()


# -- commands ----------------------------------------------------------------------------------


@pytest.mark.e2e
@pytest.mark.parametrize("command", [one for one in TYPED if not serves(one)], ids=str)
def test_a_command_of_the_documents_does_what_it_should(command: str, stage: Stage) -> None:
    ended = stage.ended(command)
    assert ended.code == EXIT_CODES.get(command, ExitCode.PASS), f"{ended.output}\n{ended.errors}"


@pytest.mark.e2e
@pytest.mark.parametrize("command", [one for one in TYPED if serves(one)], ids=str)
def test_a_command_that_serves_does_so_until_it_is_interrupted(command: str, stage: Stage) -> None:
    assert serve(stage, command).code == ExitCode.PASS


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("command", "row"),
    [(row.ours, row) for row in RUNNABLE if row.ours not in ELSEWHERE],
)
def test_a_command_of_the_originals_has_its_like(command: str, row: Row, stage: Stage) -> None:
    ended = serve(stage, command) if serves(command) else stage.ended(command)
    said = re.match(r"exit code (\d)", row.note)
    assert ended.code == (int(said[1]) if said else 0), f"{ended.output}\n{ended.errors}"


@pytest.mark.e2e
def test_the_master_and_its_workers(stage: Stage) -> None:
    cluster = [
        one for one, test in ELSEWHERE.items() if test.endswith("::test_the_master_and_its_workers")
    ]
    ports = stage.ports()
    processes = [stage.start(shortened(one, stage.address), **ports) for one in cluster]
    stage.wait_until(lambda: not any(one.running for one in processes), "the end of all three")
    ended = [process.end() for process in processes]
    assert [one.code for one in ended] == [0, 0, 0], ended[0].errors
    assert "✓ PASS - All thresholds met" in ended[0].output


@pytest.mark.e2e
def test_make_demo_ends_with_a_verdict_and_make_test_runs_the_tests(stage: Stage) -> None:
    assert "✓ PASS - All thresholds met" in stage.ended("make demo").output
    assert "-m pytest" in stage.ended("make test").output


@pytest.mark.parametrize(("command", "test"), ELSEWHERE.items())
def test_what_another_test_runs_is_in_the_documents_and_run(command: str, test: str) -> None:
    path, _, name = test.partition("::")
    assert command in commands(*DOCUMENTS)
    assert f"def {name}(" in (ROOT / path).read_text()


def serve(stage: Stage, command: str) -> Ended:
    """Start a target or the web page, look at it, interrupt it."""
    ports = stage.ports()
    process = stage.start(shortened(command, stage.address), **ports)
    if command.startswith("gauntlet target "):
        process.wait_for("ready ")
    else:
        process.wait_for("Starting web interface")
        page = look(f"http://127.0.0.1:{ports['LOCUST_WEB_PORT']}")
        assert all(name in page for name in ("Gauntlet", "smoke", "stress"))
    process.press_ctrl_c()
    return process.end()


def look(address: str) -> str:
    """The page at an address, as soon as it is served."""
    pages: list[str] = []

    def served() -> bool:
        try:
            with urllib.request.urlopen(address, timeout=10) as response:
                pages.append(response.read().decode())
        except OSError:
            return False
        return True

    wait_until(served, f"a page at {address}")
    return pages[0]


# -- the other rows of the originals -----------------------------------------------------------


def test_every_table_of_the_originals_is_looked_at() -> None:
    assert HEADINGS == [
        "Commands and options",
        "Deployment",
        "Configuration keys",
        "Statistics names",
        "Result files",
        "Console lines",
        "Figures of the quick benchmark",
        "Walrus: commands",
        "Walrus: settings",
        "Walrus: result file",
        "Walrus: console",
        "Chater: commands",
        "Chater: settings",
        "Chater: budgets",
        "Chater: statistics names",
        "Image cloud: commands",
        "Image cloud: settings",
        "Image cloud: files",
        "Image cloud: keys",
        "File server: commands",
        "File server: settings",
        "File server: result file",
    ]


@pytest.mark.parametrize("row", [row for row in KEYS if ".yaml" in row.ours], ids=str)
def test_a_key_of_the_originals_has_its_like(row: Row) -> None:
    name, _, keys = row.ours.partition(": ")
    content = yaml.safe_load((ROOT / name).read_text())
    ours = [find(content, key) for key in keys.split(", ")]
    key, _, value = row.original.strip("`").partition(": ")
    if value:
        theirs = yaml.safe_load(value)
        told = list(theirs.values()) if isinstance(theirs, dict) else [theirs]
        share = 100 if key.startswith("test_mix.") else 1
        assert ours == [one * share for one in told]


@pytest.mark.e2e
@pytest.mark.parametrize("row", [row for row in KEYS if ".yaml" not in row.ours], ids=str)
def test_a_figure_of_the_originals_is_in_the_run_record(row: Row, stage: Stage) -> None:
    name, _, key = row.ours.partition(": ")
    find(json.loads((stage.results("make demo") / name).read_text()), key)


@pytest.mark.e2e
def test_the_files_of_a_run_are_those_of_the_documents(stage: Stage) -> None:
    files = {path.name for path in stage.results("make demo").iterdir()}
    assert files == set(named(README, "Results"))
    assert files >= {row.ours for row in rows("Result files")}


@pytest.mark.e2e
@pytest.mark.parametrize("row", rows("Console lines"), ids=str)
def test_a_line_of_the_originals_is_on_the_console(row: Row, stage: Stage) -> None:
    assert f"\n{row.ours}" in stage.ended("make demo").output


@pytest.mark.e2e
def test_the_results_of_single_blobs_have_the_keys_of_the_original(stage: Stage) -> None:
    told = [row.ours.split(": ") for row in rows("Walrus: result file")]
    (name,) = {name for name, _ in told}
    blobs = json.loads((stage.results(WALRUS) / name).read_text())
    assert [list(blob) for blob in blobs] == [[key for _, key in told]] * 5


@pytest.mark.e2e
@pytest.mark.parametrize("row", rows("Walrus: console"), ids=str)
def test_a_line_on_blobs_is_on_the_console(row: Row, stage: Stage) -> None:
    assert f"\n{row.ours}" in stage.ended(WALRUS).output


@pytest.mark.parametrize("row", rows("Image cloud: commands"), ids=str)
def test_a_command_on_images_is_run_by_a_test(row: Row) -> None:
    assert row.ours in {*TYPED, *ELSEWHERE}


@pytest.mark.e2e
@pytest.mark.parametrize("row", rows("Image cloud: files"), ids=str)
def test_a_file_on_images_is_there(row: Row, stage: Stage) -> None:
    assert stage.ended(IMAGES).code == 0, stage.ended(IMAGES).errors
    assert (stage.folder / "output" / row.ours).is_file()


@pytest.mark.e2e
@pytest.mark.parametrize("row", rows("Image cloud: keys"), ids=str)
def test_a_key_on_images_is_there(row: Row, stage: Stage) -> None:
    assert stage.ended(IMAGES).code == 0, stage.ended(IMAGES).errors
    name, *path, keys = row.ours.split(": ")
    content = json.loads((stage.folder / "output" / "metrics" / name).read_text())
    for part in path[0].split(".") if path else ():
        many = list(content.values()) if isinstance(content, dict) else content
        content = many[0] if part == "*" else content[part]
    assert set(keys.split(", ")) <= set(content)


def test_the_variables_of_the_image_cloud_are_those_of_the_code() -> None:
    told = named(ROOT / "docs" / "image-cloud.md", "Settings of the original tester")
    system = SYSTEMS["image_cloud"]
    assert sorted(told) == sorted([system.settings, *(one.name for one in system.variables)])


@pytest.mark.e2e
def test_the_results_of_the_matrix_have_the_columns_of_the_original(stage: Stage) -> None:
    said = stage.ended("gauntlet matrix file-server").output
    path = stage.folder / re.findall(r"^Results: (.+)$", said, re.MULTILINE)[0]
    head, *cells = path.read_text().splitlines()
    assert head.split(",") == [row.ours for row in rows("File server: result file")]
    assert len(cells) == 6


def test_the_variables_of_walrus_are_those_of_the_code() -> None:
    told = [name for row in table(README, "Walrus") for name in re.findall(r"`(\w+)`", row[0])]
    system = SYSTEMS["walrus"]
    addresses = [config.variable_of(name) for name in system.addresses]
    secrets = ["WALRUS_JWT_SECRET", "WALRUS_JWT_SECRET_FILE"]
    assert sorted(told) == sorted([*addresses, *(one.name for one in system.variables), *secrets])


def test_the_variables_of_chater_are_those_of_the_code() -> None:
    told = {
        name: row[1].strip("`").split("`, `")
        for row in table(ROOT / "docs/chater.md", "Variables")
        for name in re.findall(r"`(\w+)`", row[0])
    }
    system = SYSTEMS["chater"]
    for variable in system.variables:
        assert variable.key in told.pop(variable.name)
    secrets = [
        f"{name}{end}"
        for name in ("TEST_USER_TOKEN", "EATER_SECRET_KEY", "TEST_AUTH_TOKEN")
        for end in ("", "_FILE")
    ]
    assert sorted(told) == sorted([*system.address_variables, *secrets])


def test_the_classes_of_chater_are_those_of_the_code() -> None:
    found = table(ROOT / "docs/chater.md", "What is right")
    told = [name for row in found for name in re.findall(r"`([^`]+)`", row[0])]
    assert sorted(told) == sorted(OWN["chater"])


def test_the_tags_of_chater_are_those_of_the_code() -> None:
    told = {
        (row[0].strip("`"), name)
        for row in table(ROOT / "docs/chater.md", "Tasks")
        for name in re.findall(r"`(\w+)`", row[1])
    }
    script = """
import locust, json
from users.chater import ChaterUser
print(json.dumps([[*task.locust_tag_set, task.__name__] for task in ChaterUser.tasks]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert told == {(tag, name) for tag, name in json.loads(done.stdout)}


@pytest.mark.parametrize("row", rows("Chater: budgets"), ids=str)
def test_a_budget_of_chater_judges_every_profile_of_its_own(row: Row) -> None:
    system = SYSTEMS["chater"]
    for name in config.profile_names(system):
        rules = {rule.text for rule in config.load_profile(name, system).thresholds}
        # Of the few requests of one user in a minute all count: the same limit, and no milder.
        ours = row.ours.replace("p95", "max") if name == "smoke" else row.ours
        assert ours in rules, name


def test_the_spike_of_chater_is_that_of_the_original() -> None:
    phases = config.load_profile("spike", SYSTEMS["chater"]).phases
    assert [(one.users, one.spawn_rate, one.duration) for one in phases] == [
        (10, 10, 120),
        (100, 50, 300),
    ]


def test_the_statistics_names_of_chater_are_the_original_ones() -> None:
    found = rows("Chater: statistics names")
    names = [call.name for call in chater_api.CALLS]
    assert [row.ours for row in found] == [row.original.strip("`") for row in found] == names


def test_the_statistics_names_are_the_original_ones() -> None:
    names = (
        predict.HEALTH,
        predict.PREDICT,
        predict.PREDICT_WITH_IMAGE,
        predict.PREDICT_LARGE,
    )
    found = rows("Statistics names")
    assert tuple(row.ours for row in found) == names
    assert tuple(row.original.strip("`") for row in found) == names


def find(content: Any, key: str) -> Any:
    """The value at a dotted key; `thresholds.p95` is the limit of that metric."""
    for part in key.split("."):
        if isinstance(content, list):
            content = {rule.metric: rule.limit for rule in map(thresholds.parse, content)}
        content = content[part]
    return content


# -- the tables and examples of the documents --------------------------------------------------


def test_the_options_are_those_of_the_code() -> None:
    script = """
import json
from locust.argument_parser import LocustArgumentParser
from gauntlet import option_group
parser = LocustArgumentParser(add_help=False)
option_group.add(parser)
print(json.dumps([(action.option_strings[0], action.env_var) for action in parser._actions]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    told = [[row[0].strip("`"), row[1].strip("`")] for row in table(README, "Options")]
    assert sorted(told) == sorted(json.loads(done.stdout))


def test_the_exit_codes_are_those_of_the_code() -> None:
    assert named(README, "Verdict and exit code") == [str(int(code)) for code in ExitCode]


@pytest.mark.parametrize("row", table(README, "Without a browser"), ids=str)
def test_a_profile_has_the_numbers_of_the_readme(row: list[str]) -> None:
    name, users, rate, duration = (cell.strip("`") for cell in row[:4])
    profile = config.load_profile(name, None)
    said = str(profile.users), f"{profile.spawn_rate:g}/s", format_duration(profile.duration)
    assert said == (users, rate, duration)


def test_the_readme_has_every_profile() -> None:
    assert set(named(README, "Without a browser")) == set(config.profile_names(None))


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *chain.from_iterable(project["project"]["optional-dependencies"].values()),
        *project["dependency-groups"]["dev"],
        *project["dependency-groups"]["security"],
    ]
    names = {re.split(r"[<>=\[; ]", one)[0] for one in wanted}
    reasons = table(DESIGN, "Dependencies")
    assert names == {name for row in reasons for name in re.findall(r"`([^`]+)`", row[0])}


def test_the_examples_of_profiles_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    checked, mistakes = config.check_all()
    assert not mistakes
    assert {"environment staging", "predict mix", "predict profile evening"} <= set(checked)


def test_a_mistake_is_told_as_the_document_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    profile = tmp_path / "profiles/evening.yaml"
    profile.write_text(profile.read_text().replace("duration: 5m\n", "duration: 5 minutes\n"))
    with pytest.raises(UsageError) as caught:
        config.load_profile("evening", None)
    assert caught.value.mistakes[0] in PROFILES.read_text()


@pytest.mark.parametrize(
    "rule",
    [rule for row in table(PROFILES, "Thresholds") for rule in re.findall(r"`([^`]+)`", row[2])],
)
def test_an_example_of_a_threshold_is_one(rule: str) -> None:
    assert thresholds.parse(rule).text == rule


# -- every document ----------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"\w+://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_word_of_those_who_made_it(document: Path) -> None:
    text = document.read_text().lower()
    assert "seed document" not in text
    assert "the owner" not in text


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings}
