"""No false green: whatever spoils a measurement makes it INVALID, exit code 4, with all reports."""

import signal
from collections.abc import Callable

import pytest

from tests.e2e.support import (
    Ended,
    Lab,
    Process,
    check_counts,
    free_port,
    wait_until_gone,
)

pytestmark = pytest.mark.e2e

Stop = Callable[[Process], None]

REPORTS = "run.json", "junit.xml", "report.html", "locust_stats.csv", "locust_failures.csv"


def check_is_invalid(lab: Lab, ended: Ended, reason: str) -> None:
    """The verdict, its exit code, its reason everywhere and every report."""
    assert (ended.code, lab.verdict) == (4, "INVALID"), ended
    assert reason in lab.reasons
    assert f"✗ INVALID\n  {lab.record['outcome']['reasons'][0]}" in ended.output
    (folder,) = lab.results
    assert all((folder / name).stat().st_size for name in REPORTS)
    assert ended.output.splitlines()[-1] == f"Results: {folder.relative_to(lab.folder)}"


def under_load(lab: Lab, *options: str, users: str = "2") -> Process:
    """A run in a single process that has its users; it embeds its target."""
    process = lab.headless(*options)
    process.wait_for(f'All users spawned: {{"ImageClient": {users}}}')
    return process


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--load-profile", "tiny", "--tags", "helth"], id="tags that match nothing"),
        pytest.param(["-u", "0", "-t", "2s"], id="no users"),
    ],
)
def test_no_request_is_not_a_pass(lab: Lab, options: list[str]) -> None:
    lab.profile("tiny", duration="2s")
    check_is_invalid(lab, lab.run(*options), "no request was made")


def test_a_threshold_that_matched_nothing_is_said_by_name(lab: Lab) -> None:
    rules = ["fail_ratio <= 1%", 'p95("/predcit*") < 2s', 'p95("POST /predict*") < 2s']
    ended = lab.run("--load-profile", lab.profile(thresholds=rules))
    check_is_invalid(lab, ended, 'the threshold p95("/predcit*") < 2s matched no request')
    assert len(lab.record["outcome"]["reasons"]) == 1


def test_invalid_outranks_a_broken_threshold(lab: Lab) -> None:
    rules = ["requests > 1000000", 'avg("/nothing") < 1s']
    check_is_invalid(lab, lab.run("--load-profile", lab.profile(thresholds=rules)), "/nothing")


both_stops = pytest.mark.parametrize(
    "stop",
    [
        pytest.param(Process.terminate, id="SIGTERM"),
        pytest.param(Process.press_ctrl_c, id="Ctrl-C"),
    ],
)


@both_stops
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--load-profile", "long"], id="profile"),
        pytest.param(["-u", "2", "-r", "2", "-t", "10m"], id="run time"),
    ],
)
def test_a_planned_run_that_is_stopped_is_cut_short(
    lab: Lab, stop: Stop, options: list[str]
) -> None:
    lab.profile("long", duration="10m", thresholds=["fail_ratio <= 1%"])
    process = under_load(lab, *options)
    family = process.children()
    stop(process)
    ended = process.end()
    check_is_invalid(lab, ended, "cut short after ")
    assert " of 10m; let the run finish" in lab.reasons
    assert lab.record["total"]["failures"] == 0
    wait_until_gone(family)


@both_stops
def test_a_master_that_is_stopped_keeps_every_count(lab: Lab, stop: Stop) -> None:
    lab.profile("long", duration="10m", thresholds=["fail_ratio <= 1%"])
    target = lab.target()
    chosen = "--load-profile", "long", "--host", target.address, "--preflight", "off", "-s", "10"
    master, *workers = lab.cluster(2, *chosen)
    master.wait_until(lambda: target.requests > 20, "load on the target")
    stop(master)
    ended = master.end()
    check_is_invalid(lab, ended, "cut short after ")
    assert lab.record["fleet"] == {"workers": 2, "lost": []}
    check_counts(lab.record, target, users=2)
    assert [worker.end().code for worker in workers] == [0, 0]


@both_stops
def test_a_master_with_forked_workers_that_is_stopped_keeps_every_count(
    lab: Lab, stop: Stop
) -> None:
    lab.profile("long", duration="10m", thresholds=["fail_ratio <= 1%"])
    target = lab.target()
    chosen = "--load-profile", "long", "--host", target.address, "--preflight", "off", "-s", "10"
    master = lab.forked(*chosen)
    master.wait_until(lambda: target.requests > 20, "load on the target")
    family = master.children()
    stop(master)
    check_is_invalid(lab, master.end(), "cut short after ")
    assert lab.record["fleet"] == {"workers": 2, "lost": []}
    check_counts(lab.record, target, users=2)
    wait_until_gone(family)


@both_stops
def test_stopping_a_run_without_a_planned_end_is_not_cut_short(lab: Lab, stop: Stop) -> None:
    rule = "fail_ratio <= 0%"
    process = under_load(lab, "-u", "9", "-r", "9", "-s", "5", "--threshold", rule, users="9")
    process.wait_until(lambda: made_requests(lab), "requests")
    stop(process)
    ended = process.end()
    assert (ended.code, lab.verdict) == (0, "PASS"), ended
    assert lab.record["planned"] is None
    assert lab.record["total"]["failures"] == 0


def made_requests(lab: Lab) -> bool:
    """Whether the CSV file of the run in progress tells of a request."""
    files = (lab.folder / "results").glob("*/locust_stats.csv")
    return any("/predict" in path.read_text(encoding="utf-8") for path in files)


@both_stops
def test_a_run_that_is_stopped_before_it_began_is_not_green(lab: Lab, stop: Stop) -> None:
    lab.profile("long", duration="10m")
    at = "--master-bind-host", "127.0.0.1", "--master-bind-port", str(free_port())
    master = lab.headless("--master", *at, "--load-profile", "long", "--loglevel", "DEBUG")
    master.wait_for("Waiting for workers")
    stop(master)
    ended = master.end()
    assert ended.code == 4, ended
    assert "no request was made" in ended.errors


@pytest.mark.parametrize(
    ("options", "end", "stop"),
    [
        pytest.param(
            ["--load-profile", "tiny"],
            "Shape test stopping",
            Process.press_ctrl_c,
            id="Ctrl-C at the end of a profile",
        ),
        pytest.param(
            ["-u", "2", "-t", "3s"],
            "--run-time limit reached",
            Process.terminate,
            id="SIGTERM at the end of the run time",
        ),
    ],
)
def test_a_run_that_is_stopped_while_it_is_judged_is_judged(
    lab: Lab, options: list[str], end: str, stop: Stop
) -> None:
    lab.profile("tiny")
    master, worker, _ = lab.cluster(2, *options)
    master.wait_for("All users spawned")
    worker.signal(signal.SIGSTOP)  # silent, so that the master waits for its last report
    master.wait_for(end)
    stop(master)
    check_is_invalid(lab, master.end(), "lost without a last report")
