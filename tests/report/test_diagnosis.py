"""Diagnosis of hand-computed runs: throughput against load, failures, who was slow first."""

from collections.abc import Callable, Sequence

import pytest

from gauntlet.report.diagnosis import diagnose, first_over, load_bands
from gauntlet.report.record import Arrivals, Moment, RunRecord, Slice
from gauntlet.thresholds import parse

MakeRecord = Callable[..., RunRecord]
Step = tuple[int, int, int]
"""Seconds, users, requests per second."""


def timeline(*steps: Step) -> tuple[Moment, ...]:
    """A moment a second; users and rate of the steps, one after the other."""
    moments, t, made = [Moment(t=0.0, users=0, requests=0, failures=0)], 0, 0
    for seconds, users, rate in steps:
        for _ in range(seconds):
            t, made = t + 1, made + rate
            moments.append(Moment(t=float(t), users=users, requests=made, failures=0))
    return tuple(moments)


def ended(*steps: Step, wide: int = 1) -> tuple[Slice, ...]:
    """The same as slices of two endpoints."""
    rates = [rate for seconds, _, rate in steps for _ in range(seconds)]
    return tuple(
        slice_of(t, name, "", *[10] * (sum(rates[t : t + wide]) // 2), wide=wide)
        for t in range(0, len(rates), wide)
        for name in ("/a", "/b")
    )


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        pytest.param(
            [(10, 10, 20), (10, 100, 190)],
            "throughput rose with the load: 20/s at 10 users, 190/s at 100 users, 10s into the run",
            id="nearly as much as the users",
        ),
        pytest.param(
            [(10, 25, 50), (10, 50, 100), (10, 75, 106), (10, 100, 104)],
            "throughput was on a plateau from 50 users on, 10s into the run: 100/s, "
            "then 104/s at 100 users",
            id="no more from half of the users on",
        ),
        pytest.param(
            [(10, 10, 20), (10, 100, 26)],
            "throughput was on a plateau from 10 users on, 0s into the run: 20/s, "
            "then 26/s at 100 users",
            id="a little more for ten times the users",
        ),
        pytest.param(
            [(10, 25, 50), (10, 50, 90), (10, 100, 60)],
            "throughput fell beyond 50 users, 20s into the run: 90/s, then 60/s at 100 users",
            id="less with more users",
        ),
        pytest.param(
            [(20, 10, 40)],
            "throughput was 40/s at 10 users; the load hardly changed",
            id="one load",
        ),
        pytest.param(
            [(1, 10, 20), (20, 100, 190)],
            "throughput was 190/s at 100 users; the load hardly changed",
            id="a second of another load is none",
        ),
        pytest.param(
            [(10, 10, 20), (10, 100, 150), (10, 10, 20)],
            "throughput rose with the load: 20/s at 10 users, 150/s at 100 users, 10s into the run",
            id="a spike: the time before and after is one load",
        ),
    ],
)
def test_throughput_is_told_against_the_load(
    make_record: MakeRecord,
    steps: Sequence[Step],
    sentence: str,
) -> None:
    measured = {("GET", "/a"): [10]}
    record = make_record(measured, timeline=timeline(*steps), slices=ended(*steps))
    assert diagnose(record)[0] == sentence


def test_failed_requests_are_no_throughput(make_record: MakeRecord) -> None:
    steps = (10, 10, 20), (10, 100, 40)
    failed = [one.model_copy(update={"failures": 9}) for one in ended(*steps) if one.t >= 10]
    slices = (*ended(steps[0]), *failed)
    record = make_record({("GET", "/a"): [10]}, timeline=timeline(*steps), slices=slices)
    plateau = "throughput was on a plateau from 10 users on, 0s into the run: 20/s, "
    assert diagnose(record)[0] == f"{plateau}then 22/s at 100 users"
    every = tuple(one.model_copy(update={"failures": one.requests}) for one in slices)
    record = make_record({("GET", "/a"): [-10]}, timeline=timeline(*steps), slices=every)
    assert diagnose(record)[0] == "throughput was 0/s: no request succeeded"


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        pytest.param((20, 190), "at 100 users, in spike, 10s into the run", id="it rose"),
        pytest.param((20, 22), "from 10 users on, in ramp, 0s into the run:", id="it did not"),
        pytest.param((20, 10), "beyond 10 users, in spike, 10s into the run:", id="it fell"),
    ],
)
def test_throughput_is_told_with_the_phase_and_the_time(
    make_record: MakeRecord, rates: tuple[int, int], sentence: str
) -> None:
    steps = (10, 10, rates[0]), (10, 100, rates[1])
    slices = [
        one.model_copy(update={"phase": "ramp" if one.t < 10 else "spike", "t": one.t + 0.3})
        for one in ended(*steps)
    ]
    record = make_record({("GET", "/a"): [10]}, timeline=timeline(*steps), slices=slices)
    assert sentence in diagnose(record)[0]


def test_bands_hold_mean_load_and_throughput_and_begin() -> None:
    steps = (4, 10, 20), (2, 40, 50), (2, 36, 30)
    assert load_bands(timeline(*steps), ended(*steps)) == [(10, 20, 0), (38, 40, 4)]
    assert load_bands(timeline(*steps), ended(*steps, wide=2)) == [(10, 20, 0), (38, 40, 4)]


def test_closed_phases_are_no_rate_of_arrivals() -> None:
    steps = (4, 10, 20), (4, 30, 50)
    moments = [
        one.model_copy(update={"wanted": 50.0 if one.t > 4 else None}) for one in timeline(*steps)
    ]
    assert load_bands(moments, ended(*steps), by_rate=True) == [(50, 50, 5)]


def test_what_is_caught_up_after_a_stall_is_no_throughput_of_the_lower_load(
    make_record: MakeRecord,
) -> None:
    """Half of the arrivals of the last busy seconds end while fewer come."""
    steps = (8, 5, 40), (2, 5, 20), (5, 5, 18)
    moments = [
        one.model_copy(update={"wanted": 40.0 if one.t <= 10 else 10.0}) for one in timeline(*steps)
    ]
    arrivals = Arrivals(scheduled=450, started=450, late=0, dropped=0, most_waiting=0, late_ms={})
    record = make_record(
        {("GET", "/a"): [10]}, timeline=moments, slices=ended(*steps), arrivals=arrivals
    )
    rose = "throughput rose with the load: 18/s at 10 arrivals/s, 36/s at 40 arrivals/s"
    assert diagnose(record)[0].startswith(rose)


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        pytest.param(
            [20, 20, 20, 20, 20, 20, 20, 20],
            "throughput fell behind the load: 20/s of 40/s at 40 arrivals/s, 0s into the run",
            id="half of what comes",
        ),
        pytest.param(
            [10, 20, 30, 34, 36, 38, 40, 40],
            "throughput was 31/s at 40 arrivals/s; the load hardly changed",
            id="slow, and as often as arrivals come",
        ),
        pytest.param(
            [40, 40, 0, 20, 60, 50, 50, 40],
            "throughput was 37.5/s at 40 arrivals/s; the load hardly changed",
            id="a stall that was caught up",
        ),
    ],
)
def test_a_target_that_falls_behind_the_arrivals_is_told(
    make_record: MakeRecord, rates: list[int], sentence: str
) -> None:
    steps = *((1, 5, rate) for rate in rates), (1, 5, 320 - sum(rates))
    moments = [
        one.model_copy(update={"wanted": 40.0 if one.t <= 8 else None}) for one in timeline(*steps)
    ]
    arrivals = Arrivals(scheduled=320, started=320, late=0, dropped=0, most_waiting=0, late_ms={})
    record = make_record(
        {("GET", "/a"): [10]},
        timeline=moments,
        slices=ended(*steps),
        arrivals=arrivals,
        duration=8.2,
    )
    assert diagnose(record)[0] == sentence


def test_a_target_that_takes_long_is_not_behind_arrivals_that_come_ever_faster(
    make_record: MakeRecord,
) -> None:
    steps = *((1, 5, max(10 * t - 20, 0)) for t in range(1, 11)), (1, 5, 90), (1, 5, 100)
    moments = [
        one.model_copy(update={"wanted": 10 * one.t if one.t <= 10 else None})
        for one in timeline(*steps)
    ]
    arrivals = Arrivals(scheduled=550, started=550, late=0, dropped=0, most_waiting=0, late_ms={})
    record = make_record(
        {("GET", "/a"): [10]}, timeline=moments, slices=ended(*steps), arrivals=arrivals
    )
    assert diagnose(record.model_copy(update={"duration": 10.2}))[0].startswith("throughput rose")


@pytest.mark.parametrize(
    ("failed", "sentence"),
    [
        pytest.param(0, "failures: none", id="none"),
        pytest.param(1, "failures under 1%: 0.50% of all requests", id="few"),
        pytest.param(4, "failures 1-5%: 2.00% of all requests", id="some"),
        pytest.param(20, "failures 5-20%: 10.00% of all requests", id="many"),
        pytest.param(200, "failures over 20%: 100.00% of all requests", id="all"),
    ],
)
def test_failures_are_told_in_bands(
    make_record: MakeRecord,
    failed: int,
    sentence: str,
) -> None:
    record = make_record({("GET", "/a"): [-10] * failed + [10] * (200 - failed)})
    assert diagnose(record)[-1].startswith(sentence)


def slice_of(t: float, name: str, phase: str, *ms: int, failures: int = 0, wide: int = 1) -> Slice:
    counts = sorted({one: ms.count(one) for one in ms}.items())
    return Slice(
        t=t,
        seconds=wide,
        method="GET",
        name=name,
        phase=phase,
        requests=len(ms),
        failures=failures,
        total_ms=sum(ms),
        counts=tuple(part for one, count in counts for part in (one * 1000, count)),
    )


SLICES = (
    *(slice_of(t, "/a", "ramp", *[100] * 10) for t in range(10)),
    *(slice_of(t, "/b", "ramp", *[200] * 10) for t in range(10)),
    slice_of(12, "/a", "spike", *[100] * 96, *[3000] * 4),
    slice_of(13, "/b", "spike", *[200] * 4, 3000),
    slice_of(14, "/b", "spike", *[200] * 4, 3000),
    slice_of(15, "/a", "spike", *[3000] * 50),
)


@pytest.mark.parametrize(
    ("rule", "t", "name"),
    [
        pytest.param("p95 < 2s", 13, "/b", id="the first endpoint of all"),
        pytest.param('p95("/a") < 2s', 15, "/a", id="of those that the rule is about"),
        pytest.param("p99 < 2s", 12, "/a", id="a higher percentile is over it sooner"),
        pytest.param("max < 2s", 12, "/a", id="a maximum"),
        pytest.param('avg("/a") < 500ms', 15, "/a", id="an average"),
        pytest.param("p95 < 2s in ramp", None, None, id="in a phase in which all was well"),
        pytest.param("p95 < 4s", None, None, id="nobody"),
    ],
)
def test_the_first_endpoint_over_its_budget_is_found(
    rule: str, t: float | None, name: str | None
) -> None:
    found = first_over(SLICES, parse(rule))
    assert (found and (found[0], found[1].name)) == (t and (t, name))


def test_phase_and_time_of_the_first_over_budget_and_of_failures_are_told(
    make_record: MakeRecord,
) -> None:
    measured = {
        ("GET", "/a", "", "ramp"): [10] * 100,
        ("GET", "/b", "", "spike"): [3000] * 95 + [-3000] * 5,
    }
    slices = (*SLICES, slice_of(16.4, "/b", "spike", 3000, failures=1))
    rules = ["rps > 1", 'p95("/b") < 2s', 'recovers("p95 < 2s") < 30s']
    record = make_record(measured, rules, slices=slices)
    assert diagnose(record)[-2:] == (
        "failures 1-5%: 2.50% of all requests, first in spike, 16s into the run, "
        "most in spike (5.00%)",
        'first over budget: GET /b, p95 3s in 10s against p95("/b") < 2s, in spike, '
        "13s into the run",
    )
    calm = make_record(measured, ["p95 < 9s"], slices=slices)
    assert diagnose(calm)[-1] == "no endpoint went over its budget"


def test_failures_from_the_start_on_are_told(make_record: MakeRecord) -> None:
    slices = (slice_of(-0.4, "/a", "", 10, failures=1),)
    record = make_record({("GET", "/a"): [-10]}, slices=slices)
    assert diagnose(record)[-1].endswith("100.00% of all requests, first 0s into the run")


def test_nothing_is_said_of_nothing(make_record: MakeRecord) -> None:
    assert diagnose(make_record({})) == ()
