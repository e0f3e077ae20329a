"""The schedule of the open model: how many arrivals, when, and who serves which."""

import math
from collections import Counter
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet import curves
from gauntlet.arrivals import (
    DISTRIBUTIONS,
    Distribution,
    Schedule,
    Share,
    Turn,
    scheduled,
    served,
    steady,
)
from gauntlet.curves import Phase

RAMPS = (
    Phase("ramp", 4, 0, 1, arrivals=100, ramp=2),
    Phase("pause", 3, 5, 1),
    Phase("up", 2, 0, 1, arrivals=50, ramp=4),
    Phase("down", 2, 0, 1, arrivals=0, ramp=1),
)
"""300 arrivals; none; on the way from 0 to 50/s half of it in 2 s, 25; and 12.5 while it falls."""

rates = st.just(0.0) | st.floats(0.01, 300)
phases = st.lists(
    st.builds(
        Phase,
        st.just("phase"),
        st.floats(0.01, 10),
        st.integers(0, 10),
        st.floats(0.1, 10),
        st.none() | rates,
        st.just(0.0) | st.floats(0.01, 30),
    ),
    min_size=1,
    max_size=4,
)
distributions = st.sampled_from(DISTRIBUTIONS)


def schedule_of(
    curve: list[Phase] | tuple[Phase, ...], distribution: Distribution = "constant"
) -> Schedule:
    found = scheduled(curves.stretches(curve), distribution, seed=7)
    assert found is not None
    return found


def test_each_phase_has_as_many_arrivals_as_its_rate_says() -> None:
    dues = [arrival.due for arrival in schedule_of(RAMPS).arrivals()]
    counts = [sum(start <= due < end for due in dues) for start, end in pairwise((0, 4, 7, 9, 11))]
    assert counts == [300, 0, 25, 12]


def test_arrivals_of_one_rate_lie_evenly() -> None:
    dues = [arrival.due for arrival in steady(200, 20).arrivals()]
    assert len(dues) == 4000
    assert dues[0] == pytest.approx(0.0025)
    assert [b - a for a, b in pairwise(dues)] == pytest.approx([0.005] * 3999)
    assert [steady(200, 20).rate(t) for t in (-1, 0, 19.9, 20)] == [None, 200, 200, None]


def test_a_load_without_an_end_has_arrivals_for_ever() -> None:
    schedule = steady(10, None)
    assert [one.number for one in islice(schedule.arrivals(1e6), 2)] == [1_000_000, 1_000_001]
    assert schedule.is_open(1e8)


def test_poisson_arrivals_have_the_rate_and_the_gaps_of_their_distribution() -> None:
    dues = [arrival.due for arrival in steady(100, 400, "poisson", seed=3).arrivals()]
    gaps = [b - a for a, b in pairwise(dues)]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert len(dues) == pytest.approx(40_000, rel=0.03)  # six standard deviations
    assert spread == pytest.approx(mean, rel=0.05)  # that of an exponential is its mean
    assert sum(gap > mean for gap in gaps) / len(gaps) == pytest.approx(math.exp(-1), abs=0.02)


def test_the_seed_decides_when_poisson_arrivals_come() -> None:
    one, same, other = (steady(50, 10, "poisson", seed) for seed in (1, 1, 2))
    assert list(one.arrivals()) == list(same.arrivals())
    assert list(one.arrivals()) != list(other.arrivals())


@given(phases, distributions, st.floats(0, 1))
def test_whoever_begins_in_the_middle_sees_the_same_arrivals(
    curve: list[Phase], distribution: Distribution, share: float
) -> None:
    schedule = scheduled(curves.stretches(curve), distribution, seed=5)
    if schedule is None:
        assert all(phase.arrivals is None for phase in curve)
        return
    since = share * schedule.end
    every = list(schedule.arrivals())
    assert list(schedule.arrivals(since)) == [one for one in every if one.position >= since]
    assert Schedule.from_wire(schedule.to_wire()).to_wire() == schedule.to_wire()


@given(phases)
def test_the_number_of_arrivals_is_the_integral_of_the_rate(curve: list[Phase]) -> None:
    schedule = scheduled(curves.stretches(curve))
    if schedule is None:
        return
    end, dues = curves.duration(curve), [one.due for one in schedule.arrivals()]
    assert dues == sorted(dues)
    assert all(0 <= due <= end * (1 + 1e-9) for due in dues)
    steps = 400
    by_hand = sum(
        (curves.arrivals_at(curve, (step + 0.5) * end / steps) or 0.0) * end / steps
        for step in range(steps)
    )
    a_step_at_a_jump = 300 * end / steps
    assert len(dues) == pytest.approx(by_hand, abs=1.5 + len(curve) * a_step_at_a_jump)


@given(phases, st.floats(0, 1))
def test_an_arrival_is_due_when_its_position_is_reached(curve: list[Phase], share: float) -> None:
    schedule = scheduled(curves.stretches(curve))
    if schedule is None or not (position := share * schedule.end) < schedule.end:
        return
    assert schedule.position(schedule.due(position)) == pytest.approx(position, abs=1e-4)


def test_open_phases_are_open_and_the_last_one_stays_so() -> None:
    schedule = schedule_of(RAMPS)
    moments = (-1, 0, 3.9, 4, 6.9, 7, 11, 1e6)
    assert [schedule.is_open(t) for t in moments] == [True] * 3 + [False] * 2 + [True] * 3
    assert [schedule.turn(t) for t in (-1, 0, 4, 7, 9)] == [0, 4, 7, 9, math.inf]


def test_a_phase_of_users_at_the_end_closes() -> None:
    schedule = schedule_of([*RAMPS, Phase("users", 5, 3, 1)])
    assert not schedule.is_open(11)
    assert not schedule.is_open(1e6)


members = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True).map(tuple)


@given(st.lists(st.tuples(st.floats(0, 300), members), max_size=6), members, distributions)
def test_every_arrival_has_one_server_however_members_change(
    changes: list[tuple[float, tuple[str, ...]]],
    first: tuple[str, ...],
    distribution: Distribution,
) -> None:
    schedule = steady(30, 10, distribution, seed=1)
    turns = [Turn(0.0, first), *(Turn(*one) for one in sorted(changes))]
    found = Counter(one for name in "abcd" for one in served(schedule, turns, name, 0.0))
    assert found == Counter(schedule.arrivals())


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("among", [1, 2, 4])
def test_members_share_evenly(among: int, distribution: Distribution) -> None:
    schedule, names = steady(400, 50, distribution, seed=2), "abcd"[:among]
    turns = [Turn(0.0, tuple(names))]
    counts = [sum(1 for _ in served(schedule, turns, name, 0.0)) for name in names]
    whole = sum(1 for _ in schedule.arrivals())
    assert sum(counts) == whole
    assert counts == pytest.approx([whole / among] * among, rel=0.01)


def test_a_change_that_is_announced_ahead_leaves_nothing_out_and_doubles_nothing() -> None:
    """Members take what they serve one by one, and hear of the change at different moments."""
    schedule = steady(100, 4)
    shares = {name: Share(schedule, name) for name in "abc"}
    before, after = Turn(0.0, ("a", "b")), Turn(200.0, ("b", "c"))
    taken: Counter[int] = Counter()

    def serve(name: str, until: float) -> None:
        share = shares[name]
        while share.next is not None and share.next.due < until:
            taken[share.next.number] += 1
            share.take()

    shares["a"].follow([before])
    shares["b"].follow([before])
    serve("a", 1.2)
    shares["a"].follow([before, after])
    serve("b", 1.9)
    shares["b"].follow([before, after])
    shares["c"].follow([before, after])
    for name in "cab":
        serve(name, 4.0)
    assert taken == Counter(range(400))
    assert shares["a"].next is None


def test_who_hears_late_of_a_change_serves_late_what_it_passed() -> None:
    """From 200 on `c` is gone; `a` knows, and `b` goes on as one of three until it comes to 300."""
    schedule = steady(100, 4)
    before, after = Turn(0.0, ("a", "b", "c")), Turn(200.0, ("a", "b"))
    own = [one.number for one in served(schedule, [before, after], "b", 0.0)]
    share = Share(schedule, "b")
    share.follow([before])
    taken: list[int] = []

    def serve(until: float) -> None:
        while share.next is not None and share.next.due < until:
            taken.append(share.next.number)
            share.take()

    serve(3.0)
    passed = [number for number in own if number < 300 and number not in taken]
    assert len(passed) > 30
    share.follow([before, after])
    serve(4.0)
    assert [number for number in taken if number in passed] == passed
    assert taken[100 : 100 + len(passed)] == passed
    assert set(own) <= set(taken)
    assert len(taken) == len(set(taken))
