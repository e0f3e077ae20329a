"""Series of response times: as exact as they say, and the same however they were gathered."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import msgpack  # type: ignore[import-untyped]  # ships no types
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gauntlet.measure.histogram import HIGHEST_US, as_histogram, grid
from gauntlet.measure.series import Series

QUANTILES = (0, 1, 50, 75, 90, 95, 99, 99.9, 99.99, 100)

times = st.floats(0, 4_000_000)
requests = st.lists(
    st.tuples(times, st.booleans(), st.floats(1e9, 2e9), st.integers(0, 10**9)), max_size=60
)


def gathered(rows: list[tuple[float, bool, float, int]]) -> Series:
    series = Series()
    for row in rows:
        series.add(*row)
    return series


def of_times(times_ms: list[float]) -> Series:
    series = Series()
    series.add_many(times_ms, [1e9] * len(times_ms), 0)
    return series


# -- counts --------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2 * HIGHEST_US), max_size=50))
def test_times_are_counted_on_the_grid(raw_us: list[int]) -> None:
    series = of_times([us / 1000 for us in raw_us])
    assert series.counts == Counter(grid(min(us, HIGHEST_US)) for us in raw_us)


@settings(max_examples=40)
@given(requests)
def test_many_at_once_are_the_same_as_one_by_one(
    rows: list[tuple[float, bool, float, int]],
) -> None:
    many = Series(failures=sum(row[1] for row in rows))
    many.add_many([row[0] for row in rows], [row[2] for row in rows], sum(row[3] for row in rows))
    assert same(many, gathered(rows))


# -- percentiles ---------------------------------------------------------------------------------

Draw = Callable[[np.random.Generator], NDArray[np.float64]]


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda random: random.uniform(0.5, 2000, 4999), id="uniform"),
        pytest.param(lambda random: random.exponential(80, 4999) + 0.1, id="exponential"),
        pytest.param(lambda random: random.lognormal(4, 1.5, 4999) + 0.1, id="lognormal"),
        pytest.param(lambda random: random.pareto(1.1, 4999) + 1, id="a heavy tail"),
        pytest.param(
            lambda random: (
                np.where(random.random(4999) < 0.97, 12.0, 3000.0) + random.normal(0, 0.5, 4999)
            ),
            id="two humps",
        ),
        pytest.param(lambda random: np.full(500, 42.0), id="all the same"),
        pytest.param(lambda random: random.uniform(1, 100, 1), id="one request"),
        pytest.param(lambda random: random.uniform(1, 100, 7), id="few requests"),
        pytest.param(lambda random: random.uniform(60_000, 3_500_000, 500), id="minutes"),
    ],
)
def test_percentiles_are_those_of_the_raw_times_to_a_thousandth(draw: Draw) -> None:
    for seed in range(3):
        raw = draw(np.random.default_rng(seed))
        found = of_times(raw.tolist()).percentiles_ms(QUANTILES)
        exact = np.percentile(raw, QUANTILES, method="inverted_cdf")
        # A microsecond more, because times are kept in whole ones.
        assert list(found.values()) == pytest.approx(exact.tolist(), rel=0.001, abs=0.001)


@settings(max_examples=30)
@given(st.lists(st.integers(1, HIGHEST_US), min_size=1, max_size=99), st.floats(0.01, 100))
def test_at_least_that_share_of_the_requests_took_at_most_that_long(
    raw_us: list[int], quantile: float
) -> None:
    raw = [us / 1000 for us in raw_us]
    found = of_times(raw).percentile_ms(quantile)
    within = sum(ms <= found + 1e-9 for ms in raw)
    assert within >= quantile / 100 * len(raw) - 1e-6


@given(st.integers(0, 2047))
def test_whole_microseconds_below_two_milliseconds_are_exact(us: int) -> None:
    assert list(of_times([us / 1000]).counts) == [us]


def test_a_percentile_of_few_requests_is_not_rounded_down() -> None:
    """Two of 31 are more than 5 %; HdrHistogram itself would answer with the 29th."""
    series = of_times([10.0] * 29 + [1000.0] * 2)
    assert as_histogram(series.counts).get_value_at_percentile(95) < 11_000
    assert series.percentile_ms(95) == 1000.0


@settings(max_examples=30)
@given(requests, st.floats(0, 100))
def test_no_percentile_is_above_the_maximum(
    rows: list[tuple[float, bool, float, int]], quantile: float
) -> None:
    series = gathered(rows)
    assert series.percentile_ms(quantile) <= series.max_ms


@settings(max_examples=30)
@given(requests)
def test_percentiles_rise(rows: list[tuple[float, bool, float, int]]) -> None:
    found = list(gathered(rows).percentiles_ms(QUANTILES).values())
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("ms", "percentile"),
    [
        pytest.param(0.0, 0.0, id="no time"),
        pytest.param(0.0004, 0.0004, id="below a microsecond"),
        pytest.param(0.001, 0.001, id="a microsecond"),
        pytest.param(2.047, 2.047, id="the last that is exact"),
        pytest.param(7_200_000.0, 3_600_809.983, id="two hours count as one"),
    ],
)
def test_a_time_at_the_edges_is_kept(ms: float, percentile: float) -> None:
    series = of_times([ms])
    assert series.percentile_ms(50) == pytest.approx(percentile)
    assert (series.min_ms, series.avg_ms, series.max_ms) == pytest.approx((ms, ms, ms))


def test_over_an_hour_is_exact_in_average_and_maximum() -> None:
    series = of_times([1000.0, 7_200_000.0])
    assert (series.avg_ms, series.max_ms) == (3_600_500.0, 7_200_000.0)


# -- counts --------------------------------------------------------------------------------------


def test_a_series_counts_what_came() -> None:
    series = gathered([(10, False, 105.0, 1), (20, True, 100.0, 2), (30, False, 110.0, 3)])
    assert (series.requests, series.failures, series.received) == (3, 1, 6)
    assert (series.first, series.last) == (100.0, 110.03)
    assert series.span == pytest.approx(10.03)
    assert series.fail_ratio == 1 / 3
    assert series.rps == pytest.approx(3 / 10.03)
    assert (series.min_ms, series.avg_ms, series.max_ms) == (10.0, 20.0, 30.0)


@pytest.mark.parametrize(
    ("starts", "rps"),
    [
        pytest.param([100.0], 1.0, id="one request"),
        pytest.param([100.0, 100.0, 100.5], 3.0, id="less than a second counts as one"),
        pytest.param([100.0, 101.0, 102.0, 104.0], 1.0, id="over their span"),
    ],
)
def test_the_rate_is_over_the_span(starts: list[float], rps: float) -> None:
    assert gathered([(0, False, start, 0) for start in starts]).rps == rps


def test_the_span_goes_on_to_the_end_of_the_last_request() -> None:
    """A user who waits 48 s for its last answer has made 30 requests in a minute, not in 12 s."""
    rows = [(10.0, False, 100.0 + 0.4 * number, 0) for number in range(30)]
    rows[-1] = (48_400.0, *rows[-1][1:])
    assert gathered(rows).rps == pytest.approx(30 / 60)


def test_lateness_and_odd_times_are_no_part_of_the_span() -> None:
    series = Series()
    series.add_many([30_500.0, 20_100.0], [130.0, 131.0], 0, [30_000.0, 20_000.0])
    assert (series.first, series.last) == (130.0, 131.1)
    odd = Series()
    odd.add_many([None, math.inf, -5.0, 250.0], [100.0, 104.0, 103.0, None], 0)
    assert (odd.first, odd.last) == (100.0, 104.0)


def test_an_empty_series_is_all_zeros() -> None:
    empty = Series()
    assert (empty.fail_ratio, empty.rps, empty.span) == (0.0, 0.0, 0.0)
    assert (empty.avg_ms, empty.min_ms, empty.max_ms) == (0.0, 0.0, 0.0)
    assert empty.percentiles_ms([50, 99]) == {50: 0.0, 99: 0.0}


# -- merging -------------------------------------------------------------------------------------


def same(one: Series, other: Series) -> bool:
    """Equal in all, the sums of times but for the order that floats were added in."""
    close = math.isclose(one.total_us, other.total_us, rel_tol=1e-12)
    close &= math.isclose(one.squares_us, other.squares_us, rel_tol=1e-12)
    counts = [replace(series, total_us=0.0, squares_us=0.0) for series in (one, other)]
    return counts[0] == counts[1] and close


@settings(max_examples=40)
@given(st.lists(requests, max_size=5))
def test_the_merged_parts_are_the_whole(
    parts: list[list[tuple[float, bool, float, int]]],
) -> None:
    merged = Series.merged(map(gathered, parts))
    assert same(merged, gathered([row for part in parts for row in part]))


@settings(max_examples=40)
@given(requests, requests)
def test_the_order_of_merging_does_not_matter(
    one: list[tuple[float, bool, float, int]], other: list[tuple[float, bool, float, int]]
) -> None:
    there = Series.merged([gathered(one), gathered(other)])
    back = Series.merged([gathered(other), gathered(one)])
    assert same(there, back)


def test_merging_leaves_the_other_alone() -> None:
    one, other = of_times([1.0]), of_times([1.0, 2.0])
    one.merge(other)
    one.add(1.0, True, 1e9, 0)
    assert other == of_times([1.0, 2.0])


@pytest.mark.parametrize("quantile", QUANTILES)
def test_percentiles_of_merged_workers_are_those_of_one_process(quantile: float) -> None:
    raw = np.random.default_rng(5).lognormal(3, 1, 900).tolist()
    workers = [of_times(raw[part::3]) for part in range(3)]
    merged = Series.merged(workers)
    assert merged.percentile_ms(quantile) == of_times(raw).percentile_ms(quantile)


# -- on the wire ---------------------------------------------------------------------------------


@settings(max_examples=40)
@given(requests)
def test_a_series_survives_the_wire(rows: list[tuple[float, bool, float, int]]) -> None:
    series = gathered(rows)
    packed = msgpack.dumps(series.to_wire(), use_bin_type=True)
    assert Series.from_wire(msgpack.loads(packed, raw=False, strict_map_key=False)) == series


def test_a_series_from_the_wire_goes_on_counting() -> None:
    series = Series.from_wire(of_times([1.0, 2.0]).to_wire())
    series.add(3.0, True, 1e9, 5)
    assert (series.requests, series.failures, series.received, series.max_ms) == (3, 1, 5, 3.0)


def test_a_series_of_a_million_requests_stays_small_on_the_wire() -> None:
    """It costs one entry per step of the grid, not one per request."""
    series = Series()
    for ms in range(1, 10_001):
        series.add(ms / 10, False, 1e9, 0)
    for _ in range(7):
        series.merge(Series.merged([series]))
    assert series.requests == 1_280_000
    assert len(series.counts) < 5000
    assert len(msgpack.dumps(series.to_wire())) < 60_000
