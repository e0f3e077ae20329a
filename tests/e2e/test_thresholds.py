"""Thresholds decide the exit code: from a profile, from options and from locust-plugins' checks."""

import re

import pytest

from tests.e2e.support import LOCUSTFILE, Lab, broken, read_record

pytestmark = pytest.mark.e2e

IMPORTS = "import gauntlet\nfrom locust import task"
FAILING = "--fault-5xx", "30%"


def rules(lab: Lab) -> list[str]:
    """What judged the only run."""
    return [one["rule"] for one in lab.record["thresholds"]]


def test_a_pass_with_single_failed_requests_exits_0(lab: Lab) -> None:
    lab.profile("tiny", thresholds=["fail_ratio <= 90%"])
    ended = lab.run("--load-profile", "tiny", "--host", lab.target(*FAILING).address)
    assert (ended.code, lab.verdict) == (0, "PASS"), ended
    assert lab.record["total"]["failures"] > 0


def test_a_broken_threshold_exits_3_and_is_in_every_report(lab: Lab) -> None:
    lab.profile("tiny", thresholds=["requests < 3", "fail_ratio <= 0%"])
    ended = lab.run("--load-profile", "tiny")
    assert (ended.code, lab.verdict) == (3, "FAIL"), ended
    assert broken(lab.record) == {"requests < 3"}
    assert "✗ requests < 3 — " in ended.output
    assert "✓ fail_ratio <= 0% — " in ended.output
    assert "requests &lt; 3 broke" in (lab.results[0] / "junit.xml").read_text(encoding="utf-8")


def test_failures_that_no_threshold_judges_exit_as_locust_does(lab: Lab) -> None:
    target = lab.target(*FAILING)
    given = "-u", "2", "-t", "2s", "--host", target.address
    codes = {"": 1, "7": 7, "0": 0}
    asked = {code: ["--exit-code-on-error", code] if code else [] for code in codes}
    runs = {code: lab.headless(*given, *asked[code]) for code in codes}
    assert {code: run.end().code for code, run in runs.items()} == codes
    records = [read_record(folder) for folder in lab.results]
    assert [record["outcome"]["verdict"] for record in records] == ["FAIL"] * 3
    assert [record["thresholds"] for record in records] == [[]] * 3


RAISING = """
    @task(100)  # half of all tasks, so that no run is without
    def stumble(self):
        raise KeyError("a mistake in a task")
"""


def test_exceptions_of_user_code_are_no_pass_whatever_thresholds_say(lab: Lab) -> None:
    text = LOCUSTFILE.read_text(encoding="utf-8").replace("import gauntlet", IMPORTS, 1) + RAISING
    file, target = lab.write("raising.py", text), lab.target()
    given = "-u", "2", "-t", "2s", "--host", target.address, "--threshold", "fail_ratio <= 0%"
    runs = [lab.headless(*given, *more, file=file) for more in ((), ("--exit-code-on-error", "7"))]
    assert [run.end().code for run in runs] == [1, 7]
    for folder, run in zip(lab.results, runs, strict=True):
        record = read_record(folder)
        assert (record["outcome"]["verdict"], broken(record)) == ("FAIL", set())
        assert re.fullmatch(
            r"user code raised \d+ exceptions?, which no threshold judges",
            record["outcome"]["reasons"][0],
        )
        (text,) = record["user_errors"]
        assert "a mistake in a task" in text
        assert "a mistake in a task" in run.output.rpartition("Failures:")[2]
        assert "no exception in user code" in (folder / "junit.xml").read_text(encoding="utf-8")


def test_a_threshold_by_hand_replaces_its_like_and_adds_the_rest(lab: Lab) -> None:
    lab.profile("tiny", thresholds=["p50 <= 1ms", 'p50("/health") <= 9s', "fail_ratio <= 1%"])
    by_hand = "--threshold", "p50 <= 9s", "--threshold", "requests >= 1"
    ended = lab.run("--load-profile", "tiny", *by_hand)
    assert (ended.code, lab.verdict) == (0, "PASS"), ended
    assert set(rules(lab)) == {
        'p50("/health") <= 9s',
        "fail_ratio <= 1%",
        "p50 <= 9s",
        "requests >= 1",
    }


def test_thresholds_also_come_from_the_variable(lab: Lab) -> None:
    several = lab.headless("-t", "2s", LOCUST_THRESHOLD="[fail_ratio <= 0%, requests < 2]")
    one = lab.headless("-t", "2s", LOCUST_THRESHOLD='p50("/predict*") < 9s')
    assert (several.end().code, one.end().code) == (3, 0)
    rules = {tuple(one["rule"] for one in read_record(f)["thresholds"]) for f in lab.results}
    assert rules == {("fail_ratio <= 0%", "requests < 2"), ('p50("/predict*") < 9s',)}


def test_a_check_of_locust_plugins_that_breaks_exits_3(lab: Lab) -> None:
    target = lab.target(*FAILING)
    given = "-u", "2", "-t", "2s", "--host", target.address
    checks = [
        ("--check-fail-ratio", "0.01"),
        ("--check-rps", "100000"),
        ("--check-avg-response-time", "0.001"),
    ]
    runs = [lab.headless(*given, *check) for check in checks]
    assert [run.end().code for run in runs] == [3, 3, 3]
    records = [read_record(folder) for folder in lab.results]
    judged = [[one["metric"] for one in record["thresholds"]] for record in records]
    assert sorted(judged) == [["avg"], ["fail_ratio"], ["rps"]]


def test_checks_of_locust_plugins_that_hold_exit_0_in_spite_of_failures(lab: Lab) -> None:
    checks = "--check-fail-ratio", "0.9", "--check-rps", "1", "--check-avg-response-time", "9000"
    ended = lab.run("-u", "2", "-t", "2s", "--host", lab.target(*FAILING).address, *checks)
    assert (ended.code, lab.verdict) == (0, "PASS"), ended
    assert lab.record["total"]["failures"] > 0


def test_invalid_outranks_a_check_of_locust_plugins(lab: Lab) -> None:
    checks = "--check-rps", "100000", "--threshold", 'avg("/nothing") < 1s'
    ended = lab.run("-u", "2", "-t", "2s", *checks)
    assert (ended.code, lab.verdict) == (4, "INVALID"), ended
