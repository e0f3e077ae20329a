"""`gauntlet capacity` against reference targets: a known limit, one that melts, and Ctrl-C."""

import csv
import json
import signal
import sys
from typing import Any

import pytest

from tests.e2e.support import Lab, Process

pytestmark = pytest.mark.e2e
SECONDS = 0.15
"""What a prediction takes; one at a time, so that the target can do 6.7 in a second."""
PIXELS = 64 * 48
QUICK = ["--step", "4s", "--settle", "2s", "--wait", "0s", "--tags", "predict"]


def capacity(lab: Lab, *options: str) -> Process:
    command = [sys.executable, "-m", "gauntlet", "capacity", "predict", *QUICK]
    return lab.start(*command, "--results-dir", "results", *options)


def slow_target(lab: Lab) -> str:
    address: str = lab.target("--service-time", f"{SECONDS / PIXELS * 1e6:.3f}s").address
    return address


def table(lab: Lab) -> list[dict[str, str]]:
    [path] = (lab.folder / "results").glob("*-predict-capacity/capacity.csv")
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_known_limit_is_found(lab: Lab) -> None:
    """Of N users each waits for N predictions: at most four are within 0.7 s."""
    rule = f"p90 < {SECONDS * 4.7:.3f}s"
    bounds = ["--users", "--from", "4", "--precision", "30%", "--repeats", "2"]
    process = capacity(lab, *bounds, "--threshold", rule, "--url", slow_target(lab), "--json")
    ended = process.end()
    assert ended.code == 0, ended.errors
    found: dict[str, Any] = json.loads(ended.output)
    assert found["load"] in (4.0, 5.0)
    assert found["rps"] == pytest.approx(1 / SECONDS, rel=0.15)
    assert (found["held"], found["tried"]) == (2, 2)
    assert found["because"].startswith("p90 < ")
    assert [float(row["load"]) for row in table(lab)] == [one["load"] for one in found["steps"]]
    assert all((lab.folder / one["folder"] / "run.json").is_file() for one in found["steps"])


def test_ctrl_c_leaves_the_table_of_what_was_done(lab: Lab) -> None:
    bounds = ["--users", "--from", "1"]
    process = capacity(lab, *bounds, "--threshold", "p95 < 60s")  # with an embedded target
    process.wait_for("step 2")
    process.press_ctrl_c()
    ended = process.end()
    assert ended.code == 128 + signal.SIGINT
    assert "Interrupted" in ended.output and "at least 1 users" in ended.output
    assert [row["verdict"] for row in table(lab)] == ["PASS"]
