"""`gauntlet prove` finds a threshold that somebody loosened; `make prove` proves those shipped."""

import sys

import pytest

from tests.e2e.conftest import lab as lab  # a fixture
from tests.e2e.support import Lab, wait_until_gone

pytestmark = pytest.mark.e2e

COMMAND = sys.executable, "-m", "gauntlet", "prove"


def test_a_threshold_that_was_loosened_by_hand_is_found(lab: Lab) -> None:
    lab.profile("loose", thresholds=["p95 <= 60s", "fail_ratio <= 1%"])
    told = lab.folder / "job.md"
    variables = {"GITHUB_STEP_SUMMARY": str(told)}
    process = lab.start(*COMMAND, "predict", "--profile", "loose", variables=variables)
    process.wait_for("predict, clean: ")
    process.wait_for("predict, slow: ")
    ended = process.end()
    assert ended.code == 3, ended
    assert "predict: p95 <= 60s: this threshold stays green under every fault" in ended.output
    assert "predict: fail_ratio" not in ended.output
    assert not told.exists()  # nobody wants to read there that runs under faults failed


def test_an_interruption_ends_all_processes(lab: Lab) -> None:
    lab.profile("tiny", thresholds=["p95 <= 2s"])
    process = lab.start(*COMMAND, "predict", "--profile", "tiny")
    process.wait_until(lambda: len(process.children()) >= 4, "targets and runs")
    family = process.children()
    process.press_ctrl_c()
    assert process.end().code == 130
    wait_until_gone(family)
