"""The timeline of a run: bounded, whole, and never out of step with the load."""

import pytest

from gauntlet.report.record import Moment
from gauntlet.timeline import TIMELINE, Timeline


def kept(seconds: int) -> list[float]:
    """Which of the moments 0, 1, 2 … a timeline keeps."""
    timeline = Timeline()
    for t in range(seconds):
        timeline.add(Moment(t=t, users=1, requests=t, failures=0))
    return [moment.t for moment in timeline.moments]


@pytest.mark.parametrize("seconds", [0, 1, 30, TIMELINE - 1])
def test_a_run_of_under_an_hour_keeps_every_second(seconds: int) -> None:
    assert kept(seconds) == list(range(seconds))


@pytest.mark.parametrize(("hours", "stride"), [(1, 2), (2, 4), (3, 4), (12, 16), (24, 32)])
def test_a_long_run_keeps_a_bounded_number_from_start_to_end(hours: int, stride: int) -> None:
    seconds = hours * 3600
    moments = kept(seconds)
    assert TIMELINE / 2 - 1 <= len(moments) <= TIMELINE
    assert moments[0] == 0
    gaps = [after - before for before, after in zip(moments, moments[1:], strict=False)]
    assert min(gaps) == stride
    assert max(gaps) < 2 * stride
    assert seconds - moments[-1] <= 2 * stride


def test_the_peak_outlasts_the_moment_that_had_it() -> None:
    timeline = Timeline()
    for t in range(TIMELINE + 1):
        timeline.add(Moment(t=t, users=9 if t == 1 else 1, requests=t, failures=0))
    assert (timeline.peak, max(moment.users for moment in timeline.moments)) == (9, 1)


def test_two_timelines_share_nothing() -> None:
    one, other = Timeline(), Timeline()
    one.add(Moment(t=0, users=0, requests=0, failures=0))
    assert other.moments == ()


def test_a_moment_comes_back_as_it_was() -> None:
    timeline = Timeline()
    full = Moment(
        t=0.125, users=3, requests=2**40, failures=1, wanted=7.5, waiting=4, dropped=2, cpu=99.5
    )
    bare = Moment(t=1.0, users=0, requests=0, failures=0)
    timeline.add(full)
    timeline.add(bare)
    assert timeline.moments == (full, bare)
