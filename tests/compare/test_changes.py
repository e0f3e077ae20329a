"""Comparisons of simulated runs: what is equal stays quiet, what got slower is found."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gauntlet.compare.bootstrap import block_length, estimates
from gauntlet.compare.changes import Change, changes, judge
from gauntlet.compare.seconds import Place, places, seconds
from gauntlet.report.record import RunRecord
from tests.compare.simulation import simulate

PAIRS = 40
NOISE: dict[str, Any] = {"steady": 110, "from_second_to_second": 0.03}


def regressions(found: Sequence[Change]) -> set[tuple[str, str, str]]:
    return {(one.name, one.phase, one.metric) for one in found if one.judgement == "regression"}


def the(found: Sequence[Change], name: str, metric: str, phase: str = "steady") -> Change:
    return next(one for one in found if (one.name, one.metric, one.phase) == (name, metric, phase))


def test_equal_runs_raise_no_alarm_and_a_tenth_more_is_found_in_nine_of_ten() -> None:
    alarms: list[tuple[str, str, str]] = []
    hits = 0
    for pair in range(PAIRS):
        source = np.random.default_rng(pair)
        baseline, equal = ([simulate(source, **NOISE) for _ in range(3)] for _ in range(2))
        slower = [simulate(source, slower={"/predict": 1.1}, **NOISE) for _ in range(3)]
        alarms += regressions(changes(baseline, equal))
        found = regressions(changes(baseline, slower))
        hits += ("/predict", "steady", "p95") in found
        assert {name for name, *_ in found} <= {"/predict"}, (pair, found)
    assert alarms == []
    assert hits >= 36


def test_noisy_runs_make_wide_intervals_and_no_alarm() -> None:
    noisy: dict[str, Any] = {"steady": 60, "from_run_to_run": 0.05, "rate": 0.3}
    for pair in range(10):
        source = np.random.default_rng(1000 + pair)
        runs = [simulate(source, **noisy) for _ in range(6)]
        found = changes(runs[:3], runs[3:])
        assert not regressions(found)
        change = the(found, "/predict", "p95")
        assert change.low is not None and change.high is not None
        assert change.low < 0 < change.high and change.high - change.low > 0.1


def test_the_comparison_says_which_way_it_went_and_what_it_left_out() -> None:
    source = np.random.default_rng(7)
    slow = [simulate(source) for _ in range(2)]
    fast = [simulate(source, slower={"/predict": 0.5}, failing=0.05) for _ in range(2)]
    found = changes(slow, fast)
    assert the(found, "/predict", "p95").judgement == "improvement"
    assert the(found, "/health", "p50").judgement in ("same", "unclear")
    assert the(found, "/health", "rps").judgement in ("same", "unclear")
    assert the(found, "/predict", "fail_ratio").judgement == "regression"
    ramp = [one for one in found if one.phase == "ramp"]
    assert ramp and {one.judgement for one in ramp} == {"untold"}
    assert all(one.low is None and one.baseline is not None for one in ramp)


def test_the_same_runs_give_the_same_intervals_again() -> None:
    source = np.random.default_rng(3)
    runs = [simulate(source, steady=30) for _ in range(2)]
    assert changes(runs[:1], runs[1:]) == changes(runs[:1], runs[1:])


def test_a_run_compared_with_itself_did_not_change() -> None:
    run = simulate(np.random.default_rng(4), steady=40)
    told = [one for one in changes([run], [run]) if one.judgement != "untold"]
    assert told and all(one.change == pytest.approx(0) for one in told)
    assert "regression" not in {one.judgement for one in told}


def test_runs_that_differ_widen_the_interval_beyond_what_is_seen_within_them() -> None:
    def width(spread: float) -> float:
        source = np.random.default_rng(11)
        runs = [simulate(source, from_run_to_run=spread, steady=60) for _ in range(6)]
        change = the(changes(runs[:3], runs[3:]), "/predict", "p50")
        assert change.low is not None and change.high is not None
        return change.high - change.low

    assert width(0.10) > 3 * width(0.0)


def test_blocks_are_longer_where_seconds_hang_together_and_see_more_error() -> None:
    def look(autocorrelation: float) -> tuple[int, float]:
        lengths, variances = [], []
        for seed in range(5):
            source = np.random.default_rng(seed)
            run = simulate(
                source, autocorrelation=autocorrelation, from_second_to_second=0.2, steady=100
            )
            grid, rows = seconds(Place("GET", "/predict", "steady"), [run])
            assert rows[0] is not None
            lengths.append(block_length(rows[0]))
            variance = estimates(grid, rows[0], source)["p50"].variance
            assert variance is not None
            variances.append(variance)
        return min(lengths), float(np.mean(variances))

    (short, small), (long, large) = look(0.0), look(0.9)
    assert long > short >= 5  # 100 ** (1 / 3), rounded up
    assert large > 2 * small


def test_the_bootstrap_knows_how_far_a_percentile_is_off() -> None:
    """Its standard error against what the estimates of sixty runs really differ by."""
    logs, variances = [], []
    for seed in range(60):
        source = np.random.default_rng(seed)
        run = simulate(source, from_run_to_run=0.0, steady=60, ramp=1, rate=0.5)
        grid, rows = seconds(Place("GET", "/health", "steady"), [run])
        assert rows[0] is not None
        told = estimates(grid, rows[0], source)["p95"]
        assert told.value is not None and told.variance is not None
        logs.append(told.value)
        variances.append(told.variance)
    assert 0.7 < np.sqrt(np.mean(variances)) / np.std(logs) < 1.4


def test_figures_are_those_of_all_requests() -> None:
    run = simulate(np.random.default_rng(5), steady=50)
    own = [one for one in run.slices if one.name == "/predict" and one.phase == "steady"]
    pairs = np.array(
        [one.counts[at : at + 2] for one in own for at in range(0, len(one.counts), 2)]
    )
    times = np.repeat(pairs[:, 0], pairs[:, 1]) / 1000
    found = changes([run], [run])
    for metric, quantile in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        told = the(found, "/predict", metric).baseline
        assert told == pytest.approx(np.quantile(times, quantile), rel=0.01)
    assert the(found, "/predict", "rps").baseline == pytest.approx(len(times) / 50)


def test_seconds_in_which_nothing_ended_count_as_such() -> None:
    run = simulate(np.random.default_rng(6), steady=40)
    slices = [one for one in run.slices if not (one.name == "/health" and 20 <= one.t < 30)]
    holed = run.model_copy(update={"slices": tuple(slices)})
    _, rows = seconds(Place("GET", "/health", "steady"), [holed])
    assert rows[0] is not None and len(rows[0].requests) == 40
    assert sum(rows[0].requests == 0) == 10


def test_a_second_that_two_phases_share_is_whole_in_neither() -> None:
    run = simulate(np.random.default_rng(6), ramp=5, steady=20)
    shared = run.slices[0].model_copy(update={"t": 5.0, "phase": "ramp"})
    run = run.model_copy(update={"slices": (*run.slices, shared)})
    _, rows = seconds(Place("GET", "/health", "steady"), [run])
    assert rows[0] is not None and len(rows[0].requests) == 19


def test_a_long_phase_is_put_together_to_what_can_be_computed() -> None:
    run = simulate(np.random.default_rng(8), steady=1300, rate=0.02)
    _, rows = seconds(Place("GET", "/health", "steady"), [run])
    assert rows[0] is not None
    assert (len(rows[0].requests), rows[0].width) == (433, 3.0)


def test_an_endpoint_that_only_one_side_has_is_left_out() -> None:
    one, other = (simulate(np.random.default_rng(seed), steady=20) for seed in (1, 2))
    lacking = other.model_copy(
        update={"slices": tuple(part for part in other.slices if part.name != "/health")}
    )
    found = changes([one], [lacking])
    health = the(found, "/health", "p95")
    assert (health.judgement, health.current) == ("untold", None)
    assert places([one, lacking])[0].name == "/health"


@pytest.mark.parametrize(
    ("low", "high", "worse", "judged"),
    [
        pytest.param(0.06, 0.2, 1, "regression", id="all of it beyond the margin"),
        pytest.param(0.04, 0.2, 1, "unclear", id="a part of it within"),
        pytest.param(-0.04, 0.04, 1, "same", id="all of it within"),
        pytest.param(-0.3, -0.06, 1, "improvement", id="beyond it on the good side"),
        pytest.param(-0.3, -0.06, -1, "regression", id="a rate that fell"),
        pytest.param(0.06, 0.1, -1, "improvement", id="a rate that rose"),
    ],
)
def test_an_interval_is_judged(low: float, high: float, worse: int, judged: str) -> None:
    assert judge(low, high, 0.05, 1 if worse > 0 else -1) == judged


def records(count: int) -> list[RunRecord]:
    source = np.random.default_rng(0)
    return [simulate(source, steady=20) for _ in range(count)]


def test_one_run_against_three_is_compared_as_well() -> None:
    runs = records(4)
    told = {one.judgement for one in changes(runs[:1], runs[1:])}
    assert told >= {"untold"} and "regression" not in told
