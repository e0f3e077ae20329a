"""Rules over windows of time, judged as the run goes: exact to the second however long it is. Pure.

    p95 < 2s over 10s        the worst of the windows [s, s + 10), s = 0, 1, 2 … of the run or phase
    recovers("p95 < 2s")     the first s from which on every window holds, counted from the start

A window's figures are those of all requests that ended in it. One without any has no percentile and
is left out, but counts as 0 for `rps`, `requests` and `failures`, and as broken for `recovers`. A
run begins and ends within a second: a rate, or a count that is to be high, is judged in the windows
that lie within it as a whole, and where none does, in the one that shares most seconds with it. A
rate is over the seconds they share; a run or phase shorter than its window is one window.

Workers report every few seconds, so a window is judged when it is `lag` seconds old. What comes
later still judges it again, for `KEPT_S` seconds; after that it counts into the oldest second
that is still open.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gauntlet.measure.series import Key, Series
from gauntlet.thresholds import Threshold, holds, samples_of, value_of

WINDOW_S = 10
"""Of `recovers`, where its inner rule names none."""

KEPT_S = 30
EMPTY_IS_ZERO = ("rps", "requests", "failures")


class Span(NamedTuple):
    """From when to when a run or a phase goes, in Unix seconds."""

    start: float
    end: float


Spans = Callable[[Threshold], Span | None]
"""The span that a rule judges; None where it has not begun."""


class Windows:
    """All windowed rules of a run; a `Watcher` of the recorder."""

    def __init__(self, rules: Sequence[Threshold], spans: Spans) -> None:
        self._spans = spans
        self._rules = [rule for rule in rules if rule.windowed]
        self.clear()

    def clear(self) -> None:
        """Forget what was measured."""
        self._sliding = {rule: _Sliding(rule) for rule in self._rules}

    def add(self, key: Key, second: int, part: Series) -> None:
        """Take note of what ended in a second."""
        for rule, sliding in self._sliding.items():
            span = self._spans(rule)
            if span is not None and sliding.wants(key):
                sliding.add(max(second, math.floor(span.start)), part)

    def judge(self, until: float) -> None:
        """Judge what is over; its seconds need be kept no longer. To be called every second."""
        for rule in self._rules:
            self.figure(rule, until, final=False)

    def figure(self, rule: Threshold, until: float, final: bool) -> tuple[float | None, int]:
        """The rule's value, and the requests of its fullest window; `until` [Unix s] all is in."""
        span = self._spans(rule)
        if span is None:
            return None, 0
        return self._sliding[rule].figure(span, until, final)


class _Sliding:
    """One rule's seconds and windows."""

    def __init__(self, rule: Threshold) -> None:
        self._rule = rule
        self._judged = rule.inner or rule
        self._size = self._judged.over or WINDOW_S
        self._seconds: dict[int, Series] = {}
        self._values: dict[int, float | None] = {}
        self._worst: float | None = None
        self._bad: int | None = None
        self._open = -math.inf
        """Windows that begin before this second are judged for good."""
        self._most = 0
        metric = self._judged.metric
        counts_up = metric in EMPTY_IS_ZERO and self._judged.op.startswith(">")
        self._whole = (metric == "rps" or counts_up) and not rule.inner
        """Whether a part of a window says less than the whole."""

    def wants(self, key: Key) -> bool:
        phase = self._rule.phase
        return self._judged.matches(key) and (phase is None or key.phase == phase)

    def add(self, second: int, part: Series) -> None:
        second = int(max(second, self._open))
        self._seconds.setdefault(second, Series()).merge(part)
        for start in range(second - self._size + 1, second + 1):
            self._values.pop(start, None)

    def figure(self, span: Span, until: float, final: bool) -> tuple[float | None, int]:
        first, last = math.floor(span.start), self._last(span, until, final)
        starts = range(int(max(first, self._open)), last - self._size + 1)
        if final and last - first < self._size:
            starts = range(first, first + 1)
        for start in starts:
            if start not in self._values:
                self._values[start] = self._value(start, span)
        if not self._most:
            return None, 0
        if final and self._whole and self._find_worst() is None:
            most = max(starts, key=lambda start: self._shared(start, span))
            self._values[most] = self._value(most, span, partly=True)
        value = self._recovery(first, last, final) if self._rule.inner else self._find_worst()
        self._close(last - self._size - KEPT_S)
        return value, self._most

    def _last(self, span: Span, until: float, final: bool) -> int:
        """The second before which windows end."""
        if self._judged.metric in EMPTY_IS_ZERO or self._rule.inner:
            return math.ceil(span.end) if final else math.floor(min(until, span.end))
        heard = max(self._seconds, default=math.floor(span.start)) + 1
        return max(math.ceil(span.end), heard) if final else math.floor(min(until, heard))

    def _shared(self, start: int, span: Span) -> float:
        """Seconds that a window shares with the run or phase."""
        return max(min(start + self._size, span.end) - max(start, span.start), 0.0)

    def _value(self, start: int, span: Span, partly: bool = False) -> float | None:
        seconds = range(start, start + self._size)
        found = (self._seconds[one] for one in seconds if one in self._seconds)
        window = Series.merged(found)
        samples = samples_of(self._judged, window)
        self._most = max(self._most, samples)
        shared = self._shared(start, span)
        if self._whole and shared < self._size and not partly:
            return None
        if self._judged.metric == "rps":
            return window.requests / shared if shared > 0 else None
        if not samples and self._judged.metric not in EMPTY_IS_ZERO:
            return None
        return value_of(self._judged, window)

    def _find_worst(self) -> float | None:
        known = [value for value in self._values.values() if value is not None]
        known += [] if self._worst is None else [self._worst]
        return (min if self._rule.op.startswith(">") else max)(known) if known else None

    def _recovery(self, first: int, last: int, final: bool) -> float:
        """Seconds from the start to the last window that did not hold; infinite where it lasts."""
        bad = self._last_bad()
        if bad is None:
            return 0.0
        newest = max(self._values, default=bad)
        if bad < newest:
            return float(bad + 1 - first)
        return math.inf if final else float(last - first)

    def _last_bad(self) -> int | None:
        bad = [start for start, value in self._values.items() if not self._held(value)]
        return max(bad, default=self._bad)

    def _held(self, value: float | None) -> bool:
        return value is not None and holds(self._judged, value)

    def _close(self, before: int) -> None:
        """Judge for good what begins before a second, and let go of what only that needed."""
        old = [start for start in self._values if start < before]
        if not old:
            return
        self._worst, self._bad = self._find_worst(), self._last_bad()
        for start in old:
            del self._values[start]
        self._open = before
        for second in [one for one in self._seconds if one < before]:
            del self._seconds[second]
