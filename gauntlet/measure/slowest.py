"""The slowest requests of a run, one by one: bounded in number, merged over workers.

They are looked for where requests are counted, in batches: one comparison of an array, and little
more once there are some that are hard to beat.
"""

import heapq
from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from gauntlet.measure.series import LARGEST, Key

MOST = 20


class Slow(NamedTuple):
    """A request: milliseconds, start [Unix s], outcome (empty where it succeeded), whose it is."""

    ms: float
    start: float
    outcome: str
    key: Key


class Slowest:
    """The `MOST` slowest requests so far."""

    def __init__(self) -> None:
        self._kept: list[Slow] = []

    def clear(self) -> None:
        """Forget them; a new run begins."""
        self._kept = []

    @property
    def kept(self) -> list[Slow]:
        """Slowest first."""
        return list(self._kept)

    def look(
        self, key: Key, ms: "array[float]", starts: "array[float]", outcomes: Mapping[int, str]
    ) -> None:
        """Look through a batch of requests of one key; `outcomes` are by place, of failed ones."""
        if not ms:
            return
        times = np.asarray(ms)
        bar = self._kept[-1].ms if len(self._kept) == MOST else -1.0
        places = np.flatnonzero((times > bar) & (times < LARGEST))
        if len(places) > MOST:
            places = places[np.argpartition(times[places], -MOST)[-MOST:]]
        self._keep(Slow(ms[at], starts[at], outcomes.get(at, ""), key) for at in places.tolist())

    def take(self) -> list[tuple[float, float, str, tuple[str, ...]]]:
        """Those since the last time, as a worker's report carries them; begins anew."""
        taken, self._kept = self._kept, []
        return [(one.ms, one.start, one.outcome, tuple(one.key)) for one in taken]

    def absorb(self, taken: Iterable[tuple[float, float, str, tuple[str, ...]]]) -> None:
        """Add what a worker took."""
        self._keep(Slow(ms, start, outcome, Key(*key)) for ms, start, outcome, key in taken)

    def _keep(self, found: Iterable[Slow]) -> None:
        self._kept = heapq.nlargest(MOST, [*self._kept, *found])
