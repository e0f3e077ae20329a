"""Exactly N iterations over real workers; the target's own count is the witness."""

import json
import os
import pty
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.support import Lab, Process, Target, read_record, wait_until
from tests.e2e.test_smoke import read_all

pytestmark = pytest.mark.e2e

ALONE = "-s", "20", "--preflight", "off"
RAMP = "-u", "6", "-r", "2"
"""Users come over three seconds, while the first ones work already."""


@pytest.fixture
def target(lab: Lab) -> Target:
    return lab.target()


def wanted(total: int, target: Target, *more: str) -> tuple[str, ...]:
    return "--total-iterations", str(total), "--host", target.address, *ALONE, *more


def check_exact(lab: Lab, target: Target, total: int) -> None:
    record = lab.record
    assert record["iterations"] == {"total": total, "done": total, "lost": 0}
    assert (record["total"]["requests"], target.requests) == (total, total)
    assert lab.verdict == "PASS", lab.reasons


def test_one_process_does_them_all_while_users_come(lab: Lab, target: Target) -> None:
    assert lab.run(*RAMP, *wanted(150, target)).code == 0
    check_exact(lab, target, 150)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_share_them_exactly_while_users_come(
    lab: Lab, target: Target, workers: int
) -> None:
    master, *others = lab.cluster(workers, *RAMP, *wanted(300, target))
    assert master.end().code == 0
    assert {one.end().code for one in others} == {0}
    check_exact(lab, target, 300)


@pytest.mark.parametrize("total", [1, 3])
def test_there_may_be_fewer_than_users(lab: Lab, target: Target, total: int) -> None:
    master, *_ = lab.cluster(2, "-u", "8", "-r", "8", *wanted(total, target))
    assert master.end().code == 0
    check_exact(lab, target, total)


def test_a_curve_that_goes_up_and_down_loses_none(lab: Lab, target: Target) -> None:
    phases = [
        {"name": "up", "duration": "2s", "users": 6},
        {"name": "down", "duration": "2s", "users": 1},
        {"name": "again", "duration": "60s", "users": 6},
    ]
    profile = lab.profile(users=6, duration="64s", phases=phases)
    master, *_ = lab.cluster(2, "--load-profile", profile, *wanted(400, target))
    assert master.end().code == 0, lab.reasons
    check_exact(lab, target, 400)


def test_a_worker_may_join_late(lab: Lab, target: Target) -> None:
    lab.mix(wait="50ms-50ms")
    master, worker, _ = lab.cluster(2, "-u", "4", "-r", "4", *wanted(300, target))
    wait_until(lambda: target.requests > 20, "load on the target")
    at = worker.command[worker.command.index("--master-host") :]
    lab.locust("--worker", *at)
    assert master.end().code == 0, (
        lab.record["user_errors"],
        lab.record["failures"],
        master.errors,
    )
    check_exact(lab, target, 300)


def test_a_worker_that_leaves_by_sigterm_gives_back_what_it_did_not_begin(
    lab: Lab, target: Target
) -> None:
    lab.mix(wait="50ms-50ms")
    master, worker, _ = lab.cluster(2, "-u", "4", "-r", "4", *wanted(300, target))
    wait_until(lambda: target.requests > 20, "load on the target")
    worker.terminate()
    assert worker.end().code == 143
    assert master.end().code == 0
    check_exact(lab, target, 300)


def test_a_killed_workers_rest_is_reported(lab: Lab, target: Target) -> None:
    lab.mix(wait="50ms-50ms")
    master, worker, _ = lab.cluster(2, "-u", "4", "-r", "4", *wanted(300, target))
    wait_until(lambda: target.requests > 20, "load on the target")
    worker.signal(signal.SIGKILL)
    assert (master.end().code, lab.verdict) == (4, "INVALID")
    counts = lab.record["iterations"]
    assert counts["lost"] >= 1
    assert counts["done"] + counts["lost"] == counts["total"] == 300
    assert f"{counts['lost']} of 300 iterations not done" in lab.reasons
    assert target.requests <= 300


def test_a_run_time_that_is_too_short_makes_it_invalid(lab: Lab, target: Target) -> None:
    assert lab.run("-u", "1", "-r", "1", "-t", "3s", *wanted(100_000, target)).code == 4
    counts = lab.record["iterations"]
    assert 0 < counts["done"] < 100_000
    assert f"{100_000 - counts['done']} of 100000 iterations not done" in lab.reasons


def test_the_exact_mix_holds_over_workers(lab: Lab, target: Target) -> None:
    lab.mix(weights={"health": 10, "predict": 60, "image": 20, "large": 10})
    master, *_ = lab.cluster(2, *RAMP, *wanted(100, target, "--exact-mix"))
    assert master.end().code == 0
    counts = {one["name"]: one["requests"] for one in lab.record["endpoints"]}
    assert counts == {
        "/health": 10,
        "/predict?return_image=False": 60,
        "/predict?return_image=True": 20,
        "/predict (large image)": 10,
    }


ODD = """
from locust import HttpUser, SequentialTaskSet, TaskSet, constant, task
from locust.exception import StopUser
import gauntlet
gauntlet.register(None)

class Odd(HttpUser):
    wait_time = constant(0)
    {body}
"""
NESTED = """
    @task
    class Shop(SequentialTaskSet):
        @task
        def look(self):
            self.client.get("/health", name="/look")
        @task
        class Inner(TaskSet):
            @task
            def buy(self):
                self.client.get("/health", name="/buy")
                self.interrupt()
        @task
        def leave(self):
            self.client.get("/health", name="/leave")
            self.interrupt()
"""
RAISING = """
    @task
    def ask(self):
        self.client.get("/health")
        raise RuntimeError("a mistake in a task")
"""
STOPPING = """
    @task
    def ask(self):
        self.client.get("/health")
        raise StopUser
"""


def odd(lab: Lab, body: str) -> Path:
    return lab.write("odd.py", ODD.format(body=body))


def test_tasks_of_nested_sets_count_one_by_one(lab: Lab, target: Target) -> None:
    ended = lab.run(*RAMP, *wanted(40, target), file=odd(lab, NESTED))
    assert ended.code == 0, ended.errors
    check_exact(lab, target, 40)


def test_an_iteration_that_raises_is_done(lab: Lab, target: Target) -> None:
    lab.run("-u", "3", "-r", "3", *wanted(9, target), file=odd(lab, RAISING))
    assert lab.record["iterations"] == {"total": 9, "done": 9, "lost": 0}
    assert target.requests == 9


def test_users_who_all_stop_themselves_end_the_run(lab: Lab, target: Target) -> None:
    ended = lab.run("-u", "3", "-r", "3", *wanted(9, target), file=odd(lab, STOPPING))
    assert ended.code == 4
    assert "6 of 9 iterations not done" in lab.reasons
    assert target.requests == 3


def test_the_iterations_of_locust_plugins_are_still_their_own(lab: Lab, target: Target) -> None:
    # One user: two that reach the limit in the same moment may both see the other, and neither
    # then ends the run.
    ended = lab.run("-u", "1", "-r", "1", "-i", "12", "--host", target.address, *ALONE)
    assert ended.code == 0, ended.errors
    assert lab.record["iterations"] is None
    assert target.requests == 12


def test_a_benchmark_prints_its_table_and_its_json(lab: Lab, target: Target) -> None:
    command = "gauntlet", "bench", "predict", "-c", "3", "-n", "30", "--url", target.address
    shown = _bench(lab, *command).end()
    assert shown.code == 0, shown.errors
    assert "30 requests, 30 successful (100.00%)" in shown.output
    heads = "min mean median stdev P90 P95 P99 P99.9 max".split()
    assert re.search(r"\s+".join(heads), shown.output)
    assert "PASS" in shown.output
    told = _bench(lab, *command, "--json").end()
    assert json.loads(told.output)["iterations"] == {"total": 30, "done": 30, "lost": 0}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_benchmark_ends_all_and_gives_a_verdict(
    lab: Lab, target: Target, number: signal.Signals
) -> None:
    bench = _bench(lab, "gauntlet", "bench", "predict", "-n", "100000", "--url", target.address)
    wait_until(lambda: target.requests > 20, "load on the target")
    family = bench.children()
    bench.signal(number)
    ended = bench.end()
    if number != signal.SIGKILL:
        assert (ended.code, "INVALID" in ended.output) == (4, True), ended
        assert "of 100000 iterations not done" in ended.output
    wait_until(lambda: not any(child.is_running() for child in family), "the end of all")


def test_a_benchmark_on_a_terminal_shows_a_bar_and_tells_what_failed(lab: Lab) -> None:
    target = lab.target("--fault-5xx", "100%")
    leader, follower = pty.openpty()
    command = "bench", "predict", "-c", "2", "-n", "40", "--url", target.address
    more = "--preflight", "off", "--wait", "0.1s-0.1s"
    bench = lab.start(sys.executable, "-m", "gauntlet", *command, *more, errors=follower)
    os.close(follower)
    ended = bench.end()
    shown = read_all(leader).decode()
    assert re.search(r"━+ +\d+/40 · [\d.]+ requests/s", shown), shown
    assert ended.code == 3
    assert "✗ fail_ratio <= 1% — 100%" in ended.output
    assert "by class: 40 status" in ended.output


def _bench(lab: Lab, *command: str) -> Process:
    return lab.start(sys.executable, "-m", *command, "--preflight", "off")


def test_a_phase_is_told_to_workers_with_their_first_user(lab: Lab, target: Target) -> None:
    phases = [
        {"name": "first", "duration": "2s", "users": 2},
        {"name": "second", "duration": "2s", "users": 4},
    ]
    profile = lab.profile(users=4, duration="4s", phases=phases)
    master, *_ = lab.cluster(2, "--load-profile", profile, "--host", target.address, *ALONE)
    assert master.end().code == 0
    record = read_record(lab.results[0])
    assert [one["phase"] for one in record["phases"]] == ["first", "second"]
    assert sum(one["requests"] for one in record["phases"]) == record["total"]["requests"]
