"""The curve of users over time: what it is at its corners, and what it is everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet import config, curves
from gauntlet.curves import Phase
from gauntlet.systems import SYSTEMS

PREDICT = SYSTEMS["predict"]

rates = st.floats(0.01, 1000)
phases = st.lists(
    st.builds(Phase, st.just("phase"), st.floats(0.001, 3600), st.integers(0, 10_000), rates),
    min_size=1,
    max_size=8,
).map(tuple)
shares = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("profile", "corners"),
    [
        pytest.param("smoke", {0: 0, 1: 1, 4.9: 5, 5: 5, 29.999: 5, 30: None}, id="smoke"),
        pytest.param("quick", {0: 0, 1: 2, 5: 10, 59.999: 10, 60: None}, id="quick"),
        pytest.param("standard", {0: 0, 1: 5, 4: 20, 299.999: 20, 300: None}, id="standard"),
        pytest.param("load", {0: 0, 1: 5, 5: 25, 10: 50, 599.999: 50, 600: None}, id="load"),
        pytest.param(
            "spike",
            {0: 0, 0.1: 5, 0.2: 10, 19.999: 10, 20: 10, 21: 60, 21.8: 100, 59.999: 100}
            | {60: 100, 61: 50, 61.8: 10, 119.999: 10, 120: None},
            id="spike",
        ),
        pytest.param("endurance", {0: 0, 1: 2, 10: 20, 1799.999: 20, 1800: None}, id="endurance"),
        pytest.param(
            "stress",
            {0: 0, 1: 10, 2.5: 25, 179.999: 25, 180: 25, 181: 35, 182.5: 50, 359.999: 50}
            | {360: 50, 362.5: 75, 539.999: 75, 540: 75, 542.5: 100, 899.999: 100, 900: None},
            id="stress",
        ),
    ],
)
def test_a_shipped_profile_has_these_corners(
    profile: str, corners: dict[float, int | None]
) -> None:
    curve = config.load_profile(profile, PREDICT).curve
    assert {t: curves.users_at(curve, t) for t in corners} == corners


UP_AND_DOWN = (Phase("up", 10, 20, 2), Phase("down", 10, 5, 5), Phase("short", 2, 50, 10))


@pytest.mark.parametrize(
    ("elapsed", "users"),
    [
        pytest.param(-1, 0, id="before the start"),
        pytest.param(0, 0, id="at the start"),
        pytest.param(2.5, 5, id="on the way up"),
        pytest.param(10, 20, id="at the end of a ramp that just fits"),
        pytest.param(11, 15, id="on the way down"),
        pytest.param(13, 5, id="down"),
        pytest.param(19.9, 5, id="held"),
        pytest.param(21, 15, id="up again"),
        pytest.param(21.999, 25, id="cut off by the end"),
        pytest.param(22, None, id="at the end"),
        pytest.param(1e9, None, id="long after it"),
    ],
)
def test_users_move_to_each_phase_and_hold(elapsed: float, users: int | None) -> None:
    assert curves.users_at(UP_AND_DOWN, elapsed) == users


def test_the_next_phase_goes_on_from_what_was_reached() -> None:
    short = (Phase("too short", 2, 100, 10), Phase("next", 10, 30, 10))
    assert [curves.users_at(short, t) for t in (1, 2, 2.5, 3, 11)] == [10, 20, 25, 30, 30]


def test_a_phase_of_no_length_changes_nothing() -> None:
    with_nothing = (UP_AND_DOWN[0], Phase("nothing", 0, 1000, 1000), *UP_AND_DOWN[1:])
    for tenth in range(230):
        elapsed = tenth / 10
        assert curves.users_at(with_nothing, elapsed) == curves.users_at(UP_AND_DOWN, elapsed)


@pytest.mark.parametrize(
    ("elapsed", "name"),
    [(0, "up"), (9.999, "up"), (10, "down"), (20, "short"), (21.999, "short"), (22, None)],
)
def test_a_moment_belongs_to_one_phase(elapsed: float, name: str | None) -> None:
    stretch = curves.stretch_at(UP_AND_DOWN, elapsed)
    assert (stretch.name if stretch else None) == name


def test_phases_lie_end_to_end() -> None:
    assert [(s.name, s.start, s.end, s.begin, s.goal) for s in curves.stretches(UP_AND_DOWN)] == [
        ("up", 0.0, 10.0, 0.0, 20),
        ("down", 10.0, 20.0, 20.0, 5),
        ("short", 20.0, 22.0, 5.0, 50),
    ]


@pytest.mark.parametrize(
    ("phases", "peak"),
    [
        pytest.param(UP_AND_DOWN, 25, id="the last phase reaches most"),
        pytest.param((Phase("a", 10, 20, 2), Phase("b", 10, 5, 5)), 20, id="the first does"),
        pytest.param((Phase("a", 2, 100, 10),), 20, id="a goal that is not reached does not count"),
        pytest.param((Phase("a", 60, 0, 10),), 0, id="no users at all"),
        pytest.param((), 0, id="no phases"),
    ],
)
def test_the_peak_is_what_is_reached(phases: tuple[Phase, ...], peak: int) -> None:
    assert curves.peak(phases) == peak


@given(phases, shares)
def test_the_curve_is_never_above_its_peak_nor_below_zero(
    phases: tuple[Phase, ...], share: float
) -> None:
    users = curves.users_at(phases, share * curves.duration(phases))
    assert users is None or 0 <= users <= curves.peak(phases)


@given(phases)
def test_the_curve_ends_exactly_at_its_duration(phases: tuple[Phase, ...]) -> None:
    end = curves.duration(phases)
    assert curves.users_at(phases, end) is None
    assert curves.users_at(phases, end * (1 - 1e-12)) is not None


@given(phases, shares, st.floats(0, 10))
def test_the_curve_never_moves_faster_than_its_rate(
    phases: tuple[Phase, ...], share: float, step: float
) -> None:
    end = curves.duration(phases)
    one, other = share * end, min(share * end + step, end * (1 - 1e-9))
    before, after = curves.users_at(phases, one), curves.users_at(phases, other)
    assert before is not None and after is not None
    fastest = max(phase.rate for phase in phases)
    assert abs(after - before) <= fastest * abs(other - one) * (1 + 1e-9) + 1  # 1: whole users


@given(phases)
def test_the_curve_has_no_step_between_phases(phases: tuple[Phase, ...]) -> None:
    laid = list(curves.stretches(phases))
    for one, other in zip(laid, laid[1:], strict=False):
        assert one.end == other.start
        assert one.users_at(one.end) == other.users_at(other.start) == other.begin
