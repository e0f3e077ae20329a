"""Statistics as CSV, a row each; times in milliseconds."""

import csv
from collections.abc import Sequence
from pathlib import Path

from gauntlet.report.record import Statistics

_PLAIN = ("method", "name", "server", "phase", "requests", "failures", "fail_ratio", "rps")
_TIMES = ("avg_ms", "stdev_ms", "min_ms", "max_ms")


def write(rows: Sequence[Statistics], path: Path) -> None:
    """Write a header and a row per entry; percentiles as columns of their own."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        percentiles = list(rows[0].percentiles_ms) if rows else []
        writer.writerow([*_PLAIN, *_TIMES, *(f"{name}_ms" for name in percentiles)])
        for row in rows:
            told = [getattr(row, name) for name in (*_PLAIN, *_TIMES)]
            writer.writerow([*told, *row.percentiles_ms.values()])
