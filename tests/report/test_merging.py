"""Records of several masters as one: as if one master had measured it all."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gauntlet.books import Count
from gauntlet.errors import UsageError
from gauntlet.measure.series import Key, Series
from gauntlet.report.entries import arrivals, histograms, statistics, table, threshold_result
from gauntlet.report.merging import merged
from gauntlet.report.record import (
    Failure,
    Figure,
    Fleet,
    IterationCount,
    Member,
    Moment,
    Outcome,
    RunRecord,
    Section,
    Slice,
    Slow,
    TargetMetric,
)
from gauntlet.thresholds import Check, parse
from gauntlet.verdict import Abort

MakeRecord = Callable[..., RunRecord]
RULES = ["p95 < 2s", "fail_ratio <= 5%"]
STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PHASES = {"ramp": 100, "steady": 300}
SLOW = Slow(method="GET", name="/a", server="", phase="", t=1.0, response_ms=1.0, outcome="")
PASSED = Outcome(verdict="PASS", reasons=(), exit_code=0)


def times(seed: int, count: int = 400) -> list[float]:
    """Response times; every fortieth request failed."""
    chance = random.Random(seed)
    drawn = (chance.lognormvariate(4, 1) for _ in range(count))
    return [-ms if number % 40 == 0 else ms for number, ms in enumerate(drawn)]


def measured(*seeds: int) -> dict[tuple[str, ...], list[float]]:
    """Two endpoints in two phases on two servers; of several seeds all that each would have."""
    keys = [
        ("GET", "/a", "one", "ramp"),
        ("GET", "/a", "two", "steady"),
        ("POST", "/b", "two", "steady"),
    ]
    return {
        key: [ms for seed in seeds for ms in times(3 * seed + place)]
        for place, key in enumerate(keys)
    }


def figures(record: RunRecord, rows: str) -> list[dict[str, Any]]:
    """A table without what depends on the moments at which requests began."""
    table = [record.total] if rows == "total" else getattr(record, rows)
    return [one.model_dump(exclude={"rps", "avg_ms", "stdev_ms"}) for one in table]


@pytest.mark.parametrize("masters", [2, 3])
def test_the_whole_is_what_one_master_would_have_measured(
    make_record: MakeRecord, masters: int
) -> None:
    whole = make_record(measured(*range(masters)), RULES)
    found = merged([make_record(measured(seed), RULES) for seed in range(masters)])
    for rows in ("total", "endpoints", "servers", "phases", "phase_endpoints"):
        assert figures(found, rows) == figures(whole, rows), rows
    assert found.histograms == whole.histograms
    assert found.total.avg_ms == pytest.approx(whole.total.avg_ms)
    assert found.total.stdev_ms == pytest.approx(whole.total.stdev_ms)
    assert found.outcome == whole.outcome
    assert [one.value for one in found.thresholds] == [one.value for one in whole.thresholds]


def test_masters_that_made_load_together_add_up_their_rates(make_record: MakeRecord) -> None:
    one, other = (make_record(measured(seed)) for seed in (1, 2))
    found = merged([one, other])
    assert found.total.rps == pytest.approx(one.total.rps + other.total.rps, rel=0.01)


def test_a_rule_is_judged_over_the_whole_and_not_by_record(make_record: MakeRecord) -> None:
    """Of the slow master alone the rule broke; of both together it holds."""
    fast, slow = {("GET", "/a"): [10.0] * 900}, {("GET", "/a"): [10.0] * 90 + [5000.0] * 10}
    records = [make_record(fast, ["p95 < 2s"]), make_record(slow, ["p95 < 2s"])]
    assert [one.outcome.verdict for one in records] == ["PASS", "FAIL"]
    assert merged(records).outcome.verdict == "PASS"
    worse = make_record({("GET", "/a"): [5000.0] * 100}, ["p95 < 2s"])
    assert merged([records[0], worse]).outcome.exit_code == 3


def test_a_rate_is_over_all_phases_and_not_over_the_longest(make_record: MakeRecord) -> None:
    """Each master: 10/s for 40 s, of which 10 s are the ramp."""
    measured = {("GET", "/a", "", name): [10.0] * count for name, count in PHASES.items()}
    series = {Key(*key): Series(requests=len(ms)) for key, ms in measured.items()}
    slow = {"rps": 10.0}
    rows = [one.model_copy(update=slow) for one in table(series, "phase", "name", "method")]
    one = make_record(measured, ["rps >= 21/s"], phase_endpoints=tuple(rows))
    endpoints = tuple(row.model_copy(update=slow) for row in one.endpoints)
    records = [one.model_copy(update={"endpoints": endpoints, "seed": seed}) for seed in (1, 2)]
    found = merged(records)
    assert found.total.rps == pytest.approx(20.0)
    assert [row.rps for row in found.phase_endpoints] == pytest.approx([20.0, 20.0])
    assert found.outcome.verdict == "FAIL"


def test_service_times_of_a_closed_model_are_its_response_times(make_record: MakeRecord) -> None:
    rules = ["service_p50 < 1s", "service_max < 1s"]
    records = [make_record({("GET", "/a"): [2001.0 + seed % 2] * 99}, rules) for seed in (1, 2)]
    assert [one.shown for one in merged(records).thresholds] == ["2.002s", "2.002s"]


def arrived(
    make_record: MakeRecord,
    times: list[tuple[float, float]],
    first_bytes: list[float],
    **count: int,
) -> RunRecord:
    """A run of an open model: response times, and how much of each was waited for a user."""
    series = Series()
    ms, late = ([pair[place] for pair in times] for place in (0, 1))
    series.add_many(ms, [STARTED.timestamp()] * len(ms), 0, late)
    series.add_first_bytes(first_bytes)
    measured, late_us = {Key("GET", "/a"): series}, Counter(int(one * 1000) for one in late)
    counted = Count(started=len(times), late=1, late_us=late_us, **count)
    moment = Moment(t=1.0, users=1, requests=1, failures=0, wanted=5.0, waiting=2, dropped=1)
    rules = (
        Check(parse(rule), 0.0, len(times)) for rule in ("service_p90 < 1s", "service_max < 1s")
    )
    return make_record({}).model_copy(
        update={
            "outcome": PASSED,
            "thresholds": tuple(map(threshold_result, rules)),
            "total": statistics(Key("", "Aggregated"), series),
            "endpoints": table(measured, "name", "method"),
            "histograms": histograms(measured),
            "arrivals": arrivals(counted, "constant"),
            "timeline": (moment,),
        }
    )


def test_open_models_add_up_in_arrivals_and_in_both_times(make_record: MakeRecord) -> None:
    """Responses of 10, 10, 20, 30, 50 ms, of which services took 10, 10, 20, 10, 40."""
    one = arrived(
        make_record, [(30, 20), (10, 0)], [5], scheduled=4, dropped=1, missing=1, most_waiting=3
    )
    other = arrived(make_record, [(50, 10), (10, 0), (20, 0)], [7, 9], scheduled=3, most_waiting=2)
    found = merged([one, other])
    total, told = found.total, found.arrivals
    assert told is not None
    assert (told.scheduled, told.started, told.late, told.dropped) == (7, 5, 2, 2)
    assert told.most_waiting == 5
    late = [told.late_ms[name] for name in ("p50", "p90", "p99")]
    assert late == pytest.approx([0, 20, 20], rel=0.001, abs=0.002)
    assert (total.avg_ms, total.service_avg_ms) == pytest.approx((24, 18))
    assert (total.max_ms, total.service_max_ms) == (50, 40)
    both = total.percentiles_ms, total.service_percentiles_ms, total.first_byte_ms
    medians, tails = ([(one or {})[name] for one in both] for name in ("p50", "p90"))
    assert medians == pytest.approx([20, 10, 7], rel=0.001)
    assert tails == pytest.approx([50, 40, 9], rel=0.001)
    assert [row.value for row in found.thresholds] == pytest.approx([0.04, 0.04], rel=0.001)
    [moment] = found.timeline
    assert (moment.wanted, moment.waiting, moment.dropped) == (10, 4, 2)
    assert found.outcome.reasons == (
        "too few requests for service_p90 < 1s: 5 in all, 10 needed; run longer, or judge a lower "
        "percentile or max",
    )
    [lost] = (row.model_copy(update={"service_hdr": None}) for row in other.histograms)
    with pytest.raises(UsageError, match="expected histograms of its service times, got none"):
        merged([one, other.model_copy(update={"histograms": (lost,)})])


def test_figures_that_count_add_up_and_others_are_told_by_master(make_record: MakeRecord) -> None:
    def record(seed: int, *figures: tuple[str, float | None, str]) -> RunRecord:
        told = (Figure(name=name, value=value, shown=shown) for name, value, shown in figures)
        section = Section(title="Blobs", figures=tuple(told))
        metric = TargetMetric(name=f"metric {seed}", points=((0.0, 1.0),))
        return make_record(
            measured(seed), sections=(section,), target_metrics=(metric,), slowest=(SLOW,)
        )

    layout = ("Layout", None, "as asked")
    one = record(1, ("New", 3, "3"), ("Ratio", 1.5, "1.50"), ("Left", 1, "1"), layout)
    other = record(2, ("New", 4, "4"), ("Ratio", 2.5, "2.50"), layout, ("Longest", 2.0, "2s"))
    found = merged([one, other])
    [section] = found.sections
    assert [(one.name, one.value, one.shown) for one in section.figures] == [
        ("New", 7, "7"),
        ("Ratio", None, "master 1: 1.50; master 2: 2.50"),
        ("Left", 1, "1"),
        layout,
        ("Longest", None, "master 2: 2s"),
    ]
    assert [one.name for one in found.target_metrics] == ["metric 1", "metric 2"]
    assert found.diagnosis[0].startswith("failures 1-5%: 2.50% of all requests")


@pytest.mark.parametrize(
    "matched", ["no request; check its name", "7 requests that told no response time; fire them"]
)
def test_what_one_master_had_too_little_of_the_others_may_make_good(
    make_record: MakeRecord, matched: str
) -> None:
    rules = ['max("/a") < 9s', 'target("queue").max < 5']
    full, empty = make_record({("GET", "/a"): [10.0] * 9}, rules), make_record({}, rules)
    values = full.model_copy(
        update={
            "thresholds": (
                full.thresholds[0],
                threshold_result(Check(parse(rules[1]), 3.0, samples=9)),
            )
        }
    )
    reason = f"the threshold {rules[0]} matched {matched}"
    few = Outcome(verdict="INVALID", reasons=(reason,), exit_code=4)
    found = merged([values, empty.model_copy(update={"outcome": few})])
    assert (found.outcome, [one.shown for one in found.thresholds]) == (PASSED, ["10ms", "3"])


@pytest.mark.parametrize(
    ("rule", "values", "verdict"),
    [
        pytest.param("failures < 5 over 10s", (4, 4), "FAIL", id="both may fall into one window"),
        pytest.param("rps >= 10/s over 10s", (6, 6), "PASS", id="rates add up"),
        pytest.param("p50 < 2s over 10s", (1.5, 1.0), "PASS", id="times do not"),
    ],
)
def test_windows_of_the_whole_are_no_worse_than_what_is_judged(
    make_record: MakeRecord, rule: str, values: tuple[float, float], verdict: str
) -> None:
    records = []
    for seed, value in enumerate(values):
        check = Check(parse(rule), value, samples=100)
        update = {"thresholds": (threshold_result(check),), "outcome": PASSED}
        records.append(make_record(measured(seed)).model_copy(update=update))
    assert merged(records).outcome.verdict == verdict


def test_where_a_rule_ended_one_run_the_whole_is_no_pass(make_record: MakeRecord) -> None:
    """The other master went on, and all requests together would hold."""
    ended = {"aborted": Abort("fail_ratio < 50% abort", 12.0)}
    records = [make_record(measured(1), RULES), make_record(measured(2), RULES, evidence=ended)]
    found = merged(records).outcome
    assert (found.verdict, found.exit_code) == ("FAIL", 3)
    assert found.reasons == ("aborted after 30s by fail_ratio < 50% abort",)


def test_what_spoils_one_record_spoils_the_whole(make_record: MakeRecord) -> None:
    lost = {"lost_workers": ["worker 1 (up to 3.0s unrecorded)"]}
    found = merged([make_record(measured(1)), make_record(measured(2), evidence=lost)])
    assert (found.outcome.verdict, found.outcome.exit_code) == ("INVALID", 4)
    (reason,) = found.outcome.reasons
    assert reason.startswith("master 2: lost without a last report: worker 1")
    assert found.outcome.causes == ("lost_worker",)


def test_tasks_that_one_master_cut_spoil_a_whole_that_would_pass(make_record: MakeRecord) -> None:
    """That master's own run is a FAIL, in which they count for nothing."""
    evidence = {"cut": 3, "patience": 30.0}
    cut = Fleet(workers=0, lost=(), cut=3)
    fails = make_record(
        {("GET", "/a"): [-10.0] * 9}, RULES, evidence=evidence, fleet=cut, stop_timeout=30.0
    )
    passes = make_record({("GET", "/a"): [10.0] * 400}, RULES)
    assert [one.outcome.verdict for one in (fails, passes)] == ["FAIL", "PASS"]
    found = merged([passes, fails])
    assert (found.outcome.verdict, found.outcome.causes) == ("INVALID", ("unfinished_tasks",))
    assert found.outcome.reasons[0].startswith("3 tasks cut at the end, unfinished (--stop-timeout")
    assert (found.fleet.cut, found.stop_timeout) == (3, 30.0)
    at_once = fails.model_copy(update={"stop_timeout": 0.0})
    assert merged([passes, at_once]).outcome.verdict == "PASS", "cut as somebody wanted"


def test_what_is_counted_besides_adds_up(make_record: MakeRecord) -> None:
    def record(seed: int, name: str, failure: str) -> RunRecord:
        member = Member(index=0, requests=1200, missing=0, lost=False, unrecorded=0.0)
        counts = (10_000, 3, 20_000 * seed, 1)
        slices = [
            Slice(
                t=second + 0.2 * seed,
                seconds=1,
                method="GET",
                name="/a",
                phase="",
                requests=4,
                failures=1,
                total_ms=50.0,
                counts=counts,
            )
            for second in (0, 1)
        ]
        moments = [Moment(t=t + 0.1 * seed, users=5, requests=9 * t, failures=0) for t in range(3)]
        return make_record(
            measured(seed),
            fleet=Fleet(workers=1, lost=(name,), cut=1, members=(member,)),
            iterations=IterationCount(total=10, done=9, lost=1),
            failures=(Failure(method="GET", name="/a", text=failure, count=2),),
            user_errors={"boom": seed},
            timeline=tuple(moments),
            slices=tuple(slices),
            slowest=(SLOW.model_copy(update={"response_ms": seed}),),
        )

    found = merged([record(1, "worker 0", "status 500"), record(2, "worker 0", "status 500")])
    assert found.fleet.lost == ("master 1: worker 0", "master 2: worker 0")
    assert (found.fleet.workers, found.fleet.cut) == (2, 2)
    assert [one.index for one in found.fleet.members] == [0, 1]
    assert found.iterations == IterationCount(total=20, done=18, lost=2)
    assert [(one.text, one.count) for one in found.failures] == [("status 500", 4)]
    assert found.user_errors == {"boom": 3}
    assert [(one.users, one.requests) for one in found.timeline] == [(10, 0), (10, 18), (10, 36)]
    assert [(one.t, one.requests, one.failures) for one in found.slices] == [(0, 8, 2), (1, 8, 2)]
    assert found.slices[0].counts == (10_000, 6, 20_000, 1, 40_000, 1)
    assert found.peak_users == 10
    assert [one.response_ms for one in found.slowest] == [2, 1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"profile": "load"}, "profile 'smoke' as in record 1, got 'load'", id="another profile"
        ),
        pytest.param({"target": "http://other"}, "expected target", id="another target"),
        pytest.param({"later": 60}, "expected a start within 10s of record 1, got 60s", id="later"),
        pytest.param({"rules": ["p95 < 1s"]}, "expected the rules of record 1", id="other rules"),
        pytest.param(
            {"arrivals": arrivals(Count(), "constant")},
            "expected arrivals in both or in neither",
            id="open",
        ),
        pytest.param({"masters": 2}, "expected that of one master, got one merged", id="merged"),
        pytest.param({"ended": STARTED}, "expected a run at the time of record 1", id="over"),
    ],
)
def test_records_that_do_not_belong_together_are_refused(
    make_record: MakeRecord, changes: dict[str, Any], said: str
) -> None:
    rules, later = changes.pop("rules", RULES), changes.pop("later", 0)
    one, other = make_record(measured(1), RULES), make_record(measured(2), rules, **changes)
    other = other.model_copy(update={"started": other.started + timedelta(seconds=later)})
    with pytest.raises(UsageError) as refused:
        merged([one, other])
    (line,) = refused.value.mistakes
    assert line.startswith("record 2: ") and said in line


def test_one_record_or_the_same_twice_is_refused(make_record: MakeRecord) -> None:
    one = make_record(measured(1))
    with pytest.raises(UsageError, match="two records or more, got 1"):
        merged([one])
    with pytest.raises(UsageError, match="record 2: expected another run"):
        merged([one, one])


def test_arrivals_that_lay_otherwise_in_time_are_no_parts_of_one_load(
    make_record: MakeRecord,
) -> None:
    one, other = (
        make_record(measured(seed), RULES, arrivals=arrivals(Count(), lay))
        for seed, lay in enumerate(("constant", "poisson"))
    )
    with pytest.raises(UsageError) as refused:
        merged([one, other])
    assert refused.value.mistakes == [
        "record 2: expected constant arrivals as in record 1, got poisson"
    ]
