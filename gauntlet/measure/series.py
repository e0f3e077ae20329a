"""The response times and counts of one endpoint, kept exactly enough to be merged and defended.

Times are counts on a grid of microseconds (`gauntlet.measure.histogram`): merging is addition, and
the wire form is the counts themselves.
"""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Self, Union

import numpy as np
from numpy.typing import NDArray

from gauntlet.measure.histogram import Counts, add_counts, added, flat, gridded, percentiles_us

LARGEST = 1e15
"""No time, moment or size is larger; what is was no real one."""

Floats = NDArray[np.float64]
Numbers = Union[Sequence[float | None], "array[float]", Floats]


class Key(NamedTuple):
    """What a series is about: method and statistics name, as Locust knows them, server, phase."""

    method: str
    name: str
    server: str = ""
    phase: str = ""


@dataclass(slots=True)
class Series:
    """Requests of one key: counts, times in microseconds, the first start and the last end in Unix
    seconds."""

    requests: int = 0
    untimed: int = 0
    """Requests that told no time; averages and percentiles are of the others."""
    failures: int = 0
    received: int = 0
    sent: int = 0
    retries: int = 0
    verified: int = 0
    total_us: float = 0.0
    squares_us: float = 0.0
    min_us: float = math.inf
    max_us: float = 0.0
    first: float = math.inf
    last: float = 0.0
    counts: Counts = field(default_factory=dict)
    first_bytes: Counts = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    late_us: float = 0.0
    """By how much all response times together exceed the service times."""
    service_max_us: float = 0.0
    moved: Counts = field(default_factory=dict)
    """What makes counts of service times out of `counts`: 1 more there, 1 fewer here."""

    def add(self, ms: float, failed: bool, start: float, received: int) -> None:
        """Count one request of `ms` milliseconds that began at `start` [Unix s]."""
        self.add_many([ms], [start], received)
        self.failures += failed

    def add_many(
        self, ms: Numbers, starts: Numbers, received: int, late: Numbers | None = None
    ) -> None:
        """Count requests by times and starts [Unix s], `received` bytes in all; failures apart.

        `late` are the milliseconds of each time that lie before the request's actual start. A
        request of no time (None, NaN, infinite) counts, and its time does not.
        """
        if not len(ms):
            return
        us = _microseconds(ms)
        self.requests += len(ms)
        self.untimed += len(ms) - len(us)
        self.received += received
        begun = sound(starts)
        if len(begun):
            self.first = min(self.first, float(begun.min()))
            self.last = max(self.last, _last_end(ms, starts, late))
        if len(us):
            self.total_us += float(us.sum())
            self.squares_us += float(us @ us)
            self.min_us = min(self.min_us, float(us.min()))
            self.max_us = max(self.max_us, float(us.max()))
            self.counts = added(self.counts, gridded(us))
            self._add_service(us, ms, late)

    def add_first_bytes(self, ms: Numbers) -> None:
        """Count times to first byte; what is None or NaN is not known."""
        if len(ms):
            self.first_bytes = added(self.first_bytes, gridded(_microseconds(ms)))

    def add_outcome(self, outcome: str) -> None:
        """Count the outcome of a failed request."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def _add_service(self, us: Floats, ms: Numbers, late: Numbers | None) -> None:
        """Count service times, of which only those that are no response times are kept."""
        service = us
        if late is not None:
            late_us = np.asarray(late, dtype=float)[np.abs(np.asarray(ms, dtype=float)) < LARGEST]
            late_us *= 1000.0
            delayed = np.flatnonzero(late_us)
            if len(delayed):
                service = np.maximum(us - late_us, 0.0)
                self.late_us += float((us - service).sum())
                moved = gridded(service[delayed])
                add_counts(moved, {step: -n for step, n in gridded(us[delayed]).items()})
                self.moved = added(self.moved, moved)
        self.service_max_us = max(self.service_max_us, float(service.max()))

    def merge(self, other: "Series") -> None:
        """Add all that `other` holds."""
        # Line by line: a master does this a hundred thousand times a second, and a loop over the
        # names of the fields takes seven times as long.
        self.requests += other.requests
        self.untimed += other.untimed
        self.failures += other.failures
        self.received += other.received
        self.sent += other.sent
        self.retries += other.retries
        self.verified += other.verified
        self.total_us += other.total_us
        self.squares_us += other.squares_us
        self.late_us += other.late_us
        self.min_us = min(self.min_us, other.min_us)
        self.max_us = max(self.max_us, other.max_us)
        self.service_max_us = max(self.service_max_us, other.service_max_us)
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        self.counts = added(self.counts, other.counts)
        if other.first_bytes:
            self.first_bytes = added(self.first_bytes, other.first_bytes)
        if other.outcomes:
            add_counts(self.outcomes, other.outcomes)
        if other.moved:
            self.moved = added(self.moved, other.moved)

    @classmethod
    def merged(cls, several: Iterable["Series"]) -> Self:
        """One series that holds all of `several`."""
        whole = cls()
        for series in several:
            whole.merge(series)
        return whole

    @property
    def fail_ratio(self) -> float:
        """Failures over requests, 0.0 to 1.0; 0.0 without requests."""
        return self.failures / self.requests if self.requests else 0.0

    @property
    def span(self) -> float:
        """Seconds from the start of the first request to the end of the last."""
        return max(self.last - self.first, 0.0) if self.requests else 0.0

    @property
    def rps(self) -> float:
        """Requests per second over `span`; a span under a second counts as one."""
        return self.requests / max(self.span, 1.0)

    @property
    def avg_ms(self) -> float:
        """Mean response time in milliseconds; 0.0 without requests."""
        return self.total_us / self.timed / 1000 if self.timed else 0.0

    @property
    def service_avg_ms(self) -> float:
        """Mean service time in milliseconds; 0.0 without requests."""
        return (self.total_us - self.late_us) / self.timed / 1000 if self.timed else 0.0

    @property
    def service_counts(self) -> Counts:
        """Counts of the service times."""
        return added(added({}, self.counts), self.moved)

    @property
    def service_max_ms(self) -> float:
        return self.service_max_us / 1000

    @property
    def stdev_ms(self) -> float:
        """Standard deviation of the response time in milliseconds; 0.0 under two requests."""
        if self.timed < 2:
            return 0.0
        spread = self.squares_us - self.total_us * self.total_us / self.timed
        return math.sqrt(max(spread, 0.0) / (self.timed - 1)) / 1000

    @property
    def timed(self) -> int:
        """Requests that told their time."""
        return self.requests - self.untimed

    @property
    def min_ms(self) -> float:
        return self.min_us / 1000 if self.timed else 0.0

    @property
    def max_ms(self) -> float:
        return self.max_us / 1000

    def percentiles_ms(self, quantiles: Iterable[float]) -> dict[float, float]:
        """Response times in milliseconds by quantile (0 to 100), never above the true maximum.

        At least that share of the requests took at most that long; 0.0 without requests.
        """
        found = percentiles_us(self.counts, quantiles)
        return {quantile: min(us, self.max_us) / 1000 for quantile, us in found.items()}

    def service_percentiles_ms(self, quantiles: Iterable[float]) -> dict[float, float]:
        """Service times in milliseconds by quantile, as `percentiles_ms` gives response times."""
        found = percentiles_us(self.service_counts, quantiles)
        return {quantile: min(us, self.service_max_us) / 1000 for quantile, us in found.items()}

    def percentile_ms(self, quantile: float) -> float:
        """One percentile of `percentiles_ms`."""
        return self.percentiles_ms([quantile])[quantile]

    def first_bytes_ms(self, quantiles: Iterable[float]) -> dict[float, float]:
        """Times to first byte in milliseconds by quantile; 0.0 where none was told."""
        found = percentiles_us(self.first_bytes, quantiles)
        return {quantile: us / 1000 for quantile, us in found.items()}

    def to_wire(self) -> list[Any]:
        """A form that Locust's message packing carries; `from_wire` reads it.

        Counts are laid flat: slot, count, slot, count. Pairs take a master twice as long to read.
        """
        wire: list[Any] = [getattr(self, name) for name in _FIELDS]
        for place in _COUNTS:
            wire[place] = flat(wire[place])
        return wire

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Self:
        """The series that `to_wire` packed."""
        parts = [*wire]
        for place in _COUNTS:
            if place < len(parts):
                flat = parts[place]
                parts[place] = dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}
        return cls(*parts)


def sound(numbers: Numbers) -> Floats:
    """The numbers that can be any; None becomes NaN and is none."""
    given = np.asarray(numbers, dtype=float)
    told: Floats = given[np.abs(given) < LARGEST]
    return told


def _last_end(ms: Numbers, starts: Numbers, late: Numbers | None) -> float:
    """When the last request ended [Unix s]; one that told no time ended when it began."""
    return float(sound(np.asarray(starts, dtype=float) + seconds_taken(ms, late)).max())


def seconds_taken(ms: Numbers, late: Numbers | None) -> Floats:
    """Seconds from each request's actual start to its end; 0 where no time was told."""
    took = np.asarray(ms, dtype=float)
    if late is not None:
        took = took - np.asarray(late, dtype=float)
    return np.where(np.abs(took) < LARGEST, np.maximum(took, 0.0), 0.0) / 1000


def _microseconds(ms: Numbers) -> Floats:
    """Times that are any, in microseconds; a clock that was set back makes them 0, not less."""
    us = np.maximum(sound(ms), 0.0)
    us *= 1000.0
    return us


def merge(series: Mapping[Key, Series], *, by: Iterable[str]) -> dict[Key, Series]:
    """Series merged over every part of the key that `by` does not name."""
    kept = set(by)
    found: dict[Key, Series] = {}
    for key, one in series.items():
        parts = {name: part if name in kept else "" for name, part in key._asdict().items()}
        found.setdefault(Key(**parts), Series()).merge(one)
    return found


_FIELDS = tuple(one.name for one in fields(Series))
_COUNTS = tuple(map(_FIELDS.index, ("counts", "first_bytes", "outcomes", "moved")))
