"""The response times and counts of one endpoint, kept exactly enough to be merged and defended.

Times are kept in microseconds on HdrHistogram's grid for three significant digits: below 2,048 µs
exactly, above it the value without all but its eleven leading bits, an error of at most 0.1 %.
Counts are sparse (grid value -> requests), so a series costs what it holds, merging is addition
and the wire form is the counts themselves; the hdrhistogram library answers percentiles.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple, Self

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # ships no types

DIGITS = 3
HIGHEST_US = 3_600_000_000
"""One hour; a longer time counts as one hour in percentiles, exactly in average and maximum."""

_BITS = 11  # 2**11 steps carry three significant digits


class Key(NamedTuple):
    """What a series is about: a statistics name and its method, as Locust knows them."""

    method: str
    name: str


def grid(microseconds: int) -> int:
    """The lowest value that HdrHistogram holds equal to `microseconds` at three digits."""
    shift = microseconds.bit_length() - _BITS
    return microseconds >> shift << shift if shift > 0 else microseconds


@dataclass(slots=True)
class Series:
    """Requests of one key: counts, times in microseconds, first and last start in Unix seconds."""

    requests: int = 0
    failures: int = 0
    total_us: float = 0.0
    min_us: float = float("inf")
    max_us: float = 0.0
    first: float = float("inf")
    last: float = 0.0
    received: int = 0
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, ms: float, failed: bool, start: float, received: int) -> None:
        """Count one request of `ms` milliseconds that began at `start` [Unix s]."""
        us = ms * 1000.0
        self.requests += 1
        self.failures += failed
        self.received += received
        self.total_us += us
        if us < self.min_us:
            self.min_us = us
        if us > self.max_us:
            self.max_us = us
        if start < self.first:
            self.first = start
        if start > self.last:
            self.last = start
        slot = grid(min(int(us + 0.5), HIGHEST_US))
        self.counts[slot] = self.counts.get(slot, 0) + 1

    def merge(self, other: "Series") -> None:
        """Add all that `other` holds."""
        self.requests += other.requests
        self.failures += other.failures
        self.received += other.received
        self.total_us += other.total_us
        self.min_us = min(self.min_us, other.min_us)
        self.max_us = max(self.max_us, other.max_us)
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        for slot, count in other.counts.items():
            self.counts[slot] = self.counts.get(slot, 0) + count

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
        """Seconds from the first request to the last."""
        return max(self.last - self.first, 0.0) if self.requests else 0.0

    @property
    def rps(self) -> float:
        """Requests per second over `span`; a span under a second counts as one."""
        return self.requests / max(self.span, 1.0)

    @property
    def avg_ms(self) -> float:
        """Mean response time in milliseconds; 0.0 without requests."""
        return self.total_us / self.requests / 1000 if self.requests else 0.0

    @property
    def min_ms(self) -> float:
        return self.min_us / 1000 if self.requests else 0.0

    @property
    def max_ms(self) -> float:
        return self.max_us / 1000

    def percentiles_ms(self, quantiles: Iterable[float]) -> dict[float, float]:
        """Response times in milliseconds by quantile (0 to 100), never above the true maximum.

        At least that share of the requests took at most that long; 0.0 without requests.
        """
        if not self.requests:
            return dict.fromkeys(quantiles, 0.0)
        shares = {quantile: self._share(quantile) for quantile in quantiles}
        found = self.histogram().get_percentile_to_value_dict(list(shares.values()))
        return {
            quantile: min(found[share], self.max_us) / 1000 for quantile, share in shares.items()
        }

    def percentile_ms(self, quantile: float) -> float:
        """One percentile of `percentiles_ms`."""
        return self.percentiles_ms([quantile])[quantile]

    def _share(self, quantile: float) -> float:
        """The percentage that makes HdrHistogram count up to `quantile` rather than near it.

        It rounds to the nearest request: of 31 requests its 95th percentile is the 29th, which
        leaves 6 % above.
        """
        rank = ceil(Fraction(str(quantile)) * self.requests / 100)
        return 100 * rank / self.requests

    def histogram(self) -> HdrHistogram:
        """The counts as an HdrHistogram of microseconds."""
        histogram = HdrHistogram(1, HIGHEST_US, DIGITS)
        for slot, count in self.counts.items():
            histogram.record_value(max(slot, 1), count)
        return histogram

    def to_wire(self) -> list[Any]:
        """A form that Locust's message packing carries; `from_wire` reads it."""
        return [
            *(self.requests, self.failures, self.received, self.total_us),
            *(self.min_us, self.max_us, self.first, self.last),
            *(list(self.counts), list(self.counts.values())),
        ]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Self:
        """The series that `to_wire` packed."""
        requests, failures, received, total, low, high, first, last, slots, counts = wire
        return cls(
            requests,
            failures,
            total,
            low,
            high,
            first,
            last,
            received,
            dict(zip(slots, counts, strict=True)),
        )
