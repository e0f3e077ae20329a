"""Deadlines of every exchange of a process, kept by one sweep instead of one timer each.

A `Reactor` belongs to a gevent hub. All connections of the hub share its receive buffer, which is
safe because nobody switches between receiving into it and reading from it, and its sweep: a timer
that looks at every open connection twenty times a second. A deadline is therefore met with up to
`SWEEP_S` of delay, and never early; one sweep over a thousand connections costs about 50 µs.
"""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol
from weakref import WeakKeyDictionary

import gevent
from gevent.hub import Hub

from gauntlet.clients._http_errors import DeadlineExceeded, FirstByteTimeout, TotalTimeout

SWEEP_S = 0.05
SCRATCH_BYTES = 1 << 18

FOR_EVER = 1e12
"""A deadline that nobody lives to see; still a deadline, so the connection is in use."""
IDLE = float("inf")
"""No deadline: the connection waits for its next exchange."""


@dataclass(frozen=True)
class Deadlines:
    """Seconds until a connection stands, the first byte has come, the last byte has come.

    The first byte counts from the sent request, the others from the start of the call. `None`
    waits for ever.
    """

    connect: float | None = 10.0
    first_byte: float | None = 60.0
    total: float | None = 300.0

    connect_s: float = field(init=False, repr=False, compare=False)
    total_s: float = field(init=False, repr=False, compare=False)
    silence_s: float = field(init=False, repr=False, compare=False)
    """The deadline that strikes first while the server says nothing, and as what:"""
    silence: type[DeadlineExceeded] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        connect, first, total = (
            _seconds(name, getattr(self, name)) for name in ("connect", "first_byte", "total")
        )
        derived = {
            "connect_s": min(connect, total),
            "total_s": total,
            "silence_s": min(first, total),
            "silence": FirstByteTimeout if first < total else TotalTimeout,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)


def _seconds(name: str, seconds: float | None) -> float:
    if seconds is None:
        return FOR_EVER
    if not seconds > 0:
        raise ValueError(f"{name}: expected seconds above 0 or None, got {seconds!r}")
    return seconds


class Expiring(Protocol):
    """A connection as the sweep sees it."""

    deadline: float

    def expire(self) -> None:
        """Fail the exchange that waits, if one does."""


class Reactor:
    """What all connections of one gevent hub share."""

    def __init__(self, hub: Hub) -> None:
        self.loop = hub.loop
        self.switch = hub.switch
        self.scratch = bytearray(SCRATCH_BYTES)
        self.view = memoryview(self.scratch)
        self._open: set[Expiring] = set()
        # Without a reference: a sweep alone must not keep a process from ending.
        self._timer = hub.loop.timer(SWEEP_S, SWEEP_S, ref=False)

    def add(self, connection: Expiring) -> None:
        """Watch over a connection from now on."""
        if not self._open:
            self._timer.start(self._sweep, update=True)
        self._open.add(connection)

    def discard(self, connection: Expiring) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        if not self._open:
            self._timer.stop()

    def _sweep(self) -> None:
        now = perf_counter()
        # First listed, then struck: whoever expires runs at once and may open and close others.
        for connection in [each for each in self._open if each.deadline <= now]:
            if connection.deadline <= now:
                connection.expire()


_reactors: WeakKeyDictionary[Hub, Reactor] = WeakKeyDictionary()


def reactor() -> Reactor:
    """The reactor of the running hub."""
    hub = gevent.get_hub()
    found = _reactors.get(hub)
    if found is None:
        found = _reactors[hub] = Reactor(hub)
    return found
