"""A run in a few lines of Markdown, and in one line for whoever looks at a container that ended.

`summary.md` lies in the run's folder. Where GITHUB_STEP_SUMMARY names a file, as GitHub's runners
do, the same is appended to it. Kubernetes shows what a container leaves in /dev/termination-log.
"""

import html
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gauntlet.report.html.curves import label
from gauntlet.report.html.facts import title
from gauntlet.report.html.figures import count, margin, milliseconds, ratio
from gauntlet.report.record import RunRecord, Statistics
from gauntlet.text import counted
from gauntlet.units import format_duration

logger = logging.getLogger(__name__)

VARIABLE = "GITHUB_STEP_SUMMARY"
TERMINATION_LOG = Path("/dev/termination-log")
LONGEST = 2000
"""Characters of the line; Kubernetes keeps 4096 bytes of it."""
MOST = 20
"""Most endpoints and failures in the summary; all are in the report."""

_MARKS = {"PASS": "✅", "FAIL": "❌", "INVALID": "⚠️"}
_SPECIAL = re.compile(r"[\\`*_\[\]|~]|^#|^[+-](?= )")


def write(record: RunRecord, path: Path) -> None:
    """Write the summary."""
    path.write_text(markdown(record), encoding="utf-8")


def tell(
    record: RunRecord,
    variables: Mapping[str, str] = os.environ,
    termination_log: Path = TERMINATION_LOG,
) -> None:
    """Tell those who wait outside, where there are any; what cannot be written ends no run."""
    if summary := variables.get(VARIABLE):
        _leave(Path(summary), markdown(record) + "\n", "a")
    if termination_log.exists():
        _leave(termination_log, f"{line(record)}\n", "w")


def line(record: RunRecord) -> str:
    """The verdict, its exit code and its reasons in one line."""
    outcome = record.outcome
    why = "; ".join(outcome.reasons) or "all thresholds met"
    if not record.thresholds and not outcome.reasons:
        why = f"{counted(record.total.requests, 'request')}, none failed"
    text = f"{outcome.verdict} (exit code {outcome.exit_code}) {title(record)}: {why}"
    return " ".join(text.split())[:LONGEST]


def markdown(record: RunRecord) -> str:
    """Verdict, reasons, thresholds, endpoints and failures."""
    verdict, total = record.outcome.verdict, record.total
    told = [
        f"{format_duration(round(record.duration))}",
        counted(record.peak_users, "user"),
        counted(total.requests, "request"),
        f"{ratio(total.fail_ratio)} failed",
        _text(record.aimed_at),
    ]
    lines = [
        f"## {_MARKS.get(verdict, '')} {verdict}: {_text(title(record))}",
        "",
        " · ".join(told),
        "",
        *(f"- {_text(one)}" for one in record.outcome.reasons),
        *(f"- {_text(one)}" for one in record.diagnosis),
        "",
    ]
    lines += [*_thresholds(record), *_endpoints(record), *_failures(record)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _thresholds(record: RunRecord) -> list[str]:
    if not record.thresholds:
        return []
    rows = [
        ("✅ holds" if one.held else "❌ broken", one.rule, one.shown, margin(one.margin))
        for one in record.thresholds
    ]
    return _table(("state", "threshold", "value", "margin"), rows, 2)


def _endpoints(record: RunRecord) -> list[str]:
    rows = [_row(label(one.method, one.name), one) for one in record.endpoints[:MOST]]
    heads = ("endpoint", "requests", "failed", "p50", "p95", "p99")
    return _table(heads, [*rows, _row("all", record.total)], 1) if rows else []


def _row(name: str, one: Statistics) -> tuple[str, ...]:
    times = (milliseconds(one.percentiles_ms.get(q, 0.0)) for q in ("p50", "p95", "p99"))
    return (name, count(one.requests), count(one.failures), *times)


def _failures(record: RunRecord) -> list[str]:
    found = sorted(record.failures, key=lambda one: -one.count)[:MOST]
    rows = [(label(one.method, one.name), one.text, count(one.count)) for one in found]
    raised = sorted(record.user_errors.items(), key=lambda item: -item[1])[:MOST]
    rows += [("user code", text, count(number)) for text, number in raised]
    return _table(("where", "failure", "count"), rows, 2) if rows else []


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> list[str]:
    """A table of GitHub's; columns from `numbers` on stand right."""
    rule = ["---" if index < numbers else "---:" for index in range(len(heads))]
    body = [[_text(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in ([*heads], rule, *body)] + [""]


def _text(given: str) -> str:
    """The text as it is read, on one line: no character means anything to Markdown or HTML."""
    escaped = html.escape(" ".join(given.split()), quote=False)
    return _SPECIAL.sub(r"\\\g<0>", escaped)


def _leave(path: Path, text: str, mode: str) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        logger.warning("%s: expected a file to write to, got %s", path, error.strerror)
