"""Runs started over Locust's web interface, as its page and scripts do, without a browser."""

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e.support import (
    DEADLINE_S,
    LOCUSTFILE,
    Json,
    Lab,
    Process,
    Target,
    answers,
    check_counts,
    counted,
    free_port,
    read_record,
)

pytestmark = pytest.mark.e2e

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Page:
    """The web interface of a running Locust."""

    def __init__(self, lab: Lab, process: Process, port: int) -> None:
        self.lab = lab
        self.process = process
        self._port = port
        process.wait_until(lambda: answers(port), "the page")

    def ask(self, method: str, path: str, fields: dict[str, str] | None = None) -> Any:
        """The JSON that a path answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, urlencode(fields or {}), FORM if fields else {})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def start(self, **fields: str) -> Json:
        """Press the start button with a form."""
        answer: Json = self.ask("POST", "/swarm", fields)
        return answer

    def stop(self) -> None:
        """Press the stop button."""
        self.ask("POST", "/stop")

    @property
    def users(self) -> int:
        return int(self.ask("GET", "/stats/requests")["user_count"])

    @property
    def requests(self) -> int:
        return sum(row["num_requests"] for row in self.ask("GET", "/stats/requests")["stats"])

    @property
    def workers(self) -> int:
        """Workers that are ready for a run."""
        return int(self.ask("GET", "/stats/requests")["worker_count"])

    @property
    def tab(self) -> list[Json]:
        """The rows of the Gauntlet tab."""
        table, *_ = self.ask("GET", "/stats/requests")["extended_stats"]
        assert table["key"] == "gauntlet"
        rows: list[Json] = table["data"]
        return rows

    def wait_for_runs(self, number: int) -> Json:
        """Wait until that many runs are judged; the record of the last."""
        self.process.wait_until(lambda: len(self.lab.results) == number, f"run {number}")
        self.process.wait_until(
            lambda: self.tab[0]["threshold"] == "Verdict", "the verdict on the page"
        )
        return read_record(newest(self.lab.results))


def wait_for_requests(page: Page) -> None:
    """Wait until the page tells of requests."""
    page.process.wait_until(lambda: page.requests > 0, "requests")


def newest(folders: list[Path]) -> Path:
    """The folder of the last run; two may begin within a second."""
    return max(folders, key=lambda folder: read_record(folder)["started"])


def serve(lab: Lab, *options: str) -> Page:
    """Start Locust with its web interface, on loopback."""
    port = free_port()
    at = "--web-host", "127.0.0.1", "--web-port", str(port), "--results-dir", "results"
    return Page(lab, lab.locust(*at, *options), port)


@pytest.fixture
def target(lab: Lab) -> Iterator[Target]:
    yield lab.target()


def test_each_run_of_one_process_has_its_own_verdict_and_folder(lab: Lab, target: Target) -> None:
    lab.profile("tiny", duration="2s", thresholds=["fail_ratio <= 1%", "requests > 5"])
    lab.profile("hard", duration="2s", thresholds=["requests > 1000000"])
    page = serve(lab, "--host", target.address)
    assert page.tab[0]["state"] == "no\N{NO-BREAK SPACE}run\N{NO-BREAK SPACE}yet"

    assert page.start(shape_class="tiny")["success"]
    page.process.wait_until(
        lambda: page.tab[0]["threshold"] == "Verdict so far", "the live verdict"
    )
    first = page.wait_for_runs(1)
    assert page.start(shape_class="hard")["success"]
    second = page.wait_for_runs(2)
    assert page.start(shape_class="tiny")["success"]
    third = page.wait_for_runs(3)

    assert [run["outcome"]["verdict"] for run in (first, second, third)] == ["PASS", "FAIL", "PASS"]
    assert [run["profile"] for run in (first, second, third)] == ["tiny", "hard", "tiny"]
    assert len({run["seed"] for run in (first, second, third)}) == 3
    runs = sum(run["total"]["requests"] for run in (first, second, third))
    assert 0 <= target.requests - runs - 3 * 4 <= 3 * 2
    assert [row["threshold"] for row in page.tab][1:3] == ["fail_ratio <= 1%", "requests > 5"]
    page.process.terminate()
    assert page.process.end().code == 0


def test_the_process_ends_with_the_code_of_its_last_run(lab: Lab) -> None:
    lab.profile("hard", duration="2s", thresholds=["requests > 1000000"])
    page = serve(lab)
    assert page.start(shape_class="hard")["success"]
    record = page.wait_for_runs(1)
    assert (record["environment"], record["profile"]) == ("embedded", "hard")
    page.process.press_ctrl_c()
    assert page.process.end().code == 3


def test_a_profile_that_is_stopped_is_cut_short_and_the_next_is_not(lab: Lab) -> None:
    lab.profile("long", duration="10m")
    lab.profile("tiny")
    page = serve(lab)
    assert page.start(shape_class="long")["success"]
    page.process.wait_until(lambda: page.users == 2, "the users")
    page.stop()
    record = page.wait_for_runs(1)
    assert record["outcome"]["verdict"] == "INVALID"
    assert "cut short after " in record["outcome"]["reasons"][-1]
    assert page.start(shape_class="tiny")["success"]
    assert page.wait_for_runs(2)["outcome"]["verdict"] == "PASS"


def test_a_rule_aborts_a_run_and_the_page_serves_on(lab: Lab) -> None:
    rule = "fail_ratio > 50% over 1s abort after 1s"
    lab.profile("long", duration="10m", thresholds=[rule])
    lab.profile("tiny", duration="2s")
    page = serve(lab)
    assert page.start(shape_class="long")["success"]
    record = page.wait_for_runs(1)
    assert (record["outcome"]["verdict"], record["outcome"]["exit_code"]) == ("FAIL", 3)
    aborted = record["outcome"]["reasons"][-1]
    assert aborted.startswith("aborted after ") and aborted.endswith(f" of 10m by {rule}")
    shown = {row["threshold"]: row["state"] for row in page.tab}
    assert shown[rule] == "✗\N{NO-BREAK SPACE}broken"
    assert f"Reason: {aborted}" in shown
    assert page.start(shape_class="tiny")["success"]
    assert page.wait_for_runs(2)["outcome"]["verdict"] == "PASS"


def test_stopping_is_held_against_a_run_only_where_it_had_a_plan(
    labs: Callable[[str], Lab],
) -> None:
    pages = {run_time: serve(labs(run_time or "endless")) for run_time in ("10m", "")}
    for run_time, page in pages.items():
        assert page.start(user_count="2", spawn_rate="2", run_time=run_time)["success"]
    for page in pages.values():
        wait_for_requests(page)
        page.stop()
    records = [page.wait_for_runs(1) for page in pages.values()]
    assert [record["planned"] for record in records] == [600, None]
    assert [record["outcome"]["verdict"] for record in records] == ["INVALID", "PASS"]


def test_a_run_may_be_started_with_the_process(lab: Lab) -> None:
    lab.profile("tiny", duration="2s")
    page = serve(lab, "--load-profile", "tiny", "--autostart", "--autoquit", "0")
    ended = page.process.end()
    assert (ended.code, lab.verdict) == (0, "PASS"), ended
    assert "✓ PASS" in ended.output


def test_sigterm_ends_a_run_that_was_started_with_the_page_and_the_page(lab: Lab) -> None:
    lab.profile("long", duration="10m")
    page = serve(lab, "--load-profile", "long", "--autostart")
    wait_for_requests(page)
    page.process.terminate()
    ended = page.process.end()
    assert (ended.code, lab.verdict) == (4, "INVALID"), ended
    assert "cut short after " in ended.output


def test_a_start_on_a_protected_host_is_refused(lab: Lab, target: Target) -> None:
    lab.profile("tiny")
    lab.environment("shop", target.address, protected=True)
    page = serve(lab)
    answer = page.start(shape_class="tiny", host=target.address)
    assert not answer["success"]
    assert "got one of environment shop" in answer["message"]
    assert target.requests == 0
    assert not lab.results


def test_a_start_that_preflight_forbids_is_refused_and_the_next_is_not(lab: Lab) -> None:
    lab.profile("tiny", duration="2s")
    page = serve(lab, "--preflight", "strict")
    answer = page.start(shape_class="tiny", host=f"http://127.0.0.1:{free_port()}")
    assert not answer["success"]
    assert "preflight: GET /health got no answer" in answer["message"]
    assert page.start(shape_class="tiny")["success"]
    assert page.wait_for_runs(1)["outcome"]["verdict"] == "PASS"


def test_a_run_that_goes_on_keeps_its_host(lab: Lab, target: Target) -> None:
    lab.environment("shop", target.address, protected=True)
    page = serve(lab)
    assert page.start(user_count="1", spawn_rate="1")["success"]
    page.process.wait_until(lambda: page.users == 1, "the user")
    answer = page.start(user_count="3", spawn_rate="3", host=target.address)
    assert not answer["success"], answer
    assert page.start(user_count="2", spawn_rate="2")["success"]
    page.process.wait_until(lambda: page.users == 2, "the users")
    page.stop()
    assert page.wait_for_runs(1)["environment"] == "embedded"
    assert target.requests == 0


def test_a_master_runs_again_with_the_same_workers(lab: Lab, target: Target) -> None:
    lab.profile("tiny", users=4, thresholds=["fail_ratio <= 5%"])
    meet = str(free_port())
    bound = "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", meet
    page = serve(lab, *bound, "--host", target.address, "--preflight", "off")
    answer = page.start(shape_class="tiny")
    assert (answer["success"], answer["message"].partition(":")[0]) == (False, "workers")
    at = "--master-host", "127.0.0.1", "--master-port", meet
    for _ in range(2):
        lab.locust("--worker", *at)
    seen = 0
    for number in (1, 2):
        page.process.wait_until(lambda: page.workers == 2, "the workers")
        assert page.start(shape_class="tiny")["success"]
        record = page.wait_for_runs(number)
        assert record["outcome"]["verdict"] == "PASS", record["outcome"]
        assert counted(record) == {"workers": 2, "lost": []}
        check_counts(record, target, users=4, asked=seen)
        seen = target.requests


SLOW = """
import pathlib
import gevent


class ImageClient(ImageClient):
    @classmethod
    def prepare(cls, preparation):
        super().prepare(preparation)
        pathlib.Path("making").touch()
        while not pathlib.Path("go").exists():
            gevent.sleep(0.02)
"""
"""Appended to a worker's locustfile: payloads that are never done, until they may be."""


@pytest.mark.parametrize("shape", ["tiny", ""])
def test_a_run_may_be_given_up_while_workers_make_their_payloads(
    lab: Lab, target: Target, shape: str
) -> None:
    lab.profile("tiny", duration="3s")
    fields = {"shape_class": shape} if shape else {"user_count": "2", "spawn_rate": "2"}
    meet = str(free_port())
    bound = "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", meet
    page = serve(lab, *bound, "--host", target.address, "--preflight", "off")
    file = lab.write("slow.py", LOCUSTFILE.read_text(encoding="utf-8") + SLOW)
    lab.locust("--worker", "--master-host", "127.0.0.1", "--master-port", meet, file=file)
    page.process.wait_until(lambda: page.workers == 1, "the worker")

    assert page.start(**fields)["success"]
    page.process.wait_until((lab.folder / "making").exists, "payloads in the making")
    again = page.start(**fields)
    assert (again["success"], "is being prepared" in again["message"]) == (False, True)
    page.stop()
    first = page.wait_for_runs(1)
    assert (first["outcome"]["verdict"], first["total"]["requests"]) == ("INVALID", 0)

    (lab.folder / "go").touch()
    page.process.wait_until(lambda: page.workers == 1, "the worker")
    assert page.start(**fields)["success"]
    wait_for_requests(page)
    if not shape:
        page.stop()
    second = page.wait_for_runs(2)
    assert second["outcome"]["verdict"] == "PASS", second["outcome"]
    assert counted(second) == {"workers": 1, "lost": []}
    check_counts(second, target, users=2)
