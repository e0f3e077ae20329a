"""Runs the cells of a matrix one by one, and makes a row of each."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

import numpy as np

from gauntlet.matrix.plan import Cell
from gauntlet.matrix.processes import Clients, Served, Target
from gauntlet.matrix.sheet import NONE

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Bench:
    """What all cells have in common."""

    clients: Clients
    limit: float
    names: Mapping[int, str]
    """What to download, by volume."""
    hashes: Mapping[int, str]
    """Their xxh3, where it is known."""
    storage: str = ""
    address: tuple[str, int] | None = None
    """The server of somebody else; None: a fresh reference target for every cell."""
    shared_port: bool = False


@dataclass(frozen=True)
class Result:
    """A cell that was run."""

    cell: Cell
    ended: datetime
    clients: Sequence[Mapping[str, Any]]
    processes: int
    served: Served | None

    @property
    def good(self) -> list[float]:
        """Seconds of the clients that succeeded."""
        return [one["ended"] - one["began"] for one in self.clients if one["outcome"] is None]

    @property
    def failed(self) -> int:
        """Clients that did not."""
        return len(self.clients) - len(self.good)

    @property
    def wall(self) -> float:
        """Seconds from the first client's begin to the last one's end."""
        began = min(one["began"] for one in self.clients)
        return float(max(one["ended"] for one in self.clients) - began)

    @property
    def bytes_each(self) -> float:
        """Of payload of a client; of a list, its answer."""
        if self.cell.operation != "list":
            return self.cell.volume * MEGABYTE
        good = [one["received"] for one in self.clients if one["outcome"] is None]
        return fmean(good) if good else 0.0

    def row(self) -> list[object]:
        """The ten columns of the original; no time where nobody succeeded."""
        mean = fmean(self.good) if self.good else None
        rate = NONE if mean is None else round(self.bytes_each / max(mean, 1e-9))
        time = NONE if mean is None else f"{mean:.6f}"
        return [*self._head(), time, rate, len(self.good), self.failed]

    def details(self) -> list[object]:
        """The columns of the second file."""
        outcomes = Counter(one["outcome"] for one in self.clients if one["outcome"])
        outcomes.update(f"delete: {one['cleaned']}" for one in self.clients if one["cleaned"])
        told = "; ".join(f"{name}={count}" for name, count in sorted(outcomes.items()))
        served: Sequence[object] = self.served if self.served is not None else (NONE,) * 4
        return [
            *self._head(),
            *(_percentile(self.good, at) for at in (50, 95, 99)),
            f"{self.wall:.6f}",
            round(self.bytes_each * len(self.good) / max(self.wall, 1e-9)),
            _percentile([one["connect"] for one in self.clients], 95),
            _percentile([one["wait"] for one in self.clients], 95),
            self.processes,
            *served,
            told,
        ]

    def _head(self) -> list[object]:
        cell = self.cell
        pool = NONE if cell.server_pool is None else cell.server_pool
        return [
            self.ended.isoformat(),
            cell.mode,
            pool,
            cell.operation,
            cell.volume,
            cell.client_pool,
        ]


def processes_of(cell: Cell) -> int:
    """How many Locust processes share a cell's clients: one, or so many workers of a master."""
    if cell.mode == "thread":
        return 1
    return min(cell.client_pool, len(os.sched_getaffinity(0)))


def run_cell(cell: Cell, bench: Bench) -> Result:
    """A fresh target, every client once, and the target's end."""
    target = None
    if cell.server_pool is not None:
        target = Target(cell.mode, cell.server_pool, bench.storage, bench.shared_port)
    served = None
    try:
        if target is None:
            assert bench.address is not None
            places = [bench.address]
        else:
            places = target.addresses
        order = {
            "operation": cell.operation,
            "volume": cell.volume,
            "name": bench.names.get(cell.volume, ""),
            "hash": bench.hashes.get(cell.volume),
            "limit": bench.limit,
        }
        addresses = [places[at % len(places)] for at in range(cell.client_pool)]
        found = bench.clients.run(cell.mode, order, addresses)
    finally:
        if target is not None:
            served = target.end()
    return Result(cell, datetime.now(), found, processes_of(cell), served)


def _percentile(values: Sequence[float | None], at: float) -> str:
    known = [value for value in values if value is not None]
    return f"{np.percentile(known, at):.6f}" if known else NONE
