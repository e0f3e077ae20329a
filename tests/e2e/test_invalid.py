"""No false green: whatever spoils a measurement makes it INVALID, exit code 4, with all reports.

Runs that are stopped go on at the same time, one for each way to stop them.
"""

import signal
from collections.abc import Callable
from functools import partial

import pytest

from tests.e2e.support import (
    Ended,
    Lab,
    Process,
    Target,
    check_counts,
    counted,
    free_port,
    wait_until,
    wait_until_gone,
)

pytestmark = pytest.mark.e2e

Labs = Callable[[str], Lab]

REPORTS = (
    "run.json",
    "junit.xml",
    "report.html",
    "locust_report.html",
    "locust_stats.csv",
    "locust_failures.csv",
)
STOPS: dict[str, Callable[[Process], None]] = {
    "SIGTERM": Process.terminate,
    "Ctrl-C": Process.press_ctrl_c,
}


AT_LAST = """
import os
import signal

import gauntlet
import gevent
from locust import events
from users.predict import PredictUser

gauntlet.register(system="predict")
ended = os.kill, os.getpid(), signal.SIGTERM
events.test_start.add_listener(lambda **_: gevent.spawn_later(1.5, *ended))


class ImageClient(PredictUser):
    pass
"""


def check_is_invalid(lab: Lab, ended: Ended, reason: str) -> None:
    """The verdict, its exit code, its reason everywhere and every report."""
    assert (ended.code, lab.verdict) == (4, "INVALID"), ended
    assert reason in lab.reasons
    assert f"✗ INVALID\n  {lab.record['outcome']['reasons'][0]}" in ended.output
    (folder,) = lab.results
    assert all((folder / name).stat().st_size for name in REPORTS)
    assert ended.output.splitlines()[-1] == f"Results: {folder.relative_to(lab.folder)}"


def test_no_request_is_not_a_pass(labs: Labs) -> None:
    cases = {
        "tags that match nothing": [
            *("--load-profile", "tiny", "--tags", "health", "--exclude-tags", "health"),
        ],
        "no users": ["-u", "0", "-t", "2s"],
    }
    runs = {labs(name): options for name, options in cases.items()}
    for lab, options in runs.items():
        lab.profile("tiny", duration="2s")
        lab.headless(*options)
    for lab in runs:
        check_is_invalid(lab, lab.processes[0].end(), "no request was made")


def test_a_threshold_that_matched_nothing_outranks_one_that_broke(lab: Lab) -> None:
    rules = ["requests > 1000000", 'p95("/predcit*") < 2s', 'p95("POST /predict*") < 2s']
    ended = lab.run("--load-profile", lab.profile(thresholds=rules))
    check_is_invalid(lab, ended, 'the threshold p95("/predcit*") < 2s matched no request')
    assert len(lab.record["outcome"]["reasons"]) == 1


def test_a_planned_run_that_is_stopped_is_cut_short(labs: Labs) -> None:
    plans = {
        "profile": ["--load-profile", "long"],
        "run time": ["-u", "2", "-r", "2", "-t", "10m"],
    }
    runs = {labs(f"{stop} {plan}"): (plans[plan], STOPS[stop]) for plan in plans for stop in STOPS}
    for lab, (options, _) in runs.items():
        lab.profile("long", duration="10m", thresholds=["fail_ratio <= 1%"])
        lab.headless(*options)
    last = labs("in its last second")
    last.headless("-u", "2", "-r", "2", "-t", "2s", file=last.write("ended.py", AT_LAST))
    families = []
    for lab, (_, stop) in runs.items():
        process = wait_for_users(lab)
        families += process.children()
        stop(process)
    for lab, (_, stop) in runs.items():
        check_is_invalid(lab, lab.processes[0].end(), "cut short after ")
        by = " by SIGTERM" if stop is STOPS["SIGTERM"] else ""
        assert f" of 10m{by}; let the run finish" in lab.reasons
        assert lab.record["total"]["failures"] == 0
    assert families
    wait_until_gone(families)
    check_is_invalid(last, last.processes[0].end(), " of 2s by SIGTERM; let the run finish")


def wait_for_users(lab: Lab) -> Process:
    """The first process of a lab, as soon as its two users are there."""
    process = lab.processes[0]
    process.wait_for('All users spawned: {"ImageClient": 2}')
    return process


def test_a_master_that_is_stopped_keeps_every_count(labs: Labs) -> None:
    runs = {labs(name): stop for name, stop in STOPS.items()}
    targets = {lab: lab.target() for lab in runs}
    clusters = {lab: lab.cluster(2, *long_profile(lab, targets[lab])) for lab in runs}
    for lab, stop in runs.items():
        stop(wait_for_load(clusters[lab][0], targets[lab]))
    for lab, (master, *workers) in clusters.items():
        check_kept_every_count(lab, master, targets[lab])
        assert [worker.end().code for worker in workers] == [0, 0]


def test_a_master_with_forked_workers_that_is_stopped_keeps_every_count(labs: Labs) -> None:
    runs = {labs(name): stop for name, stop in STOPS.items()}
    targets = {lab: lab.target() for lab in runs}
    masters = {lab: lab.forked(*long_profile(lab, targets[lab])) for lab in runs}
    families = []
    for lab, stop in runs.items():
        families += wait_for_load(masters[lab], targets[lab]).children()
        stop(masters[lab])
    for lab, master in masters.items():
        check_kept_every_count(lab, master, targets[lab])
    assert len(families) == 4
    wait_until_gone(families)


def test_forked_workers_end_with_a_master_that_is_stopped_before_its_load(lab: Lab) -> None:
    """Else they would wait a minute for the next master, and join it."""
    master = lab.forked("--load-profile", lab.profile("long", duration="10m"))
    master.wait_for("2 workers connected")
    family = master.children()
    master.terminate()
    master.wait_for("no request was made")
    master.terminate()  # `timeout` sends two
    ended = master.end()
    assert ended.code == 4
    wait_until_gone(family)
    assert "No word from the master" not in ended.errors
    assert ended.errors.count("no request was made") == 1
    assert "Traceback" not in ended.errors


def long_profile(lab: Lab, target: Target) -> list[str]:
    """Options of a run that would last for ten minutes."""
    name = lab.profile("long", duration="10m", thresholds=["fail_ratio <= 1%"])
    return ["--load-profile", name, "--host", target.address, "--preflight", "off", "-s", "10"]


def wait_for_load(master: Process, target: Target) -> Process:
    """The master, as soon as its target is under load."""
    master.wait_until(lambda: target.requests > 20, "load on the target")
    return master


def check_kept_every_count(lab: Lab, master: Process, target: Target) -> None:
    """Nothing that a worker did is missing from the cut run."""
    check_is_invalid(lab, master.end(), "cut short after ")
    assert counted(lab.record) == {"workers": 2, "lost": []}
    check_counts(lab.record, target, users=2)


def test_stopping_a_run_without_a_planned_end_is_not_cut_short(labs: Labs) -> None:
    """Ctrl-C of a terminal reaches the embedded target as well, which has to serve on."""
    runs = {labs(name): stop for name, stop in STOPS.items()}
    for lab in runs:
        lab.headless("-u", "9", "-r", "9", "-s", "5", "--threshold", "fail_ratio <= 0%")
    for lab, stop in runs.items():
        lab.processes[0].wait_until(partial(made_requests, lab), "requests")
        stop(lab.processes[0])
    for lab in runs:
        ended = lab.processes[0].end()
        assert (ended.code, lab.verdict) == (0, "PASS"), ended
        assert lab.record["planned"] is None
        assert lab.record["total"]["failures"] == 0


def test_sigterm_to_a_master_without_a_planned_end_leaves_no_finished_job(lab: Lab) -> None:
    target = lab.target()
    options = "-u", "2", "-r", "2", "--threshold", "fail_ratio <= 0%", "--preflight", "off"
    master = wait_for_load(lab.forked(*options, "--host", target.address), target)
    master.terminate()
    ended = master.end()
    assert (ended.code, lab.verdict) == (143, "PASS")
    assert "Got SIGTERM signal" not in ended.errors  # Locust would end it a second time
    assert ended.output.count("BENCHMARK RESULTS") == 1
    check_counts(lab.record, target, users=2)


def made_requests(lab: Lab) -> bool:
    """Whether the CSV file of the run in progress tells of a request."""
    files = (lab.folder / "results").glob("*/locust_stats.csv")
    return any("/predict" in path.read_text(encoding="utf-8") for path in files)


def test_a_run_that_is_stopped_before_it_began_is_not_green(labs: Labs) -> None:
    runs = {labs(name): stop for name, stop in STOPS.items()}
    for lab in runs:
        at = "--master-bind-host", "127.0.0.1", "--master-bind-port", str(free_port())
        name = lab.profile("long", duration="10m")
        lab.headless("--master", *at, "--load-profile", name, "--loglevel", "DEBUG")
    for lab, stop in runs.items():
        lab.processes[0].wait_for("Waiting for workers")
        stop(lab.processes[0])
    for lab in runs:
        ended = lab.processes[0].end()
        assert ended.code == 4, ended
        assert "no request was made" in ended.errors


def has_users(lab: Lab) -> bool:
    """Whether the master of a lab says that all users are there."""
    return "All users spawned" in lab.processes[0].errors


def test_a_run_that_is_stopped_while_it_is_judged_is_judged(labs: Labs) -> None:
    """One of the workers is silent, so that the master waits for its last report."""
    cases = [
        (labs("profile"), ["--load-profile", "tiny"], "Shape test stopping", "Ctrl-C"),
        (labs("run time"), ["-u", "2", "-t", "4s"], "--run-time limit reached", "SIGTERM"),
    ]
    for lab, options, _, _ in cases:
        lab.profile("tiny", duration="4s")
        lab.cluster(2, *options)
    begun = [lab for lab, *_ in cases]  # whichever has its users first
    while begun:
        wait_until(lambda: any(map(has_users, begun)), "users")
        for lab in filter(has_users, list(begun)):
            lab.processes[1].signal(signal.SIGSTOP)
            begun.remove(lab)
    for lab, _, end, stop in cases:
        lab.processes[0].wait_for(end)
        STOPS[stop](lab.processes[0])
    for lab, *_ in cases:
        check_is_invalid(lab, lab.processes[0].end(), "lost without a last report")
