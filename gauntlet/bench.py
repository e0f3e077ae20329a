"""The quick benchmark: so many users at once, so many requests in all, one table at the end.

It is an ordinary headless run with exact iterations, no pauses and the mix dealt from a shuffled
deck; what is printed comes from its run record.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gauntlet.errors import GauntletError
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
    """Run the command line to its end. Progress shows on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", *line, "--skip-log-setup"],  # warnings only, and no tables
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(variables or {})},
        process_group=0,  # a terminal's Ctrl-C reaches this process alone, which hands it on once
    )
    with _handed_on(process) as signals:
        output, _ = process.communicate()
    folder = Path(output.rstrip().rpartition("Results: ")[2] or ".")
    record = folder / "run.json"
    if not record.is_file():
        error = GauntletError([])
        error.exit_code = process.returncode or GauntletError.exit_code  # type: ignore[assignment]
        raise error
    return Ran(RunRecord.model_validate_json(record.read_text()), folder, bool(signals))


@contextmanager
def _handed_on(process: "subprocess.Popen[str]") -> Iterator[list[int]]:
    """Hand Ctrl-C and SIGTERM on: the run ends all its processes, and its verdict is shown.

    Gives what was handed on.
    """
    numbers, handed = (signal.SIGINT, signal.SIGTERM), list[int]()

    def hand_on(number: int, _: object) -> None:
        handed.append(number)
        process.send_signal(number)

    before = [signal.signal(one, hand_on) for one in numbers]
    try:
        yield handed
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def table(record: RunRecord, console: Console) -> None:
    """Print totals, the table in milliseconds, threshold checks and the verdict."""
    total = record.total
    console.print(f"Target: {record.target}")
    console.print(
        f"{total.requests} requests, {total.requests - total.failures} successful "
        f"({(1 - total.fail_ratio) * 100:.2f}%), {record.duration:.2f} s, "
        f"{total.rps:.2f} requests/second"
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
