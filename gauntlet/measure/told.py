"""What a target told of itself over time, in bounded memory. Pure.

    told = Told([parse_selector("process_*")])
    told.add(12.0, samples(text, told.selectors))
    told.miss(13.0)
    told.figure(selector, "slope", "<", window=(10.0, 60.0))

Times are seconds of one clock. Series of rules are kept first; of the others as many as there is
room for. At `TIMELINE` scrapes every other one is dropped, then only every second one is kept, and
so on.
"""

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from gauntlet import target_rules
from gauntlet.target_rules import Selector, series_name

TIMELINE = 3600
"""Most scrapes kept."""
SERIES = 100
"""Most series kept that no rule is about."""
RULED = 1000
"""Most series kept that rules are about."""
LINES = 2000
"""Most lines looked at that no rule is about: parsing stops everything else in the process."""
POINTS = 600
"""Most points of a series in a record."""
COVERED = 0.5
"""The share of scrapes that must have succeeded for a figure to mean anything."""

_NAME = re.compile(r"[A-Za-z_:][\w:]*")
_PARTS = re.compile(r"(?:_bucket|_created)$")
"""Of histograms and their like: too many to keep unasked."""


class Sample(NamedTuple):
    """One value that was told."""

    name: str
    labels: Mapping[str, str]
    value: float


def samples(text: str, selectors: Sequence[Selector]) -> list[Sample]:
    """The finite values of an exposition that may be kept; ValueError where it is none."""
    lines, others = [], 0
    # A label may hold what Python also takes for the end of a line; blanks before a line are legal.
    for line in map(str.strip, text.split("\n")):
        match = _NAME.match(line)
        if match is None:
            if line and not line.startswith("#"):
                raise ValueError("expected lines in Prometheus's text format, got others")
            continue
        if not any(one.may_mean(match[0]) for one in selectors):
            others += 1
            if others > LINES or _PARTS.search(match[0]):
                continue
        lines.append(line)
    families = text_string_to_metric_families("\n".join(lines) + "\n")
    try:
        return [
            Sample(one.name, one.labels, float(one.value))
            for family in families
            for one in family.samples
            if math.isfinite(one.value)
        ]
    except IndexError:  # what the library says of some braces
        raise ValueError("expected lines in Prometheus's text format, got others") from None


class _Series:
    def __init__(self, sample: Sample, missed: int) -> None:
        self.name, self.labels = sample.name, dict(sample.labels)
        self.values = array("d", [math.nan]) * missed


class Told:
    """The series of one target; `label` tells it from the other targets of a run."""

    def __init__(self, selectors: Sequence[Selector] = (), label: str = "") -> None:
        self.selectors = tuple(selectors)
        self.scrapes = self.failed = 0
        self._label = {"target": label} if label else {}
        self._times, self._good = array("d"), array("b")
        self._series: dict[str, _Series] = {}
        self._unkept: set[Selector] = set()
        self._unruled = 0
        self._stride = 1

    def add(self, t: float, told: Iterable[Sample]) -> None:
        """Take in a scrape that succeeded."""
        if self._begin(t, True):
            known = len(self._times) - 1
            for sample in told:
                series = self._find(sample, known)
                if series is not None and len(series.values) == known:
                    series.values.append(sample.value)
            self._close()

    def miss(self, t: float) -> None:
        """Take note of a scrape that failed."""
        self.failed += 1
        if self._begin(t, False):
            self._close()

    def figure(
        self, selector: Selector, stat: str, op: str, window: tuple[float, float]
    ) -> tuple[float | None, int]:
        """A rule's figure within `window`, and how many values it is made from.

        None where there are none, or where most scrapes failed.
        """
        inside = self._inside(window)
        if not self._covers(inside):
            return None, 0
        matching = (s for s in self._series.values() if selector.matches(s.name, s.labels))
        points = self._counted if stat == "rate" else self._points
        return target_rules.worst(stat, op, (points(s, inside) for s in matching))

    def withholds(self, selector: Selector, window: tuple[float, float]) -> bool:
        """Whether most scrapes failed of what may have told series that a selector means."""
        labels = tuple(one for one in selector.labels if one[0] in self._label)
        meant = Selector("", labels).matches("", self._label)
        return meant and not self._covers(self._inside(window))

    def ignores(self, selector: Selector) -> bool:
        """Whether a rule's selector meant series for which there was no room."""
        return selector in self._unkept

    def series(self, since: float) -> Iterator[tuple[str, list[tuple[float, float]]]]:
        """Every series with its points from `since` on, which becomes their 0, at most `POINTS`.

        What was 0 all the time is left out unless a rule is about it.
        """
        inside = [at for at, t in enumerate(self._times) if t >= since]
        kept = inside[:: max(1, math.ceil(len(inside) / POINTS))]
        for series in self._series.values():
            points = self._points(series, kept)
            if any(value for _, value in points) or (points and self._ruled(series.name)):
                yield (
                    series_name(series.name, series.labels),
                    [(round(t - since, 3), value) for t, value in points],
                )

    def _inside(self, window: tuple[float, float]) -> list[int]:
        return [at for at, t in enumerate(self._times) if window[0] <= t <= window[1]]

    def _covers(self, inside: Sequence[int]) -> bool:
        return bool(inside) and sum(self._good[at] for at in inside) >= COVERED * len(inside)

    def _points(self, series: _Series, at: Iterable[int]) -> list[tuple[float, float]]:
        pairs = ((self._times[one], series.values[one]) for one in at)
        return [pair for pair in pairs if not math.isnan(pair[1])]

    def _counted(self, series: _Series, at: Sequence[int]) -> list[tuple[float, float]]:
        """The points of a counter: one with labels is told from its first event on, and was 0."""
        points = self._points(series, at)
        missing = [one for one in at if points and self._times[one] < points[0][0]]
        before = [(self._times[one], 0.0) for one in missing if self._good[one]]
        return before[-1:] + points

    def _ruled(self, name: str) -> bool:
        return any(one.may_mean(name) for one in self.selectors)

    def _begin(self, t: float, good: bool) -> bool:
        """Whether this scrape is one of those that are kept."""
        self.scrapes += 1
        if (self.scrapes - 1) % self._stride:
            return False
        self._times.append(t)
        self._good.append(good)
        return True

    def _close(self) -> None:
        for series in self._series.values():
            if len(series.values) < len(self._times):
                series.values.append(math.nan)
        if len(self._times) >= TIMELINE:
            self._times, self._good = self._times[::2], self._good[::2]
            for series in self._series.values():
                series.values = series.values[::2]
            self._stride *= 2

    def _find(self, sample: Sample, known: int) -> _Series | None:
        labels = {**sample.labels, **self._label}
        name = series_name(sample.name, labels)
        if name in self._series:
            return self._series[name]
        ruled = [one for one in self.selectors if one.matches(sample.name, labels)]
        room = RULED + SERIES - len(self._series) if ruled else SERIES - self._unruled
        if room <= 0:
            self._unkept.update(ruled)
            return None
        self._unruled += not ruled
        self._series[name] = _Series(Sample(sample.name, labels, sample.value), known)
        return self._series[name]
