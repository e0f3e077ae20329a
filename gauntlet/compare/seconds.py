"""The seconds of a run as arrays: what one endpoint did in each second of one phase. Pure.

Several runs lie on one grid of response times, so that their counts can be weighed and added.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gauntlet.report.record import RunRecord, Slice

_BULK, _TAIL = 128, 128
"""Steps of the grid: over all requests, and once more over the slowest fifth."""
MOST_SECONDS = 600
"""Most rows; of a longer phase neighbours are put together."""

Floats = NDArray[np.float64]


class Place(NamedTuple):
    """What is compared: one endpoint in one phase."""

    method: str
    name: str
    phase: str


@dataclass(frozen=True)
class Seconds:
    """One run's rows: `counts[second, value]`, requests and failures of each second."""

    counts: NDArray[np.float32]
    requests: Floats
    failures: Floats
    width: float
    """Seconds that a row stands for."""


def places(records: Iterable[RunRecord]) -> list[Place]:
    """Every endpoint and phase of the runs, in the order of their names, phases as they came."""
    phases: dict[str, None] = {}
    found: set[Place] = set()
    for record in records:
        for part in record.slices:
            phases.setdefault(part.phase)
            found.add(Place(part.method, part.name, part.phase))
    order = list(phases)
    return sorted(found, key=lambda one: (one.name, one.method, order.index(one.phase)))


def seconds(place: Place, records: Sequence[RunRecord]) -> tuple[Floats, list[Seconds | None]]:
    """The grid in microseconds and each run's rows of a place; None for a run without it.

    Column `i` counts what lies above `grid[i]` and up to `grid[i + 1]`.
    """
    own = [[one for one in record.slices if _place(one) == place] for record in records]
    laid = [_laid(parts) for parts in own]
    grid = _grid(np.concatenate(laid))
    return grid, [
        _rows(parts, pairs, record.slices, grid) if parts else None
        for parts, pairs, record in zip(own, laid, records, strict=True)
    ]


def _laid(parts: Sequence[Slice]) -> NDArray[np.int64]:
    """All counts of slices as one table of value and requests."""
    flat = np.fromiter(chain.from_iterable(part.counts for part in parts), dtype=np.int64)
    return flat.reshape(-1, 2)


def _place(part: Slice) -> Place:
    return Place(part.method, part.name, part.phase)


def _grid(laid: NDArray[np.int64]) -> Floats:
    """Steps that are narrow where requests are many, and in the tail."""
    if not len(laid):
        return np.array([0.5, 1.0])
    values, at = np.unique(laid[:, 0], return_inverse=True)
    share = np.bincount(at, weights=laid[:, 1]).cumsum()
    share /= share[-1]
    wanted = [np.linspace(0, 1, _BULK), 1 - np.geomspace(0.2, 1e-5, _TAIL)]
    steps = values[np.searchsorted(share, np.concatenate(wanted)).clip(max=len(values) - 1)]
    edges = np.unique(np.append(steps, values[-1])).astype(np.float64)
    return np.concatenate([[max(edges[0] - 1, 0.5)], edges])


def _rows(
    parts: Sequence[Slice], laid: NDArray[np.int64], every: Sequence[Slice], grid: Floats
) -> Seconds:
    """Rows from the phase's first second to its last; where nothing ended, a row of zeros.

    A second that two phases share is whole in neither, so it is left out where others remain.
    """
    phase, width = parts[0].phase, max(part.seconds for part in parts)
    slots: dict[int, set[str]] = defaultdict(set)
    for part in every:
        slots[_slot(part, width)].add(part.phase)
    own = sorted(at for at, phases in slots.items() if phase in phases)
    first, last = own[0], own[-1]
    if len(slots[first]) > 1 and first < last:
        first += 1
    if len(slots[last]) > 1 and first < last:
        last -= 1
    count, size = last - first + 1, len(grid) - 1
    rows = np.array([_slot(part, width) for part in parts]) - first
    steps = (np.searchsorted(grid, laid[:, 0]) - 1).clip(min=0)
    at = np.repeat(rows, [len(part.counts) // 2 for part in parts])
    inside, whole = (at >= 0) & (at < count), (rows >= 0) & (rows < count)
    cells = (at * size + steps)[inside]
    counts = np.bincount(cells, laid[inside, 1], count * size).astype(np.float32)
    requests, failures = (
        np.bincount(rows[whole], np.array(figures)[whole], count).astype(np.float64)
        for figures in ([one.requests for one in parts], [one.failures for one in parts])
    )
    return _shortened(Seconds(counts.reshape(count, size), requests, failures, width))


def _slot(part: Slice, width: float) -> int:
    """Which slice of time it is; they begin at full seconds of the clock, not of the run."""
    return math.floor(part.t / width + 1e-3)


def _shortened(rows: Seconds) -> Seconds:
    """At most MOST_SECONDS rows; what is left over at the end of a long phase goes."""
    by = -(-len(rows.requests) // MOST_SECONDS)
    if by == 1:
        return rows
    count = len(rows.requests) // by
    cut = [
        one[: count * by].reshape(count, by, *one.shape[1:]).sum(axis=1)
        for one in (rows.counts, rows.requests, rows.failures)
    ]
    return Seconds(cut[0], cut[1], cut[2], rows.width * by)
