"""What slices say over time: columns of equal width, each with its requests and times. Pure.

A record has up to some hundred slices per endpoint, wider ones where the run was longer. Here they
are laid on one grid of columns, for one endpoint or for all.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gauntlet.report.record import RunRecord, Slice

MOST = 600
"""Columns of a chart; wider than most screens are in points."""

EARLY_S = 5.0
"""Until then a phase that has requests first is taken for the first of the run."""

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]


class Span(NamedTuple):
    """A phase on the time axis, in seconds since the start."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True)
class Columns:
    """Slices of some endpoints by column: requests, failures, and each time with its number.

    `column`, `us` and `number` are parallel, ordered by column and then by time.
    """

    width: float
    requests: Whole
    failures: Whole
    column: Whole
    us: Whole
    number: Whole

    @property
    def middles(self) -> Floats:
        """The moments in the middle of the columns."""
        middles: Floats = (np.arange(len(self.requests), dtype=np.float64) + 0.5) * self.width
        return middles

    def percentiles_ms(self, quantile: float) -> list[float | None]:
        """The percentile (0 to 100) of each column; None where it has no request."""
        found: list[float | None] = [None] * len(self.requests)
        starts = np.searchsorted(self.column, np.arange(len(self.requests) + 1))
        for index, (begin, end) in enumerate(zip(starts, starts[1:], strict=False)):
            if begin < end:
                reached = np.cumsum(self.number[begin:end])
                rank = max(math.ceil(quantile * int(reached[-1]) / 100), 1)
                found[index] = float(self.us[begin + np.searchsorted(reached, rank)]) / 1000
        return found


def lay(slices: Sequence[Slice], end: float) -> Columns:
    """Slices on one grid from 0 to `end` seconds, as fine as the widest of them allows."""
    widest = max((one.seconds for one in slices), default=1.0)
    width = max(widest, end / MOST, 0.1)
    columns = max(math.ceil(end / width - 1e-6), 1)
    # By their middles: slices begin with seconds of the clock, columns with the load.
    middles = [(one.t + one.seconds / 2) / width for one in slices]
    places = [min(max(int(one), 0), columns - 1) for one in middles]
    requests, failures = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
    for place, one in zip(places, slices, strict=True):
        requests[place] += one.requests
        failures[place] += one.failures
    pairs = _joined(np.asarray(one.counts, np.int64).reshape(-1, 2) for one in slices)
    column = np.repeat(
        np.asarray(places, np.int64), [len(one.counts) // 2 for one in slices]
    ).astype(np.int64)
    order = np.lexsort((pairs[:, 0], column))
    return Columns(width, requests, failures, column[order], pairs[order, 0], pairs[order, 1])


def phases(record: RunRecord) -> list[Span]:
    """When each phase was on, as the slices tell; a phase goes on until the next one begins."""
    seen: dict[str, tuple[float, float]] = {}
    for one in record.slices:
        if one.phase:
            first, last = seen.get(one.phase, (one.t, one.t))
            seen[one.phase] = min(first, one.t), max(last, one.t)
    # A slice is as short as a second: two phases may begin in the same, the shorter one first.
    names = sorted(seen, key=seen.__getitem__)
    begins = [seen[name][0] for name in names]
    if begins and begins[0] < EARLY_S:
        begins[0] = 0.0  # nothing ends in a run's first moments, but its first phase is on
    ends = [*begins[1:], end_of(record)][: len(begins)]
    return [Span(*span) for span in zip(names, begins, ends, strict=True)]


def end_of(record: RunRecord) -> float:
    """Seconds that the time axis is long."""
    last = max((one.t + one.seconds for one in record.slices), default=0.0)
    moment = record.timeline[-1].t if record.timeline else 0.0
    return max(record.duration, last, moment, 1.0)


def _joined(parts: Iterable[Whole]) -> Whole:
    found = list(parts)
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)
