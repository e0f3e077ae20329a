"""The console block that ends a run; colours on a terminal only."""

import sys
from typing import TextIO

from rich.console import Console
from rich.text import Text

from gauntlet.report.record import RunRecord, Statistics

RULE = "=" * 30
STYLE = {"PASS": "bold green", "FAIL": "bold red", "INVALID": "bold yellow"}


def write(record: RunRecord, folder: str, stream: TextIO | None = None) -> None:
    """Print the block: totals, percentiles, endpoints, thresholds, verdict; last, the folder."""
    stream = stream or sys.stdout
    console = Console(file=stream, highlight=False, soft_wrap=True)
    for line in [*lines(record), Text(f"Results: {folder}")]:
        line.plain = _writable(line.plain, stream.encoding or "utf-8")
        console.print(line)


def lines(record: RunRecord) -> list[Text]:
    """The block as styled lines."""
    total = record.total
    text = [
        Text(RULE),
        Text("BENCHMARK RESULTS", "bold"),
        Text(RULE),
        Text(f"Target: {record.aimed_at} ({record.environment or 'by address'})"),
        Text(f"Total requests: {total.requests}"),
        Text(f"Successful: {total.requests - total.failures}"),
        Text(f"Failed: {total.failures}", "red" if total.failures else ""),
        Text(f"Success rate: {_success(total)}"),
        Text(f"Requests/second: {total.rps:.2f}"),
        Text(""),
        Text("Response times:"),
        *(Text(f"  {label}: {_seconds(total, key)}") for label, key in _SHOWN),
        Text(""),
        *_open_model(record),
        *_endpoints(record),
        *_phases(record),
        *_servers(record),
        *_workers(record),
        *_sections(record),
        *_diagnosis(record),
        *_failures(record),
        *_thresholds(record),
        Text(RULE),
        _verdict(record),
    ]
    text += [Text(f"  {reason}") for reason in record.outcome.reasons]
    return [*text, Text(RULE)]


_PLAIN = str.maketrans({"✓": "+", "✗": "x", "—": "-"})


def _writable(text: str, encoding: str) -> str:
    """The text, or as much of it as an encoding without our marks can write, char for char."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def _open_model(record: RunRecord) -> list[Text]:
    """Service times and what became of the arrivals, where a run had any."""
    arrivals, service = record.arrivals, record.total.service_percentiles_ms
    if arrivals is None:
        return []
    text = []
    if service is not None:
        text.append(Text("Service times, without late starts:"))
        text += [Text(f"  {label}: {service[key] / 1000:.3f}s") for label, key in _SHOWN]
        text.append(Text(""))
    late = ", ".join(f"{label} {arrivals.late_ms[key] / 1000:.3f}s" for label, key in _SHOWN)
    return [
        *text,
        Text("Arrivals:"),
        Text(f"  Scheduled: {arrivals.scheduled}"),
        Text(f"  Started: {arrivals.started}, late by {late}"),
        Text(f"  Started over 10 ms late: {arrivals.late}"),
        Text(f"  Most waiting: {arrivals.most_waiting}"),
        Text(f"  Dropped: {arrivals.dropped}", "red" if arrivals.dropped else ""),
        Text(""),
    ]


_SHOWN = (("P50", "p50"), ("P95", "p95"), ("P99", "p99"))


def _success(total: Statistics) -> str:
    return f"{(1 - total.fail_ratio) * 100:.2f}%" if total.requests else "no requests"


def _seconds(statistics: Statistics, key: str) -> str:
    return f"{statistics.percentiles_ms[key] / 1000:.3f}s"


def _endpoints(record: RunRecord) -> list[Text]:
    if not record.endpoints:
        return []
    width = max(len("Endpoints:"), *(len(_name(one)) for one in record.endpoints))
    text = [
        Text(f"{'Endpoints:':<{width + 2}} {'requests':>9} {'failed':>7} {'P50':>9} {'P95':>9}")
    ]
    for one in record.endpoints:
        name = _name(one)
        times = f"{_seconds(one, 'p50'):>9} {_seconds(one, 'p95'):>9}"
        text.append(Text(f"  {name:<{width}} {one.requests:>9} {one.failures:>7} {times}"))
    return [*text, Text("")]


def _name(one: Statistics) -> str:
    """Method and name, the method once."""
    return one.name if one.name.startswith(f"{one.method} ") else f"{one.method} {one.name}"


def _phases(record: RunRecord) -> list[Text]:
    if len(record.phases) < 2:
        return []
    width = max(len("Phases:"), *(len(one.phase) for one in record.phases))
    titles = f"{'requests':>9} {'failed':>7} {'per s':>9} {'P50':>9} {'P95':>9} {'P99':>9}"
    text = [Text(f"{'Phases:':<{width + 2}} {titles}")]
    for one in record.phases:
        times = " ".join(f"{_seconds(one, key):>9}" for _, key in _SHOWN)
        row = f"{one.requests:>9} {one.failures:>7} {one.rps:>9.2f} {times}"
        text.append(Text(f"  {one.phase:<{width}} {row}"))
    return [*text, Text("")]


def _diagnosis(record: RunRecord) -> list[Text]:
    if not record.diagnosis:
        return []
    return [Text("Diagnosis:"), *(Text(f"  {one}") for one in record.diagnosis), Text("")]


def _servers(record: RunRecord) -> list[Text]:
    if not record.servers:
        return []
    width = max(len("Servers:"), *(len(one.server) for one in record.servers))
    times = "".join(f" {label:>9}" for label in ("avg", *dict(_SHOWN)))
    text = [Text(f"{'Servers:':<{width + 2}} {'requests':>9} {'success':>8}{times}")]
    for one in record.servers:
        figures = (f"{one.avg_ms / 1000:.3f}s", *(_seconds(one, key) for _, key in _SHOWN))
        times = "".join(f" {figure:>9}" for figure in figures)
        row = f"  {one.server:<{width}} {one.requests:>9} {_success(one):>8}{times}"
        text.append(Text(row))
    return [*text, Text("")]


_ROWS = 16
"""Most workers that are shown one by one; of more, only those that something is wrong with."""


def _workers(record: RunRecord) -> list[Text]:
    fleet = record.fleet
    amiss = [one for one in fleet.members if one.lost or one.missing]
    shown = fleet.members if len(fleet.members) <= _ROWS else amiss
    of = f" of {record.masters} masters" if record.masters > 1 else ""
    text = [Text(f"Workers: {fleet.workers}{of}")] if fleet.members else []
    for one in shown:
        row = f"  worker {one.index}: {one.requests} requests"
        row += f", {one.missing} more never arrived" if one.missing else ""
        row += f", lost, up to {one.unrecorded:.1f}s unrecorded" if one.lost else ""
        text.append(Text(row, "yellow" if one in amiss else ""))
    if fleet.cut:
        said = f"Cut off at a stop: {fleet.cut} tasks; a request in flight of each is in no figure"
        text.append(Text(said, "yellow"))
    return [*text, Text("")] if text else []


def _sections(record: RunRecord) -> list[Text]:
    text: list[Text] = []
    for section in record.sections:
        text += [Text(f"{section.title}:")]
        text += [Text(f"  {figure.name}: {figure.shown}") for figure in section.figures]
        text += [Text("")]
    return text


def _failures(record: RunRecord) -> list[Text]:
    rows = sorted(record.failures, key=lambda failure: -failure.count)
    found = [f"{row.count} x {row.method} {row.name}: {row.text}" for row in rows[:10]]
    found += [f"{count} x {error}" for error, count in list(record.user_errors.items())[:10]]
    text = [Text("  " + " ".join(one.split()), "red") for one in found]
    classes = [_classes("by class", record.total)] if record.total.outcomes else []
    if len(record.endpoints) > 1:
        wrong = [one for one in record.endpoints if one.outcomes]
        classes += [_classes(f"  {_name(one)}", one) for one in wrong]
    return [Text("Failures:"), *text, *classes, Text("")] if text else []


def _classes(what: str, statistics: Statistics) -> Text:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in statistics.outcomes.items())
    return Text(f"  {what}: {counts}")


def _thresholds(record: RunRecord) -> list[Text]:
    if not record.thresholds:
        return []
    text = [Text("Threshold Checks:")]
    for check in record.thresholds:
        mark, style = ("✓", "green") if check.held else ("✗", "red")
        margin = "" if check.margin is None else f", margin {_percent(check.margin)}"
        text.append(Text(f"  {mark} {check.rule} — {check.shown}{margin}", style))
    return text


def _percent(share: float) -> str:
    """Whole percents; two digits below one, so that no broken rule has a margin of `-0%`."""
    return f"{share:.0%}" if abs(share) >= 0.01 else f"{share * 100:.2g}%"


def _verdict(record: RunRecord) -> Text:
    verdict = record.outcome.verdict
    mark = "✓" if verdict == "PASS" else "✗"
    said = f"{mark} {verdict}"
    if verdict == "PASS" and record.thresholds:
        said += " - All thresholds met"
    return Text(said, STYLE[verdict])
