"""Real masters and workers in one process: what they add up to is what one process measures."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from random import Random
from typing import Any

import pytest
from locust.env import Environment

from gauntlet.measure.recorder import MOST, OTHER, RUN, Recorder
from gauntlet.measure.series import Key, Series
from tests.measure.test_recorder import Fleet, Nobody, fire


@contextmanager
def fleet(workers: int) -> Iterator[Fleet]:
    """A master and its workers, connected over loopback."""
    master = Environment(user_classes=[Nobody])
    runner = master.create_master_runner("127.0.0.1", 0)
    members = [Environment(user_classes=[Nobody]) for _ in range(workers)]
    try:
        for member in members:
            member.create_worker_runner("127.0.0.1", runner.server.port)
        yield Fleet(master, members)
    finally:
        for member in members:
            if member.runner is not None:
                member.runner.quit()
        runner.quit()


def requests(number: int) -> Iterator[dict[str, Any]]:
    """Requests of every kind, the same ones each time."""
    random = Random(11)
    for index in range(number):
        context = {
            "server": random.choice(["", "one", "two"]),
            "sent": random.randrange(1000),
            "attempts": random.choice([1, 1, 2]),
            "time_to_first_byte": random.lognormvariate(2, 1),
            "verified": random.random() < 0.5,
        }
        yield {
            "request_type": random.choice(["GET", "POST"]),
            "name": random.choice(["/a", "/b"]),
            "response_time": None if index % 50 == 0 else random.lognormvariate(4, 2),
            "response_length": random.randrange(5000),
            "exception": TimeoutError() if index % 9 == 0 else None,
            "start_time": 1000.0 + index / 10,
            "context": context,
        }


def alone() -> dict[Key, Series]:
    environment = Environment(user_classes=[Nobody])
    environment.create_local_runner()
    recorder = Recorder(environment)
    for request in requests(12_000):
        fire(environment, **request)
    return recorder.series


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_add_up_to_what_one_process_measures(workers: int) -> None:
    expected = alone()
    with fleet(workers) as group:
        recorder = Recorder(group.master)
        for member in group.workers:
            Recorder(member)
        for index, request in enumerate(requests(12_000)):
            member = group.workers[index % workers]
            fire(member, **request)
            if index % 2500 == 0:
                group.report(member)
        for member in group.workers:
            group.report(member)
        check_equal(recorder.series, expected)


def check_equal(found: dict[Key, Series], expected: dict[Key, Series]) -> None:
    """Equal to the last count; sums of fractions but for the order of addition."""
    assert set(found) == set(expected)
    for key, series in expected.items():
        for field in fields(Series):
            ours, theirs = getattr(found[key], field.name), getattr(series, field.name)
            exact = field.name not in ("total_us", "squares_us")
            assert ours == (theirs if exact else pytest.approx(theirs)), field.name
        quantiles = [1.0, 50.0, 95.0, 99.0, 99.9, 100.0]
        assert found[key].percentiles_ms(quantiles) == series.percentiles_ms(quantiles)


def test_a_late_report_of_a_run_that_is_over_is_dropped() -> None:
    with fleet(1) as group:
        [member] = group.workers
        here, there = Recorder(group.master), Recorder(member)
        here._options, there._options = Namespace(**{RUN: 2}), Namespace(**{RUN: 1})
        fire(member)
        group.report(member)
        assert here.series == {}
        there._options = here._options
        fire(member, name="/b")
        group.report(member)
        assert set(here.series) == {Key("GET", "/b")}


def test_names_are_bounded_on_workers_and_on_the_master() -> None:
    with fleet(2) as group:
        recorder = Recorder(group.master)
        members = [Recorder(member) for member in group.workers]
        for number, member in enumerate(group.workers):
            for name in range(800):
                fire(member, name=f"/{number}/{name}")
            group.report(member)
            for name in range(800):  # the next report: 600 of them are too many for one worker
                fire(member, name=f"/{number}/again/{name}")
            fire(member, name=f"/{number}/0")
            group.report(member)
        assert max(len(one._known) for one in members) == MOST
        assert len(recorder.series) == MOST + 1
        assert recorder.total().requests == 2 * 1601
        assert recorder.series[Key("GET", "/0/0")].requests == 2
        # A thousand names of their own, one of them asked twice.
        assert recorder.series[OTHER].requests == 2 * 1601 - MOST - 1
