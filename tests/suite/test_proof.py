"""The matrix of a proof and what it says is wrong."""

import math
from collections.abc import Mapping

import pytest

from gauntlet import config
from gauntlet.report.entries import threshold_result
from gauntlet.report.record import Outcome, RunRecord
from gauntlet.suite.faults import PROOFS, RATIO, TIME, Fault, Reddens
from gauntlet.suite.proof import matrix, mistakes
from gauntlet.systems import SYSTEMS
from gauntlet.thresholds import Check, parse
from tests.compare.simulation import run_record

SLOW = Fault("slow", (), (TIME,))
ERRORS = Fault("errors", (), (RATIO,))


def record(values: Mapping[str, float | None], verdict: str = "PASS") -> RunRecord:
    checks = [
        Check(parse(rule), value, 10 if value is not None else 0) for rule, value in values.items()
    ]
    outcome = Outcome(verdict=verdict, reasons=("a worker was lost",), exit_code=0)
    return run_record(thresholds=tuple(map(threshold_result, checks)), outcome=outcome)


def found(clean: RunRecord, slow: RunRecord, errors: RunRecord) -> list[str]:
    return list(mistakes(matrix("predict", clean, [(SLOW, slow), (ERRORS, errors)])))


P95, RATIO_RULE = "p95 <= 2s", "fail_ratio <= 1%"
CLEAN = record({P95: 0.1, RATIO_RULE: 0.0})


def test_thresholds_that_break_where_they_must_are_proved() -> None:
    slow, errors = record({P95: 6.0, RATIO_RULE: 0.0}), record({P95: 0.1, RATIO_RULE: 0.3})
    assert found(CLEAN, slow, errors) == []


def test_a_threshold_that_no_fault_breaks_is_named() -> None:
    loose = "p95 <= 60s"
    told = found(
        record({loose: 0.1, RATIO_RULE: 0.0}),
        record({loose: 6.0, RATIO_RULE: 0.0}),
        record({loose: 0.1, RATIO_RULE: 0.3}),
    )
    assert told == [
        "predict, slow: p95 <= 60s: expected red, got green at 6s",
        "predict: p95 <= 60s: this threshold stays green under every fault",
    ]


def test_a_threshold_that_is_red_when_clean_is_named() -> None:
    strict = record({P95: 3.0, RATIO_RULE: 0.0})
    told = found(strict, record({P95: 6.0, RATIO_RULE: 0.0}), record({P95: 3.0, RATIO_RULE: 0.3}))
    assert told == ["predict, clean: p95 <= 2s: expected green, got red at 3s"]


def test_a_rule_that_matched_nothing_proves_nothing() -> None:
    told = found(
        record({P95: None, RATIO_RULE: 0.0}, "INVALID"),
        record({P95: None, RATIO_RULE: 0.0}),
        record({P95: None, RATIO_RULE: 0.3}),
    )
    assert "predict, clean: p95 <= 2s: expected green, got no samples" in told
    assert "predict, slow: p95 <= 2s: expected red, got no samples" in told
    assert told[-1].endswith("stays green under every fault")


def test_a_target_that_never_recovers_has_broken_its_objective() -> None:
    rule = parse('recovers("p95 <= 2s") < 30s')
    result = threshold_result(Check(rule, math.inf, 10))
    kept = RunRecord.model_validate_json(
        run_record(thresholds=(result,)).model_dump_json()  # which knows no infinity
    )
    clean = record({rule.text: 3.0})
    told = matrix("predict", clean, [(SLOW, kept)])
    assert told.rows[rule.text]["slow"] == ("red", "not recovered", "red")
    assert list(mistakes(told)) == []


def test_a_profile_without_thresholds_proves_nothing() -> None:
    told = found(record({}), record({}), record({}))
    assert told == ["predict: expected a profile with thresholds, got none"]


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        pytest.param('p95("PUT /v1/blobs") <= 10s', True, id="its glob matches"),
        pytest.param('p95("*first") <= 2s', False, id="another glob"),
        pytest.param("p95 <= 10s", False, id="the whole run"),
        pytest.param('rps("PUT /v1/blobs") >= 1/s', False, id="another kind"),
    ],
)
def test_a_fault_names_thresholds_by_kind_and_glob(rule: str, names: bool) -> None:
    assert Reddens("time", "PUT*").names(parse(rule)) is names


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_shipped_threshold_has_a_fault_that_must_break_it(system: str) -> None:
    for name in config.profile_names(SYSTEMS[system]):
        for rule in config.load_profile(name, SYSTEMS[system]).thresholds:
            assert any(fault.must_redden(rule) for fault in PROOFS[system].faults), (name, rule)
