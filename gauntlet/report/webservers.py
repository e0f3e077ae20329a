"""What each server does, where requests say which of several servers answered.

The Gauntlet tab has a line per server, live. A tab of its own has them as a table:

    Server    # Requests    Success    Average    P50    P95    P99
    one       1200          99.92%     84.1 ms    …

The page takes up its tabs when it is loaded, so this one is there from the next reload on once a
run has servers. A tab that stays empty would only be in the way of all other systems.
"""

from collections.abc import Sequence
from typing import Protocol

from gauntlet.report.record import RunRecord, Statistics
from gauntlet.run import Run

TAB = "gauntlet-servers"
TITLE = "Servers"
COLUMNS = {
    "server": "Server",
    "requests": "# Requests",
    "success": "Success",
    "average": "Average",
    "p50": "P50",
    "p95": "P95",
    "p99": "P99",
}


class Serving(Protocol):
    """What the tab shows of the suite."""

    run: Run | None
    record: RunRecord | None


def wanted(suite: Serving) -> bool:
    """Whether the page gets the tab when it is loaded now."""
    return bool(_servers(suite))


def rows(suite: Serving) -> list[dict[str, str]]:
    """A row per server, of the run that goes on or of the last one."""
    return [_row(one) for one in _servers(suite)]


def lines(servers: Sequence[Statistics]) -> list[str]:
    """A line per server, for a place that has no columns for them."""
    told = [_row(one) for one in servers]
    return [
        f"Server {row['server']}: {row['requests']} requests · success {row['success']} · "
        f"average {row['average']} · P50 {row['p50']} · P95 {row['p95']} · P99 {row['p99']}"
        for row in told
    ]


def _servers(suite: Serving) -> Sequence[Statistics]:
    if suite.run is not None:
        return suite.run.servers()
    return suite.record.servers if suite.record is not None else ()


def _row(one: Statistics) -> dict[str, str]:
    times = (one.avg_ms, *(one.percentiles_ms[name] for name in ("p50", "p95", "p99")))
    success = f"{(1 - one.fail_ratio) * 100:.2f}%"
    cells = (one.server, str(one.requests), success, *(f"{ms:.1f} ms" for ms in times))
    return dict(zip(COLUMNS, cells, strict=True))
