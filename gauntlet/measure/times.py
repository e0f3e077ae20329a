"""Times that users tell besides those of requests, by kind: how long a flow or a connect took."""

from typing import Any

from gauntlet.measure.series import Series

BATCH = 4096
"""Times are counted so many at once, which costs less."""


class Times:
    """A series for each kind of time; on a master those of all workers."""

    def __init__(self, *kinds: str) -> None:
        self._series = {kind: Series() for kind in kinds}
        self._pending: dict[str, list[float]] = {kind: [] for kind in kinds}

    def add(self, kind: str, seconds: float) -> None:
        """Note a time."""
        pending = self._pending[kind]
        pending.append(seconds * 1000)
        if len(pending) >= BATCH:
            self._count(kind)

    def __getitem__(self, kind: str) -> Series:
        """All times of a kind."""
        self._count(kind)
        return self._series[kind]

    def to_wire(self) -> dict[str, list[Any]]:
        """A form that Locust's message packing carries; `absorb` reads it."""
        return {kind: self[kind].to_wire() for kind in self._series}

    def absorb(self, wire: dict[str, list[Any]]) -> None:
        """Add what another process noted."""
        for kind, one in wire.items():
            self._series[kind].merge(Series.from_wire(one))

    def _count(self, kind: str) -> None:
        pending, self._pending[kind] = self._pending[kind], []
        self._series[kind].add_many(pending, [0.0] * len(pending), 0)
