"""The response times as an HdrHistogram log, for every tool that reads `.hlog` files."""

from pathlib import Path
from urllib.parse import quote

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # ships no types
from hdrh.log import HistogramLogWriter  # type: ignore[import-untyped]

from gauntlet.errors import UsageError
from gauntlet.report.record import Histogram, RunRecord

MICROSECONDS_PER_MS = 1000.0


def write(record: RunRecord, path: Path) -> None:
    """Write an interval per series, tagged `METHOD|name|server|phase`; the log shows milliseconds.

    In a tag, whatever is neither letter, digit nor one of `_.-~/` is percent-coded.
    """
    start, end = record.started.timestamp(), record.ended.timestamp()
    with path.open("w", encoding="ascii") as file:
        log = HistogramLogWriter(file)
        log.output_comment(f"[Gauntlet {record.gauntlet}, recorded in microseconds]")
        log.output_log_format_version()
        log.output_comment(f"[StartTime: {start:.3f} (seconds since epoch), {record.started}]")
        log.output_legend()
        for one in record.histograms:
            file.write(f"Tag={tag(one)},")  # the library reads tags and cannot write them
            histogram = HdrHistogram.decode(one.hdr)
            log.output_interval_histogram(histogram, start, end, MICROSECONDS_PER_MS)


def check(record: RunRecord, place: Path) -> None:
    """UsageError where a histogram of the record from `place` is damaged."""
    for one in record.histograms:
        for hdr in (one.hdr, one.service_hdr, one.first_byte_hdr):
            _check(hdr, repr(tag(one)), place)
    if record.arrivals is not None:
        _check(record.arrivals.late_hdr, "arrivals", place)


def _check(hdr: str | None, what: str, place: Path) -> None:
    try:
        if hdr is not None:
            HdrHistogram.decode(hdr)
    except Exception as error:  # the library raises whatever it stumbles over
        raise UsageError(
            f"{place}: expected a run record, got a histogram of {what} that is damaged"
        ) from error


def tag(one: Histogram) -> str:
    """The tag of a series."""
    return "|".join(quote(part) for part in (one.method, one.name, one.server, one.phase))
