"""Response times that count from before a request's start, and the service times behind them."""

import math
from typing import NamedTuple

import gevent
import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauntlet.measure import lateness
from gauntlet.measure.series import Series
from gauntlet.measure.slices import by_second


class Request(NamedTuple):
    service: float
    late: float


times = st.floats(0, 1e5)
requests = st.lists(st.builds(Request, times, st.just(0.0) | times), min_size=1, max_size=60)
QUANTILES = (0, 50, 99, 100)


def opened(rows: list[Request]) -> Series:
    """A series of an open phase."""
    series = Series()
    response = [row.service + row.late for row in rows]
    series.add_many(response, [1e9] * len(rows), 0, [row.late for row in rows])
    return series


def closed(rows: list[Request]) -> Series:
    """The same requests by their service times alone."""
    series = Series()
    series.add_many([row.service for row in rows], [1e9] * len(rows), 0)
    return series


@settings(max_examples=100)
@given(requests, requests)
def test_service_times_of_open_and_closed_parts_merge_without_loss(
    one: list[Request], other: list[Request]
) -> None:
    merged, expected = opened(one), closed(one + other)
    merged.merge(closed(other))
    merged.merge(Series())
    packed = msgpack.dumps(merged.to_wire(), use_bin_type=True)
    merged = Series.from_wire(msgpack.loads(packed, raw=False, strict_map_key=False))
    found, right = (
        merged.service_percentiles_ms(QUANTILES),
        expected.service_percentiles_ms(QUANTILES),
    )
    for quantile in QUANTILES:  # a sum and a difference later a time may be one step beside
        assert found[quantile] == pytest.approx(right[quantile], rel=0.002, abs=0.0011)
    assert merged.service_avg_ms == pytest.approx(expected.avg_ms, rel=1e-6, abs=1e-6)
    assert merged.service_max_ms == pytest.approx(expected.max_ms, rel=1e-9, abs=1e-9)
    latest = max(row.service + row.late for row in one)
    assert merged.max_ms >= latest * (1 - 1e-9)
    assert sum(merged.moved.values()) == 0


def test_service_times_of_a_closed_run_are_its_response_times() -> None:
    series = closed([Request(5, 0), Request(7, 0)])
    assert series.moved == {}
    assert series.service_percentiles_ms([50]) == series.percentiles_ms([50])
    assert (series.service_avg_ms, series.service_max_ms) == (series.avg_ms, series.max_ms)


def test_a_series_of_an_older_worker_is_read() -> None:
    wire = closed([Request(5, 0)]).to_wire()
    older = Series.from_wire(wire[:-3])
    assert (older.requests, older.late_us, older.moved) == (1, 0.0, {})


def test_a_time_that_is_none_has_no_lateness_either() -> None:
    series = Series()
    series.add_many([math.nan, 15.0], [1e9, 1e9], 0, [3.0, 10.0])
    assert (series.requests, series.timed) == (2, 1)
    assert series.service_max_ms == pytest.approx(5)
    assert series.late_us == pytest.approx(10_000)


def test_a_late_request_ended_a_service_time_after_its_start() -> None:
    """1.4 s of its 2 s lie before its start: it ended in the second in which it began."""
    [(second, part)] = by_second([2000.0], [1000.0], [], [1400.0])
    assert (second, part.max_ms) == (1000, 2000.0)
    assert part.service_max_ms == pytest.approx(600)


def test_only_the_first_request_of_an_iteration_takes_its_lateness() -> None:
    def iterate() -> list[float]:
        lateness.begin(12.0)
        found = [lateness.shown(), lateness.take(), lateness.take()]
        lateness.end()
        return [*found, lateness.take()]

    user, other = gevent.spawn(iterate), gevent.spawn(lateness.take)
    assert user.get() == [12.0, 12.0, 0.0, 0.0]
    assert other.get() == 0.0


def test_an_iteration_without_a_request_leaves_nothing_behind() -> None:
    def iterate() -> float:
        lateness.begin(12.0)
        lateness.end()
        return lateness.take()

    assert gevent.spawn(iterate).get() == 0.0
    assert not lateness.untaken
