"""`gauntlet suite` in real processes: killed and resumed, stopped by a verdict, interrupted."""

import json
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from junitparser import JUnitXml

from tests.e2e.conftest import lab as lab  # a fixture
from tests.e2e.support import Lab, read_record, wait_until_gone

pytestmark = pytest.mark.e2e

COMMAND = sys.executable, "-m", "gauntlet", "suite"
COOL = "--cool-down", "100ms", "--cool-down-max", "3s"


def states(lab: Lab) -> list[Path]:
    return sorted((lab.folder / "results").glob("*-predict-suite"))


def read(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / "suite.json").read_text())
    return state


def test_a_suite_that_was_killed_goes_on_after_its_last_finished_step(lab: Lab) -> None:
    for name in ("one", "two", "three"):
        lab.profile(name, duration="40s" if name == "two" else "25s")
    typed = *COMMAND, "--system", "predict", "one", "two", "three", "--scale", "0.1", *COOL
    process = lab.start(*typed)
    process.wait_for("2/3 two: 4s; about ")
    family = process.children()
    assert len(family) >= 3  # target, probe, run
    psutil.Process(process.pid).kill()
    process.end()
    wait_until_gone(family)
    (folder,) = states(lab)
    before = read(folder)
    assert [step["profile"] for step in before["steps"]] == ["one"]
    assert before["steps"][0]["cooling"]["seconds"] >= 0.1
    ended = lab.start(*COMMAND, "--resume", str(folder)).end()
    assert ended.code == 0, ended
    after = read(folder)
    assert after["steps"][0] == before["steps"][0]
    assert [step["profile"] for step in after["steps"]] == ["one", "two", "three"]
    assert "1/3" not in ended.errors and "PASS - all 3 steps passed" in ended.output
    records = [read_record(folder / step["folder"]) for step in after["steps"]]
    assert [one["scale"] for one in records] == [0.1] * 3
    assert {one["environment"] for one in records} == {"embedded"}
    first, second, third = (one["target"] for one in records)
    assert first != second == third  # one target for each life of the suite
    assert [suite.name for suite in JUnitXml.fromfile(str(folder / "junit.xml"))] == [
        f"gauntlet.predict.{name}" for name in ("one", "two", "three")
    ]
    assert after["steps"][2]["folder"] in (folder / "report.md").read_text()
    again = lab.start(*COMMAND, "--resume", str(folder)).end()  # nothing left to do
    assert (again.code, read(folder)) == (0, after)
    taken = lab.start(*COMMAND, "--resume", str(folder), "--scale", "0.5").end()
    assert taken.mistakes == ["--resume: expected no other settings with it, got --scale"]


def test_a_suite_stops_at_the_first_verdict_that_is_no_pass(lab: Lab) -> None:
    lab.profile("good", duration="2s")
    lab.profile("bad", duration="2s", thresholds=["p95 < 1ms"])
    ended = lab.start(*COMMAND, "--system", "predict", "good", "bad", "good", *COOL).end()
    assert ended.code == 3, ended
    (folder,) = states(lab)
    assert [step["verdict"] for step in read(folder)["steps"]] == ["PASS", "FAIL"]
    assert "FAIL at bad, step 2 of 3; not run: good" in ended.output
    assert "p95 < 1ms broke" in (folder / "report.md").read_text()
    again = lab.start(*COMMAND, "--resume", str(folder)).end()
    assert (again.code, len(read(folder)["steps"])) == (3, 2)


def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(lab: Lab) -> None:
    lab.profile("long", duration="60s")
    target = lab.target()
    process = lab.start(*COMMAND, "--system", "predict", "long", "--url", target.address)
    process.wait_for("1/1 long")
    process.wait_until(lambda: target.requests > 30, "requests of the load")
    family = process.children()
    assert len(family) >= 2
    process.press_ctrl_c()
    ended = process.end()
    (folder,) = states(lab)
    assert ended.code == 130, ended
    assert ended.mistakes[-1].endswith(f"gauntlet suite --resume results/{folder.name}")
    wait_until_gone(family)
    assert read(folder)["steps"] == []
