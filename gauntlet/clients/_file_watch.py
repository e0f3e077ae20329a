"""Sees from the clients' side whether connections stand in line for a worker of the server."""


class Watch:
    """What the clients of one process see; shared by them.

    A server whose workers stay with their connections leaves further ones unanswered until one
    closes. The most that were answered at the same time tell how many workers it has.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what was; connections that are open stay counted."""
        self.opened = self.queued = self.starved = 0
        self.most_waiting = self.most_served = 0
        self._closes = 0

    waiting = served = 0

    def connect(self) -> "Watched":
        """A connection stands."""
        self.opened += 1
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        return Watched(self, self._closes)


class Watched:
    """One connection: it waits, is served, closes."""

    __slots__ = ("_answered", "_closes", "_open", "_watch")

    def __init__(self, watch: Watch, closes: int) -> None:
        self._watch, self._closes = watch, closes
        self._answered, self._open = False, True

    def answered(self) -> None:
        """The first byte came."""
        if self._answered:
            return
        self._answered, watch = True, self._watch
        watch.waiting -= 1
        # Others closed while it waited, and no more than ever are served: it took a place.
        if watch._closes > self._closes and watch.served < watch.most_served:
            watch.queued += 1
        watch.served += 1
        watch.most_served = max(watch.most_served, watch.served)

    def closed(self) -> None:
        """It is gone."""
        if not self._open:
            return
        self._open, watch = False, self._watch
        if self._answered:
            watch.served -= 1
            watch._closes += 1
        else:
            watch.waiting -= 1
            watch.starved += 1
