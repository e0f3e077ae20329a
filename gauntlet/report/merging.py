"""Several masters' records of one test as one record.

    whole = merged([record_of_one_master, record_of_another])

One master merges the reports of so many workers and no more; beyond, several masters put the same
profile on the same target at the same time, each with workers of its own, and their records are
laid together. Counts add up, percentiles come from the records' histograms and are exact, rules
are judged anew over the whole. A rule that judges windows of time has the worst of the records'
values, of rates and counts their sum: no window of all is worse. What the target tells of itself
is one target's, and not added. What spoiled one record spoils all, but for what only more requests
could lift, and where a rule ended one run the whole is a FAIL.
"""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from gauntlet.causes import Cause
from gauntlet.errors import UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.measure.series import Key, Series
from gauntlet.report import entries, over_time, restoring, sums
from gauntlet.report import record as parts
from gauntlet.report.diagnosis import diagnose
from gauntlet.report.record import RunRecord
from gauntlet.thresholds import Check, Threshold, evaluate, parse
from gauntlet.verdict import Abort, Evidence, Judgement, Verdict, judge, naming_servers

APART_S = 10.0
"""Masters that did not start within so long of each other made no load together."""

LIKE = (
    "version",
    "gauntlet",
    "locust",
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

LIFTED = re.compile(
    r"too few requests for |the threshold .* (matched (no|\d+) request|had too few values)"
)
"""How a reason begins that says of one master what the others may make good."""
LIFTED_CAUSES = (Cause.TOO_FEW_REQUESTS, Cause.UNMATCHED_RULE)

ABORTED = "aborted after "
"""How the reason begins that says which rule ended a run."""


def merged(records: Sequence[RunRecord]) -> RunRecord:
    """One record of all; UsageError with a line per reason why they do not belong together."""
    if mistakes := [*unlike(records)]:
        raise UsageError(mistakes)
    times = [restoring.times(one) for one in records]

    def rows(table: str) -> dict[Key, Series]:
        found: dict[Key, Series] = {}
        for one, own in zip(records, times, strict=True):
            for key, series in restoring.rows(one, own, table):
                found.setdefault(key, Series()).merge(series)
        return found

    series = rows("phase_endpoints") or rows("endpoints")
    servers = entries.table(rows("servers"), "server")
    checks = _checks(records, series)
    moments = over_time.timeline(records)
    whole = Series.merged(series.values())
    judgement = naming_servers(
        _judgement(records, whole, checks),
        [(one.server, one.requests, one.failures) for one in servers],
    )
    record = records[0].model_copy(
        update={
            "masters": len(records),
            "started": min(one.started for one in records),
            "ended": max(one.ended for one in records),
            "duration": max(one.duration for one in records),
            "stop_timeout": max(one.stop_timeout for one in records),
            "peak_users": max((moment.users for moment in moments), default=0),
            "fleet": sums.fleet(records),
            "iterations": sums.iterations(records),
            "outcome": entries.outcome(judgement),
            "thresholds": tuple(map(entries.threshold_result, checks)),
            "total": entries.statistics(Key("", "Aggregated"), whole),
            "endpoints": entries.table(series, "name", "method"),
            "servers": servers,
            "phases": entries.table(rows("phases"), "phase"),
            "phase_endpoints": entries.table(series, "phase", "name", "method"),
            "sections": sums.sections(records),
            "histograms": entries.histograms(_added(times)),
            "failures": sums.failures(records),
            "user_errors": dict(sums.added(one.user_errors for one in records)),
            "preflight": tuple(dict.fromkeys(chain.from_iterable(r.preflight for r in records))),
            "timeline": moments,
            "slices": over_time.slices(records),
            "arrivals": sums.arrivals(records),
            "health": sums.health(records),
            "target_metrics": sums.target_metrics(records),
            "slowest": sums.slowest(records),
        }
    )
    return record.model_copy(update={"diagnosis": diagnose(record)})


def unlike(records: Sequence[RunRecord]) -> Iterator[str]:
    """Why the records are not those of several masters of one test, a line per reason."""
    if len(records) < 2:
        yield f"merge: expected two records or more, got {len(records)}"
    for number, other in enumerate(records, 1):
        where = f"record {number}"
        if other.masters > 1:
            yield f"{where}: expected that of one master, got one merged from {other.masters}"
        elif other in records[: number - 1]:
            yield f"{where}: expected another run, got one that is there already"
        else:
            yield from _differences(records[0], other, where)


def _differences(first: RunRecord, other: RunRecord, where: str) -> Iterator[str]:
    for name in LIKE:
        mine, theirs = getattr(first, name), getattr(other, name)
        if mine != theirs:
            yield f"{where}: expected {name} {mine!r} as in record 1, got {theirs!r}"
    if _rules(first) != _rules(other):
        yield f"{where}: expected the rules of record 1, got others"
    if (first.arrivals is None) != (other.arrivals is None):
        yield f"{where}: expected arrivals in both or in neither, got them in one"
    elif first.arrivals and other.arrivals:
        mine, theirs = first.arrivals.distribution, other.arrivals.distribution
        if mine != theirs:
            yield f"{where}: expected {mine} arrivals as in record 1, got {theirs}"
    apart = abs((other.started - first.started).total_seconds())
    if apart > APART_S:
        yield f"{where}: expected a start within {APART_S:g}s of record 1, got {apart:.0f}s"
    elif other is not first and not _overlap(first, other):
        yield f"{where}: expected a run at the time of record 1, got one after or before it"
    if other.total.service_percentiles_ms and not any(one.service_hdr for one in other.histograms):
        yield f"{where}: expected histograms of its service times, got none"


def _overlap(one: RunRecord, other: RunRecord) -> bool:
    return max(one.started, other.started) < min(one.ended, other.ended)


def _rules(record: RunRecord) -> list[str]:
    return [one.rule for one in record.thresholds]


def _added(times: Sequence[dict[Key, Series]]) -> dict[Key, Series]:
    """The histograms of all."""
    found: dict[Key, Series] = {}
    for key, series in chain.from_iterable(one.items() for one in times):
        found.setdefault(key, Series()).merge(series)
    return found


# -- the verdict ---------------------------------------------------------------------------------


def _checks(records: Sequence[RunRecord], series: dict[Key, Series]) -> list[Check]:
    """Every rule over the whole."""

    def worst(rule: Threshold) -> tuple[float | None, int]:
        """Of a rule over windows, or about the target: nothing of all is worse."""
        told = [row for one in records for row in one.thresholds if row.rule == rule.text]
        values = [_value(row) for row in told if row.shown != entries.NO_SAMPLES]
        samples = sum(row.samples for row in told)
        if not values:
            return None, samples
        if rule.kind in ("rate", "count"):
            return sum(values), samples
        return (min if rule.op.startswith(">") else max)(values), samples

    return evaluate([parse(rule) for rule in _rules(records[0])], series, worst)


def _value(row: parts.ThresholdResult) -> float:
    """What a rule was judged by; beyond all limits where the record cannot hold it."""
    return math.inf if row.value is None else row.value


def _judgement(records: Sequence[RunRecord], whole: Series, checks: Sequence[Check]) -> Judgement:
    invalid = {
        number: one.outcome
        for number, one in enumerate(records, 1)
        if one.outcome.verdict == Verdict.INVALID
    }
    spoiled = [
        f"master {number}: {reason}"
        for number, one in invalid.items()
        for reason in one.reasons
        if not LIFTED.match(reason)
    ]
    if spoiled:
        told = dict.fromkeys(chain.from_iterable(one.causes for one in invalid.values()))
        causes = tuple(one for one in map(Cause, told) if one not in LIFTED_CAUSES)
        return Judgement(Verdict.INVALID, tuple(spoiled), ExitCode.INVALID, causes)
    errors = sum(sum(one.user_errors.values()) for one in records)
    return judge(
        Evidence(
            whole.requests,
            whole.failures,
            errors,
            checks,
            aborted=_abort(records),
            cut=sum(one.fleet.cut for one in records if one.stop_timeout),
            patience=max(one.stop_timeout for one in records),
        )
    )


def _abort(records: Sequence[RunRecord]) -> Abort | None:
    """The first rule that ended a run; what that one did not measure is in no figure."""
    for one in records:
        for reason in one.outcome.reasons:
            if reason.startswith(ABORTED):
                return Abort(reason.partition(" by ")[2], one.duration)
    return None
