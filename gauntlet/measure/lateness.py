"""How late the iteration that goes on began, for its first request to take.

In the open model an iteration has a moment at which it is due. Its first request counts from then:
whatever came between, on the way to it, is part of its response time.
"""

from typing import Any

from gevent import getcurrent

untaken: dict[Any, float] = {}
"""Milliseconds by the greenlet of the user; those that nobody has taken yet."""

_DEPTH = 3
"""Greenlets that a task starts, and that they start, make requests for its user."""


def begin(ms: float) -> None:
    """An iteration begins here, `ms` milliseconds after it was due."""
    untaken[getcurrent()] = ms


def end() -> None:
    """The iteration is over."""
    untaken.pop(getcurrent(), None)


def shown() -> float:
    """What the request that has just ended was late; it can still be taken."""
    owner = _owner() if untaken else None
    return 0.0 if owner is None else untaken[owner]


def take() -> float:
    """What the request that has just ended was late, in milliseconds; 0.0 for those after it."""
    owner = _owner() if untaken else None
    return 0.0 if owner is None else untaken.pop(owner)


def _owner() -> Any:
    """The greenlet of the user for whom this one works, while nobody has taken its lateness."""
    current: Any = getcurrent()
    for _ in range(_DEPTH):
        if current in untaken:
            return current
        spawner = getattr(current, "spawning_greenlet", None)
        current = spawner() if spawner is not None else None
        if current is None:
            return None
    return None
