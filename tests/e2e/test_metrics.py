"""What a master tells Prometheus, a page behind a password, and the dashboard that reads it all.

One run of a master and two workers, watched by a Prometheus where one is installed. The page stays
after the run, so that what was told can be compared with the run record.
"""

import http.client
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gauntlet.causes import Cause
from tests.e2e.support import (
    DEADLINE_S,
    ROOT,
    Json,
    Lab,
    free_port,
    meeting_point,
    wait_until,
)

pytestmark = pytest.mark.e2e

PASSWORD = "correct horse"
DASHBOARD = ROOT / "metrics" / "grafana" / "dashboards" / "gauntlet.json"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
RULES = "p95 < 60s", "fail_ratio < 0.01%", "rps > 0.1/s", "requests > 1", 'rps("/nothing") > 1/s'
SILENT = "gauntlet_run_arrivals_wanted_per_second", " unless ", " - sum(topk(", "_cause{"
"""Queries for runs that are open, invalid, have no worker or many endpoints: here they may find
nothing."""

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def ask(
    port: int, method: str, path: str, body: str = "", **headers: str
) -> tuple[http.client.HTTPResponse, str]:
    """An answer and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request(method, path, body or None, {**(FORM if body else {}), **headers})
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


def ready(port: int) -> bool:
    """Whether a Prometheus answers."""
    try:
        return ask(port, "GET", "/-/ready")[0].status == 200
    except OSError:
        return False


class Watched:
    """A run with its page, its figures and perhaps a Prometheus."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.started = time.time()
        target = lab.target("--fault-5xx", "20%")
        password = lab.write("password", f"{PASSWORD}\n")
        bound, at = meeting_point()
        self.page, self.port = free_port(), free_port()
        self.prometheus = self._watch()  # before the load, which does not wait for it
        lab.profile("watched", duration="8s", users=4, thresholds=RULES)
        self.process = lab.locust(
            *("--processes", "2", *bound, *at, "--web-host", "127.0.0.1"),
            *("--web-port", str(self.page), "--web-login", "--web-password-file", str(password)),
            *("--autostart", "--load-profile", "watched", "--host", target.address),
            *("--preflight", "off", "--metrics-port", str(self.port), "--results-dir", "results"),
            "--otel",  # Locust's own; with or without its packages nothing of ours breaks
            variables={f"OTEL_{one}_EXPORTER": "none" for one in ("TRACES", "METRICS", "LOGS")},
        )
        self.process.wait_for(f"metrics at http://127.0.0.1:{self.port}/")
        self.meanwhile: Samples = {}
        """What was told while the load went on."""
        self.process.wait_until(self._begun, "the begin of the load")
        self.process.wait_until(lambda: bool(lab.results), "the end of the run")
        # Workers tell how they fare every few seconds.
        self.process.wait_until(
            lambda: (
                key("gauntlet_generator_cpu_ratio") in (found := self.samples())
                and found[key("gauntlet_run_active")] == 0
            ),
            "all figures",
        )

    def samples(self) -> Samples:
        """All that is told right now, by name and labels."""
        _, text = ask(self.port, "GET", "/metrics")
        return {
            (one.name, frozenset(one.labels.items())): one.value
            for family in text_string_to_metric_families(text)
            for one in family.samples
        }

    def _begun(self) -> bool:
        self.meanwhile = self.samples()
        return self.meanwhile.get(key("gauntlet_run_users"), 0) > 0

    def _watch(self) -> int | None:
        """Start a Prometheus of this run's own; its port, or None where none is installed."""
        program = shutil.which("prometheus")
        if program is None:
            return None
        port = free_port()
        config = yaml.safe_load((ROOT / "metrics" / "prometheus.yml").read_text())
        config["global"]["scrape_interval"] = "1s"
        config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{self.port}"]}]
        path = self.lab.write("prometheus.yml", yaml.safe_dump(config))
        self.lab.start(
            *(program, f"--config.file={path}", f"--web.listen-address=127.0.0.1:{port}"),
            f"--storage.tsdb.path={self.lab.folder / 'tsdb'}",
        )
        wait_until(lambda: ready(port), "Prometheus")
        return port


def key(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


@pytest.fixture(scope="module")
def watched(module_labs: Callable[[], Lab]) -> Watched:
    return Watched(module_labs())


# -- the figures -------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_record(watched: Watched) -> None:
    found, record = watched.samples(), watched.lab.record
    for row in record["endpoints"]:
        labels = {"method": row["method"], "name": row["name"]}
        assert found[key("gauntlet_requests_total", **labels)] == row["requests"]
        assert found[key("gauntlet_failed_requests_total", **labels)] == row["failures"]
        assert found[key("gauntlet_response_time_seconds_count", **labels)] == row["requests"]
        p95 = found[key("gauntlet_endpoint_response_time_seconds", quantile="0.95", **labels)]
        assert p95 * 1000 == pytest.approx(row["percentiles_ms"]["p95"])
    total = record["total"]
    assert found[key("gauntlet_run_fail_ratio")] == pytest.approx(total["fail_ratio"])
    assert found[key("gauntlet_run_requests_per_second")] == pytest.approx(total["rps"])
    for outcome, count in total["outcomes"].items():
        assert found[key("gauntlet_failures_total", outcome=outcome)] == count
    for rule in record["thresholds"]:
        labels = {"rule": rule["rule"], "metric": rule["metric"]}
        assert found[key("gauntlet_threshold_limit", **labels)] == rule["limit"]
        assert found.get(key("gauntlet_threshold_value", **labels)) == rule["value"]
        held = None if rule["value"] is None else float(rule["held"])
        assert found.get(key("gauntlet_threshold_held", **labels)) == held
    assert found[key("gauntlet_run_verdict", verdict=record["outcome"]["verdict"])] == 1
    causes = record["outcome"]["causes"]
    assert {one: found[key("gauntlet_run_verdict_cause", cause=one)] for one in Cause} == {
        one: float(one in causes) for one in Cause
    }
    assert found[key("gauntlet_workers", state="ready")] == 2
    assert watched.meanwhile[key("gauntlet_run_active")] == 1
    assert watched.meanwhile[key("gauntlet_run_users_wanted")] > 0
    assert found[key("gauntlet_generator_memory_bytes")] > 0


def expressions() -> list[str]:
    """Every query of the dashboard."""
    board: Json = json.loads(DASHBOARD.read_text())
    found = [one["expr"] for panel in board["panels"] for one in panel.get("targets", ())]
    return found + [one["expr"] for one in board["annotations"]["list"]]


def test_the_dashboard_asks_for_what_is_told_and_the_documents_name_it(watched: Watched) -> None:
    told = {name for name, _ in [*watched.samples(), *watched.meanwhile]}
    asked = set(re.findall(r"\b(?:gauntlet|process)_\w+", " ".join(expressions())))
    assert asked - told == {"gauntlet_run_arrivals_wanted_per_second"}, "this run is not open"
    named = set(re.findall(r"\bgauntlet_\w+", (ROOT / "docs" / "metrics.md").read_text()))
    names = {re.sub("_(bucket|count|sum)$", "", one) for one in asked | told}
    assert {one for one in names if one.startswith("gauntlet_")} == named


def test_prometheus_answers_every_query_of_the_dashboard(watched: Watched) -> None:
    if watched.prometheus is None and os.environ.get("GAUNTLET_REQUIRE_TOOLS") != "1":
        pytest.skip("Prometheus is not installed")
    assert watched.prometheus is not None, "Prometheus is not installed"
    for expression in expressions():
        query = expression.replace("$instance", f"127.0.0.1:{watched.port}")
        query = query.replace("$__rate_interval", "30s").replace("$__range", "300s")
        found = partial(results, watched.prometheus, query, watched.started)
        if any(one in query for one in SILENT):
            found()
        else:  # what was told a moment ago is read with the next look
            wait_until(found, query)


def results(port: int, query: str, since: float) -> bool:
    """Whether Prometheus finds anything since then for a query that it must understand."""
    span = f"start={since}&end={time.time()}&step=1"
    _, body = ask(port, "GET", f"/api/v1/query_range?query={quote(query)}&{span}")
    answer = json.loads(body)
    assert answer["status"] == "success", answer
    return bool(answer["data"]["result"])


# -- the password ------------------------------------------------------------------------------


def test_nobody_reads_the_page_without_the_password(watched: Watched) -> None:
    for method, path in (
        *(("GET", one) for one in ("/", "/stats/requests", "/exceptions", "/logs", "/tasks")),
        *(("GET", one) for one in ("/stats/report", "/stats/requests/csv", "/worker-count")),
        *(("POST", one) for one in ("/swarm", "/stop", "/stats/reset", "/user")),
    ):
        response, _ = ask(watched.page, method, path)
        assert (response.status, response.getheader("Location", "")[:6]) == (302, "/login"), path


def test_the_password_opens_the_page_and_nothing_else_does(watched: Watched) -> None:
    _, form = ask(watched.page, "GET", "/login")
    assert "/gauntlet-login" in form and PASSWORD not in form
    for wrong in ("correct", PASSWORD + "\n"):
        body = urlencode({"password": wrong})
        response, _ = ask(watched.page, "POST", "/gauntlet-login", body)
        assert response.getheader("Location") == "/login"
        cookie = response.getheader("Set-Cookie", "").partition(";")[0]
        response, _ = ask(watched.page, "GET", "/stats/requests", Cookie=cookie)
        assert response.status == 302
    response, _ = ask(watched.page, "POST", "/gauntlet-login", urlencode({"password": PASSWORD}))
    given = response.getheader("Set-Cookie", "")
    assert "HttpOnly" in given and "SameSite=Strict" in given
    response, body = ask(watched.page, "GET", "/stats/requests", Cookie=given.partition(";")[0])
    assert response.status == 200 and json.loads(body)["state"] == "stopped"


def test_the_password_is_in_no_output_report_or_list_of_processes(watched: Watched) -> None:
    words = [Path(f"/proc/{watched.process.pid}/cmdline").read_bytes().decode()]
    words += [watched.process.output, watched.process.errors]
    words += [path.read_text() for path in watched.lab.results[0].iterdir()]
    assert all(PASSWORD not in text for text in words)


# -- wrong input -------------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_is_taken_is_told_and_nothing_is_sent(lab: Lab, taken: int) -> None:
    target = lab.target()
    ended = lab.run("-t", "3s", "--host", target.address, "--metrics-port", str(taken))
    assert ended.code == 2
    assert ended.mistakes == [
        f"--metrics-port: expected a port that is free, got {taken} at 127.0.0.1 "
        "(Address already in use)"
    ]
    assert target.requests == 0


@pytest.mark.parametrize(("text", "said"), [(None, "expected a file to read"), ("\n", "nothing")])
def test_a_password_that_is_none_ends_it(lab: Lab, text: str | None, said: str) -> None:
    if text is not None:
        lab.write("password", text)
    options = "--web-login", "--web-password-file", "password", "--web-port", str(free_port())
    ended = lab.locust(*options).end()
    assert ended.code == 2
    (mistake,) = ended.mistakes
    assert mistake.startswith("--web-password-file: ") and said in mistake
