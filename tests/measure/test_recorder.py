"""The recorder on a real Locust environment, fired real request events."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from gevent.event import Event
from locust import User
from locust.env import Environment
from locust.runners import WorkerRunner

from gauntlet.measure.recorder import FIELD, Recorder
from gauntlet.measure.series import Key, Series

GET, POST = Key("GET", "/a"), Key("POST", "/a")


class Nobody(User):
    """A user class, because Locust wants one."""

    abstract = True


@pytest.fixture
def environment() -> Environment:
    environment = Environment(user_classes=[Nobody])
    environment.create_local_runner()
    return environment


@dataclass
class Fleet:
    """A real master with real workers, all in this process."""

    master: Environment
    workers: list[Environment]

    def report(self, worker: Environment) -> None:
        """Send a worker's report and wait until the master has it."""
        arrived = Event()
        worker_report = self.master.events.worker_report
        listener = worker_report.add_listener(lambda **_: arrived.set())
        assert isinstance(worker.runner, WorkerRunner)
        worker.runner._send_stats()
        assert arrived.wait(timeout=60)
        worker_report.remove_listener(listener)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    master = Environment(user_classes=[Nobody])
    runner = master.create_master_runner("127.0.0.1", 0)
    workers = [Environment(user_classes=[Nobody]) for _ in range(2)]
    for worker in workers:
        worker.create_worker_runner("127.0.0.1", runner.server.port)
    yield Fleet(master, workers)
    for worker in workers:
        assert worker.runner is not None
        worker.runner.quit()
    runner.quit()


def fire(environment: Environment, **changes: Any) -> None:
    request: dict[str, Any] = {
        "request_type": "GET",
        "name": "/a",
        "response_time": 12.5,
        "response_length": 100,
        "exception": None,
        "context": {},
        "start_time": 1000.0,
        "url": "http://somewhere/a",
        "response": None,
    }
    environment.events.request.fire(**{**request, **changes})


def test_a_request_is_counted_under_its_method_and_name(environment: Environment) -> None:
    recorder = Recorder(environment)
    fire(environment)
    fire(environment, response_time=37.5, start_time=1010.0)
    fire(environment, request_type="POST")
    assert set(recorder.series) == {GET, POST}
    series = recorder.series[GET]
    assert (series.requests, series.avg_ms, series.received) == (2, 25.0, 200)
    assert (series.first, series.last) == (1000.0, 1010.0375)


@pytest.mark.parametrize(
    ("exception", "failures"),
    [
        pytest.param(None, 0, id="a success"),
        pytest.param(ValueError("wrong"), 1, id="an exception"),
        pytest.param("wrong", 1, id="a text, as some clients fire"),
    ],
)
def test_a_request_with_an_exception_is_a_failure(
    environment: Environment, exception: object, failures: int
) -> None:
    recorder = Recorder(environment)
    fire(environment, exception=exception)
    assert recorder.series[GET].failures == failures


def test_a_request_without_time_or_length_still_counts(environment: Environment) -> None:
    recorder = Recorder(environment)
    fire(environment, response_time=None, response_length=None)
    series = recorder.series[GET]
    assert (series.requests, series.max_ms, series.received) == (1, 0.0, 0)


def test_a_request_that_names_no_start_began_its_time_ago(environment: Environment) -> None:
    recorder = Recorder(environment)
    before = time.time()
    environment.events.request.fire(
        request_type="GET", name="/a", response_time=2000.0, response_length=0, exception=None
    )
    assert before - 2.0 <= (recorder.series[GET].first or 0.0) <= time.time() - 2.0


def test_locusts_own_reset_empties_the_series(environment: Environment) -> None:
    recorder = Recorder(environment)
    fire(environment)
    environment.events.reset_stats.fire()
    assert recorder.series == {}


def test_a_new_run_begins_empty(environment: Environment) -> None:
    recorder = Recorder(environment)
    fire(environment)
    recorder.clear()
    fire(environment)
    assert recorder.total().requests == 1


def test_the_total_is_of_all_endpoints(environment: Environment) -> None:
    recorder = Recorder(environment)
    fire(environment, response_time=10.0)
    fire(environment, request_type="POST", response_time=30.0, exception=OSError())
    total = recorder.total()
    assert (total.requests, total.failures, total.avg_ms) == (2, 1, 20.0)


def test_a_single_process_hands_nothing_over(environment: Environment) -> None:
    recorder = Recorder(environment)
    fire(environment)
    report: dict[str, Any] = {}
    environment.events.report_to_master.fire(client_id="me", data=report)
    assert FIELD not in report
    assert recorder.total().requests == 1


def test_a_worker_hands_over_what_came_since_its_last_report(fleet: Fleet) -> None:
    worker = fleet.workers[0]
    recorder = Recorder(worker)
    handed_over: list[list[int]] = []
    for requests in (2, 3, 0):
        for _ in range(requests):
            fire(worker)
        report: dict[str, Any] = {}
        worker.events.report_to_master.fire(client_id="worker", data=report)
        handed_over.append([Series.from_wire(wire).requests for *_, wire in report[FIELD]])
    assert handed_over == [[2], [3], []]
    assert recorder.series == {}


def test_a_master_adds_up_what_its_workers_report(fleet: Fleet) -> None:
    recorder = Recorder(fleet.master)
    for worker in fleet.workers:
        Recorder(worker)
        fire(worker, response_time=10.0, exception=OSError())
        fire(worker, request_type="POST", response_time=30.0)
        fleet.report(worker)
        fleet.report(worker)  # nothing came since
    assert set(recorder.series) == {GET, POST}
    assert (recorder.series[GET].requests, recorder.series[GET].failures) == (2, 2)
    assert (recorder.total().requests, recorder.total().avg_ms) == (4, 20.0)


def test_a_report_without_our_part_is_no_error(environment: Environment) -> None:
    recorder = Recorder(environment)
    environment.events.worker_report.fire(client_id="plain", data={"stats": {}})
    assert recorder.series == {}
