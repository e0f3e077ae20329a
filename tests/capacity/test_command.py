"""What is asked for is checked before anything is started, and steps are what they should be."""

from pathlib import Path

import pytest
import yaml

from gauntlet import config, thresholds
from gauntlet.capacity.command import capacity
from gauntlet.capacity.steps import Plan, abort_rules, measured_seconds, profile
from gauntlet.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "mistakes"),
    [
        pytest.param(
            ["--from", "1.5"],
            [
                "capacity: expected at least one --threshold RULE, got none",
                "--from: expected a number of users such as 10, got '1.5'",
            ],
            id="no rule and half a user",
        ),
        pytest.param(
            ["--threshold", "p95 < 2", "--step", "100ms", "--precision", "0%"],
            [
                '--threshold: expected a duration such as "30s" or "1m30s", got \'2\'',
                "--step: expected at least 1s, got 100ms",
                "--precision: expected a share from 0.1% to 100%, got '0%'",
            ],
            id="every mistake at once",
        ),
        pytest.param(
            ["--threshold", "p95 < 2s", "--from", "20", "--to", "10"],
            ["--to: expected at least 20, what --from says, got 10"],
            id="bounds the wrong way round",
        ),
        pytest.param(
            ["--threshold", "p95 < 2s in steady", "--threshold", "p90 < 1s in measur"],
            [
                "--threshold: expected a phase (settle, measure) behind in, got 'steady'",
                "--threshold: expected a phase (settle, measure) behind in, got 'measur'; "
                "did you mean measure?",
            ],
            id="phases that a step does not have",
        ),
        pytest.param(
            ["--threshold", "p95 < 2s", "--url", "http://me:secret@x"],
            [
                "--url: expected an address without user and password, got one with; "
                "credentials come from the environment"
            ],
            id="a password in an address",
        ),
        pytest.param(
            ["--arrivals"], ["--arrivals, --users: expected one of them, got both"], id="two units"
        ),
        pytest.param(
            ["50"],
            ["capacity: expected --from LOAD for the first load, got '50'"],
            id="a load behind the unit",
        ),
        pytest.param(
            ["--environment=staging", "--load-profile", "smoke"],
            [
                "capacity: expected --env NAME, got --environment",
                "capacity: expected no profile, because each step has its own, got --load-profile",
            ],
            id="options of locust that steps outrank",
        ),
    ],
)
def test_wrong_input_starts_nothing(
    arguments: list[str],
    mistakes: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        capacity.main(["predict", "--users", *arguments], standalone_mode=False)
    assert error.value.mistakes == mistakes
    assert not list(tmp_path.iterdir())


RULES = [
    thresholds.parse(text)
    for text in ('p95("/a*") < 200ms', "fail_ratio <= 1%", "rps >= 5/s", "p99 < 1s over 2s")
]


def plan(users: bool, rules: list[thresholds.Threshold] = RULES) -> Plan:
    return Plan([], rules, users, 2.0, 10.0, Path(), {})


@pytest.mark.parametrize("users", [True, False])
def test_a_step_is_a_profile_of_two_phases(users: bool) -> None:
    load: dict[str, object] = {"users": 40} if users else {"arrivals": "40/s"}
    made = profile(plan(users), 40.0)
    assert made["phases"] == [
        {"name": "settle", "duration": "2s", **load},
        {"name": "measure", "duration": "10s", **load},
    ]
    assert made["duration"] == "12s"
    assert made["thresholds"] == [
        'p95("/a*") < 200ms in measure',
        "fail_ratio <= 1% in measure",
        "rps >= 5/s in measure",
        "p99 < 1s over 2s in measure",
        "fail_ratio < 0.5 over 3s abort",
        'avg("/a*") < 2s over 3s abort',
        "avg < 10s over 3s abort",
    ]


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        pytest.param(100.0, 10.0, id="as asked where that is enough"),
        pytest.param(2.0, 65.0, id="a hundred and thirty for p99"),
        pytest.param(0.01, 200.0, id="but not for ever"),
    ],
)
def test_few_arrivals_are_measured_for_longer(rate: float, seconds: float) -> None:
    assert measured_seconds(plan(users=False), rate) == pytest.approx(seconds)


def test_the_profile_of_a_step_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as Locust's process does it."""
    (tmp_path / "step-01.yaml").write_text(yaml.safe_dump(profile(plan(users=True), 3.0)))
    monkeypatch.setenv("GAUNTLET_PROFILES", str(tmp_path))
    read = config.load_profile("step-01", None)
    assert (read.users, read.duration, len(read.thresholds)) == (3, 12.0, 7)


def test_whoever_allows_many_failures_has_a_step_ended_at_more() -> None:
    assert abort_rules([thresholds.parse("fail_ratio <= 60%")]) == [
        "fail_ratio < 0.6 over 3s abort"
    ]
    assert abort_rules([thresholds.parse("fail_ratio <= 100%")]) == []


def test_a_rule_that_names_its_phase_keeps_it() -> None:
    made = profile(plan(True, [thresholds.parse("rps > 1/s in settle")]), 1.0)
    assert made["thresholds"] == ["rps > 1/s in settle", "fail_ratio < 0.5 over 3s abort"]
