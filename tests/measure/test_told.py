"""What a target told: which values are kept, how many, and what they mean after failures."""

import math
from collections.abc import Iterable

import pytest

from gauntlet.measure import told as module
from gauntlet.measure.told import POINTS, SERIES, TIMELINE, Sample, Told, samples
from gauntlet.target_rules import Selector, parse_selector

EVER = (-math.inf, math.inf)
A = Selector("a")


def filled(values: Iterable[float | None], *selectors: Selector) -> Told:
    """A value of `a` each second; None where the scrape failed."""
    told = Told(selectors)
    for t, value in enumerate(values):
        if value is None:
            told.miss(float(t))
        else:
            told.add(float(t), [Sample("a", {}, value)])
    return told


def points(told: Told, name: str = "a", since: float = 0.0) -> list[tuple[float, float]]:
    return dict(told.series(since))[name]


def test_values_are_read_with_name_and_labels() -> None:
    text = '# TYPE a counter\na_total{x="1"} 3\nb 1e3\nnothing NaN\nmuch +Inf\n'
    found = samples(text, [])
    assert [(one.name, dict(one.labels), one.value) for one in found] == [
        ("a_total", {"x": "1"}, 3.0),
        ("b", {}, 1000.0),
    ]


def test_lines_end_where_the_format_says_and_may_begin_with_blanks() -> None:
    text = '  # HELP a b\r\n\ta{x="one\u2028two\x85\x0cthree"} 1\r\n \r\n b 2 \n'
    found = samples(text, [])
    assert [(one.name, dict(one.labels), one.value) for one in found] == [
        ("a", {"x": "one\u2028two\x85\x0cthree"}, 1.0),
        ("b", {}, 2.0),
    ]


@pytest.mark.parametrize("text", ["<html></html>\n", "a one\n", "{}\n", "a}{,\t=n}1#\n"])
def test_what_is_no_exposition_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        samples(text, [])


def test_buckets_are_left_out_unless_a_rule_is_about_them() -> None:
    text = 'time_bucket{le="1"} 3\ntime_count 3\n'
    assert [one.name for one in samples(text, [])] == ["time_count"]
    ruled = samples(text, [Selector("time_bucket")])
    assert [one.name for one in ruled] == ["time_bucket", "time_count"]


def test_of_very_many_lines_those_of_rules_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINES", 10)
    text = "".join(f"other_{number} 1\n" for number in range(50)) + "wanted 1\n"
    names = [one.name for one in samples(text, [Selector("wanted")])]
    assert len(names) == 11
    assert "wanted" in names


def test_a_figure_is_that_of_its_window() -> None:
    told = filled(range(10))
    assert told.figure(A, "max", "<", (2.0, 5.0)) == (5.0, 4)
    value, count = told.figure(A, "slope", "<", EVER)
    assert value == pytest.approx(1.0)
    assert count == 10
    assert told.figure(A, "max", "<", (20.0, 30.0)) == (None, 0)


def test_a_few_failures_do_no_harm_but_most_do() -> None:
    few, most = filled([0, 1, None, 3]), filled([0, None, None, 3, None])
    assert few.figure(A, "last", "<", EVER) == (3.0, 3)
    assert most.figure(A, "last", "<", EVER) == (None, 0)
    assert (few.failed, most.failed) == (1, 3)
    assert points(few) == [(0.0, 0.0), (1.0, 1.0), (3.0, 3.0)]


def test_a_series_that_comes_later_has_values_from_then_on() -> None:
    told = filled([1, 1])
    told.add(2.0, [Sample("a", {}, 1.0), Sample("errors", {"code": "5"}, 2.0)])
    assert points(told, 'errors{code="5"}') == [(2.0, 2.0)]


def test_a_counter_that_comes_later_was_nothing_before() -> None:
    """The only failures of a run are the first that there were."""
    told = filled([1, 1, None])
    for t in (3.0, 4.0):
        told.add(t, [Sample("a", {}, 1.0), Sample("errors", {"code": "5"}, 6.0)])
    errors = parse_selector('errors{code="5"}')
    assert told.figure(errors, "rate", "<", EVER) == (6.0 / 3.0, 3)
    assert told.figure(errors, "rate", "<", (3.0, 4.0)) == (0.0, 2)
    assert told.figure(errors, "max", "<", EVER) == (6.0, 2)


def test_points_begin_where_the_load_does() -> None:
    assert points(filled([1, 2, 3, 4]), since=2.0) == [(0.0, 3.0), (1.0, 4.0)]


def test_a_name_tells_the_targets_apart() -> None:
    told = Told([parse_selector('a{target="publisher"}')], "publisher")
    told.add(0.0, [Sample("a", {"x": "1"}, 7.0)])
    assert dict(told.series(0.0)) == {'a{target="publisher",x="1"}': [(0.0, 7.0)]}
    assert told.figure(told.selectors[0], "last", "<", EVER) == (7.0, 1)


def test_a_target_that_does_not_answer_withholds_what_a_rule_may_mean() -> None:
    told = Told([A], "publisher")
    told.add(0.0, [])
    for t in (1.0, 2.0, 3.0):
        told.miss(t)
    for selector, withheld in {
        "a": True,
        'b{x="1"}': True,
        'a{target="pub*"}': True,
        'a{target="aggregator"}': False,
    }.items():
        assert told.withholds(parse_selector(selector), EVER) is withheld, selector
    assert not told.withholds(A, (0.0, 1.0))
    assert told.withholds(A, (10.0, 20.0))


def test_memory_does_not_grow_with_time_and_the_figures_stay() -> None:
    told = filled(float(value) for value in range(3 * TIMELINE))
    value, count = told.figure(A, "slope", "<", EVER)
    assert value == pytest.approx(1.0)
    assert TIMELINE / 2 <= count < TIMELINE
    kept = points(told)
    assert POINTS / 2 <= len(kept) <= POINTS
    assert all(t == value for t, value in kept)


def test_series_have_an_upper_number_and_those_of_rules_come_first() -> None:
    told = Told([Selector("wanted")])
    crowd = [Sample(f"other_{number}", {}, 1.0) for number in range(2 * SERIES)]
    told.add(0.0, [*crowd, Sample("wanted", {}, 1.0)])
    names = [name for name, _ in told.series(0.0)]
    assert len(names) == SERIES + 1
    assert "wanted" in names


def test_a_rule_is_told_to_mean_series_for_which_there_was_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RULED", 2)
    monkeypatch.setattr(module, "SERIES", 1)
    every, one = Selector("a"), parse_selector('a{n="0"}')
    told = Told([every, one])
    told.add(0.0, [Sample("a", {"n": str(number)}, 1.0) for number in range(3)])
    assert not told.ignores(every)
    told.add(1.0, [Sample("b", {}, 1.0), Sample("a", {"n": "3"}, 9.0)])
    assert told.ignores(every)
    assert not told.ignores(one)


def test_what_was_always_nothing_is_not_kept_in_the_record_unless_ruled() -> None:
    assert dict(filled([0, 0]).series(0.0)) == {}
    assert points(filled([0, 0], A)) == [(0.0, 0.0), (1.0, 0.0)]
