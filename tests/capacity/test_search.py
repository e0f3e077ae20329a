"""The search finds the load that a system holds, and never goes beyond one that broke."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauntlet.capacity.search import DESCENTS, Bounds, Finding, search


def hunt(
    bounds: Bounds, holds: Callable[[float], bool], whole: bool = False
) -> tuple[Finding, list[float]]:
    """A search against a system that holds what `holds` says; the finding, and what was tried."""
    tried: list[float] = []
    steps = search(bounds, whole)
    try:
        tried.append(next(steps))
        while True:
            tried.append(steps.send(holds(tried[-1])))
    except StopIteration as end:
        assert isinstance(end.value, Finding)
        return end.value, tried


@settings(max_examples=300)
@given(st.floats(0.1, 50_000), st.floats(0.1, 50_000), st.integers(1, 5))
def test_a_known_limit_is_found_as_precisely_as_asked(
    limit: float, start: float, repeats: int
) -> None:
    found, tried = hunt(Bounds(start, repeats=repeats), lambda load: load <= limit)
    assert found.load is not None and found.broke is not None
    assert found.load <= limit < found.broke
    # Loads are told with three digits, which may be half a percent more.
    assert found.broke <= found.load * 1.06
    assert tried.count(found.load) == repeats


@settings(max_examples=300)
@given(st.floats(0.1, 50_000), st.floats(0.1, 50_000))
def test_what_broke_is_neither_tried_again_nor_gone_beyond(limit: float, start: float) -> None:
    _, tried = hunt(Bounds(start), lambda load: load <= limit)
    lowest = float("inf")
    for load in tried:
        assert load < lowest
        lowest = load if load > limit else lowest


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 64, 99, 1000])
@pytest.mark.parametrize("start", [1, 2, 10, 200])
def test_users_are_whole_and_found_exactly_below_twenty(limit: int, start: int) -> None:
    found, tried = hunt(Bounds(start, least=1), lambda load: load <= limit, whole=True)
    assert all(load == int(load) for load in tried)
    assert found.load is not None
    assert found.load == limit if limit < 20 else limit * 0.95 <= found.load <= limit


def test_a_system_that_holds_nothing_is_not_asked_for_ever() -> None:
    found, tried = hunt(Bounds(8, least=1), lambda load: False, whole=True)
    assert found == Finding(None, 1.0)
    assert tried == [8, 4, 2, 1]


def test_the_most_that_is_allowed_is_the_last_to_be_tried() -> None:
    found, tried = hunt(Bounds(10, most=50, repeats=2), lambda load: True)
    assert found == Finding(50, None)
    assert tried == [10, 20, 40, 50, 50]


def test_a_load_that_held_by_luck_is_not_the_capacity() -> None:
    lucky = iter([True])  # 16 holds once, then never again; up to 12 is right
    found, tried = hunt(
        Bounds(16, most=16), lambda load: load <= 12 or (load == 16 and next(lucky, False))
    )
    assert found.load is not None and found.load <= 12
    assert tried.count(found.load) == 3
    assert tried.count(16) == 2


def test_a_system_without_a_steady_answer_ends_the_search() -> None:
    answers = iter([True, *[False] * 100])
    found, tried = hunt(Bounds(100, most=100), lambda load: next(answers))
    assert found.load is None
    assert len(tried) == 1 + DESCENTS
