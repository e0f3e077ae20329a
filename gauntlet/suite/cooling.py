"""Waits between two steps until the target is at rest again, as a light call tells."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Self

from gauntlet.children import START_S, Child
from gauntlet.errors import TargetUnreachable
from gauntlet.suite.state import Cooling
from gauntlet.systems import System

CALLS = 5
"""Calls of which the median counts."""
FACTOR, ROOM_MS = 1.5, 5.0
"""At rest: at most so many times the baseline, and so much more."""
PAUSE_S = 1.0
CALL_S = 120.0
"""A call gives up by itself before that."""


class Probe:
    """A process that makes one light call when asked."""

    def __init__(self, system: System, locustfile: str, options: Sequence[str], **variables: str):
        arguments = [locustfile, "--", *system.probe, *options]
        self._child = Child("the probe", "gauntlet.suite.probe", *arguments, variables=variables)
        try:
            self._child.line(START_S)
        except BaseException:
            self._child.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.end()

    def response_ms(self) -> float | None:
        """Of the median call; None where an answer was not right."""
        seconds = []
        for _ in range(CALLS):
            self._child.say("")
            answer = self._child.line(CALL_S)
            if answer == "wrong":
                return None
            seconds.append(float(answer))
        return median(seconds) * 1000

    def baseline_ms(self) -> float:
        """The response time at rest, after a first round that opens what has to be opened."""
        self.response_ms()
        found = self.response_ms()
        if found is None:
            raise TargetUnreachable("the probe: expected a right answer before the load, got none")
        return found


def cool_down(
    baseline_ms: float,
    least: float,
    most: float,
    response_ms: Callable[[], float | None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Cooling:
    """Wait at least `least` seconds, then until response times are back, `most` seconds in all."""
    began = clock()
    sleep(least)
    limit = baseline_ms * FACTOR + ROOM_MS
    while True:
        found = response_ms()
        passed = clock() - began
        cooled = found is not None and found <= limit
        if cooled or passed + PAUSE_S > most:
            return Cooling(
                seconds=round(passed, 3),
                baseline_ms=round(baseline_ms, 3),
                last_ms=-1.0 if found is None else round(found, 3),
                cooled=cooled,
            )
        sleep(PAUSE_S)
