"""What became of arrivals: a book for each process, and the sum of all. Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from gauntlet.measure.histogram import Counts


@dataclass
class Book:
    """What one process did with its arrivals, so far."""

    started: int = 0
    late: int = 0
    dropped: int = 0
    waiting: int = 0
    most_waiting: int = 0
    position: float = 0.0
    """All its arrivals before this one were begun or dropped, or wait."""
    closed: bool = False
    """Whether it will serve no more."""

    def to_wire(self) -> dict[str, Any]:
        """A form that Locust's messages carry: the fields of this class."""
        return asdict(self)


@dataclass
class Count:
    """The arrivals of a run, so far or in the end."""

    scheduled: int = 0
    started: int = 0
    late: int = 0
    dropped: int = 0
    """Never begun, though a process was there to begin them."""
    missing: int = 0
    """Never begun, as far as is known, because a worker was gone."""
    waiting: int = 0
    most_waiting: int = 0
    late_us: Counts = field(default_factory=dict)
    """Lateness of those begun, in microseconds, by grid value."""


def counted(books: Iterable[Book], missing: int, late_us: Counts) -> Count:
    """The sum of all books."""
    whole = Count(missing=missing, late_us=late_us)
    for book in books:
        whole.started += book.started
        whole.late += book.late
        whole.dropped += book.dropped
        whole.waiting += book.waiting
        whole.most_waiting += book.most_waiting
    whole.scheduled = whole.started + whole.dropped + whole.waiting + missing
    return whole
