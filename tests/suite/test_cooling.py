"""Waiting for a target to come to rest, on a clock of the test's own."""

from collections.abc import Sequence

import pytest

from gauntlet.suite.cooling import cool_down
from gauntlet.suite.state import Cooling


class Clock:
    """Time passes only where somebody sleeps."""

    def __init__(self, latencies: Sequence[float | None]) -> None:
        self.now = 100.0
        self.asked: list[float] = []
        self._latencies = iter(latencies)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def response_ms(self) -> float | None:
        self.asked.append(self.now - 100)
        return next(self._latencies)


def wait(latencies: Sequence[float | None], least: float, most: float) -> tuple[Cooling, Clock]:
    clock = Clock(latencies)
    told = cool_down(20.0, least, most, clock.response_ms, lambda: clock.now, clock.sleep)
    return told, clock


def test_the_least_time_is_waited_even_if_the_target_is_at_rest() -> None:
    told, clock = wait([20.0], least=10, most=120)
    assert (told.seconds, told.cooled, clock.asked) == (10, True, [10])


def test_it_ends_as_soon_as_the_response_time_is_back() -> None:
    told, _ = wait([900.0, None, 36.0, 35.0], least=2, most=120)
    assert (told.seconds, told.cooled, told.last_ms) == (5, True, 35.0)


@pytest.mark.parametrize("never", [pytest.param(80.0, id="late"), pytest.param(None, id="wrong")])
def test_it_goes_on_after_the_longest_time(never: float | None) -> None:
    told, _ = wait([never] * 100, least=3, most=9)
    assert (told.seconds, told.cooled) == (9, False)
