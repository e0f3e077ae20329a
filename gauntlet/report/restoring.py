"""The series that a record was made from, as far as it tells; `gauntlet.report.merging` adds them.

What a table of the record says of a row, its counts, sums and extremes, and what the record's
histograms say of its times: of responses, of services, to the first byte.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from gauntlet.measure.histogram import added, counts_of
from gauntlet.measure.series import Key, Series
from gauntlet.report.record import Histogram, RunRecord, Statistics

BY = {
    "phase_endpoints": ("method", "name", "phase"),
    "endpoints": ("method", "name"),
    "servers": ("server",),
    "phases": ("phase",),
}
"""Tables of a record, and what makes a row of each."""


def times(record: RunRecord) -> dict[Key, Series]:
    """Every histogram of a record as a series that has its times and nothing else."""
    return {_key(one): _times(one) for one in record.histograms}


def rows(
    record: RunRecord, times: Mapping[Key, Series], table: str
) -> Iterator[tuple[Key, Series]]:
    """The rows of a table as series; `times` are those of the record."""
    found: Sequence[Statistics] = getattr(record, table)
    for row in found:
        belongs = _alike(BY[table], _key(row))
        series = Series.merged(one for key, one in times.items() if belongs(key))
        _restore(series, row, _span(record, row))
        yield _key(row), series


def _times(one: Histogram) -> Series:
    series = Series(counts=counts_of(one.hdr))
    if one.first_byte_hdr is not None:
        series.first_bytes = counts_of(one.first_byte_hdr)
    if one.service_hdr is not None:
        without = {step: -count for step, count in series.counts.items()}
        series.moved = added(counts_of(one.service_hdr), without)
    return series


def _alike(by: Sequence[str], key: Key) -> Callable[[Key], bool]:
    """Whether a histogram belongs to the row of that key."""
    return lambda other: all(getattr(other, part) == getattr(key, part) for part in by)


def _span(record: RunRecord, row: Statistics) -> tuple[float, float]:
    """From when to when a row's requests went, as far as the record tells.

    What matters is how long that was: of a row, and of all phases of an endpoint together. So its
    first phase begins with the run, and the others end where the endpoint does.
    """

    def own(rows: Sequence[Statistics]) -> Statistics:
        return next((one for one in rows if (one.method, one.name) == (row.method, row.name)), row)

    began = record.started.timestamp()
    if own(record.phase_endpoints).phase == row.phase:
        return began, began + _lasted(row)
    end = began + _lasted(own(record.endpoints))
    return end - _lasted(row), end


def _lasted(row: Statistics) -> float:
    return row.requests / row.rps if row.rps else 0.0


def _restore(series: Series, row: Statistics, span: tuple[float, float]) -> None:
    """Put into a series of times what the row knows besides."""
    timed = sum(series.counts.values())
    total = row.avg_ms * timed * 1000
    spread = (row.stdev_ms * 1000) ** 2 * max(timed - 1, 0)
    series.requests, series.untimed, series.failures = (
        row.requests,
        row.requests - timed,
        row.failures,
    )
    series.received, series.sent = row.received_bytes, row.sent_bytes
    series.retries, series.verified = row.retries, row.verified
    series.outcomes = dict(row.outcomes)
    series.first, series.last = span
    series.total_us = total
    series.squares_us = spread + (total * total / timed if timed else 0.0)
    series.min_us = row.min_ms * 1000 if timed else math.inf
    series.max_us = series.service_max_us = row.max_ms * 1000
    if row.service_avg_ms is not None and row.service_max_ms is not None:
        series.late_us = total - row.service_avg_ms * timed * 1000
        series.service_max_us = row.service_max_ms * 1000


def _key(one: Histogram | Statistics) -> Key:
    return Key(one.method, one.name, one.server, one.phase)
