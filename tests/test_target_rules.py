"""Rules about the target: what they say, which series they mean, and their figures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet import thresholds
from gauntlet.target_rules import Selector, figure, parse_selector, series_name, worst
from gauntlet.thresholds import Check, evaluate, parse

MEMORY = "process_resident_memory_bytes"


@pytest.mark.parametrize(
    ("text", "canonical", "stat", "limit"),
    [
        pytest.param(
            f'target("{MEMORY}").slope < 1MB/min',
            f'target("{MEMORY}").slope < 1MB/min',
            "slope",
            1e6 / 60,
            id="a slope in a size per minute",
        ),
        pytest.param(
            ' target ( "a" ) . max<=2 GiB ',
            'target("a").max <= 2 GiB',
            "max",
            2 * 2**30,
            id="blanks",
        ),
        pytest.param('target("a").rate > 5', 'target("a").rate > 5', "rate", 5.0, id="per second"),
        pytest.param(
            'target("a").rate >= 36/h', 'target("a").rate >= 36/h', "rate", 0.01, id="per hour"
        ),
        pytest.param('target("a").last < 7', 'target("a").last < 7', "last", 7.0, id="a number"),
        pytest.param(
            'target("a{z="1",b="/x < 2"}").avg < 1kB',
            'target("a{b="/x < 2",z="1"}").avg < 1kB',
            "avg",
            1000.0,
            id="labels, with an operator in one",
        ),
        pytest.param('target("a_*{}").min > 0', 'target("a_*").min > 0', "min", 0.0, id="a glob"),
    ],
)
def test_a_rule_reads_as(text: str, canonical: str, stat: str, limit: float) -> None:
    rule = parse(text)
    assert (rule.text, rule.stat) == (canonical, stat)
    assert math.isclose(rule.limit, limit)
    assert parse(rule.text) == rule


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('target("a").slop < 1', "did you mean slope?", id="a figure that is none"),
        pytest.param('target("a") < 1', "expected a rule such as", id="no figure"),
        pytest.param("target(a).max < 1", "expected a rule such as", id="no quotes"),
        pytest.param('target("").max < 1', "expected a metric such as", id="no name"),
        pytest.param('target("a{b=1}").max < 1', "expected a metric such as", id="a bare label"),
        pytest.param('target("a").max < 1/s', "200MB or 100, got '1/s'", id="a maximum per second"),
        pytest.param('target("a").rate < 1/d', "such as 1MB/min", id="a period that is none"),
        pytest.param('target("a").max < 1TB', "such as 200MB", id="a size that is none"),
        pytest.param('target("a").max = 1', "expected a rule such as", id="no operator"),
    ],
)
def test_a_wrong_rule_is_told_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        parse(text)


def test_a_rule_may_be_about_a_phase_and_end_the_run() -> None:
    rule = parse('target("a{b="in x"}").max < 1GB  in steady abort after 30s')
    assert rule.text == 'target("a{b="in x"}").max < 1GB in steady abort after 30s'
    assert (rule.phase, rule.abort, rule.limit) == ("steady", 30.0, 1e9)
    with pytest.raises(ValueError, match="expected no window in a rule about the target"):
        parse('target("a").max < 1 over 10s')


def test_a_rule_replaces_the_one_about_the_same_figure_of_the_same_series() -> None:
    old, other = parse('target("a{x="1",y="2"}").max < 1'), parse('target("a").max < 1')
    new = parse('target("a{y="2",x="1"}").max < 9')
    assert thresholds.override([old, other], [new]) == [other, new]


@pytest.mark.parametrize(
    ("selector", "meant"),
    [
        pytest.param("requests_total", True, id="the name alone"),
        pytest.param("requests_*", True, id="a glob"),
        pytest.param("requests", False, id="a part of the name"),
        pytest.param('requests_total{status="5xx"}', True, id="a label"),
        pytest.param('requests_total{status="5*",path="/*"}', True, id="globs in labels"),
        pytest.param('requests_total{status="2xx"}', False, id="another value"),
        pytest.param('requests_total{code="5xx"}', False, id="a label that it has not"),
    ],
)
def test_a_selector_means_a_series_or_not(selector: str, meant: bool) -> None:
    labels = {"status": "5xx", "path": "/health"}
    assert parse_selector(selector).matches("requests_total", labels) is meant


@pytest.mark.parametrize(
    ("stat", "value"),
    [("max", 40.0), ("min", 0.0), ("avg", 20.0), ("last", 40.0), ("slope", 10.0), ("rate", 10.0)],
)
def test_the_figures_of_a_straight_line(stat: str, value: float) -> None:
    points = [(100.0 + t, 10.0 * t) for t in range(5)]
    assert figure(stat, points) == pytest.approx(value)


def test_a_counter_that_begins_anew_loses_nothing() -> None:
    points = [(0.0, 100.0), (1.0, 110.0), (2.0, 4.0), (3.0, 10.0)]
    assert figure("rate", points) == pytest.approx((10 + 4 + 6) / 3)


@given(
    st.floats(-1e6, 1e6),
    st.integers(0, 2**40),
    st.lists(st.integers(0, 3600), min_size=3, max_size=50, unique=True),
)
def test_the_slope_of_a_large_memory_is_exact(slope: float, base: int, times: list[int]) -> None:
    points = [(1e6 + t, base + slope * t) for t in sorted(times)]
    assert figure("slope", points) == pytest.approx(slope, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize(("stat", "least"), [("slope", 3), ("rate", 2), ("last", 1)])
def test_a_figure_needs_so_many_values(stat: str, least: int) -> None:
    points = [(float(t), 1.0) for t in range(3)]
    assert figure(stat, points[: least - 1]) is None
    assert figure(stat, points[:least]) is not None


@pytest.mark.parametrize(("op", "judged"), [("<", 9.0), ("<=", 9.0), (">", 1.0), (">=", 1.0)])
def test_of_several_series_the_worst_is_judged(op: str, judged: float) -> None:
    assert worst("last", op, [[(0.0, 9.0)], [(0.0, 1.0)], []]) == (judged, 2)


@pytest.mark.parametrize(
    ("value", "held", "margin", "shown"),
    [
        pytest.param(5000.0, True, 0.7, "0.3MB/min", id="inside its limit"),
        pytest.param(1e6 / 59, False, -1 / 59, "1.017MB/min", id="beyond it"),
        pytest.param(1e6 / 60 + 0.1, False, 0.0, "1.000006MB/min", id="by a hair"),
    ],
)
def test_a_check_has_value_and_margin(value: float, held: bool, margin: float, shown: str) -> None:
    rule = parse(f'target("{MEMORY}").slope < 1MB/min')
    [check] = evaluate([rule], {}, lambda _: (value, 10))
    assert check.held is held
    assert check.margin == pytest.approx(margin, abs=1e-4)
    assert rule.show(value) == shown


def test_where_nobody_asked_the_target_a_rule_has_no_value() -> None:
    rule = parse('target("a").last < 1')
    assert evaluate([rule], {}) == [Check(rule, None, 0)]


def test_a_selector_is_written_as_prometheus_writes_it() -> None:
    assert str(Selector("a", (("b", "c"), ("d", "e")))) == 'a{b="c",d="e"}'


def test_texts_of_labels_are_escaped_so_that_two_series_never_have_one_name() -> None:
    assert series_name("a", {"b": 'x"y\\z\nw'}) == r'a{b="x\"y\\z\nw"}'
    assert series_name("a", {"b": '1",c="2'}) != series_name("a", {"b": "1", "c": "2"})
    assert series_name("a", {"b": "\n"}) != series_name("a", {"b": r"\n"})


def test_a_rule_keeps_the_backslash_that_it_was_written_with() -> None:
    rule = parse(r'target("a{b="x\y"}").max < 1')
    assert rule.text == r'target("a{b="x\y"}").max < 1'
    assert parse(rule.text) == rule
