"""What every endpoint did second by second, in bounded memory.

    (method, name, phase) x second in which a request ended  ->  a cell

The second is that of the Unix clock. A second may come in parts, from several workers and in
several reports: adding them up is all there is to do. What is kept stays bounded however long the
run is and whatever it asks for: beyond `MOST_COST` the steps of the response times get coarser
(`COARSE_BITS`, 1.6 % to either side), then, as beyond `MOST_SECONDS`, slices twice as wide take in
two neighbours each. Old slices move over a few at a time, so that no request waits for it.

A slice of which no more is expected is packed: 23 bytes for each of its cells and most often 3 for
each step of response times, where dictionaries take thirty times as much.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

import numpy as np

from gauntlet.measure.histogram import Counts, added, arrays, places_of, steps_of
from gauntlet.measure.series import LARGEST, Key, Numbers, Series, seconds_taken

MOST_SECONDS = 600
"""Different slices of time."""

MOST_COST = 600_000
"""Steps of response times in all slices, and `SLICE_COST` for each cell: 2 to 4 MB packed."""

SLICE_COST = 12
COARSE_BITS = 6

FRESH_S = 8
"""The newest seconds, which are not packed: workers report every 3 s."""

_HEAD = Struct("=IIIdHB")
"""Of a packed cell: number of its key, requests, failures, microseconds, steps, bytes per count."""


@dataclass(slots=True)
class Cell:
    """What one endpoint did within a slice; `counts` are response times, as a series has them."""

    requests: int
    failures: int
    total_us: float
    counts: Counts

    @property
    def cost(self) -> int:
        return len(self.counts) + SLICE_COST

    def add(self, other: "Cell") -> None:
        """Take in what the same endpoint did besides."""
        self.requests += other.requests
        self.failures += other.failures
        self.total_us += other.total_us
        self.counts = added(self.counts, other.counts)


@dataclass(slots=True)
class _Slice:
    """A slice of time: `packed` is what was put away, `fresh` what came since."""

    packed: bytes = b""
    fresh: dict[Key, Cell] | None = None
    cost: int = 0


class Slices:
    """Cells by endpoint, phase and slice of time, `width` seconds wide."""

    def __init__(self) -> None:
        self.width = 1
        self._coarse = False
        self._slices: dict[int, _Slice] = {}
        """By the second that they begin at."""
        self._old: dict[int, _Slice] = {}
        """Those that are still to move."""
        self._open: set[int] = set()
        """Those that hold something fresh."""
        self._keys: list[Key] = []
        self._numbers: dict[Key, int] = {}
        self._cost = 0

    def add(self, key: Key, second: int, part: Series) -> None:
        """Take over what ended in a second; to bound the number of keys is the caller's part."""
        cell = Cell(part.requests, part.failures, part.total_us, part.counts)
        self._put(key, second, cell)
        self._put_away()
        self._move(1)
        if self._is_full:
            self._move(len(self._old))
            if self._is_full:
                self._shrink()

    def items(self) -> Iterator[tuple[Key, int, Cell]]:
        """Every cell with the second that its slice begins at, in order of time."""
        self._move(len(self._old))
        for second in sorted(self._slices):
            for key, cell in sorted(self._cells(self._slices[second]).items()):
                yield key, second, cell

    @property
    def _is_full(self) -> bool:
        return len(self._slices) > MOST_SECONDS or self._cost > MOST_COST

    def _put(self, key: Key, second: int, cell: Cell) -> None:
        second = second // self.width * self.width
        if self._coarse:
            cell.counts = coarse(cell.counts)
        one = self._slices.setdefault(second, _Slice())
        if one.fresh is None:
            one.fresh = {}
            self._open.add(second)
        self._cost -= one.cost
        known = one.fresh.get(key)
        if known is None:
            one.fresh[key] = cell
            one.cost += cell.cost
        else:
            one.cost -= known.cost
            known.add(cell)
            one.cost += known.cost
        self._cost += one.cost

    def _put_away(self) -> None:
        """Pack all but the newest of what is fresh, once it is twice as much as need be."""
        kept = max(FRESH_S // self.width, 2)
        if len(self._open) <= 2 * kept:
            return
        for second in sorted(self._open)[:-kept]:
            one, cells = self._slices[second], self._cells(self._slices[second])
            self._cost -= one.cost
            one.packed, one.fresh = self._pack(cells), None
            one.cost = sum(cell.cost for cell in cells.values())
            self._cost += one.cost
            self._open.discard(second)

    def _cells(self, one: _Slice) -> dict[Key, Cell]:
        """All that a slice holds."""
        cells = self._unpack(one.packed)
        for key, cell in (one.fresh or {}).items():
            if key in cells:
                cells[key].add(cell)
            else:
                cells[key] = cell
        return cells

    def _pack(self, cells: dict[Key, Cell]) -> bytes:
        packed = []
        for key, cell in cells.items():
            if key not in self._numbers:
                self._numbers[key] = len(self._keys)
                self._keys.append(key)
            steps, counts = arrays(cell.counts)
            kind = np.min_scalar_type(counts.max(initial=0))
            told = self._numbers[key], cell.requests, cell.failures, cell.total_us
            packed.append(_HEAD.pack(*told, len(steps), kind.itemsize))
            packed.append(places_of(steps).astype(np.uint16).tobytes())
            packed.append(counts.astype(kind).tobytes())
        return b"".join(packed)

    def _unpack(self, packed: bytes) -> dict[Key, Cell]:
        cells, at = {}, 0
        while at < len(packed):
            number, requests, failures, total_us, length, size = _HEAD.unpack_from(packed, at)
            at += _HEAD.size
            steps = steps_of(np.frombuffer(packed, np.uint16, length, at).astype(np.int64))
            at += 2 * length
            counts = np.frombuffer(packed, f"u{size}", length, at)
            at += size * length
            found = dict(zip(steps.tolist(), counts.tolist(), strict=True))
            cells[self._keys[number]] = Cell(requests, failures, total_us, found)
        return cells

    def _move(self, most: int) -> None:
        for _ in range(min(most, len(self._old))):
            second, one = self._old.popitem()
            for key, cell in self._cells(one).items():
                self._put(key, second, cell)
            self._put_away()

    def _shrink(self) -> None:
        """Begin to move everything into coarser steps, or where they are, into wider slices."""
        if self._coarse or self._cost <= MOST_COST:
            self.width *= 2
        self._coarse = self._coarse or self._cost > MOST_COST
        self._old, self._slices = self._slices, {}
        self._open, self._cost = set(), 0


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
