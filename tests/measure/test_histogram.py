"""The grid of response times, and counts on it: few as a dictionary, many as an array."""

from collections import Counter
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # ships no types
from hypothesis import given, settings
from hypothesis import strategies as st

from gauntlet.measure.histogram import (
    DIGITS,
    FEW,
    FRESH,
    HIGHEST_US,
    Counts,
    Dense,
    added,
    arrays,
    flat,
    grid,
    gridded,
    percentiles_us,
    places_of,
    steps_of,
)

STEPS = 2048 + 21 * 1024
"""Of the grid: single microseconds, then so many per doubling up to an hour."""

times = st.integers(0, HIGHEST_US)
counts = st.dictionaries(times.map(grid), st.integers(1, 10**9), max_size=30)


# -- the grid ------------------------------------------------------------------------------------


@given(st.integers(1, HIGHEST_US))
def test_the_grid_is_that_of_hdrhistogram(us: int) -> None:
    histogram = HdrHistogram(1, HIGHEST_US, DIGITS)
    assert grid(us) == histogram.get_lowest_equivalent_value(us)


@pytest.mark.parametrize(
    ("us", "lowest"),
    [
        pytest.param(0, 0, id="nothing"),
        pytest.param(1, 1, id="a microsecond"),
        pytest.param(2047, 2047, id="the last that is exact"),
        pytest.param(2048, 2048, id="the first of the steps of two"),
        pytest.param(2049, 2048, id="inside a step of two"),
        pytest.param(4095, 4094, id="the end of the steps of two"),
        pytest.param(1_000_001, 999_936, id="a second"),
        pytest.param(HIGHEST_US, 3_598_712_832, id="an hour"),
    ],
)
def test_the_grid_has_these_steps(us: int, lowest: int) -> None:
    assert grid(us) == lowest


@given(st.integers(0, HIGHEST_US))
def test_the_grid_is_never_off_by_more_than_a_thousandth(us: int) -> None:
    assert us - us / 1000 <= grid(us) <= us
    assert grid(grid(us)) == grid(us)


@settings(max_examples=50)
@given(st.lists(times, max_size=30))
def test_many_times_are_counted_as_one_is(us: list[int]) -> None:
    assert gridded(np.asarray(us, float)) == Counter(map(grid, us))


@given(times)
def test_a_step_has_one_place_and_comes_back_from_it(us: int) -> None:
    place = places_of(np.asarray([grid(us)]))
    assert 0 <= place[0] < STEPS
    assert steps_of(place).tolist() == [grid(us)]


def test_neighbours_on_the_grid_have_places_that_are_neighbours() -> None:
    steps = steps_of(np.arange(STEPS))
    assert places_of(steps).tolist() == list(range(STEPS))
    assert (np.diff(steps) > 0).all()
    assert grid(int(steps[-1])) == steps[-1] > HIGHEST_US


# -- counts --------------------------------------------------------------------------------------


def sums(several: list[dict[int, int]]) -> dict[int, int]:
    whole: Counter[int] = Counter()
    for one in several:
        whole.update(one)
    return {step: count for step, count in whole.items() if count}


def many(seed: int = 1) -> dict[int, int]:
    """Counts of more than a few steps, from single microseconds to an hour."""
    random = Random(seed)
    steps = {grid(int(10 ** random.uniform(0, 9.5))) for _ in range(3 * FEW)}
    assert len(steps) > FEW
    return {step: random.randint(1, 9) for step in steps}


@settings(max_examples=50)
@given(counts, st.lists(counts, max_size=5))
def test_counts_are_sums_however_they_are_kept(
    first: dict[int, int], others: list[dict[int, int]]
) -> None:
    few: Counts = dict(first)
    dense: Counts = Dense(first)
    for one in others:
        few, dense = added(few, one), added(dense, one)
    expected = sums([first, *others])
    assert (few, dict(dense.items()), len(dense)) == (expected, expected, len(expected))
    assert [*dense] == sorted(expected)
    assert list(dense.values()) == [expected[step] for step in sorted(expected)]
    assert flat(dense) == [part for pair in sorted(expected.items()) for part in pair]


@pytest.mark.parametrize("first", [{}, {grid(5_000): 2}, many(2)], ids=["none", "one", "many"])
@pytest.mark.parametrize("second", [{}, {grid(70): 3}, many(3)], ids=["none", "one", "many"])
def test_few_and_many_add_up_in_every_order(first: dict[int, int], second: dict[int, int]) -> None:
    expected = sums([first, second])
    for kept in (dict, Dense):
        for others in (second, Dense(second)):
            assert added(kept(first), others) == expected
            assert others == second


def test_counts_below_nothing_stay_in_an_array() -> None:
    """What turns counts of response times into those of service times has some."""
    moved = {30: 2, grid(5_000): -3, grid(70_000): 1}
    dense = Dense(moved)
    assert [*dense.items()] == [*moved.items()] == [*added({}, dense).items()]
    assert list(dense.values()) == [2, -3, 1]
    assert dense != {30: 2} and dense != Dense({30: 2})


@pytest.mark.parametrize("count", [127, 32_767, 32_768, 2**31 - 1, 2**31, 2**40])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", [dict, Dense])
def test_a_step_counts_however_much(
    count: int, sign: int, kind: Callable[[dict[int, int]], Counts]
) -> None:
    dense = Dense(many())
    dense.add(kind({20: sign * count}))
    assert dict(dense.items()) == {**many(), 20: sign * count + many().get(20, 0)}
    dense.add(kind({20: sign, 30: 1}))
    dense.add(dense)
    expected = {**many(), 20: sign * (count + 1) + many().get(20, 0), 30: 1 + many().get(30, 0)}
    assert dict(dense.items()) == {step: 2 * number for step, number in expected.items()}


def test_an_array_of_small_counts_has_two_bytes_for_each() -> None:
    dense = Dense(many())
    dense.add({20: 30_000})
    _ = dense.arrays()
    assert dense._counts.itemsize == 2


def test_percentiles_that_lie_close_together_are_each_that_of_its_rank() -> None:
    every = dict.fromkeys(range(1, 101), 1)
    assert percentiles_us(every, [90, 92]) == {90: 90.0, 92: 92.0}
    assert percentiles_us(Dense(every), [50, 51, 52]) == {50: 50.0, 51: 51.0, 52: 52.0}


BANDS = (20, 90), (3_000, 9_000), (80_000, 90_000), (40_000_000, HIGHEST_US)
"""Of times: far from each other, so that arrays of one do not reach into the others."""

bands = st.sampled_from(BANDS).flatmap(
    lambda band: st.dictionaries(st.integers(*band).map(grid), st.integers(1, 99), min_size=1)
)


@given(st.lists(st.tuples(bands, st.booleans()), min_size=2, max_size=8))
def test_an_array_grows_to_either_side_without_moving_what_it_holds(
    parts: list[tuple[dict[int, int], bool]],
) -> None:
    dense, so_far = Dense({}), Counter[int]()
    for part, as_array in parts:
        dense.add(Dense(part) if as_array else part)
        so_far.update(part)
        steps, numbers = dense.arrays()  # now all is in the array
        assert dict(zip(steps.tolist(), numbers.tolist(), strict=True)) == so_far


def test_few_steps_are_a_dictionary_and_more_are_an_array() -> None:
    steps = range(2 * FEW)
    few = added(dict.fromkeys(steps[: FEW - 1], 1), {steps[-1]: 1})
    assert isinstance(few, dict) and len(few) == FEW
    found = added(few, {steps[-2]: 1})
    assert isinstance(found, Dense) and len(found) == FEW + 1


def test_what_comes_to_nothing_is_not_there() -> None:
    whole = many()
    without = {step: -count for step, count in whole.items()}
    assert added(dict(whole), without) == {}
    assert added({20: 1, 30: 2}, {20: -1, 30: -1}) == {30: 1}
    assert not added(Dense(whole), without)
    assert not added(Dense({}), {})


def test_an_array_is_as_long_as_the_doublings_that_were_met_and_one_on_either_side() -> None:
    dense = Dense({grid(50_000): 1})
    met = {grid(us) for us in range(40_000, 100_000)}
    for step in met:
        dense.add({step: 1})
    assert len(dense._fresh) <= FRESH and len(dense) == len(met)
    assert len(dense._counts) == 4 * 1024  # from 32,768 and from 65,536 µs on


@settings(max_examples=30)
@given(counts, st.floats(0, 100))
def test_percentiles_are_the_same_however_counts_are_kept(
    some: dict[int, int], quantile: float
) -> None:
    assert percentiles_us(some, [quantile]) == percentiles_us(Dense(some), [quantile])


def test_arrays_are_in_order() -> None:
    steps, numbers = arrays({3000: 1, 5: 2, 70: 3})
    assert (steps.tolist(), numbers.tolist()) == ([5, 70, 3000], [2, 3, 1])
