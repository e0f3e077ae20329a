"""The run record: what it takes over from what was measured and judged."""

import json
from collections.abc import Callable
from statistics import stdev

import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # ships no types
from pydantic import ValidationError

from gauntlet.measure.series import Key, Series
from gauntlet.measure.slices import Slices
from gauntlet.report import entries
from gauntlet.report.entries import QUANTILES
from gauntlet.report.record import RunRecord, to_json
from gauntlet.thresholds import Check, parse
from gauntlet.verdict import Evidence, judge

MakeRecord = Callable[..., RunRecord]
MEASURED = {("POST", "/b"): [100, -200], ("GET", "/a"): [10, 20], ("POST", "/a"): [30]}


def test_a_series_is_kept_in_milliseconds_and_ratios() -> None:
    series = Series()
    for index, ms in enumerate((10.0, 20.0, 40.0, 50.0)):
        series.add(ms, ms == 50.0, 1000.0 + index, 100)
    series.add_first_bytes([5.0, 6.0])
    series.sent, series.retries, series.verified = 70, 2, 1
    series.add_outcome("timeout")
    series.add_outcome("status")
    kept = entries.statistics(Key("GET", "/a", "one", "steady"), series)
    percentiles = {"p50": 20.0, "p90": 50.0, "p95": 50.0, "p99": 50.0, "p99.9": 50.0}
    first_bytes = {"p50": 5.0, "p90": 6.0, "p95": 6.0, "p99": 6.0, "p99.9": 6.0}
    assert kept.percentiles_ms == pytest.approx(percentiles, rel=0.001)
    assert kept.first_byte_ms == pytest.approx(first_bytes, rel=0.001)
    assert list(kept.outcomes) == ["status", "timeout"]
    assert kept.stdev_ms == pytest.approx(stdev([10, 20, 40, 50]))
    taken = {"percentiles_ms", "first_byte_ms", "stdev_ms"}
    assert kept.model_dump(exclude=taken) == {
        "method": "GET",
        "name": "/a",
        "server": "one",
        "phase": "steady",
        "requests": 4,
        "failures": 1,
        "fail_ratio": 0.25,
        "rps": pytest.approx(4 / 3.05),
        "avg_ms": 30.0,
        "min_ms": 10.0,
        "max_ms": 50.0,
        "received_bytes": 400,
        "sent_bytes": 70,
        "retries": 2,
        "verified": 1,
        "outcomes": {"status": 1, "timeout": 1},
        "service_avg_ms": None,
        "service_percentiles_ms": None,
        "service_max_ms": None,
    }


def test_an_empty_series_is_kept_as_zeros() -> None:
    kept = entries.statistics(Key("", "Aggregated"), Series())
    numbers = [value for value in kept.model_dump().values() if isinstance(value, int | float)]
    assert len(numbers) > 10
    assert set(numbers) == {0}
    assert (kept.first_byte_ms, kept.outcomes) == (None, {})
    assert kept.percentiles_ms == dict.fromkeys([f"p{quantile:g}" for quantile in QUANTILES], 0.0)


def test_endpoints_come_by_name_then_method(make_record: MakeRecord) -> None:
    kept = make_record(MEASURED)
    assert [(one.method, one.name) for one in kept.endpoints] == [
        ("GET", "/a"),
        ("POST", "/a"),
        ("POST", "/b"),
    ]
    assert (kept.total.name, kept.total.requests, kept.total.failures) == ("Aggregated", 5, 1)


SPREAD = {
    ("GET", "/a", "one", "ramp"): [10],
    ("GET", "/a", "two", "ramp"): [20, 30],
    ("POST", "/b", "two", "hold"): [-40],
    ("POST", "/b", "", "after"): [50],
}


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        pytest.param(
            ("name", "method"),
            {("GET", "/a", "", ""): 3, ("POST", "/b", "", ""): 2},
            id="endpoints over all servers and phases",
        ),
        pytest.param(
            ("server",),
            {("", "", "one", ""): 1, ("", "", "two", ""): 3},
            id="servers without what came from none",
        ),
        pytest.param(
            ("phase",),
            {("", "", "", "ramp"): 3, ("", "", "", "hold"): 1, ("", "", "", "after"): 1},
            id="phases in the order they came in",
        ),
    ],
)
def test_a_table_merges_over_what_it_does_not_name(
    make_record: MakeRecord, by: tuple[str, ...], rows: dict[tuple[str, ...], int]
) -> None:
    kept = make_record(SPREAD)
    tables = {("name", "method"): kept.endpoints, ("server",): kept.servers}
    found = tables.get(by, kept.phases)
    parts = [(one.method, one.name, one.server, one.phase) for one in found]
    assert dict(zip(parts, [one.requests for one in found], strict=True)) == rows
    assert parts == list(rows)


def test_a_histogram_can_be_read_by_others(make_record: MakeRecord) -> None:
    [kept] = make_record({("GET", "/a"): [10, 20, 4000]}).histograms
    histogram = HdrHistogram.decode(kept.hdr)
    assert histogram.get_total_count() == 3
    assert histogram.get_value_at_percentile(50) == pytest.approx(20_000, rel=0.001)
    assert histogram.get_max_value() == pytest.approx(4_000_000, rel=0.001)


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        pytest.param(
            Check(parse('p95("/a*")<2s'), 0.5, 10),
            {
                "rule": 'p95("/a*") < 2s',
                "metric": "p95",
                "glob": "/a*",
                "limit": 2.0,
                "value": 0.5,
                "margin": 0.75,
                "held": True,
                "samples": 10,
                "shown": "500ms",
            },
            id="held",
        ),
        pytest.param(
            Check(parse("fail_ratio <= 1%"), 0.02, 100),
            {
                "rule": "fail_ratio <= 1%",
                "metric": "fail_ratio",
                "glob": None,
                "limit": 0.01,
                "value": 0.02,
                "margin": -1.0,
                "held": False,
                "samples": 100,
                "shown": "2%",
            },
            id="broken",
        ),
        pytest.param(
            Check(parse('rps("/x") > 1/s'), None, 0),
            {
                "rule": 'rps("/x") > 1/s',
                "metric": "rps",
                "glob": "/x",
                "limit": 1.0,
                "value": None,
                "margin": None,
                "held": False,
                "samples": 0,
                "shown": "no samples",
            },
            id="nothing matched",
        ),
    ],
)
def test_a_check_is_kept_with_its_value_as_people_read_it(
    check: Check, expected: dict[str, object]
) -> None:
    assert entries.threshold_result(check).model_dump() == expected


@pytest.mark.parametrize(
    ("evidence", "verdict", "code", "reasons"),
    [
        pytest.param(Evidence(1, 0, 0, ()), "PASS", 0, 0, id="a pass"),
        pytest.param(Evidence(2, 1, 1, ()), "FAIL", 1, 2, id="failures"),
        pytest.param(Evidence(0, 0, 0, ()), "INVALID", 4, 1, id="nothing measured"),
    ],
)
def test_a_judgement_is_kept_in_plain_values(
    evidence: Evidence, verdict: str, code: int, reasons: int
) -> None:
    kept = entries.outcome(judge(evidence)).model_dump(mode="json")
    assert (kept["verdict"], kept["exit_code"], len(kept["reasons"])) == (verdict, code, reasons)
    assert type(kept["verdict"]) is str and type(kept["exit_code"]) is int


def test_the_file_is_the_record(make_record: MakeRecord) -> None:
    kept = make_record(MEASURED, ["p95 < 2s", 'p95("/x") < 2s'])
    assert RunRecord.model_validate_json(kept.model_dump_json()) == kept
    assert json.loads(kept.model_dump_json())["started"] == "2026-01-02T03:04:05Z"


def test_slices_stand_on_a_line_each(make_record: MakeRecord) -> None:
    measured = Slices()
    for second, key in [
        (1000, Key("GET", "/a")),
        (1001, Key("GET", "/b")),
        (1001, Key("GET", "/a")),
    ]:
        part = Series()
        part.add_many([10.0, 20.0], [second, second], 0)
        part.failures = 1
        measured.add(key, second, part)
    kept = make_record(MEASURED, slices=entries.slices(measured, 1000.25))
    text = to_json(kept)
    assert RunRecord.model_validate_json(text) == kept
    assert [line for line in text.splitlines() if '"t":-0.25' in line] == [
        '    {"t":-0.25,"seconds":1.0,"method":"GET","name":"/a","phase":"","requests":2,'
        '"failures":1,"total_ms":30.0,"counts":[10000,1,20000,1]},'
    ]
    assert RunRecord.model_validate_json(to_json(make_record(MEASURED))).slices == ()


def test_a_request_that_claims_to_have_ended_before_the_run_is_in_its_first_slice() -> None:
    """Of a start told by another clock; a comparison lays a row for every second in between."""
    measured, part = Slices(), Series()
    part.add_many([10.0], [5000.0], 0)
    measured.add(Key("GET", "/a"), 5000, part)
    (kept,) = entries.slices(measured, 1.7e9)
    assert (kept.t, kept.requests) == (-1.0, 1)


def test_a_record_is_not_changed_and_takes_no_unknown_key(make_record: MakeRecord) -> None:
    kept = make_record(MEASURED)
    with pytest.raises(ValidationError):
        kept.seed = 8
    with pytest.raises(ValidationError):
        make_record(MEASURED, unknown=1)
