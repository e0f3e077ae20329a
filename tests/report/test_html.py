"""The HTML report: what it says, that it says it alone, and that it copes with what is missing."""

import html as escaping
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gauntlet.report import html
from gauntlet.report.html import axes, columns, curves, facts, figures, tables
from gauntlet.report.record import Moment, RunRecord, Slice, TargetMetric
from tests.report.conftest import MakeRecord
from tests.report.samples import sample


def text(page: str) -> str:
    """What the page says, without its marks, style and script."""
    bare = re.sub(r"<(style|script)>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(escaping.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="([\w-]+)"', page)


@pytest.fixture(scope="module")
def whole() -> RunRecord:
    return sample(120)


def test_everything_that_a_record_holds_has_its_section(whole: RunRecord) -> None:
    page = html.page([whole])
    assert sections(page) == [
        "verdict",
        "headline",
        "diagnosis",
        "thresholds",
        "over-time",
        "by-endpoint",
        "percentiles",
        "statistics",
        "arrivals",
        "failed",
        "slow",
        "system",
        "target",
        "generator",
    ]
    said = text(page)
    for part in (
        "INVALID",
        'the threshold p99("/none*") < 1s matched no request',
        f"requests {whole.total.requests:,}",
        "server 3",
        "41 % on average, 73 % at most",
        "started over 10 ms late ! 340",
        "expected status 200, got 503",
        "process_cpu_percent",
        "answers from a cache 31%",
        "seed 20260304",
        "Gauntlet 0.1.0, Locust 2.47.0, Python 3.11.7",
        "5,003 1:06",
    ):
        assert part in said, part


def test_it_asks_for_nothing_outside_itself(whole: RunRecord) -> None:
    page = html.page([whole])
    assert re.findall(r'(?:src|href|action)="(?!data:image/png;base64,|data:,|#)', page) == []
    assert not re.search(r"@import|url\(|fetch\(['\"]http", page)
    policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert "default-src &#39;none&#39;" in policy[0]
    assert "connect-src &#39;none&#39;" in policy[0]
    assert " style=" not in page


@pytest.mark.parametrize(
    "missing",
    ["slices", "timeline", "histograms", "endpoints", "phases", "servers", "thresholds", "slowest"],
)
def test_a_part_that_is_missing_takes_no_other_with_it(whole: RunRecord, missing: str) -> None:
    page = html.page([whole.model_copy(update={missing: ()})])
    assert {"verdict", "headline", "generator"} <= set(sections(page))
    assert "Traceback" not in page


def test_a_record_of_nothing_is_shown(make_record: MakeRecord) -> None:
    page = html.page([make_record({})])
    assert sections(page) == ["verdict", "headline", "generator"]
    assert "no request was made check host, tags and duration" in text(page)


HOSTILE = st.text(min_size=1, max_size=40) | st.sampled_from(
    [
        "<script>x</script>",
        "'\"><img onerror=x>",
        "]]>",
        "\x00\ud7ff",
        "{{ 7*7 }}",
        "&amp;",
        "</style>",
    ]
)


@settings(max_examples=25)
@given(name=HOSTILE)
def test_whatever_a_target_says_is_text(name: str) -> None:
    plain = sample(10)
    changed = plain.model_copy(
        update={
            "target": name,
            "diagnosis": (name,),
            "description": name,
            "endpoints": tuple(
                one.model_copy(update={"name": name, "method": "GET"}) for one in plain.endpoints
            ),
        }
    )
    tags = re.compile(r"<(/?[a-z][\w-]*)")
    page = html.page([changed])
    calm = html.page([changed.model_copy(update={"target": "x", "diagnosis": ("x",)})])
    assert sorted(tags.findall(page)) == sorted(tags.findall(calm))
    assert (
        f'<p class="where">{escaping.escape(name)}'.replace("&#x27;", "&#39;").replace(
            "&quot;", "&#34;"
        )
        in page
    )


def test_further_runs_lie_over_the_percentiles_of_the_first(whole: RunRecord) -> None:
    other = sample(120, seed=2, slower=2.0, profile="smoke")
    charts = curves.percentiles([whole, other], facts.run_names([whole, other]))
    assert [one.name for one in charts][:2] == ["All requests", "GET /health"]
    assert all(len(one.chart.lines) == 2 for one in charts)
    said = text(html.page([whole, other]))
    assert "A: predict · endurance, 2026-03-04 05:06:07" in said
    assert "B: predict · smoke, 2026-03-04 05:06:07" in said


def test_a_percentile_curve_goes_through_the_percentiles_of_the_table(whole: RunRecord) -> None:
    curve = curves._curve(whole, curves._counts(whole), None)
    assert curve is not None
    assert curve.requests == whole.total.requests
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        place = min(range(len(curve.shares)), key=lambda at: abs(curve.shares[at] - share))
        assert curve.times_ms[place] == pytest.approx(whole.total.percentiles_ms[name], rel=0.02)
    assert curve.times_ms[-1] == pytest.approx(whole.total.max_ms, rel=0.002)


def test_columns_hold_every_request_of_the_slices_once(whole: RunRecord) -> None:
    laid = columns.lay(whole.slices, 120)
    assert laid.requests.sum() == whole.total.requests == laid.number.sum()
    assert laid.failures.sum() == whole.total.failures
    assert len(laid.requests) == 120


def test_the_percentiles_of_a_column_are_those_of_its_requests() -> None:
    common: dict[str, Any] = {"method": "GET", "name": "/a", "phase": "", "failures": 0}
    slices = [
        Slice(t=0, seconds=1, requests=4, total_ms=10, counts=(1000, 3, 7000, 1), **common),
        Slice(t=2, seconds=1, requests=1, total_ms=5, counts=(5000, 1), **common),
    ]
    laid = columns.lay(slices, 3)
    assert laid.percentiles_ms(50) == [1.0, None, 5.0]
    assert laid.percentiles_ms(99) == [7.0, None, 5.0]


def test_phases_are_shaded_from_start_to_end_without_a_gap(whole: RunRecord) -> None:
    spans = columns.phases(whole)
    assert [one.name for one in spans] == ["ramp", "steady", "spike", "recovery"]
    assert spans[0].begin == 0
    assert [one.end for one in spans[:-1]] == [one.begin for one in spans[1:]]
    assert spans[-1].end == 120


def test_of_two_phases_that_begin_in_one_second_the_one_that_ends_first_was_first(
    whole: RunRecord,
) -> None:
    common: dict[str, Any] = {"method": "GET", "name": "/a", "requests": 1, "failures": 0}
    told = [(1.0, "steady"), (1.0, "ramp"), (2.0, "steady"), (3.0, "steady")]
    slices = tuple(
        Slice(t=t, seconds=1, phase=phase, total_ms=1, counts=(1000, 1), **common)
        for t, phase in told
    )
    spans = columns.phases(whole.model_copy(update={"slices": slices}))
    assert [(one.name, one.begin, one.end) for one in spans] == [
        ("ramp", 0.0, 1.0),
        ("steady", 1.0, 120.0),
    ]


def test_without_slices_the_rate_is_that_of_the_reports_of_workers(whole: RunRecord) -> None:
    told = [0, 0, 0, 30, 30, 30, 60, 60, 60, 90]
    moments = tuple(
        Moment(t=t, users=1, requests=number, failures=0) for t, number in enumerate(told)
    )
    record = whole.model_copy(update={"slices": (), "timeline": moments, "duration": 10.0})
    (rates,) = curves._rates(record, 10)
    assert rates.values == [10.0, 10.0, 10.0]


def test_what_a_target_counts_is_shown_as_a_rate(whole: RunRecord) -> None:
    metric = TargetMetric(name='a_total{b="c"}', points=((0, 10), (2, 30), (4, 5), (5, 8)))
    (chart,) = curves.target_metrics(whole.model_copy(update={"target_metrics": (metric,)}))
    assert chart.title == 'a_total{b="c"}, per second'
    assert json.loads(chart.hover)["rows"][0][1] == ["10.0", "", "3.00"]


def test_the_heat_map_is_small_however_long_the_run(whole: RunRecord) -> None:
    chart = curves.times_chart(whole, "all", whole.slices)
    assert chart.heat is not None
    assert len(chart.heat.light) < 20_000
    assert chart.heat.low_ms < whole.total.min_ms * 1.1
    assert chart.heat.high_ms >= whole.total.max_ms * 0.999


@pytest.mark.parametrize(
    ("rule", "state", "filled", "upward"),
    [
        pytest.param("max <= 200ms", "held", 0.5, False, id="half way to the limit"),
        pytest.param("max <= 50ms", "broken", tables.FULL, False, id="twice the limit"),
        pytest.param("requests >= 4", "broken", 0.25, True, id="under a lower limit"),
        pytest.param('max("/b") < 1s', "missing", 0.0, False, id="no samples"),
    ],
)
def test_a_threshold_has_its_margin_as_a_bar(
    make_record: MakeRecord, rule: str, state: str, filled: float, upward: bool
) -> None:
    (result,) = make_record({("GET", "/a"): [100.0]}, [rule]).thresholds
    shown = tables.rule(result)
    assert (shown.state, shown.upward) == (state, upward)
    assert shown.filled == pytest.approx(filled)


def test_a_rule_of_another_version_is_shown_as_it_is(make_record: MakeRecord) -> None:
    (result,) = make_record({("GET", "/a"): [100.0]}, ["max <= 1s"]).thresholds
    shown = tables.rule(result.model_copy(update={"rule": "p95 < 1s in the_future sometimes"}))
    assert (shown.text, shown.limit) == ("p95 < 1s in the_future sometimes", "")


def test_a_run_that_goes_on_has_no_last_word(make_record: MakeRecord) -> None:
    record = make_record({("GET", "/a"): [100.0]}, ["max <= 1s"])
    assert "Every threshold holds so far." in text(html.body([record], live=True))
    assert "All thresholds met." in text(html.body([record]))
    empty = make_record({}).model_copy(
        update={"outcome": record.outcome.model_copy(update={"verdict": "PASS", "reasons": ()})}
    )
    waiting = text(html.body([empty], live=True))
    assert "WAITING" in waiting
    assert "No request yet." in waiting
    assert "PASS" not in waiting


@pytest.mark.parametrize(
    ("high", "last"),
    [(0.0, "1"), (1, "1"), (7, "8"), (99, "100"), (12_345, "15 k"), (6e8, "600 M")],
)
def test_an_axis_ends_at_a_round_number_above(high: float, last: str) -> None:
    axis = axes.linear(high)
    assert axis.ticks[-1].label == last
    assert axis.ticks[-1].at == 1
    assert axis.place(high) <= 1


@given(st.floats(1, 10**6), st.floats(1e-3, 10**5), st.integers(1, 10**9))
def test_ticks_lie_on_their_axes(end: float, ms: float, requests: int) -> None:
    narrow, wide = axes.times(ms, ms), axes.times(ms, ms * 50)
    for axis in (axes.seconds(end), narrow, wide, axes.quantiles(requests)):
        assert 2 <= len(axis.ticks) <= 16
        assert all(0 <= tick.at <= 1 for tick in axis.ticks)
        assert [tick.at for tick in axis.ticks] == sorted(tick.at for tick in axis.ticks)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (figures.digits(0.4213), "0.42"),
        (figures.digits(42.13), "42.1"),
        (figures.digits(99.97), "100"),
        (figures.digits(12345.6), "12,346"),
        (figures.milliseconds(1234.5), "1.23 s"),
        (figures.milliseconds(75_000), "1m15s"),
        (figures.ratio(0.0), "0 %"),
        (figures.ratio(0.00001), "< 0.01 %"),
        (figures.ratio(0.99999), "99.99 %"),
        (figures.ratio(1.0), "100 %"),
        (figures.size(999), "999 B"),
        (figures.size(1_570_000), "1.57 MB"),
        (figures.clock(3905), "1:05:05"),
        (figures.margin(-0.002), "-0.2%"),
    ],
)
def test_numbers_are_as_people_read_them(told: str, shown: str) -> None:
    assert told == shown


def test_columns_and_tables_that_say_nothing_are_left_out(whole: RunRecord) -> None:
    bare = tuple(one.model_copy(update={"server": ""}) for one in whole.slowest)
    record = whole.model_copy(update={"slowest": bare, "phases": whole.phases[:1]})
    table = tables.slowest(record)
    assert table is not None
    assert table.heads == ("endpoint", "response ms", "begun at", "outcome", "phase")
    assert table.heads[table.numbers : table.texts] == ("response ms", "begun at")
    assert {len(row) for row in table.rows} == {5}
    assert [one.id for one in tables.all_statistics(record)] == ["endpoints", "servers"]


@pytest.mark.parametrize(
    ("lasted", "last"),
    [
        pytest.param(10.0, 8.0, id="whole"),
        pytest.param(9.5, 16.0, id="half of it is over"),
        pytest.param(9.2, None, id="it has just begun"),
        pytest.param(8.0, 8.0, id="users end what they were at"),
    ],
)
def test_a_second_that_is_not_over_is_no_fall_of_the_rate(
    make_record: MakeRecord, lasted: float, last: float | None
) -> None:
    slices = [
        Slice(
            t=float(t),
            seconds=1.0,
            method="GET",
            name="/",
            phase="",
            requests=8,
            failures=0,
            total_ms=80.0,
            counts=(10_000, 8),
        )
        for t in range(10)
    ]
    record = make_record({}, slices=slices, duration=lasted)
    (rates,) = curves._rates(record, columns.end_of(record))
    assert list(rates.values) == [8.0] * 9 + [last]


def test_a_system_with_several_addresses_shows_them_all(whole: RunRecord) -> None:
    addresses = {"publisher": "http://store:1", "aggregator": "http://cache:2"}
    record = whole.model_copy(update={"target": "http://store:1", "addresses": addresses})
    assert "publisher http://store:1, aggregator http://cache:2" in text(html.page([record]))
    names = [one.name for one in facts.surroundings(record)]
    assert "target" not in names
    assert "address, aggregator" in names
