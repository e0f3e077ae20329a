"""Statistics as CSV, a row each; times in milliseconds, ratios 0.0 to 1.0."""

import csv
from collections.abc import Sequence
from pathlib import Path

from gauntlet.report.record import Statistics

_PLAIN = ("method", "name", "server", "phase", "requests", "failures")
_RATES = ("success_ratio", "fail_ratio", "rps")
_TIMES = ("avg_ms", "stdev_ms", "min_ms", "max_ms")


def write(rows: Sequence[Statistics], path: Path) -> None:
    """Write a header and a row per entry; percentiles as columns of their own."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        percentiles = list(rows[0].percentiles_ms) if rows else []
        writer.writerow([*_PLAIN, *_RATES, *_TIMES, *(f"{name}_ms" for name in percentiles)])
        for row in rows:
            plain = [getattr(row, name) for name in _PLAIN]
            rates = [1 - row.fail_ratio, row.fail_ratio, row.rps]
            times = [getattr(row, name) for name in _TIMES]
            writer.writerow([*plain, *rates, *times, *row.percentiles_ms.values()])
