"""Slices: every request in the second in which it ended, added up over workers, and bounded."""

import time
from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest
from locust.env import Environment

from gauntlet.measure.recorder import Recorder
from gauntlet.measure.series import Key, Series
from gauntlet.measure.slices import FRESH, MOST_SECONDS, Slices, by_second, coarse
from tests.measure.test_merging import fleet, requests
from tests.measure.test_recorder import Nobody, fire

A = Key("GET", "/a", phase="steady")


def parts(ms: list[float], starts: list[float], failed: list[int]) -> dict[int, Series]:
    return dict(by_second(ms, starts, failed))


def test_a_request_belongs_to_the_second_in_which_it_ended() -> None:
    found = parts([100.0, 950.0, 2500.0], [10.0, 10.1, 10.0], [1])
    assert {second: (one.requests, one.failures) for second, one in found.items()} == {
        10: (1, 0),
        11: (1, 1),
        12: (1, 0),
    }
    assert found[12].counts == {2_500_000 >> 11 << 11: 1}
    assert found[12].total_us == 2_500_000.0


def test_lateness_lies_before_the_start_and_stays_with_its_request() -> None:
    """Two requests of 0.2 s that were late by 3 s and by 5 s, and one that was not."""
    ms, starts, late = [3200.0, 5200.0, 200.0], [10.0, 11.0, 12.0], [3000.0, 5000.0, 0.0]
    found = dict(by_second(ms, starts, [], late))
    assert {second: (one.max_ms, one.late_us / 1000) for second, one in found.items()} == {
        10: (3200.0, 3000.0),
        11: (5200.0, 5000.0),
        12: (200.0, 0.0),
    }
    assert [one.service_max_ms for one in found.values()] == pytest.approx([200.0] * 3)


@pytest.mark.parametrize(
    ("ms", "second"),
    [
        pytest.param(float("nan"), 10, id="no time: it ended when it began"),
        pytest.param(-5000.0, 10, id="a clock that was set back"),
        pytest.param(float("inf"), 10, id="an infinite time"),
    ],
)
def test_an_odd_request_has_a_second_as_well(ms: float, second: int) -> None:
    [(found, part)] = by_second([ms], [10.5], [])
    assert (found, part.requests) == (second, 1)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(float("nan"), id="of no moment"),
        pytest.param(1.8e12, id="told in milliseconds: no window may reach so far"),
    ],
)
def test_a_request_of_no_moment_that_can_be_ends_now(start: float) -> None:
    [(second, part)] = by_second([1.0], [start], [0])
    assert 1.7e9 < second <= time.time()
    assert (part.requests, part.failures) == (1, 1)


def by_hand(number: int) -> dict[tuple[str, str, str, int], Any]:
    """Requests, failures and microseconds by method, name, phase and second."""
    found: dict[Any, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for index, request in enumerate(requests(number)):
        took = request["response_time"] or 0.0
        second = int(request["start_time"] + took / 1000)
        cell = found[request["request_type"], request["name"], phase(index), second]
        cell[0] += 1
        cell[1] += request["exception"] is not None
        cell[2] += took * 1000
    return {key: (one, bad, pytest.approx(us)) for key, (one, bad, us) in found.items()}


def phase(index: int) -> str:
    return "ramp" if index < 1000 else "steady"


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_workers_add_up_to_what_is_counted_by_hand(workers: int) -> None:
    with fleet(workers) as group:
        if workers:
            recorder, members = Recorder(group.master), group.workers
        else:
            alone = Environment(user_classes=[Nobody])
            alone.create_local_runner()
            recorder, members = Recorder(alone), [alone]
        there = [Recorder(member) for member in group.workers] or [recorder]
        for index, request in enumerate(requests(3000)):
            for one in there:
                one.phase = phase(index)
            fire(members[index % len(members)], **request)
            if workers and index % 700 == 0:
                group.report(members[index % workers])
        for member in group.workers:
            group.report(member)
        assert recorder.slices.width == 1
        found = {
            (key.method, key.name, key.phase, second): (
                series.requests,
                series.failures,
                series.total_us,
            )
            for key, second, series in recorder.slices.items()
        }
        assert found == by_hand(3000)


def test_slices_hold_what_the_series_hold() -> None:
    environment = Environment(user_classes=[Nobody])
    recorder = Recorder(environment)
    for request in requests(500):
        fire(environment, **request)
    counts: Counter[int] = Counter()
    for *_, cell in recorder.slices.items():
        counts.update(dict(cell.counts.items()))
    failures = sum(cell.failures for *_, cell in recorder.slices.items())
    total = recorder.total()
    assert (counts, failures) == (dict(total.counts.items()), total.failures)


class Heard:
    """A watcher that keeps what it hears."""

    def __init__(self) -> None:
        self.requests: dict[int, int] = defaultdict(int)

    def add(self, key: Key, second: int, part: Series) -> None:
        self.requests[second] += part.requests

    def clear(self) -> None:
        self.requests.clear()


def test_a_watcher_hears_of_every_second_once() -> None:
    environment = Environment(user_classes=[Nobody])
    recorder = Recorder(environment)
    heard = recorder.watcher = Heard()
    for second in (10.0, 10.2, 11.0, 10.1):
        fire(environment, start_time=second, response_time=100.0)
        _ = recorder.series
    assert heard.requests == {10: 3, 11: 1}
    recorder.clear()
    assert not heard.requests


# -- bounds --------------------------------------------------------------------------------------


def one_request(ms: float) -> Series:
    series = Series()
    series.add(ms, False, 0.0, 0)
    return series


def test_a_long_run_has_wider_slices_and_the_same_sums() -> None:
    slices = Slices()
    seconds = 5 * MOST_SECONDS
    for second in range(1000, 1000 + seconds):
        slices.add(A, second, one_request(5.0))
    found = list(slices.items())
    assert slices.width == 8
    assert len(found) <= MOST_SECONDS
    assert sum(series.requests for *_, series in found) == seconds
    assert [second for _, second, _ in found] == list(range(1000, 1000 + seconds, 8))
    assert all(series.requests == 8 for *_, series in found)


def test_late_parts_are_added_to_wide_slices() -> None:
    slices = Slices()
    for second in range(MOST_SECONDS + 1):
        slices.add(A, second, one_request(5.0))
    slices.add(A, 1, one_request(5.0))
    assert next(slices.items())[2].requests == 3


def test_many_different_times_get_coarser_steps_then_wider_slices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gauntlet.measure.slices.MOST_BYTES", 160_000)
    slices, random = Slices(), Random(5)
    steps = []
    for second in range(200):
        for name in range(5):
            part = Series()
            part.add_many([random.lognormvariate(4, 1) for _ in range(100)], [0.0] * 100, 0)
            slices.add(Key("GET", f"/{name}"), second, part)
        steps.append(slices.width)
    found = list(slices.items())
    assert held(slices) <= 160_000
    assert len(slices._packed._room) == 180_000, "what moves needs no room besides"
    assert sum(sum(series.counts.values()) for *_, series in found) == 100_000
    assert slices.width == 4
    assert steps[130] == 1, "the steps got coarser first"


def test_a_coarse_step_is_at_most_two_percent_off_and_stays_where_it_is() -> None:
    random = Random(6)
    for _ in range(2000):
        us = int(10 ** random.uniform(0, 9))
        [step] = coarse({us: 1})
        assert abs(step - us) <= 0.016 * us + 1e-9
        assert coarse({step: 1}) == {step: 1}


def test_what_comes_late_into_a_slice_that_is_packed_is_not_lost() -> None:
    slices, other = Slices(), A._replace(name="/b")
    for second in range(100):
        slices.add(A, second, one_request(5.0))
    for key, ms in ((A, 5.0), (A, 7.0), (other, 5.0)):
        slices.add(key, 3, one_request(ms))
    for second in range(100, 200):
        slices.add(A, second, one_request(5.0))
    found = {(key.name, second): cell for key, second, cell in slices.items()}
    assert len(found) == 201
    assert (found["/a", 3].counts, found["/a", 3].total_us) == ({5000: 2, 7000: 1}, 17_000.0)
    assert found["/b", 3].requests == 1


@pytest.mark.parametrize("count", [255, 256, 70_000])
def test_a_slice_keeps_how_often_a_time_was_met_however_often(count: int) -> None:
    slices, part = Slices(), Series()
    part.add_many([5.0] * count + [7.0], [0.0] * (count + 1), 0)
    slices.add(A, 0, part)
    for second in range(1, 100):
        slices.add(A, second, one_request(5.0))
    (_, second, cell), *_ = slices.items()
    assert (second, cell.requests, cell.counts) == (0, count + 1, {5000: count, 7000: 1})


def test_slices_that_are_over_are_packed() -> None:
    slices, random, steps = Slices(), Random(7), 0
    for second in range(300):
        for name in ("/a", "/b", "/c", "/d"):
            part = Series()
            part.add_many([random.lognormvariate(4, 1) for _ in range(12)], [0.0] * 12, 0)
            slices.add(Key("GET", name), second, part)
            steps += len(part.counts)
    assert len(slices._fresh) <= FRESH
    assert held(slices) <= 4 * steps + 24 * 4 * 300 + 12 * 300


def held(slices: Slices) -> int:
    """Bytes of what is packed."""
    return slices._packed.end - slices._packed.begin
