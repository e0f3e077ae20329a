"""Exact iterations and a row per server, in runs one after the other in the web interface.

Every iteration tells of the same requests of two servers, whose times are known, and asks a real
one: whatever the number of workers, each run's figures are known to the last request.
"""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.support import Json, Lab, free_port
from tests.e2e.test_web_runs import Page, newest, serve

pytestmark = pytest.mark.e2e

ITERATIONS = 40
TIMES = {"alpha": [float(ms) for ms in range(1, 21)], "beta": [3.7 * 1.3**n for n in range(25)]}
FAILED = {"alpha": 0, "beta": 5}
"""Of the requests that one iteration tells of."""

QUANTILES = 50, 90, 95, 99, 99.9
SERVERS = f"""
import gauntlet
from locust import HttpUser, constant, task

gauntlet.register()
TIMES = {json.dumps(TIMES)}

class Asker(HttpUser):
    wait_time = constant(0.01)

    @task
    def ask(self):
        self.client.get("/health", context={{"server": "real"}})
        for server, times in TIMES.items():
            for number, ms in enumerate(times):
                self.environment.events.request.fire(
                    request_type="ASK", name="/known", response_time=ms, response_length=1,
                    exception=OSError("odd") if server == "beta" and number < 5 else None,
                    context={{"server": server}},
                )
"""


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_runs_of_the_page_are_exact_and_tell_what_each_server_did(lab: Lab, workers: int) -> None:
    target, file = lab.target(), lab.write("servers.py", SERVERS)
    exact = "-f", str(file), "--total-iterations", str(ITERATIONS)
    meet = str(free_port())
    bound = "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", meet
    page = serve(lab, *exact, *(bound if workers else ()))
    at = "--master-host", "127.0.0.1", "--master-port", meet
    crew = [lab.locust("--worker", *at, file=file) for _ in range(workers)]
    for number in (1, 2):
        if workers:
            page.process.wait_until(lambda: page.workers == workers, "the workers")
        fields = {} if number == 1 else {"total_iterations": str(ITERATIONS)}
        ramp = {"user_count": "6", "spawn_rate": "4", "host": target.address}
        assert page.start(**ramp, **fields)["success"]
        record = page.wait_for_runs(number)
        assert record["iterations"] == {"total": ITERATIONS, "done": ITERATIONS, "lost": 0}
        assert target.counts()["/health"]["requests"] == number * ITERATIONS
        _check_record(record)
        _check_file(record, newest(lab.results) / "servers.csv")
        _check_page(record, page)
    page.process.terminate()
    ended = page.process.end()
    assert {one.end().code for one in crew} <= {0}
    _check_console(record, ended.output.rpartition("BENCHMARK RESULTS")[2])


def _check_record(record: Json) -> None:
    """Two servers to the last digit; the real one has its count."""
    rows = {one["server"]: one for one in record["servers"]}
    assert sorted(rows) == ["alpha", "beta", "real"]
    assert (rows["real"]["requests"], rows["real"]["failures"]) == (ITERATIONS, 0)
    for server, times in TIMES.items():
        row, told = rows[server], np.array(times * ITERATIONS)
        assert (row["requests"], row["failures"]) == (len(told), FAILED[server] * ITERATIONS)
        assert row["avg_ms"] == pytest.approx(told.mean())
        assert row["stdev_ms"] == pytest.approx(told.std(ddof=1))
        assert (row["min_ms"], row["max_ms"]) == (min(times), pytest.approx(max(times)))
        for quantile in QUANTILES:
            exact = np.percentile(told, quantile, method="inverted_cdf")
            found = row["percentiles_ms"][f"p{quantile:g}"]
            assert found == pytest.approx(exact, rel=0.001), (server, quantile)


def _check_file(record: Json, path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["server"] for row in rows] == ["alpha", "beta", "real"]
    for row, one in zip(rows, record["servers"], strict=True):
        for name in ("requests", "failures", "fail_ratio", "avg_ms", "stdev_ms", "max_ms"):
            assert float(row[name]) == one[name]
        assert float(row["success_ratio"]) == 1 - one["fail_ratio"]
        for name, ms in one["percentiles_ms"].items():
            assert float(row[f"{name}_ms"]) == ms


def _check_page(record: Json, page: Page) -> None:
    """The Gauntlet tab's lines, and the table of the tab beside it."""
    tables: list[Json] = page.ask("GET", "/stats/requests")["extended_stats"]
    first, second = (table["data"] for table in tables)
    for row, one in zip(second, record["servers"], strict=True):
        shown = _shown(one)
        assert [row[name] for name in ("server", "requests", "success")] == shown[:3]
        assert [row[name] for name in ("average", "p50", "p95", "p99")] == shown[3:]
    lines = [row["threshold"] for row in first if row["threshold"].startswith("Server ")]
    assert lines == [
        "Server {}: {} requests · success {} · average {} · P50 {} · P95 {} · P99 {}".format(
            *_shown(one)
        )
        for one in record["servers"]
    ]


def _shown(one: Json) -> list[Any]:
    times = one["avg_ms"], *(one["percentiles_ms"][name] for name in ("p50", "p95", "p99"))
    success = f"{(1 - one['fail_ratio']) * 100:.2f}%"
    return [one["server"], str(one["requests"]), success, *(f"{ms:.1f} ms" for ms in times)]


def _check_console(record: Json, output: str) -> None:
    assert re.search(r"Servers: +requests +success +avg +P50 +P95 +P99\n", output)
    for one in record["servers"]:
        times = one["avg_ms"], *(one["percentiles_ms"][name] for name in ("p50", "p95", "p99"))
        cells = [*_shown(one)[:3], *(f"{ms / 1000:.3f}s" for ms in times)]
        assert re.search(r"^  " + r" +".join(map(re.escape, cells)) + "$", output, re.MULTILINE)
