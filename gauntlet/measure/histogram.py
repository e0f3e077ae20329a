"""How often each time was met, on HdrHistogram's grid for three significant digits.

Times are in microseconds: below 2,048 µs exactly, above it without all but the eleven leading bits,
an error of at most 0.1 %. Few different steps are a dictionary (step -> requests), which costs what
it holds: what a second or a report brings. Of more than `FEW` an array takes their place, one
number for each step of the doublings that were met, of as few bytes as the largest needs: it takes
no more room then, and does not grow with every step that a long run meets for the first time. The
hdrhistogram library answers percentiles.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain
from typing import Any, Union

import numpy as np
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

DIGITS = 3
HIGHEST_US = 3_600_000_000
"""One hour; a longer time counts as one hour in percentiles, exactly in average and maximum."""

FEW = 500
"""Different steps of a dictionary; so many take 18 kB, and so does an array of nine doublings."""

FRESH = 128
"""Different steps that an array takes in at once, or more: numbers of 8 bytes for so many are freed
when they are done with. Of every size below 1 KB that it meets numpy keeps seven blocks."""

Counts = Union[dict[int, int], "Dense"]
"""Requests by step of the grid, the lowest value that counts as equal."""

_BITS = 11  # 2**11 steps carry three significant digits
_DOUBLING = 1 << _BITS - 1  # steps from a value to its double

_Whole = NDArray[np.int64]


def grid(microseconds: int) -> int:
    """The lowest value that HdrHistogram holds equal to `microseconds` at three digits."""
    shift = microseconds.bit_length() - _BITS
    return microseconds >> shift << shift if shift > 0 else microseconds


def gridded(us: NDArray[np.float64]) -> dict[int, int]:
    """Counts of times by step: `grid` for many at once."""
    whole = np.minimum(us + 0.5, HIGHEST_US).astype(np.int64)
    shifts = _shifts(whole)
    steps, counts = np.unique(whole >> shifts << shifts, return_counts=True)
    return dict(zip(steps.tolist(), counts.tolist(), strict=True))


class Dense:
    """Counts of many steps; those that come to nothing are not there."""

    __slots__ = ("_begin", "_counts", "_fresh")

    def __init__(self, counts: Counts) -> None:
        self._begin = 0
        """The place on the grid of the first of `_counts`."""
        self._counts: NDArray[np.signedinteger[Any]] = np.zeros(0, np.int16)
        self._fresh: dict[int, int] = {}
        """What came since; to look for the place of each alone takes three times as long."""
        self.add(counts)

    def add(self, others: Counts) -> None:
        """Add the counts of others."""
        if isinstance(others, Dense):
            others._settle()
            if length := len(others._counts):
                self._cover(others._begin, others._begin + length)
                begin = others._begin - self._begin
                self._add(slice(begin, begin + length), others._counts.astype(np.int64))
            return
        add_counts(self._fresh, others)
        if len(self._fresh) >= FRESH:
            self._settle()

    def arrays(self) -> tuple[_Whole, _Whole]:
        """Steps in order, and the count of each."""
        self._settle()
        found = np.flatnonzero(self._counts)
        return steps_of(found + self._begin), self._counts[found].astype(np.int64)

    def items(self) -> Iterable[tuple[int, int]]:
        """Steps in order, each with its count."""
        steps, counts = self.arrays()
        return zip(steps.tolist(), counts.tolist(), strict=True)

    def values(self) -> Iterable[int]:
        """Counts in order of the steps."""
        return [count for _, count in self.items()]

    def __iter__(self) -> Iterator[int]:
        return (step for step, _ in self.items())

    def __len__(self) -> int:
        self._settle()
        return int(np.count_nonzero(self._counts))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, dict | Dense):
            return NotImplemented
        return dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _settle(self) -> None:
        """Put what is fresh into the array, which gets a doubling to spare at either end."""
        if not self._fresh:
            return
        steps, counts = arrays(self._fresh)
        self._fresh = {}
        places = places_of(steps)
        begin, end = int(places[0]), int(places[-1]) + 1
        if begin < self._begin or end > self._begin + len(self._counts):
            begin = max(begin // _DOUBLING - 1, 0) * _DOUBLING
            self._cover(begin, (-(-end // _DOUBLING) + 1) * _DOUBLING)
        self._add(places - self._begin, counts)

    def _add(self, where: Any, counts: _Whole) -> None:
        """Add counts at different places, in more bytes each where they need that."""
        sums = counts + self._counts[where]
        least = np.min_scalar_type(-1 - int(np.abs(sums).max(initial=0)))
        self._counts = self._counts.astype(np.promote_types(self._counts.dtype, least), copy=False)
        self._counts[where] = sums

    def _cover(self, begin: int, end: int) -> None:
        """Have room from one place to another, too."""
        if len(self._counts):
            known = self._begin, self._begin + len(self._counts)
            begin, end = min(begin, known[0]), max(end, known[1])
        if end - begin > len(self._counts):
            counts = np.zeros(end - begin, self._counts.dtype)
            counts[self._begin - begin :][: len(self._counts)] = self._counts
            self._begin, self._counts = begin, counts


def added(own: Counts, others: Counts) -> Counts:
    """Both together, in place of one's own, which is no longer to be used."""
    if isinstance(own, Dense) or isinstance(others, Dense) or len(own) + len(others) > FEW:
        own = own if isinstance(own, Dense) else Dense(own)
        own.add(others)
    else:
        add_counts(own, others)
    return own


def add_counts(own: dict[Any, int], others: Mapping[Any, int]) -> None:
    """Add the counts of others to one's own; what comes to nothing is no longer there."""
    if not own:
        own.update(others)
        return
    get = own.get
    for step, count in others.items():
        if known := get(step):
            if known + count:
                own[step] = known + count
            else:
                del own[step]
        else:
            own[step] = count


def arrays(counts: Counts) -> tuple[_Whole, _Whole]:
    """Steps in order, and the count of each."""
    if isinstance(counts, Dense):
        return counts.arrays()
    steps = np.fromiter(counts, np.int64, len(counts))
    order = np.argsort(steps)
    return steps[order], np.fromiter(counts.values(), np.int64, len(counts))[order]


def flat(counts: Counts) -> list[int]:
    """Step, count, step, count."""
    return [*chain.from_iterable(counts.items())]


def as_histogram(counts: Counts) -> HdrHistogram:
    """Counts as an HdrHistogram of microseconds."""
    histogram = HdrHistogram(1, HIGHEST_US, DIGITS)
    for step, count in counts.items():
        histogram.record_value(max(step, 1), count)
    return histogram


def counts_of(coded: str) -> dict[int, int]:
    """The counts of an HdrHistogram in its own coding."""
    histogram = HdrHistogram.decode(coded)
    kept = np.ctypeslib.as_array(histogram.counts)
    # The library's own walk sees empty places, too.
    places = np.flatnonzero(kept).tolist()
    return {histogram.get_value_from_index(place): int(kept[place]) for place in places}


def percentiles_us(counts: Counts, quantiles: Iterable[float]) -> dict[float, float]:
    """Values by quantile; 0.0 without counts.

    HdrHistogram rounds to the nearest request: of 31 requests its 95th percentile is the 29th,
    which leaves 6 % above. So it is asked for the share that makes it count up to the quantile.
    """
    steps, numbers = arrays(counts)
    total = int(numbers.sum())
    if not total:
        return dict.fromkeys(quantiles, 0.0)
    ranks = {one: math.ceil(Fraction(str(one)) * total / 100) for one in quantiles}
    shares = {one: 100 * rank / total for one, rank in ranks.items()}
    histogram = as_histogram(_condensed(steps, numbers, ranks.values()))
    found = histogram.get_percentile_to_value_dict(list(shares.values()))
    return {one: float(found[share]) for one, share in shares.items()}


def _condensed(steps: _Whole, numbers: _Whole, ranks: Iterable[int]) -> dict[int, int]:
    """Counts in a few steps that have the same values at these ranks.

    Filling a histogram with thousands of steps costs 20 ms, in which no user moves.
    """
    sums = np.cumsum(numbers)
    kept: dict[int, int] = {}
    before = 0
    for at in sorted({int(np.searchsorted(sums, rank)) for rank in ranks} | {len(steps) - 1}):
        kept[int(steps[at])] = int(sums[at]) - before
        before = int(sums[at])
    return kept


def places_of(steps: _Whole) -> _Whole:
    """Which steps of the grid these are, counted from 0; under 2**15."""
    shifts = _shifts(steps)
    return shifts * _DOUBLING + (steps >> shifts)


def steps_of(places: _Whole) -> _Whole:
    """The steps at places of the grid."""
    shifts = np.maximum(places // _DOUBLING - 1, 0)
    steps: _Whole = places - shifts * _DOUBLING << shifts
    return steps


def _shifts(whole: _Whole) -> _Whole:
    """How many bits of each number the grid leaves out."""
    # The exponent of a float, which holds whole numbers exactly; frexp would tell it in 4 bytes.
    bits = (whole.astype(float).view(np.int64) >> 52) - 1022
    shifts: _Whole = np.maximum(bits - _BITS, 0)
    return shifts
