"""The tables of the report: what each section holds, as texts in rows. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gauntlet.report.html.curves import label
from gauntlet.report.html.figures import clock, count, digits, margin, ratio, size
from gauntlet.report.record import RunRecord, Statistics, ThresholdResult
from gauntlet.thresholds import Threshold, parse

MOST_TEXTS = 100
"""Most rows of failure texts; the run record has more."""

_TIMES = ("p50", "p90", "p95", "p99", "p99.9")


class Table(NamedTuple):
    """A table; columns from `numbers` on, before `texts`, are numbers, and stand right."""

    id: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 1
    note: str = ""
    texts: int = 1000


class Rule(NamedTuple):
    """A threshold as it is shown; `filled` is value by limit, 0.0 to 1.25."""

    text: str
    value: str
    limit: str
    margin: str
    state: str
    filled: float
    upward: bool
    """Whether the value must lie above its limit."""


_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
FULL = 1.25
"""What the bar of a threshold holds, in limits."""


def rule(result: ThresholdResult, live: bool = False) -> Rule:
    """A threshold's row: held, broken, or without samples."""
    parsed = _parsed(result.rule)
    state = "held" if result.held else "broken"
    if result.value is None:
        state = "waiting" if live else "missing"
    filled = 0.0
    if result.value is not None and result.limit:
        filled = min(max(result.value / result.limit, 0.0), FULL)
    elif result.value:
        filled = FULL
    return Rule(
        text=result.rule,
        value="no samples" if result.value is None else result.shown,
        limit=f"{_SIGNS[parsed.op]} {parsed.show(result.limit)}" if parsed else "",
        margin=margin(result.margin),
        state=state,
        filled=filled,
        upward=parsed is not None and parsed.op.startswith(">"),
    )


def _parsed(text: str) -> Threshold | None:
    """The rule, if this version can read it: a record may come from another."""
    try:
        return parse(text)
    except ValueError:
        return None


def statistics(id: str, caption: str, first: str, rows: Sequence[tuple[str, Statistics]]) -> Table:
    """Requests, rate, failures and times of endpoints, servers or phases."""
    heads = (first, "requests", "per s", "failed", "fail ratio", "average", *_TIMES, "max")
    return Table(
        id,
        caption,
        heads,
        tuple((name, *_figures(one)) for name, one in rows),
        note="Times in milliseconds.",
    )


def _figures(one: Statistics) -> tuple[str, ...]:
    times = (one.avg_ms, *(one.percentiles_ms.get(name, 0.0) for name in _TIMES), one.max_ms)
    shown = [digits(ms) if one.requests else "–" for ms in times]
    return (
        count(one.requests),
        digits(one.rps),
        count(one.failures),
        ratio(one.fail_ratio),
        *shown,
    )


def named(rows: Iterable[Statistics]) -> list[tuple[str, Statistics]]:
    """Endpoints with method and name."""
    return [(label(one.method, one.name), one) for one in rows]


def all_statistics(record: RunRecord) -> list[Table]:
    """A table per endpoint, phase and server, as far as there are any; one phase is the whole."""
    total = ("all", record.total)
    phases = record.phases if len(record.phases) > 1 else ()
    split = [(f"{one.phase}: {label(one.method, one.name)}", one) for one in record.phase_endpoints]
    found = [
        statistics("endpoints", "Endpoints", "endpoint", [*named(record.endpoints), total]),
        statistics("phases", "Phases", "phase", [(one.phase, one) for one in phases]),
        statistics("split", "Endpoints by phase", "phase and endpoint", split if phases else ()),
        statistics("servers", "Servers", "server", [(one.server, one) for one in record.servers]),
    ]
    return [one for one in found if one.rows] if record.endpoints else []


def service(record: RunRecord) -> Table | None:
    """Response time next to service time, where iterations arrived by themselves."""
    rows = [*named(record.endpoints), ("all", record.total)]
    shown = []
    for name, one in rows:
        own = one.service_percentiles_ms
        if own is None or one.service_avg_ms is None:
            continue
        pairs = [(one.avg_ms, one.service_avg_ms)]
        pairs += [(one.percentiles_ms.get(q, 0.0), own.get(q, 0.0)) for q in ("p50", "p95", "p99")]
        shown.append((name, *(digits(value) for pair in pairs for value in pair)))
    if not shown:
        return None
    heads = [f"{what} {q}" for q in ("average", "p50", "p95", "p99") for what in _BOTH]
    return Table(
        "service",
        "Response time and service time",
        ("endpoint", *heads),
        tuple(shown),
        note="Milliseconds. Response time counts from when a request was due, service time from "
        "when it was sent; between them it waited for a user that was free.",
    )


_BOTH = ("response", "service")


def transfer(record: RunRecord) -> Table:
    """Bytes, retries, verified answers, and first bytes where they were measured."""
    rows = [*named(record.endpoints), ("all", record.total)]
    first = any(one.first_byte_ms for _, one in rows)
    heads = ["endpoint", "received", "sent", "retries", "verified"]
    heads += ["first byte p50", "first byte p95", "first byte p99"] if first else []
    shown = []
    for name, one in rows:
        cells = [name, size(one.received_bytes), size(one.sent_bytes)]
        cells += [count(one.retries), count(one.verified)]
        if first:
            told = one.first_byte_ms or {}
            cells += [digits(told[q]) if q in told else "–" for q in ("p50", "p95", "p99")]
        shown.append(tuple(cells))
    note = "Verified: answers whose content was compared with what was expected."
    note += " First byte in milliseconds." if first else ""
    return Table(
        "transfer", "Bytes, retries, verified answers", tuple(heads), tuple(shown), note=note
    )


def outcomes(record: RunRecord) -> Table | None:
    """Failures by class, per endpoint."""
    classes = sorted(record.total.outcomes, key=lambda one: -record.total.outcomes[one])
    if not classes:
        return None
    rows = [*named(one for one in record.endpoints if one.outcomes), ("all", record.total)]
    shown = [(name, *(count(one.outcomes.get(kind, 0)) for kind in classes)) for name, one in rows]
    return Table("outcomes", "Failures by class", ("endpoint", *classes), tuple(shown))


def failures(record: RunRecord) -> Table | None:
    """What failed requests and user code said, most frequent first."""
    told = [(one.count, label(one.method, one.name), one.text) for one in record.failures]
    told += [(number, "user code", text) for text, number in record.user_errors.items()]
    told.sort(key=lambda one: -one[0])
    rows = tuple((name, text, count(number)) for number, name, text in told[:MOST_TEXTS])
    more = len(told) - len(rows)
    note = f"{more} more texts are in the run record." if more > 0 else ""
    return (
        Table("failures", "What failures said", ("where", "text", "count"), rows, 2, note)
        if rows
        else None
    )


def slowest(record: RunRecord) -> Table | None:
    """The slowest requests, one by one; phase and server where there are any."""
    told = record.slowest
    columns = {  # the time first: a narrow page shows the first columns
        "endpoint": [label(one.method, one.name) for one in told],
        "response ms": [digits(one.response_ms) for one in told],
        "begun at": [clock(one.t) for one in told],
        "outcome": [one.outcome or "✓ right" for one in told],
        "phase": [one.phase or "–" for one in told] if any(one.phase for one in told) else [],
        "server": [one.server or "–" for one in told] if any(one.server for one in told) else [],
    }
    shown = {head: cells for head, cells in columns.items() if cells}
    rows = tuple(zip(*shown.values(), strict=True))
    return Table("slowest", "Slowest requests", tuple(shown), rows, texts=3) if rows else None


def compared(records: Sequence[RunRecord], names: Sequence[str]) -> Table | None:
    """Several runs, a row each."""
    if len(records) < 2:
        return None
    rows = tuple(
        (name, one.outcome.verdict, *_figures(one.total))
        for name, one in zip(names, records, strict=True)
    )
    heads = ("run", "verdict", "requests", "per s", "failed", "fail ratio", "average")
    return Table("runs", "Runs", (*heads, *_TIMES, "max"), rows, 2, "Times in milliseconds.")
