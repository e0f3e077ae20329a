"""The quick benchmark: so many users at once, so many requests in all, one table at the end.

It is an ordinary headless run with exact iterations, no pauses and the mix dealt from a shuffled
deck; what is printed comes from its run record.
"""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gauntlet.children import LocustRun, RunFailed
from gauntlet.report.record import RunRecord, Statistics

WIDTH = 140
"""Columns of the table; a narrower terminal wraps its lines rather than lose figures."""

COLUMNS = (
    "requests",
    "failed",
    "min",
    "mean",
    "median",
    "stdev",
    "P90",
    "P95",
    "P99",
    "P99.9",
    "max",
)


def command(
    locustfile: str, concurrent: int, requests: int, rules: Sequence[str], options: Sequence[str]
) -> list[str]:
    """The locust command line of a benchmark."""
    load = ["-u", str(concurrent), "-r", str(concurrent), "--total-iterations", str(requests)]
    judged = [part for rule in rules for part in ("--threshold", rule)]
    quiet = ["--headless", "--only-summary", "--exact-mix", "--wait", "0s"]
    return ["locust", "-f", locustfile, *quiet, *load, *judged, *options]


class Ran(NamedTuple):
    """A run that came to its end, perhaps because this process was told to stop."""

    record: RunRecord
    folder: Path
    interrupted: bool


def run(line: Sequence[str], variables: Mapping[str, str] | None = None) -> Ran:
    """Run the command line to its end. Progress shows on standard error.

    Raises click.Abort where the run was interrupted before it had a record.
    """
    with _handed_on() as hand:
        started = LocustRun(line, variables=variables, told=sys.stderr)
        hand.to(started)
        try:
            record, folder = started.end()
        except RunFailed:
            if hand.signals:
                raise click.Abort from None
            raise
    return Ran(record, folder, bool(hand.signals))


class _Hand:
    """What came for this process, handed on to the run that it started."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        self._run: LocustRun | None = None

    def take(self, number: int, _: object) -> None:
        self.signals.append(number)
        if self._run is not None:
            self._run.signal(number)

    def to(self, run: LocustRun) -> None:
        """Hand on from now on, and what came while the run was started."""
        self._run = run
        for number in self.signals:
            run.signal(number)


@contextmanager
def _handed_on() -> Iterator[_Hand]:
    """Hand Ctrl-C and SIGTERM on: the run ends all its processes, and its verdict is shown."""
    hand, numbers = _Hand(), (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, hand.take) for one in numbers]
    try:
        yield hand
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def table(record: RunRecord, console: Console) -> None:
    """Print totals, the table in milliseconds, threshold checks and the verdict."""
    total = record.total
    console.print(f"Target: {record.target}")
    console.print(
        f"{total.requests} requests, {total.requests - total.failures} successful "
        f"({(1 - total.fail_ratio) * 100:.2f}%), {record.duration:.2f} s in all, "
        f"{total.rps:.2f} requests/second from the first to the last"
    )
    grid = Table(box=None, pad_edge=False)
    grid.add_column("endpoint (times in ms)", no_wrap=True)
    for column in COLUMNS:
        grid.add_column(column, justify="right", no_wrap=True)
    for one in (*record.endpoints, total):
        grid.add_row(f"{one.method} {one.name}".strip(), *_cells(one))
    console.print(grid)
    for check in record.thresholds:
        mark, style = ("✓", "green") if check.held else ("✗", "red")
        console.print(Text(f"{mark} {check.rule} — {check.shown}", style))
    for failure in record.failures:
        console.print(Text(f"{failure.count} x {failure.name}: {failure.text}", "red"))
    for error, count in record.user_errors.items():
        console.print(Text(f"{count} x {' '.join(error.split())}", "red"))
    if total.outcomes:
        classes = (f"{count} {outcome}" for outcome, count in total.outcomes.items())
        console.print(Text(f"by class: {', '.join(classes)}"))
    console.print(" ".join((record.outcome.verdict, *record.outcome.reasons)))


def _cells(one: Statistics) -> list[str]:
    percentile = one.percentiles_ms
    times = [one.min_ms, one.avg_ms, percentile["p50"], one.stdev_ms]
    times += [percentile[name] for name in ("p90", "p95", "p99", "p99.9")]
    return [str(one.requests), str(one.failures), *(f"{ms:.1f}" for ms in (*times, one.max_ms))]
