"""The stock command with the stock locustfile: what it prints, writes and leaves behind."""

import json
import os
import pty
import re
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.e2e.support import (
    LOCUSTFILE,
    NAMES,
    ROOT,
    Ended,
    Json,
    Lab,
    wait_until_gone,
)

pytestmark = pytest.mark.e2e

FILES = {
    "junit.xml",
    "locust_exceptions.csv",
    "locust_failures.csv",
    "locust_report.html",
    "locust_stats.csv",
    "locust_stats_history.csv",
    "report.html",
    "run.json",
    "summary.md",
}
BLOCK = r"""
==============================
BENCHMARK RESULTS
==============================
Target: http://127\.0\.0\.1:\d+ \(embedded\)
Total requests: (?P<total>\d+)
Successful: (?P<successful>\d+)
Failed: (?P<failed>\d+)
Success rate: \d+\.\d\d%
Requests/second: \d+\.\d\d

Response times:
  P50: \d+\.\d{3}s
  P95: \d+\.\d{3}s
  P99: \d+\.\d{3}s

Endpoints: .*

Threshold Checks:
  ✓ fail_ratio <= 1% — .*
  ✓ p95 <= 2s — .*
  ✓ p99 <= 5s — .*
  ✓ rps >= 10/s — .*
==============================
✓ PASS - All thresholds met
==============================
Results: (?P<folder>.*)
""".lstrip()


class Smoke:
    """The smoke run with no host and the weights and pauses of the suite, once for all tests here.

    Its pictures are small: what the machine can do with large ones is no matter of this test.
    """

    def __init__(self, lab: Lab) -> None:
        shipped = yaml.safe_load((ROOT / "profiles" / "predict" / "mix.yaml").read_text())
        lab.mix(weights=shipped["weights"], wait=shipped["wait"])
        process = lab.headless("--load-profile", "smoke")
        process.wait_until(lambda: len(process.children()) >= 2, "the embedded target")
        self.family = process.children()
        self.ended: Ended = process.end()
        self.folder: Path = lab.results[0]
        self.record: Json = lab.record


@pytest.fixture(scope="module")
def smoke(module_labs: Callable[[], Lab]) -> Smoke:
    return Smoke(module_labs())


def test_smoke_without_a_host_passes(smoke: Smoke) -> None:
    assert smoke.ended.code == 0, smoke.ended.output
    assert smoke.record["outcome"]["verdict"] == "PASS"
    assert smoke.record["outcome"]["reasons"] == []
    assert smoke.record["environment"] == "embedded"


def test_smoke_follows_its_plan(smoke: Smoke) -> None:
    assert smoke.record["peak_users"] == 5
    assert 30.0 <= smoke.record["duration"] < 40.0


def test_smoke_is_far_from_its_limits_on_two_cores(smoke: Smoke) -> None:
    values = {one["rule"]: one["value"] for one in smoke.record["thresholds"]}
    assert values.pop("rps >= 10/s") > 12  # five users who pause 0.3 s on average cannot make 17
    assert values.pop("fail_ratio <= 1%") == 0
    assert values.pop("p95 <= 2s") < 2 / 2
    assert values.pop("p99 <= 5s") < 5 / 2
    assert not values


def test_the_record_is_what_its_schema_says(smoke: Smoke) -> None:
    schema = json.loads((ROOT / "profiles" / "schema" / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(smoke.record, schema)


def test_all_four_names_are_in_the_record_and_in_the_statistics(smoke: Smoke) -> None:
    table = (smoke.folder / "locust_stats.csv").read_text(encoding="utf-8")
    assert {one["name"] for one in smoke.record["endpoints"]} == NAMES
    assert all(name in table for name in NAMES)


def test_every_report_is_in_the_folder(smoke: Smoke) -> None:
    assert {path.name for path in smoke.folder.iterdir()} >= FILES
    assert all(path.stat().st_size for path in smoke.folder.iterdir())


def test_the_console_block_has_its_form_and_the_folder_last(smoke: Smoke) -> None:
    found = re.fullmatch(BLOCK, smoke.ended.output, re.DOTALL)
    assert found, smoke.ended.output
    assert int(found["total"]) == smoke.record["total"]["requests"]
    assert int(found["failed"]) == smoke.record["total"]["failures"]
    assert int(found["successful"]) == int(found["total"]) - int(found["failed"])
    assert Path(found["folder"]).name == smoke.folder.name


def test_no_colours_go_into_files(smoke: Smoke) -> None:
    assert "\x1b" not in smoke.ended.output + smoke.ended.errors


def test_no_process_is_left_behind(smoke: Smoke) -> None:
    wait_until_gone(smoke.family)


def test_tags_choose_the_requests(labs: Callable[[str], Lab]) -> None:
    lab, other = labs("one tag"), labs("all but one")
    name = lab.profile(thresholds=["fail_ratio <= 0%"]), other.profile()
    runs = [
        lab.headless("--load-profile", name[0], "--tags", "health"),
        other.headless("--load-profile", name[1], "--exclude-tags", "large"),
    ]
    assert [run.end().code for run in runs] == [0, 0]
    assert {one["name"] for one in lab.record["endpoints"]} == {"/health"}
    assert lab.record["tags"] == ["health"]
    assert {one["name"] for one in other.record["endpoints"]} == NAMES - {"/predict (large image)"}
    assert other.record["excluded_tags"] == ["large"]


def test_users_rate_and_time_work_without_a_profile(lab: Lab) -> None:
    ended = lab.run("-u", "3", "-r", "3", "-t", "5s")
    assert (ended.code, lab.verdict) == (0, "PASS"), ended
    assert lab.record["peak_users"] == 3
    assert 4.9 <= lab.record["duration"] < 10
    assert lab.record["profile"] is None
    assert lab.results[0].name.endswith("-predict-custom")


def test_a_terminal_gets_colours(lab: Lab) -> None:
    """The same run under `script`-like conditions: standard output is a terminal."""
    leader, follower = pty.openpty()
    command = "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"
    options = "--load-profile", lab.profile(duration="2s"), "--results-dir", "results"
    process = lab.start(sys.executable, *command, *options, terminal=follower)
    os.close(follower)
    assert process.end().code == 0
    assert b"\x1b[1;32m" in read_all(leader)


def read_all(terminal: int) -> bytes:
    """What was written to a terminal whose last writer is gone."""
    text = b""
    try:
        while part := os.read(terminal, 65536):
            text += part
    except OSError:  # Linux says the end this way
        pass
    finally:
        os.close(terminal)
    return text
