"""What every endpoint did second by second, in bounded memory.

    (method, name, phase) x second in which a request ended  ->  a cell

The second is that of the Unix clock. A second may come in parts, from several workers and in
several reports: adding them up is all there is to do. What is kept stays bounded however long the
run is and whatever it asks for: beyond `MOST_BYTES` the steps of the response times get coarser
(`COARSE_BITS`, 1.6 % to either side), then, as beyond `MOST_SECONDS`, slices twice as wide take in
two neighbours each. Old slices move over a few at a time, so that no request waits for it.

A slice of which no more is expected is packed, and put behind the others in room that is taken at
the start: a run's memory does not grow by what it keeps.
"""

import time
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from struct import Struct

import numpy as np

from gauntlet.measure.cells import Cell, Packing, put
from gauntlet.measure.histogram import Counts
from gauntlet.measure.ring import Ring
from gauntlet.measure.series import LARGEST, Key, Numbers, Series, seconds_taken

MOST_SECONDS = 600
"""Different slices of time."""

MOST_BYTES = 1_800_000
"""Of packed slices: 600 seconds of 20 endpoints at 600/s, say, before steps get coarser."""

COARSE_BITS = 6

FRESH = 8
"""Slices that are not packed, so that what comes late finds its own: workers report every 3 s."""

_HEAD = Struct("=qI")
"""Of a packed slice: the second that it begins at, and the bytes of its cells."""


class Slices:
    """Cells by endpoint, phase and slice of time, `width` seconds wide."""

    def __init__(self) -> None:
        self.width = 1
        self._coarse = False
        self._fresh: dict[int, dict[Key, Cell]] = {}
        """Cells of the slices that something came to last, in that order."""
        self._packed = Ring(MOST_BYTES + MOST_BYTES // 8)
        """Slices one after the other; one of which something came late is there twice."""
        self._old_end = 0
        """Where in it those end that are still to move."""
        self._packing = Packing()
        self._seconds = array("q")
        """Of all slices but those that are still to move, in order."""

    def add(self, key: Key, second: int, part: Series) -> None:
        """Take over what ended in a second; to bound the number of keys is the caller's part."""
        cell = Cell(part.requests, part.failures, part.total_us, part.counts)
        self._put(key, second, cell)
        self._put_away()
        self._move()
        if self._is_full:
            self._move_all()
            if self._is_full:
                self._shrink()

    def items(self) -> Iterator[tuple[Key, int, Cell]]:
        """Every cell with the second that its slice begins at, in order of time."""
        self._move_all()
        places = defaultdict(list)
        for place, second, length in self._blocks():
            places[second].append((place, length))
        for second in self._seconds:
            cells: dict[Key, Cell] = {}
            for place, length in places[second]:
                for key, cell in self._packing.unpack(self._packed.read(place, length)).items():
                    put(cells, key, cell)
            for key, cell in self._fresh.get(second, {}).items():
                put(cells, key, cell)
            for key, cell in sorted(cells.items()):
                yield key, second, cell

    @property
    def _is_full(self) -> bool:
        kept = self._packed.end - max(self._packed.begin, self._old_end)
        return len(self._seconds) > MOST_SECONDS or kept > MOST_BYTES

    def _put(self, key: Key, second: int, cell: Cell) -> None:
        second = second // self.width * self.width
        if self._coarse:
            cell.counts = coarse(cell.counts)
        cells = self._fresh.pop(second, None)
        if cells is None:
            cells = {}
            place = bisect_left(self._seconds, second)
            if self._seconds[place : place + 1] != array("q", [second]):
                self._seconds.insert(place, second)
        put(cells, key, cell)
        self._fresh[second] = cells  # behind the others

    def _put_away(self) -> None:
        """Pack the slice that nothing came to for longest, where there are more than `FRESH`."""
        if len(self._fresh) > FRESH:
            second = next(iter(self._fresh))
            packed = self._packing.pack(self._fresh.pop(second))
            self._packed.push(_HEAD.pack(second, len(packed)) + packed)

    def _blocks(self) -> Iterator[tuple[int, int, int]]:
        """Place, second and length of what is packed."""
        place = self._packed.begin
        while place < self._packed.end:
            second, length = _HEAD.unpack(self._packed.read(place, _HEAD.size))
            place += _HEAD.size
            yield place, second, length
            place += length

    def _move(self) -> None:
        """Let the oldest of those that are still to move come into a slice of today's width."""
        wide = None
        while self._packed.begin < self._old_end:
            place, second, length = next(self._blocks())
            if wide not in (None, second // self.width):
                return
            wide = second // self.width
            cells = self._packing.unpack(self._packed.read(place, length))
            self._packed.drop(_HEAD.size + length)
            for key, cell in cells.items():
                self._put(key, second, cell)
            self._put_away()

    def _move_all(self) -> None:
        while self._packed.begin < self._old_end:
            self._move()

    def _shrink(self) -> None:
        """Begin to move everything into coarser steps, or where they are, into wider slices."""
        too_long = self._packed.end - self._packed.begin <= MOST_BYTES
        if self._coarse or too_long:
            self.width *= 2
        self._coarse = self._coarse or not too_long
        self._old_end = self._packed.end
        fresh, self._fresh, self._seconds = self._fresh, {}, array("q")
        for second, cells in fresh.items():
            for key, cell in cells.items():
                self._put(key, second, cell)


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
    now = time.time()
    ends = np.where(np.abs(began) < LARGEST, began, now) + seconds_taken(times, before)
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


def coarse(counts: Counts) -> dict[int, int]:
    """Counts by the middle of steps that keep `COARSE_BITS` leading bits, on the same grid."""
    found: dict[int, int] = {}
    for us, count in counts.items():
        shift = us.bit_length() - COARSE_BITS
        step = us >> shift << shift | 1 << shift >> 1 if shift > 0 else us
        found[step] = found.get(step, 0) + count
    return found
