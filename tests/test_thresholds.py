"""The grammar of thresholds, what they match, and when they hold."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet.measure.series import Key, Series
from gauntlet.thresholds import (
    METRICS,
    Check,
    Threshold,
    broke_by_itself,
    evaluate,
    override,
    parse,
)


def series(*times_ms: float, failures: int = 0, every: float = 1.0) -> Series:
    """Requests of these times, one `every` seconds; the first `failures` of them failed."""
    one = Series()
    for index, ms in enumerate(times_ms):
        one.add(ms, index < failures, 1000.0 + index * every, 10)
    return one


def value_of(rule: str, measured: dict[Key, Series]) -> float | None:
    [check] = evaluate([parse(rule)], measured)
    return check.value


HEALTH = Key("GET", "/health")
PREDICT = Key("POST", "/predict?return_image=False")
IMAGE = Key("POST", "/predict?return_image=True")


# -- grammar -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "metric", "glob", "op", "limit"),
    [
        pytest.param("p95 < 2s", "p95", None, "<", 2.0, id="a percentile in seconds"),
        pytest.param("p99 <= 500ms", "p99", None, "<=", 0.5, id="in milliseconds"),
        pytest.param("p50 < 1m", "p50", None, "<", 60.0, id="in minutes"),
        pytest.param("p99.9 < 1m30s", "p99.9", None, "<", 90.0, id="a fractional percentile"),
        pytest.param("p100 < 1s", "p100", None, "<", 1.0, id="the highest percentile"),
        pytest.param("p0 > 1ms", "p0", None, ">", 0.001, id="the lowest percentile"),
        pytest.param("avg <= 1.5s", "avg", None, "<=", 1.5, id="the average"),
        pytest.param("min > 1ms", "min", None, ">", 0.001, id="the minimum"),
        pytest.param("max < 1m", "max", None, "<", 60.0, id="the maximum"),
        pytest.param("fail_ratio <= 1%", "fail_ratio", None, "<=", 0.01, id="a ratio in percent"),
        pytest.param("fail_ratio < 0.01", "fail_ratio", None, "<", 0.01, id="a bare ratio"),
        pytest.param("fail_ratio <= 0", "fail_ratio", None, "<=", 0.0, id="no failure at all"),
        pytest.param("rps >= 10/s", "rps", None, ">=", 10.0, id="a rate"),
        pytest.param("rps >= 10", "rps", None, ">=", 10.0, id="a rate without its unit"),
        pytest.param("rps > 0.5/s", "rps", None, ">", 0.5, id="a rate below one"),
        pytest.param("requests > 100", "requests", None, ">", 100.0, id="a count of requests"),
        pytest.param("failures <= 5", "failures", None, "<=", 5.0, id="a count of failures"),
        pytest.param('p95("/a*") < 2s', "p95", "/a*", "<", 2.0, id="a glob"),
        pytest.param('p95 ( "/a b" ) < 2s', "p95", "/a b", "<", 2.0, id="blanks around a glob"),
        pytest.param('p95("") < 2s', "p95", "", "<", 2.0, id="an empty glob"),
        pytest.param('rps("(x) < 1")>1', "rps", "(x) < 1", ">", 1.0, id="a rule inside a glob"),
        pytest.param("p95<2s", "p95", None, "<", 2.0, id="no blanks"),
        pytest.param("  p95  <=  2s  ", "p95", None, "<=", 2.0, id="many blanks"),
        pytest.param("p95 <\n  2s", "p95", None, "<", 2.0, id="over two lines"),
        pytest.param("p95.0 < 2s", "p95", None, "<", 2.0, id="a percentile with a needless zero"),
        pytest.param("p05 < 2s", "p5", None, "<", 2.0, id="a percentile with a leading zero"),
    ],
)
def test_a_rule_is_read(text: str, metric: str, glob: str | None, op: str, limit: float) -> None:
    rule = parse(text)
    assert (rule.metric, rule.glob, rule.op, rule.limit) == (metric, glob, op, limit)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        pytest.param("p95<2s", "p95 < 2s", id="blanks around the operator"),
        pytest.param('  rps( "/a" )>=10/s ', 'rps("/a") >= 10/s', id="none around the glob"),
        pytest.param('p95("a  b") < 1m  30s', 'p95("a  b") < 1m 30s', id="the glob untouched"),
        pytest.param("p95.0 < 2s", "p95 < 2s", id="the metric's own name"),
    ],
)
def test_a_rule_has_one_spelling(text: str, canonical: str) -> None:
    assert parse(text).text == canonical


@pytest.mark.parametrize(
    ("text", "phase", "over", "abort"),
    [
        pytest.param("p95 < 2s in steady", "steady", None, None, id="a phase"),
        pytest.param("p95 < 2s over 10s", None, 10, None, id="a window"),
        pytest.param("p95 < 2s over 1m30s", None, 90, None, id="a window in minutes"),
        pytest.param("p95 < 2s abort", None, None, 0.0, id="an abort"),
        pytest.param("p95 < 2s abort after 30s", None, None, 30.0, id="an abort after a while"),
        pytest.param(
            'p95("a in b") < 2s in steady-1 over 10s abort after 30s',
            "steady-1",
            10,
            30.0,
            id="all of them, and a glob that looks like one",
        ),
    ],
)
def test_clauses_are_read(
    text: str, phase: str | None, over: int | None, abort: float | None
) -> None:
    rule = parse(text)
    assert (rule.text, rule.limit) == (text, 2.0)
    assert (rule.phase, rule.over, rule.abort) == (phase, over, abort)


def test_clauses_come_in_any_order_and_are_written_in_one() -> None:
    rule = parse("rps >= 9/s  abort  after 30s over  10s in steady")
    assert rule.text == "rps >= 9/s in steady over 10s abort after 30s"
    assert parse(rule.text) == rule


def test_a_recovery_is_read() -> None:
    rule = parse("recovers(\"p95('/predict*')<2s over 5s\")  < 30s in recovery abort")
    assert rule.text == "recovers(\"p95('/predict*') < 2s over 5s\") < 30s in recovery abort"
    assert parse(rule.text) == rule
    assert (rule.limit, rule.phase, rule.abort, rule.quantile) == (30.0, "recovery", 0.0, 95.0)
    assert rule.inner == parse('p95("/predict*") < 2s over 5s')


THRESHOLD = "a threshold such as 'p95(\"/predict*\") < 2s'"
CLAUSES = "'in PHASE', 'over DURATION', 'abort [after DURATION]', once each"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param("p95 < 2s in", f"expected {CLAUSES}, got 'in'", id="no phase"),
        pytest.param("p95 < 2s in a in b", f"expected {CLAUSES}, got 'in a in b'", id="two phases"),
        pytest.param("p95 < 2s in a b", f"expected {CLAUSES}, got 'in a b'", id="two words"),
        pytest.param(
            "p95 < 2s over 500ms",
            "expected a window of whole seconds from 1s to 10m, got '500ms'",
            id="a window under a second",
        ),
        pytest.param(
            "p95 < 2s over 11m",
            "expected a window of whole seconds from 1s to 10m, got '11m'",
            id="too long a window",
        ),
        pytest.param(
            "p95 < 2s abort after a while",
            'expected a duration such as "30s" or "1m30s", got \'a while\'',
            id="an abort after no duration",
        ),
        pytest.param(
            'recovers("p95 < 2s") < 30s over 5s',
            "expected the window in the inner rule, got 'recovers(\"p95 < 2s\") < 30s over 5s'",
            id="a window of a recovery",
        ),
        pytest.param(
            'recovers("p95 < 2s in steady") < 30s',
            "expected a rule with a window at most, got 'p95 < 2s in steady'",
            id="a phase of the inner rule",
        ),
        pytest.param('recovers("p95 < 2s") > 3s', "expected < or <=, got '>'", id="to be slow"),
        pytest.param(
            'recovers("p95") < 3s', f"expected {THRESHOLD}, got 'p95'", id="no rule inside"
        ),
    ],
)
def test_clauses_that_are_wrong_are_named(text: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(mistake)}$"):
        parse(text)


globs = st.none() | st.text(st.characters(exclude_characters='"'), max_size=20)
limits = st.integers(0, 10**6).map(lambda n: n / 1000)


@given(st.sampled_from([*METRICS, "p95"]), globs, st.sampled_from(["<", "<=", ">", ">="]), limits)
def test_the_spelling_of_a_rule_is_that_rule(
    metric: str, glob: str | None, op: str, limit: float
) -> None:
    subject = metric if glob is None else f'{metric}("{glob}")'
    unit = {"rps": "/s", "fail_ratio": "", "requests": "", "failures": ""}.get(metric, "ms")
    number = min(limit, 1) if metric == "fail_ratio" else limit
    rule = parse(f"{subject}{op}{number}{unit}")
    assert rule.glob == glob
    assert parse(rule.text) == rule


METRIC = "a metric (fail_ratio, rps, requests, failures, avg, min, max, pNN)"
DURATION = 'a duration such as "30s" or "1m30s"'


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param("", f"expected {THRESHOLD}, got ''", id="empty"),
        pytest.param("p95", f"expected {THRESHOLD}, got 'p95'", id="no operator"),
        pytest.param("p95 <", f"expected {THRESHOLD}, got 'p95 <'", id="no value"),
        pytest.param("< 2s", f"expected {THRESHOLD}, got '< 2s'", id="no metric"),
        pytest.param("p95 = 2s", f"expected {THRESHOLD}, got 'p95 = 2s'", id="an unknown operator"),
        pytest.param("p95 == 2s", f"expected {THRESHOLD}, got 'p95 == 2s'", id="equality"),
        pytest.param(
            "p95(/a) < 2s", f"expected {THRESHOLD}, got 'p95(/a) < 2s'", id="a glob without quotes"
        ),
        pytest.param(
            "p95('/a') < 2s",
            f"expected {THRESHOLD}, got \"p95('/a') < 2s\"",
            id="a glob in single quotes",
        ),
        pytest.param(5, f"expected {THRESHOLD}, got 5", id="a number"),
        pytest.param(None, f"expected {THRESHOLD}, got nothing", id="nothing"),
        pytest.param({"p95": "2s"}, f"expected {THRESHOLD}, got a mapping", id="a mapping"),
        pytest.param("latency < 2s", f"expected {METRIC}, got 'latency'", id="an unknown metric"),
        pytest.param(
            "fail_rate < 1%",
            f"expected {METRIC}, got 'fail_rate'; did you mean fail_ratio?",
            id="a metric misspelled",
        ),
        pytest.param(
            "p101 < 2s", f"expected {METRIC}, got 'p101'; did you mean p50?", id="beyond p100"
        ),
        pytest.param(
            "P95 < 2s", f"expected {METRIC}, got 'P95'; did you mean p95?", id="a capital letter"
        ),
        pytest.param("p95 < 2", f"expected {DURATION}, got '2'", id="a time without a unit"),
        pytest.param("p95 < 5%", f"expected {DURATION}, got '5%'", id="a time in percent"),
        pytest.param("avg < 10/s", f"expected {DURATION}, got '10/s'", id="a time as a rate"),
        pytest.param("p95 < -2s", f"expected {DURATION}, got '-2s'", id="a negative time"),
        pytest.param("p95 <= < 2s", f"expected {DURATION}, got '< 2s'", id="two operators"),
        pytest.param(
            "fail_ratio < 2",
            "expected a ratio such as 1% or 0.01, got '2'",
            id="a ratio above one",
        ),
        pytest.param(
            "fail_ratio < 101%",
            "expected a ratio such as 1% or 0.01, got '101%'",
            id="more than all",
        ),
        pytest.param(
            "fail_ratio < 1s", "expected a ratio such as 1% or 0.01, got '1s'", id="a ratio in time"
        ),
        pytest.param(
            "rps > 10%", "expected a rate such as 10/s, got '10%'", id="a rate in percent"
        ),
        pytest.param("rps > 1/m", "expected a rate such as 10/s, got '1/m'", id="a rate a minute"),
        pytest.param(
            "requests > 1%", "expected a count such as 5, got '1%'", id="a count as share"
        ),
        pytest.param(
            "failures < 5/s", "expected a count such as 5, got '5/s'", id="a count as rate"
        ),
    ],
)
def test_what_is_no_rule_is_named(text: object, mistake: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(mistake)}$"):
        parse(text)


@pytest.mark.parametrize(
    ("rule", "late_ms", "by_itself"),
    [
        pytest.param("p99 < 2s over 10s", 500.0, True, id="its services were too slow as well"),
        pytest.param("p99 < 2s over 10s", 2500.0, False, id="what waited for users was too slow"),
        pytest.param("max < 2s", 500.0, True, id="the slowest service"),
        pytest.param("service_p99 < 2s", 2500.0, True, id="a service time waits for nobody"),
        pytest.param("fail_ratio < 1%", 2500.0, True, id="failures"),
        pytest.param("rps > 50/s", 500.0, False, id="fewer arrivals than wanted lower a rate"),
        pytest.param('recovers("p99 < 2s") < 5s', 500.0, False, id="a recovery"),
    ],
)
def test_a_rule_broke_by_itself_where_no_waiting_for_users_can_have_broken_it(
    rule: str, late_ms: float, by_itself: bool
) -> None:
    measured = Series()
    measured.add_many([4000.0], [0.0], 0, [late_ms])
    assert broke_by_itself(parse(rule), {HEALTH: measured}) is by_itself


def test_a_rule_in_a_phase_reads_that_phase_alone() -> None:
    measured = {
        HEALTH._replace(phase="ramp"): series(1000.0, 2000.0),
        HEALTH._replace(phase="steady"): series(100.0, 200.0, 300.0, failures=1),
    }
    assert value_of("max < 9s in ramp", measured) == pytest.approx(2.0, rel=0.001)
    assert value_of("requests > 1 in steady", measured) == 3
    assert value_of("requests > 1", measured) == 5
    assert value_of("requests > 1 in recovery", measured) is None


def test_rules_of_different_phases_and_windows_stand_side_by_side() -> None:
    rules = [parse(f"p95 < {n}s{clause}") for n, clause in enumerate(["", " in a", " over 5s"])]
    by = [parse("p95 < 9s in a abort"), parse("p95 < 8s over 9s")]
    assert override(rules, by) == [rules[0], rules[2], *by]
    recovers = [parse(f'recovers("p95 < {n}s") < {n}m') for n in (1, 2)]
    assert override(recovers[:1], recovers[1:]) == recovers[1:]


# -- matching ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("glob", "key", "matches"),
    [
        pytest.param("/health", HEALTH, True, id="the name"),
        pytest.param("GET /health", HEALTH, True, id="method and name"),
        pytest.param("POST /health", HEALTH, False, id="another method"),
        pytest.param("/healt", HEALTH, False, id="a part of the name"),
        pytest.param("health", HEALTH, False, id="the name without its slash"),
        pytest.param("/HEALTH", HEALTH, False, id="another case"),
        pytest.param("/predict*", PREDICT, True, id="a star at the end"),
        pytest.param("*image=False", PREDICT, True, id="a star at the start"),
        pytest.param("/p*image*", PREDICT, True, id="two stars"),
        pytest.param("*", PREDICT, True, id="only a star"),
        pytest.param("POST *", PREDICT, True, id="all of a method"),
        pytest.param("GET *", PREDICT, False, id="all of another method"),
        pytest.param("* /health", HEALTH, True, id="a star as method"),
        pytest.param("/health*", HEALTH, True, id="a star for nothing"),
        pytest.param("/predict?return_image=False", PREDICT, True, id="a question mark is itself"),
        pytest.param("/healt?", HEALTH, False, id="a question mark is no wildcard"),
        pytest.param(
            "/orders/[id]", Key("GET", "/orders/[id]"), True, id="brackets are themselves"
        ),
        pytest.param("/orders/[id]", Key("GET", "/orders/i"), False, id="brackets are no set"),
        pytest.param("/a.b", Key("GET", "/axb"), False, id="a dot is itself"),
        pytest.param(
            "/a+(b)|c", Key("GET", "/a+(b)|c"), True, id="signs of patterns are themselves"
        ),
        pytest.param("a*c", Key("X", "a\nc"), True, id="a star spans lines"),
        pytest.param("", HEALTH, False, id="an empty glob matches no name"),
        pytest.param(None, HEALTH, True, id="no glob matches all"),
    ],
)
def test_only_a_star_is_special_in_a_glob(glob: str | None, key: Key, matches: bool) -> None:
    subject = "p95" if glob is None else f'p95("{glob}")'
    assert parse(f"{subject} < 2s").matches(key) is matches


# -- evaluation ----------------------------------------------------------------------------------

MEASURED = {HEALTH: series(1, 2, 3, 4, failures=1), PREDICT: series(100, 200, every=0.1)}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        pytest.param("requests > 0", 6, id="requests"),
        pytest.param("failures < 5", 1, id="failures"),
        pytest.param("fail_ratio < 1", 1 / 6, id="the ratio of failures"),
        pytest.param("rps > 0", 6 / 3.004, id="the rate over the time they span together"),
        pytest.param("avg < 1s", 310 / 6 / 1000, id="the average"),
        pytest.param("min < 1s", 0.001, id="the minimum"),
        pytest.param("max < 1s", 0.2, id="the maximum"),
        pytest.param("p50 < 1s", 0.003, id="the median"),
        pytest.param("p100 < 1s", 0.2, id="the highest percentile"),
        pytest.param("p0 < 1s", 0.001, id="the lowest percentile"),
        pytest.param('requests("/health") > 0', 4, id="one endpoint"),
        pytest.param('max("/health") < 1s', 0.004, id="the maximum of one endpoint"),
        pytest.param('rps("/predict*") > 0', 2, id="a rate over less than a second"),
        pytest.param('fail_ratio("GET *") < 1', 0.25, id="all of a method"),
    ],
)
def test_a_rule_judges_what_it_matches_as_one(rule: str, value: float) -> None:
    assert value_of(rule, MEASURED) == pytest.approx(value, rel=0.001)


def test_a_percentile_over_several_endpoints_is_that_of_all_their_requests() -> None:
    measured = {PREDICT: series(*[10.0] * 97), IMAGE: series(*[1000.0] * 3)}
    assert value_of('p97("/predict*") < 2s', measured) == pytest.approx(0.01, rel=0.001)
    assert value_of('p97.1("/predict*") < 2s', measured) == pytest.approx(1.0, rel=0.001)


@pytest.mark.parametrize("metric", [*METRICS, "p95"])
def test_a_rule_that_matches_nothing_has_no_value_and_does_not_hold(metric: str) -> None:
    limit = "1" if metric in ("fail_ratio", "rps", "requests", "failures") else "1s"
    [check] = evaluate([parse(f'{metric}("/nothing") < {limit}')], MEASURED)
    assert (check.value, check.samples, check.held, check.margin) == (None, 0, False, None)


def test_an_endpoint_without_requests_is_no_match() -> None:
    [check] = evaluate([parse('p95("/health") < 2s')], {HEALTH: Series()})
    assert (check.value, check.samples, check.held) == (None, 0, False)


@pytest.mark.parametrize("metric", ["avg", "min", "max", "p95", "service_avg", "service_p95"])
def test_a_time_is_judged_of_requests_that_told_theirs(metric: str) -> None:
    """Of none there is no time, which would be within every limit."""
    silent, mixed = Series(), series(*[100.0] * 3)
    silent.add_many([None] * 200, [0.0] * 200, 0)
    mixed.merge(silent)
    [check] = evaluate([parse(f"{metric} < 2s")], {HEALTH: silent})
    assert (check.value, check.samples, check.held) == (None, 0, False)
    [check] = evaluate([parse(f"{metric} < 2s")], {HEALTH: mixed})
    assert check.value == pytest.approx(0.1, rel=0.001)
    assert check.samples == 3
    assert value_of("requests > 1", {HEALTH: silent}) == 200


def test_evaluation_changes_no_series() -> None:
    measured = {PREDICT: series(1, 2), IMAGE: series(3)}
    evaluate([parse("p95 < 2s"), parse('p95("/predict*") < 2s')], measured)
    assert (measured[PREDICT], measured[IMAGE]) == (series(1, 2), series(3))


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
    ],
)
def test_an_operator_means_what_it_says(op: str, below: bool, at: bool, above: bool) -> None:
    rule = parse(f"requests {op} 10")
    assert [Check(rule, value, 1).held for value in (9, 10, 11)] == [below, at, above]


@pytest.mark.parametrize(
    ("rule", "measured"),
    [
        pytest.param("fail_ratio <= 0.7%", series(*[1.0] * 1000, failures=7), id="a ratio"),
        pytest.param("avg <= 9ms", series(9), id="a time"),
        pytest.param("p95 >= 9ms", series(9), id="a percentile"),
        pytest.param("max <= 1.001s", series(1001), id="a time above a second"),
        pytest.param("rps >= 0.7/s", series(*[0.0] * 7, every=10 / 6), id="a rate"),
    ],
)
def test_a_value_that_equals_its_limit_is_within_it(rule: str, measured: Series) -> None:
    [check] = evaluate([parse(rule)], {HEALTH: measured})
    assert check.held


@pytest.mark.parametrize(
    ("rule", "value", "margin"),
    [
        pytest.param("p95 < 2s", 0.5, 0.75, id="far inside an upper limit"),
        pytest.param("p95 < 2s", 2.0, 0.0, id="at the limit"),
        pytest.param("p95 < 2s", 3.0, -0.5, id="beyond an upper limit"),
        pytest.param("rps >= 10/s", 15.0, 0.5, id="inside a lower limit"),
        pytest.param("rps >= 10/s", 5.0, -0.5, id="beyond a lower limit"),
        pytest.param("fail_ratio <= 0", 0.0, None, id="a limit of nothing has no shares"),
        pytest.param("p95 < 2s", None, None, id="nothing matched"),
    ],
)
def test_the_margin_is_a_share_of_the_limit(
    rule: str, value: float | None, margin: float | None
) -> None:
    assert Check(parse(rule), value, 1).margin == margin


@pytest.mark.parametrize(
    ("rule", "value", "text"),
    [
        pytest.param("p95 < 2s", 0.1234, "123ms", id="a time"),
        pytest.param("p95 < 2s", 2.5, "2.5s", id="a longer time"),
        pytest.param("fail_ratio <= 1%", 0.0123, "1.23%", id="a ratio"),
        pytest.param("fail_ratio <= 1%", 1.0, "100%", id="all failed"),
        pytest.param("rps >= 10/s", 12.345, "12.35/s", id="a rate"),
        pytest.param("rps >= 10/s", 123456.7, "123457/s", id="a high rate"),
        pytest.param("requests > 5", 1234567.0, "1234567", id="a count"),
        pytest.param("p95 <= 2s", 2.0, "2s", id="a time at its limit"),
        pytest.param("p95 <= 2s", 2.0004, "2000.4ms", id="a time just beyond its limit"),
        pytest.param("fail_ratio <= 1%", 0.010001, "1.0001%", id="a ratio just beyond its limit"),
        pytest.param("rps >= 10/s", 9.9999, "9.9999/s", id="a rate just below its limit"),
    ],
)
def test_a_value_is_shown_with_its_unit_and_unlike_a_limit_it_misses(
    rule: str, value: float, text: str
) -> None:
    assert parse(rule).show(value) == text


# -- precedence ----------------------------------------------------------------------------------


def rules(*texts: str) -> list[Threshold]:
    return [parse(text) for text in texts]


@pytest.mark.parametrize(
    ("profile", "by_hand", "judged"),
    [
        pytest.param(["p95 < 2s"], [], ["p95 < 2s"], id="nothing by hand"),
        pytest.param([], ["p95 < 1s"], ["p95 < 1s"], id="nothing in the profile"),
        pytest.param(
            ["p95 < 2s", "rps > 1/s"],
            ["p95 < 1s"],
            ["rps > 1/s", "p95 < 1s"],
            id="the same metric is replaced",
        ),
        pytest.param(
            ["p95 < 2s"], ["p95 > 1s"], ["p95 > 1s"], id="the operator is no part of the subject"
        ),
        pytest.param(
            ["p95 < 2s"],
            ['p95("/a") < 1s'],
            ["p95 < 2s", 'p95("/a") < 1s'],
            id="another glob is another subject",
        ),
        pytest.param(
            ['p95("/a") < 2s'],
            ['p95("/a") < 1s'],
            ['p95("/a") < 1s'],
            id="the same glob is replaced",
        ),
        pytest.param(
            ["p95 < 2s"], ["p99 < 1s"], ["p95 < 2s", "p99 < 1s"], id="another percentile is added"
        ),
        pytest.param(
            ["p95 < 2s"], ["p95.0 < 1s"], ["p95 < 1s"], id="another spelling is the same metric"
        ),
        pytest.param(
            ["rps > 1/s"],
            ["rps > 5/s", "rps < 9/s"],
            ["rps > 5/s", "rps < 9/s"],
            id="two by hand make a band",
        ),
    ],
)
def test_a_rule_by_hand_replaces_one_of_the_same_metric_and_glob(
    profile: list[str], by_hand: list[str], judged: list[str]
) -> None:
    assert override(rules(*profile), rules(*by_hand)) == rules(*judged)


@pytest.mark.parametrize(
    ("rule", "silent"),
    [
        pytest.param('p95("/health") < 2s', 3, id="none of its requests told a time"),
        pytest.param('p95("/health") < 2s over 10s', 3, id="also in windows"),
        pytest.param("recovers(\"p95('/health') < 2s\") < 3s", 3, id="and of an inner rule"),
        pytest.param('p95("/nothing") < 2s', 0, id="it has no requests"),
        pytest.param('p95("/*") < 2s over 10s', 0, id="some told theirs"),
        pytest.param('failures("/health") < 2 over 10s', 0, id="it is not about times"),
    ],
)
def test_a_check_without_a_value_knows_of_requests_that_told_no_time(
    rule: str, silent: int
) -> None:
    untimed = Series()
    untimed.add_many([None] * 3, [1000.0] * 3, 0)
    [check] = evaluate([parse(rule)], {HEALTH: untimed, PREDICT: series(5.0)})
    assert (check.value, check.silent) == (None, silent)
