"""Windows over hand-computed seconds: the worst one, recovery, late parts, bounded memory."""

import math
from collections.abc import Iterable, Mapping
from random import Random

import pytest

from gauntlet.measure.series import Key, Series
from gauntlet.thresholds import Threshold, holds, parse, value_of
from gauntlet.windows import KEPT_S, Span, Windows

A, B = Key("GET", "/a", phase="steady"), Key("GET", "/b", phase="steady")


def part(times_ms: Iterable[float], failures: int = 0) -> Series:
    times, series = [*times_ms], Series()
    series.add_many(times, [0.0] * len(times), 0)
    series.failures = failures
    return series


def windows(rule: Threshold, start: float = 0.0, end: float = math.inf) -> Windows:
    return Windows([rule], lambda _: Span(start, end))


def value_of_run(text: str, seconds: Mapping[int, Iterable[float]], end: float) -> float | None:
    """A rule's value over a run of `end` seconds in which these requests ended."""
    rule = parse(text)
    found = windows(rule, 0.0, end)
    for second, times in seconds.items():
        found.add(A, second, part(times))
    value, _ = found.figure(rule, end, final=True)
    return value


BURST = {second: [100.0] * 10 for second in range(20)} | {7: [3000.0] * 10}
"""Ten requests a second for 20 s; in second 7 all of them take 3 s."""


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        pytest.param("max < 2s over 1s", 3.0, id="the burst alone"),
        pytest.param("p50 < 2s over 1s", 3.0, id="half of its second"),
        pytest.param("p50 < 2s over 2s", 0.1, id="half of two seconds is still quick"),
        pytest.param("p75 < 2s over 2s", 3.0, id="a quarter is not"),
        pytest.param("avg < 2s over 2s", 1.55, id="an average of two seconds"),
        pytest.param("avg < 2s over 5s", 0.68, id="of five"),
        pytest.param("avg > 10ms over 5s", 0.1, id="the lowest where more is better"),
        pytest.param("rps >= 5/s over 5s", 10.0, id="a steady rate"),
        pytest.param("requests > 10 over 5s", 50.0, id="a count"),
        pytest.param("p95 < 2s over 1m", 0.1, id="a window that is longer than the run is the run"),
    ],
)
def test_the_worst_window_is_judged(rule: str, value: float) -> None:
    assert value_of_run(rule, BURST, 20.0) == pytest.approx(value, rel=0.001)


def test_a_stall_is_a_window_of_a_low_rate() -> None:
    seconds = {second: [10.0] * 10 for second in range(20) if not 5 <= second < 12}
    assert value_of_run("rps >= 5/s over 5s", seconds, 20.0) == 0.0
    assert value_of_run("rps >= 5/s over 10s", seconds, 20.0) == 3.0
    assert value_of_run("p95 < 2s over 5s", seconds, 20.0) == pytest.approx(0.01, rel=0.001)


def test_a_rate_is_over_what_run_and_window_share() -> None:
    """The run goes from 0.5 to 4.5, ten requests a second."""
    rule = parse("rps >= 10/s over 2s")
    found = windows(rule, 0.5, 4.5)
    for second, count in {0: 5, 1: 10, 2: 10, 3: 10, 4: 5}.items():
        found.add(A, second, part([10.0] * count))
    assert found.figure(rule, 4.5, final=True) == (10.0, 20)


@pytest.mark.parametrize("span", [(0.5, 10.02), (0.98, 10.5), (0.97, 10.04), (0.99, 1.99)])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("rps >= 5/s over 1s", 10.0, id="a rate that is to be high"),
        pytest.param("rps <= 15/s over 1s", 10.0, id="one that is to be low"),
        pytest.param("requests >= 15 over 2s", 20.0, id="a count that is to be high"),
        pytest.param("requests <= 25 over 2s", 20.0, id="one that is to be low"),
    ],
)
def test_the_parts_of_seconds_at_both_ends_break_no_steady_load(
    span: tuple[float, float], text: str, value: float
) -> None:
    """Ten requests a second; of a second that the run shares the twentieth part mostly none."""
    rule, (start, end) = parse(text), span
    found, once = windows(rule, start, end), end - start <= 1.0
    for number in range(round((end - start) * 10)):
        found.add(A, math.floor(start + number / 10 + 0.05), part([10.0]))
    judged = 10.0 if once else value
    assert found.figure(rule, end, final=True)[0] == pytest.approx(judged, rel=0.15)


def test_a_stall_in_a_phase_of_one_window_is_judged() -> None:
    assert value_of_run("rps >= 5/s over 10s", {0: [10.0] * 20}, 9.5) == pytest.approx(20 / 9.5)
    assert value_of_run("requests >= 5 over 10s", {0: [10.0] * 20}, 9.5) == 20.0


def test_failures_are_judged_by_window() -> None:
    rule = parse("fail_ratio < 10% over 2s")
    found = windows(rule, 0.0, 6.0)
    for second in range(6):
        found.add(A, second, part([10.0] * 10, failures=4 if second == 3 else 0))
    assert found.figure(rule, 6.0, final=True) == (0.2, 20)


def test_only_what_the_rule_matches_is_in_its_windows() -> None:
    rule = parse('max("/b") < 2s in steady over 2s')
    found = windows(rule, 0.0, 4.0)
    found.add(A, 1, part([5000.0]))
    found.add(B._replace(phase="spike"), 1, part([4000.0]))
    assert found.figure(rule, 4.0, final=True) == (None, 0)
    found.add(B, 1, part([3000.0]))
    assert found.figure(rule, 4.0, final=True)[0] == pytest.approx(3.0)


def test_a_window_whose_requests_told_no_time_has_no_percentile() -> None:
    rule, counting = parse("p95 < 2s over 2s"), parse("requests > 10 over 2s")
    for one, expected in ((rule, (None, 0)), (counting, (100.0, 100))):
        found = windows(one, 0.0, 4.0)
        for second in range(4):
            silent = Series()
            silent.add_many([None] * 50, [0.0] * 50, 0)
            found.add(A, second, silent)
        assert found.figure(one, 4.0, final=True) == expected


def test_a_window_that_is_not_over_is_not_judged_yet() -> None:
    rule = parse("max < 2s over 5s")
    found = windows(rule)
    for second in range(4):
        found.add(A, second, part([3000.0]))
    assert found.figure(rule, 4.0, final=False) == (None, 0)
    found.add(A, 4, part([1.0]))
    assert found.figure(rule, 4.9, final=False) == (None, 0)
    assert found.figure(rule, 5.0, final=False)[0] == pytest.approx(3.0)


def test_a_late_part_is_judged_with_its_window() -> None:
    rule = parse("max < 2s over 2s")
    found = windows(rule)
    for second in range(10):
        found.add(A, second, part([100.0]))
    assert found.figure(rule, 10.0, final=False)[0] == pytest.approx(0.1)
    found.add(A, 3, part([3000.0]))
    assert found.figure(rule, 10.0, final=False)[0] == pytest.approx(3.0)


@pytest.mark.parametrize(
    "text",
    ["p95 < 1s over 10s", "avg < 1s over 7s", "rps > 1 over 3s", 'recovers("p90 < 900ms") < 1m'],
)
def test_judged_on_the_way_is_judged_as_at_once(text: str) -> None:
    """Three minutes of random load, read every second or once at the end, in bounded memory."""
    rule, random = parse(text), Random(7)
    seconds = {
        s: [random.lognormvariate(5, 1) for _ in range(random.randrange(9))] for s in range(180)
    }
    at_once, going = windows(rule, 0.0, 180.0), windows(rule, 0.0, 180.0)
    held = 0
    for second, times in seconds.items():
        at_once.add(A, second, part(times))
        going.add(A, second, part(times))
        going.judge(second - 1.0)
        held = max(held, len(going._sliding[rule]._seconds))
    assert going.figure(rule, 180.0, final=True) == at_once.figure(rule, 180.0, final=True)
    assert held <= KEPT_S + 2 * 10 + 3
    if rule.inner is None:
        assert going.figure(rule, 180.0, final=True)[0] == pytest.approx(by_hand(rule, seconds))


def by_hand(rule: Threshold, seconds: Mapping[int, list[float]]) -> float:
    """Each window from its requests, one after the other."""
    size, values = rule.over or 0, []
    for start in range(180 - size + 1):
        times = [time for second in range(start, start + size) for time in seconds[second]]
        if rule.metric == "rps":
            values.append(len(times) / size)
        elif times:
            values.append(value_of(rule, part(times)))
    return max(values) if holds(rule, 0.0) else min(values)


# -- recovery ------------------------------------------------------------------------------------

RULE = 'recovers("p95 < 1s over 5s") < 30s in recovery'


def recovery(slow: Iterable[int], seconds: int = 60, final: bool = True) -> float | None:
    """What the rule says of a phase in which these seconds were slow; nobody answered at -1."""
    rule, slow = parse(RULE), set(slow)
    found = windows(rule, 100.5, 160.5)
    for second in range(seconds):
        found.add(
            A._replace(phase="recovery"),
            100 + second,
            part([3000.0 if second in slow else 10.0] * 20),
        )
    return found.figure(rule, 100.5 + seconds, final)[0]


@pytest.mark.parametrize(
    ("slow", "value"),
    [
        pytest.param([], 0.0, id="at once"),
        pytest.param(range(8), 8.0, id="when the last slow second is out of the window"),
        pytest.param([0, 1, 20], 21.0, id="a relapse counts"),
        pytest.param([57], math.inf, id="slow in the last window: not recovered"),
        pytest.param(range(60), math.inf, id="never"),
    ],
)
def test_recovery_is_when_the_rule_holds_for_good(slow: Iterable[int], value: float) -> None:
    assert recovery(slow, 61) == value


def test_recovery_that_has_not_come_takes_as_long_as_it_has_lasted() -> None:
    assert recovery(range(60), 12, final=False) == 12.0
    assert recovery([0, 1], 12, final=False) == 2.0
    assert recovery([0, 1], 3, final=False) is None


def test_silence_is_no_recovery() -> None:
    rule = parse(RULE)
    found = windows(rule, 0.0, 60.0)
    for second in [*range(10), *range(40, 60)]:
        found.add(A._replace(phase="recovery"), second, part([10.0]))
    assert found.figure(rule, 60.0, final=True)[0] == 36.0  # [35, 40) is empty, [36, 41) is not
