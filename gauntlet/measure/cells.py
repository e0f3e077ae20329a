"""What one endpoint did within a slice of time, and how that is packed.

A packed cell has 23 bytes, and most often 3 for each step of response times, where dictionaries
take thirty times as much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct

import numpy as np

from gauntlet.measure.histogram import Counts, added, arrays, places_of, steps_of
from gauntlet.measure.series import Key

_HEAD = Struct("=IIIdHB")
"""The number of its key, requests, failures, microseconds, steps, bytes per count."""


@dataclass(slots=True)
class Cell:
    """What one endpoint did within a slice; `counts` are response times, as a series has them."""

    requests: int
    failures: int
    total_us: float
    counts: Counts

    def add(self, other: "Cell") -> None:
        """Take in what the same endpoint did besides."""
        self.requests += other.requests
        self.failures += other.failures
        self.total_us += other.total_us
        self.counts = added(self.counts, other.counts)


def put(cells: dict[Key, Cell], key: Key, cell: Cell) -> None:
    """Put a cell to others, or add it to the one of its key; the cell is taken over."""
    if known := cells.get(key):
        known.add(cell)
    else:
        cells[key] = cell


class Packing:
    """Packs cells and unpacks them; keys that were met have numbers."""

    def __init__(self) -> None:
        self._keys: list[Key] = []
        self._numbers: dict[Key, int] = {}

    def pack(self, cells: Mapping[Key, Cell]) -> bytes:
        """All cells of a slice, one after the other."""
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

    def unpack(self, packed: bytes) -> dict[Key, Cell]:
        """The cells that `pack` packed."""
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
