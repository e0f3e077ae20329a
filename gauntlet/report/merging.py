"""Several masters' records of one test as one record.

    whole = merged([record_of_one_master, record_of_another])

One master merges the reports of so many workers and no more; beyond, several masters put the same
profile on the same target at the same time, each with workers of its own, and their records are
laid together. Counts add up, percentiles come from the records' histograms and are exact, rules
are judged anew over the whole. What a record does not keep whole is left out: percentiles of the
time to first byte, and what users measured besides requests. A rule that judges windows of time has
the worst of the records' values, of rates and counts their sum: no window of all is worse. What
spoiled one record spoils all, and where a rule ended one run the whole is a FAIL.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # ships no types

from gauntlet.errors import UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.measure.series import Counts, Key, Series, as_histogram, grid
from gauntlet.measure.slowest import MOST
from gauntlet.report import over_time
from gauntlet.report import record as parts
from gauntlet.report.record import RunRecord, Statistics
from gauntlet.thresholds import Check, Threshold, evaluate, parse
from gauntlet.verdict import Abort, Evidence, Judgement, Verdict, judge

APART_S = 10.0
"""Masters that did not start within so long of each other made no load together."""

LIKE = (
    "version",
    "gauntlet",
    "system",
    "profile",
    "target",
    "addresses",
    "planned",
    "mix",
    "tags",
    "excluded_tags",
)
"""What has to be the same in all records."""

TOO_FEW = "too few requests for "
"""How a reason begins that a larger number of requests may lift."""

ABORTED = "aborted after "
"""How the reason begins that says which rule ended a run."""


def merged(records: Sequence[RunRecord]) -> RunRecord:
    """One record of all; UsageError with a line per reason why they do not belong together."""
    if mistakes := [*_unlike(records)]:
        raise UsageError(mistakes)
    first = records[0]
    decoded = [
        {_key(histogram): _decoded(histogram.hdr) for histogram in one.histograms}
        for one in records
    ]

    def rows(name: str) -> dict[Key, Series]:
        return _series(records, decoded, name)

    series = rows("phase_endpoints") or rows("endpoints")
    checks = _checks(records, series)
    moments = over_time.timeline(records)
    whole = Series.merged(series.values())
    fleet = _fleet(records)
    return first.model_copy(
        update={
            "started": min(one.started for one in records),
            "ended": max(one.ended for one in records),
            "duration": max(one.duration for one in records),
            "peak_users": max((moment.users for moment in moments), default=0),
            "fleet": fleet,
            "iterations": _iterations(records),
            "outcome": parts.outcome(_judgement(records, whole, checks)),
            "thresholds": tuple(map(parts.threshold_result, checks)),
            "total": parts.statistics(Key("", "Aggregated"), whole),
            "endpoints": parts.table(series, "name", "method"),
            "servers": parts.table(rows("servers"), "server"),
            "phases": parts.table(rows("phases"), "phase"),
            "phase_endpoints": parts.table(series, "phase", "name", "method"),
            "sections": (),
            "histograms": _histograms(decoded),
            "failures": _failures(records),
            "user_errors": dict(_added(one.user_errors for one in records)),
            "preflight": tuple(dict.fromkeys(chain.from_iterable(r.preflight for r in records))),
            "timeline": moments,
            "slices": over_time.slices(records),
            "arrivals": None,
            "health": _health(records),
            "diagnosis": (),
            "target_metrics": first.target_metrics,
            "slowest": _slowest(records),
        }
    )


def _unlike(records: Sequence[RunRecord]) -> Iterator[str]:
    if len(records) < 2:
        yield f"merge: expected two records or more, got {len(records)}"
        return
    first = records[0]
    for number, other in enumerate(records[1:], 2):
        where = f"record {number}"
        if other in records[: number - 1]:
            yield f"{where}: expected another run, got one that is there already"
            continue
        for name in LIKE:
            mine, theirs = getattr(first, name), getattr(other, name)
            if mine != theirs:
                yield f"{where}: expected {name} {mine!r} as in record 1, got {theirs!r}"
        if _rules(first) != _rules(other):
            yield f"{where}: expected the rules of record 1, got others"
        apart = abs((other.started - first.started).total_seconds())
        if apart > APART_S:
            yield f"{where}: expected a start within {APART_S:g}s of record 1, got {apart:.0f}s"
        if other.arrivals is not None or first.arrivals is not None:
            yield f"{where}: expected a closed model; arrivals of several masters do not add up"


def _rules(record: RunRecord) -> list[str]:
    return [one.rule for one in record.thresholds]


# -- requests ------------------------------------------------------------------------------------


def _series(
    records: Sequence[RunRecord], decoded: Sequence[dict[Key, Counts]], rows: str
) -> dict[Key, Series]:
    """Series of the rows of a table in all records, as they were measured."""
    found: dict[Key, Series] = {}
    for one, histograms in zip(records, decoded, strict=True):
        table: Sequence[Statistics] = getattr(one, rows)
        for row in table:
            belongs = _alike(rows, _key(row))
            counts = _added(counts for key, counts in histograms.items() if belongs(key))
            series = _restored(row, dict(counts), _span(one, row))
            found.setdefault(_key(row), Series()).merge(series)
    return found


def _alike(rows: str, key: Key) -> Callable[[Key], bool]:
    """Whether a histogram belongs to a row of the table."""
    by = {
        "phase_endpoints": ("method", "name", "phase"),
        "endpoints": ("method", "name"),
        "servers": ("server",),
        "phases": ("phase",),
    }[rows]
    return lambda other: all(getattr(other, part) == getattr(key, part) for part in by)


def _decoded(text: str) -> Counts:
    """A histogram's requests by grid value."""
    steps = HdrHistogram.decode(text).get_recorded_iterator()
    return {grid(step.value_iterated_to): step.count_added_in_this_iter_step for step in steps}


def _span(record: RunRecord, row: Statistics) -> tuple[float, float]:
    """From when to when a row's requests began, as far as the record tells.

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


def _restored(row: Statistics, counts: Counts, span: tuple[float, float]) -> Series:
    """The series that a row was made from; in a closed model service time is response time."""
    timed = sum(counts.values())
    total = row.avg_ms * timed * 1000
    spread = (row.stdev_ms * 1000) ** 2 * max(timed - 1, 0)
    return Series(
        requests=row.requests,
        untimed=row.requests - timed,
        failures=row.failures,
        received=row.received_bytes,
        sent=row.sent_bytes,
        retries=row.retries,
        verified=row.verified,
        total_us=total,
        squares_us=spread + (total * total / timed if timed else 0.0),
        min_us=row.min_ms * 1000 if timed else math.inf,
        max_us=row.max_ms * 1000,
        first=span[0],
        last=span[1],
        counts=counts,
        service_max_us=row.max_ms * 1000,
        outcomes=dict(row.outcomes),
    )


def _histograms(decoded: Sequence[dict[Key, Counts]]) -> tuple[parts.Histogram, ...]:
    found: dict[Key, Counter[int]] = {}
    for key, counts in chain.from_iterable(one.items() for one in decoded):
        found.setdefault(key, Counter()).update(counts)
    return tuple(
        parts.Histogram(**key._asdict(), hdr=as_histogram(counts).encode().decode())
        for key, counts in sorted(found.items())
    )


def _key(one: parts.Histogram | Statistics) -> Key:
    return Key(one.method, one.name, one.server, one.phase)


def _failures(records: Sequence[RunRecord]) -> tuple[parts.Failure, ...]:
    found: Counter[tuple[str, str, str]] = Counter()
    for one in chain.from_iterable(record.failures for record in records):
        found[one.method, one.name, one.text] += one.count
    return tuple(
        parts.Failure(method=method, name=name, text=text, count=count)
        for (method, name, text), count in found.items()
    )


def _slowest(records: Sequence[RunRecord]) -> tuple[parts.Slow, ...]:
    every = chain.from_iterable(one.slowest for one in records)
    return tuple(heapq.nlargest(MOST, every, key=lambda one: one.response_ms))


def _added(several: Iterable[dict[Any, int]]) -> Counter[Any]:
    whole: Counter[Any] = Counter()
    for one in several:
        whole.update(one)
    return whole


# -- the verdict ---------------------------------------------------------------------------------


def _checks(records: Sequence[RunRecord], series: dict[Key, Series]) -> list[Check]:
    """Every rule over the whole."""

    def worst(rule: Threshold) -> tuple[float | None, int]:
        """Of a rule over windows: no window of all is worse."""
        told = [row for one in records for row in one.thresholds if row.rule == rule.text]
        values = [row.value for row in told if row.value is not None]
        broken = [row.value for row in told if not row.held]
        samples = sum(row.samples for row in told)
        if not values or None in broken:
            return (math.inf if broken and samples else None), samples
        if rule.kind in ("rate", "count"):
            return sum(values), samples
        return (min if rule.op.startswith(">") else max)(values), samples

    return evaluate([parse(rule) for rule in _rules(records[0])], series, worst)


def _judgement(records: Sequence[RunRecord], whole: Series, checks: Sequence[Check]) -> Judgement:
    spoiled = [
        f"master {number}: {reason}"
        for number, one in enumerate(records, 1)
        if one.outcome.verdict == Verdict.INVALID
        for reason in one.outcome.reasons
        if not reason.startswith(TOO_FEW)
    ]
    if spoiled:
        return Judgement(Verdict.INVALID, tuple(spoiled), ExitCode.INVALID)
    errors = sum(sum(one.user_errors.values()) for one in records)
    return judge(Evidence(whole.requests, whole.failures, errors, checks, aborted=_abort(records)))


def _abort(records: Sequence[RunRecord]) -> Abort | None:
    """The first rule that ended a run; what that one did not measure is in no figure."""
    for one in records:
        for reason in one.outcome.reasons:
            if reason.startswith(ABORTED):
                return Abort(reason.partition(" by ")[2], one.duration)
    return None


# -- what made the load --------------------------------------------------------------------------


def _fleet(records: Sequence[RunRecord]) -> parts.Fleet:
    """All workers, numbered on; a master without any is one process that made load itself."""
    members: list[parts.Member] = []
    for one in records:
        start = len(members)
        members += [
            member.model_copy(update={"index": start + place})
            for place, member in enumerate(one.fleet.members)
        ]
    return parts.Fleet(
        workers=sum(one.fleet.workers for one in records),
        lost=tuple(
            f"master {number}: {name}"
            for number, one in enumerate(records, 1)
            for name in one.fleet.lost
        ),
        cut=sum(one.fleet.cut for one in records),
        members=tuple(members),
    )


def _iterations(records: Sequence[RunRecord]) -> parts.IterationCount | None:
    counts = [one.iterations for one in records if one.iterations is not None]
    if not counts:
        return None
    names = parts.IterationCount.model_fields
    return parts.IterationCount(**{name: sum(getattr(c, name) for c in counts) for name in names})


def _health(records: Sequence[RunRecord]) -> parts.Health | None:
    told = [one.health for one in records if one.health is not None]
    if not told:
        return None
    averages = [one.cpu_avg for one in told if one.cpu_avg is not None]
    return parts.Health(
        cpu_avg=max(averages, default=None),
        cpu_max=max((one.cpu_max for one in told if one.cpu_max is not None), default=None),
        clock_drift=max(one.clock_drift for one in told),
    )
