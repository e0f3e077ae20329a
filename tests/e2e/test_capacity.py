"""`gauntlet capacity` against reference targets: a known limit, one that melts, and Ctrl-C."""

import csv
import json
import signal
import sys
from typing import Any

import pytest

from tests.e2e.support import Lab, Process, free_port, read_record

pytestmark = pytest.mark.e2e
SECONDS = 0.2
"""What a prediction takes; one at a time, so that the target can do about 5 in a second.

So long that what a busy machine adds to it does not count.
"""
PIXELS = 64 * 48
QUICK = ["--wait", "0s", "--tags", "predict", "--results-dir", "results"]


def capacity(lab: Lab, *options: str) -> Process:
    command = [sys.executable, "-m", "gauntlet", "capacity", "predict"]
    return lab.start(*command, *QUICK, *options)


def table(lab: Lab) -> list[dict[str, str]]:
    [path] = (lab.folder / "results").glob("*-predict-capacity/capacity.csv")
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_known_limit_is_found(lab: Lab) -> None:
    target = lab.target("--service-time", f"{SECONDS / PIXELS * 1e6:.3f}s")
    search = ["--from", "4.2", "--precision", "50%", "--repeats", "2"]
    times = ["--step", "6s", "--settle", "1s"]
    rule = ["--threshold", "p90 < 900ms", "--url", target.address]
    process = capacity(lab, *search, *times, *rule, "--json")
    process.wait_for("step 4")
    ended = process.end()
    assert ended.code == 0, ended.errors
    found: dict[str, Any] = json.loads(ended.output)
    assert (found["load"], found["broke"]) == (4.2, 5.94), ended.errors  # not 8.4 and not 2.1
    assert (found["held"], found["tried"], found["at_least"]) == (2, 2, False)
    assert found["because"].startswith("p90 < 900ms in measure broke: ")
    assert [float(row["load"]) for row in table(lab)] == [one["load"] for one in found["steps"]]
    assert all((lab.folder / one["folder"] / "run.json").is_file() for one in found["steps"])


def test_a_target_that_melts_is_let_alone_at_once(lab: Lab) -> None:
    target = lab.target("--fault-5xx", "100%")
    rule = ["--threshold", "p95 < 30s", "--url", target.address]
    load = ["--users", "--from", "1", "--step", "50s", "--settle", "0s", "--preflight", "warn"]
    ended = capacity(lab, *load, *rule).end()
    assert ended.code == 3, ended.errors
    assert "Capacity: no load held, not even 1 user: fail_ratio < 0.5 over 3s abort" in ended.output
    [row] = table(lab)
    assert (row["load"], row["melted"]) == ("1.0", "True")
    assert read_record(lab.folder / row["folder"])["duration"] < 25


def test_a_target_that_does_not_answer_is_told_at_once(lab: Lab) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    ended = capacity(lab, "--threshold", "p95 < 1s", "--url", nobody).end()
    assert ended.code == 5, ended
    began, *told, how = ended.mistakes
    assert began == "step 1: 5/s"
    assert [line.partition(" got no answer")[0] for line in told] == ["preflight: POST /predict"]
    assert how.endswith("; --preflight warn searches all the same")
    assert not list((lab.folder / "results").iterdir())


def test_ctrl_c_leaves_the_table_of_what_was_done(lab: Lab) -> None:
    search = ["--users", "--from", "1", "--step", "3s", "--settle", "1s"]
    process = capacity(lab, *search, "--threshold", "p95 < 60s")  # with an embedded target
    process.wait_for("step 2")
    process.press_ctrl_c()
    ended = process.end()
    assert ended.code == 128 + signal.SIGINT
    assert "Interrupted" in ended.output and "at least 1 user" in ended.output
    assert [row["verdict"] for row in table(lab)] == ["PASS"]


def test_a_first_load_that_cannot_be_measured_ends_the_search(lab: Lab) -> None:
    """A thousand answers are needed, three hundred at most come."""
    target = lab.target("--service-time", f"{0.01 / PIXELS * 1e6:.3f}s")
    search = ["--users", "--from", "4", "--step", "3s", "--settle", "0s", "--url", target.address]
    ended = capacity(lab, *search, "--threshold", "p99.9 < 60s").end()
    assert ended.code == 4, ended
    assert "too few requests for p99.9 < 60s in measure" in ended.output
    assert [row["verdict"] for row in table(lab)] == ["INVALID"]
