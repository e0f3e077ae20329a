"""The line of progress, and its bar where iterations are counted."""

import pytest

from gauntlet.report import progress
from gauntlet.report.record import Moment
from gauntlet.verdict import Tally

MOMENT = Moment(t=4.2, users=5, requests=42, failures=1)


def test_a_run_without_a_plan_shows_time_users_and_requests() -> None:
    assert progress.line(MOMENT, None, None) == "4s · 5 users · 42 requests · 1 failed"


def test_counted_iterations_show_a_bar_and_a_rate() -> None:
    line = progress.line(MOMENT, None, None, Tally(total=80, done=40, lost=0))
    bar, _, rest = line.partition(" 40/80 · ")
    assert bar == "━" * 12 + " " * 12
    assert rest == "10.0 requests/s · 4s · 5 users · 42 requests · 1 failed"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_a_bar_always_takes_its_room(share: float) -> None:
    assert len(progress.bar(share)) == 24


def test_arrivals_that_wait_or_were_dropped_are_told() -> None:
    moment = Moment(t=0.1, users=60, requests=9, failures=0, waiting=12, dropped=3)
    line = progress.line(moment, 30.0, None)
    assert line == "0s of 30s · 60 users · 9 requests · 0 failed · 12 waiting · 3 dropped"
