"""What is in flight when a run ends: it may finish, or it is cut and the record says so."""

import signal
from collections.abc import Callable

import pytest

from tests.e2e.support import Lab, meeting_point

pytestmark = pytest.mark.e2e

ENDLESS = """
import gevent
from locust import User, task

import gauntlet

gauntlet.register(None)


class Patient(User):
    @task
    def wait(self) -> None:
        print("waits", flush=True)
        gevent.sleep(600)
"""
NOWHERE = "--host", "http://127.0.0.1:9", "--preflight", "off", "-u", "2", "-r", "2"


SHAPED = """
from locust import LoadTestShape


class Steady(LoadTestShape):
    def tick(self):
        return (2, 2)
"""


@pytest.mark.parametrize("shape", ["", SHAPED], ids=["users", "shape"])
def test_a_second_ctrl_c_cuts_what_is_in_flight_and_the_verdict_comes_all_the_same(
    lab: Lab, shape: str
) -> None:
    file = lab.write("endless.py", ENDLESS + shape)
    process = lab.headless(*NOWHERE, "-t", "10m", file=file)
    process.wait_until(lambda: process.output.count("waits") == 2, "users")
    process.signal(signal.SIGINT)
    process.wait_for("a second Ctrl-C cuts it")
    process.signal(signal.SIGINT)
    ended = process.end()
    assert (ended.code, lab.verdict) == (4, "INVALID")
    assert "Traceback" not in ended.errors
    assert (lab.record["fleet"]["cut"], lab.record["stop_timeout"]) == (2, 30)
    assert "Cut off at a stop: 2 tasks" in ended.output


PAUSING = """
from locust import HttpUser, SequentialTaskSet, constant, task

import gauntlet

gauntlet.register()


class Visitor(HttpUser):
    wait_time = constant(600)

    @task
    class Visit(SequentialTaskSet):
        @task
        def look(self) -> None:
            self.client.get("/health")

        @task
        def leave(self) -> None:
            self.interrupt()
"""


def test_a_user_who_pauses_within_a_task_set_leaves_nothing_cut(lab: Lab) -> None:
    file, target = lab.write("pausing.py", PAUSING), lab.target()
    options = "-u", "2", "-r", "2", "-t", "2s", "--host", target.address, "--preflight", "off"
    assert lab.run(*options, file=file).code == 0
    assert (lab.verdict, lab.record["fleet"]["cut"]) == ("PASS", 0)


def test_tasks_that_a_worker_cuts_are_told_by_the_master(labs: Callable[[str], Lab]) -> None:
    """Also where the time of `-t` is over while a master that was stopped waits for them."""
    planned, stopped = labs("planned"), labs("stopped")
    for lab, patience in (planned, "1"), (stopped, "4"):
        file = str(lab.write("endless.py", ENDLESS))
        bound, at = meeting_point()
        options = "-t", "2s", "--stop-timeout", patience, "--expect-workers", "1"
        lab.headless("--master", *bound, *NOWHERE, *options, file=file)
        lab.locust("--worker", *at, file=file)
    stopped.processes[0].wait_for("All users spawned")
    stopped.processes[0].press_ctrl_c()
    for lab in planned, stopped:
        ended = lab.processes[0].end()
        assert (ended.code, lab.verdict) == (4, "INVALID")
        assert (lab.record["fleet"]["cut"], lab.record["fleet"]["lost"]) == (2, [])
        assert "Cut off at a stop: 2 tasks" in ended.output
    assert " of 2s; let the run finish" in stopped.reasons


def test_arrivals_that_are_cut_are_counted_too(lab: Lab) -> None:
    file = lab.write("endless.py", ENDLESS)
    there = "--host", "http://127.0.0.1:9", "--preflight", "off", "-u", "4"
    ended = lab.run(*there, "--arrivals", "1/s", "-t", "2s", "--stop-timeout", "1", file=file)
    assert lab.record["fleet"]["cut"] == ended.output.count("waits") > 0
