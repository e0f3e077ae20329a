"""What every endpoint did second by second, in bounded memory.

    (method, name, phase) x second in which a request ended  ->  a series

The second is that of the Unix clock. A second may come in parts, from several workers and in
several reports: adding them up is all there is to do. What is kept stays bounded however long the
run is and whatever it asks for: beyond `MOST_COST` the steps of the response times get coarser
(`COARSE_BITS`, 1.6 % to either side), then, as beyond `MOST_SECONDS`, slices twice as wide take in
two neighbours each. Old slices move over a few at a time, so that no request waits for it.
"""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from gauntlet.measure.series import LARGEST, Counts, Floats, Key, Numbers, Series

MOST_SECONDS = 600
"""Different slices of time."""

MOST_COST = 600_000
"""Steps of response times in all slices together, and `SLICE_COST` for each slice: some 4 MB."""

SLICE_COST = 12
COARSE_BITS = 6
MOVES = 20
"""Old slices that move over with every new part."""

Cell = tuple[Key, int]


class Slices:
    """Series by endpoint, phase and slice of time, `width` seconds wide."""

    def __init__(self) -> None:
        self.width = 1
        self._coarse = False
        self._cells: dict[Cell, Series] = {}
        self._old: dict[Cell, Series] = {}
        self._seconds: set[int] = set()
        self._cost = 0

    def add(self, key: Key, second: int, part: Series) -> None:
        """Take over what ended in a second; to bound the number of keys is the caller's part."""
        self._put(key._replace(server="") if key.server else key, second, part)
        self._move(MOVES)
        if len(self._seconds) > MOST_SECONDS or self._cost > MOST_COST:
            self._move(len(self._old))
            if len(self._seconds) > MOST_SECONDS or self._cost > MOST_COST:
                self._shrink()

    def items(self) -> list[tuple[Key, int, Series]]:
        """Every slice with the second that it begins at, in order of time."""
        self._move(len(self._old))
        found = [(key, second, series) for (key, second), series in self._cells.items()]
        return sorted(found, key=lambda one: (one[1], one[0]))

    def _put(self, key: Key, second: int, part: Series) -> None:
        second = second // self.width * self.width
        cell = self._cells.get((key, second))
        before = len(cell.counts) if cell else 0
        if cell is None:
            self._cells[key, second] = cell = part
            self._seconds.add(second)
            self._cost += SLICE_COST
        else:
            cell.merge(part)
        if self._coarse:
            cell.counts, cell.moved = coarse(cell.counts), coarse(cell.moved)
        self._cost += len(cell.counts) - before

    def _move(self, most: int) -> None:
        for _ in range(min(most, len(self._old))):
            (key, second), series = self._old.popitem()
            self._put(key, second, series)

    def _shrink(self) -> None:
        """Begin to move everything into coarser steps, or where they are, into wider slices."""
        if self._coarse or self._cost <= MOST_COST:
            self.width *= 2
        self._coarse = self._coarse or self._cost > MOST_COST
        self._old, self._cells = self._cells, {}
        self._seconds, self._cost = set(), 0


def by_second(
    ms: Numbers, starts: Numbers, failed: Sequence[int], late: Numbers | None = None
) -> Iterator[tuple[int, Series]]:
    """Requests by the Unix second in which they ended; `failed` are indices of those that failed.

    A request without a time ended when it began; one that names no moment ends now, and so does one
    whose start lies ahead (told in milliseconds, say): windows reach to the last second that there
    is. What was `late` of a time, where any was, lies before the request's start.
    """
    times, began = np.asarray(ms, dtype=float), np.asarray(starts, dtype=float)
    before = None if late is None else np.asarray(late, dtype=float)
    took = times if before is None else times - before
    now = time.time()
    ends = _sound(began, now) + np.maximum(_sound(took, 0.0), 0.0) / 1000
    seconds = np.floor(np.minimum(ends, now)).astype(np.int64)
    bad = np.zeros(len(seconds), dtype=bool)
    bad[np.asarray(failed, dtype=np.int64)] = True
    order = np.argsort(seconds, kind="stable")
    different, at = np.unique(seconds[order], return_index=True)
    for second, chosen in zip(different.tolist(), np.split(order, at[1:]), strict=True):
        part = Series()
        lately = None if before is None else before[chosen]
        part.add_many(times[chosen], began[chosen], 0, lately)
        part.failures = int(bad[chosen].sum())
        yield second, part


def coarse(counts: Counts) -> Counts:
    """Counts by the middle of steps that keep `COARSE_BITS` leading bits, on the same grid."""
    found: Counts = {}
    for us, count in counts.items():
        shift = us.bit_length() - COARSE_BITS
        step = us >> shift << shift | 1 << shift >> 1 if shift > 0 else us
        found[step] = found.get(step, 0) + count
    return found


def _sound(numbers: Floats, otherwise: float) -> Floats:
    return np.where(np.abs(numbers) < LARGEST, numbers, otherwise)
