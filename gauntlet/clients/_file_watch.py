"""Sees from the clients' side whether connections stand in line for a worker of the server."""

from collections import Counter
from typing import Any, Self

QUEUEING = 0.1
"""Share of connections that stood in line from which on it is said; a few may by chance."""

FULL = 0.8
"""Of the most that were ever served; when one has closed, the next is not answered at once."""


class Watch:
    """What the clients of one process see; shared by them.

    A server whose workers stay with their connections leaves further ones unanswered until one
    closes. The most that were ever answered at the same time tell how many workers it has.
    """

    def __init__(self) -> None:
        self._open = self._served = 0
        self._closes = 0
        self.clear()

    def clear(self) -> None:
        """Forget what was; connections that are open stay so."""
        self.opened = self.starved = 0
        self.most_open = self.most_served = 0
        self._stood: Counter[int] = Counter()  # by how many were served when its turn came

    @property
    def queued(self) -> int:
        """Connections that were answered after another closed, nearly all workers being taken."""
        full = FULL * self.most_served
        return sum(count for served, count in self._stood.items() if served >= full)

    @property
    def outnumbered(self) -> bool:
        """Whether there are more connections than the server has workers."""
        if self.most_open <= self.most_served:
            return False
        return self.queued + self.starved > QUEUEING * self.opened

    def connect(self) -> "Watched":
        """A connection stands."""
        self.opened += 1
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        return Watched(self)

    def to_wire(self) -> list[Any]:
        """All of it, for another process."""
        stood = [list(pair) for pair in self._stood.items()]
        return [self.opened, self.starved, self.most_open, self.most_served, stood]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Self:
        """What another process saw."""
        watch = cls()
        watch.opened, watch.starved, watch.most_open, watch.most_served, stood = wire
        watch._stood = Counter({served: count for served, count in stood})
        return watch


class Watched:
    """One connection: it waits, is served, closes."""

    __slots__ = ("_answered", "_closed", "_closes", "_watch")

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._closes = watch._closes
        self._answered = self._closed = False

    def answered(self) -> None:
        """The first byte came."""
        if self._answered:
            return
        self._answered, watch = True, self._watch
        watch._served += 1
        if watch._closes > self._closes:
            watch._stood[watch._served] += 1
        watch.most_served = max(watch.most_served, watch._served)

    def closed(self) -> None:
        """It is gone."""
        if self._closed:
            return
        self._closed, watch = True, self._watch
        watch._open -= 1
        if self._answered:
            watch._served -= 1
            watch._closes += 1
        else:
            watch.starved += 1
