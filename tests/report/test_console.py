"""The block that ends a run, letter for letter."""

import io
from collections.abc import Callable
from textwrap import dedent

import pytest
from rich.console import Console

from gauntlet.report import console
from gauntlet.report.record import Failure, RunRecord

MakeRecord = Callable[..., RunRecord]

MEASURED = {
    ("GET", "/health"): [2, 3, 2, 3],
    ("POST", "/predict?return_image=False"): [100, 150, -900, 120, 1100],
}
RULES = ["p95 <= 2s", 'p99("/predict*") <= 1s', "fail_ratio <= 50%"]
REFUSED = Failure(method="POST", name="/predict", text="status: expected 200, got 503", count=1)


def written(record: RunRecord, folder: str = "results/a-run", encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console.write(record, folder, stream)
    stream.flush()
    stream.seek(0)
    return stream.read()


def test_a_run_that_passes(make_record: MakeRecord) -> None:
    record = make_record(MEASURED, ["p95 <= 2s", "rps >= 1/s"])
    assert written(record) == dedent("""\
        ==============================
        BENCHMARK RESULTS
        ==============================
        Target: http://localhost:8000 (local)
        Total requests: 9
        Successful: 8
        Failed: 1
        Success rate: 88.89%
        Requests/second: 2.90

        Response times:
          P50: 0.100s
          P95: 1.100s
          P99: 1.100s

        Endpoints:                          requests  failed       P50       P95
          GET /health                              4       0    0.002s    0.003s
          POST /predict?return_image=False         5       1    0.150s    1.100s

        Threshold Checks:
          ✓ p95 <= 2s — 1.1s, margin 45%
          ✓ rps >= 1/s — 2.903/s, margin 190%
        ==============================
        ✓ PASS - All thresholds met
        ==============================
        Results: results/a-run
        """)


def test_a_run_that_fails(make_record: MakeRecord) -> None:
    record = make_record(MEASURED, RULES, failures=(REFUSED,), user_errors={"KeyError('a')": 2})
    assert written(record) == dedent("""\
        ==============================
        BENCHMARK RESULTS
        ==============================
        Target: http://localhost:8000 (local)
        Total requests: 9
        Successful: 8
        Failed: 1
        Success rate: 88.89%
        Requests/second: 2.90

        Response times:
          P50: 0.100s
          P95: 1.100s
          P99: 1.100s

        Endpoints:                          requests  failed       P50       P95
          GET /health                              4       0    0.002s    0.003s
          POST /predict?return_image=False         5       1    0.150s    1.100s

        Failures:
          1 x POST /predict: status: expected 200, got 503
          2 x KeyError('a')
          by class: 1 status
            POST /predict?return_image=False: 1 status

        Threshold Checks:
          ✓ p95 <= 2s — 1.1s, margin 45%
          ✗ p99("/predict*") <= 1s — 1.1s, margin -10%
          ✓ fail_ratio <= 50% — 11.1%, margin 78%
        ==============================
        ✗ FAIL
          p99("/predict*") <= 1s broke: 1.1s
          user code raised 2 exceptions, which no threshold judges
        ==============================
        Results: results/a-run
        """)


def test_a_run_over_several_servers(make_record: MakeRecord) -> None:
    measured = {
        ("GET", "/a", "10.0.0.1:7001"): [10, 20, -30],
        ("GET", "/a", "two"): [1000],
        ("GET", "/a", ""): [1],
    }
    text = written(make_record(measured))
    assert (
        dedent("""\
        Endpoints:    requests  failed       P50       P95
          GET /a             5       1    0.020s    1.000s

        Servers:         requests  success       avg       P50       P95       P99
          10.0.0.1:7001         3   66.67%    0.020s    0.020s    0.030s    0.030s
          two                   1  100.00%    1.000s    1.000s    1.000s    1.000s

        """)
        in text
    )


def test_a_run_that_measured_nothing(make_record: MakeRecord) -> None:
    record = make_record({}, ["p95 <= 2s"], environment=None)
    assert written(record) == dedent("""\
        ==============================
        BENCHMARK RESULTS
        ==============================
        Target: http://localhost:8000 (by address)
        Total requests: 0
        Successful: 0
        Failed: 0
        Success rate: no requests
        Requests/second: 0.00

        Response times:
          P50: 0.000s
          P95: 0.000s
          P99: 0.000s

        Threshold Checks:
          ✗ p95 <= 2s — no samples
        ==============================
        ✗ INVALID
          no request was made; check host, tags and duration
        ==============================
        Results: results/a-run
        """)


@pytest.mark.parametrize(
    ("rules", "last"),
    [
        pytest.param([], "✓ PASS", id="no threshold that could be met"),
        pytest.param(["p95 < 9s"], "✓ PASS - All thresholds met", id="all thresholds met"),
    ],
)
def test_only_thresholds_can_be_met(make_record: MakeRecord, rules: list[str], last: str) -> None:
    lines = written(make_record({("GET", "/a"): [1]}, rules)).splitlines()
    assert lines[-3] == last


def test_short_names_keep_the_columns_in_line(make_record: MakeRecord) -> None:
    lines = written(make_record({("GET", "/"): [1]})).splitlines()
    heading = next(index for index, line in enumerate(lines) if line.startswith("Endpoints:"))
    assert len(lines[heading]) == len(lines[heading + 1])


def test_the_ten_most_frequent_failures_are_shown(make_record: MakeRecord) -> None:
    failures = tuple(Failure(method="GET", name="/", text=f"{n}", count=n) for n in range(1, 15))
    text = written(make_record({("GET", "/"): [-1]}, failures=failures))
    shown = [line.split()[0] for line in text.splitlines() if " x GET /:" in line]
    assert shown == ["14", "13", "12", "11", "10", "9", "8", "7", "6", "5"]


def test_a_failure_takes_one_line(make_record: MakeRecord) -> None:
    failure = Failure(method="GET", name="/", text="first\n   second", count=1)
    errors = {"Traceback\nKeyError": 3}
    text = written(make_record({("GET", "/"): [-1]}, failures=(failure,), user_errors=errors))
    assert "  1 x GET /: first second\n  3 x Traceback KeyError\n" in text


@pytest.mark.parametrize(
    ("value_ms", "margin"),
    [
        pytest.param(1000, "margin 50%", id="whole percents"),
        pytest.param(1995, "margin 0.25%", id="below one percent"),
        pytest.param(2000, "margin 0%", id="at the limit"),
        pytest.param(2001, "margin -0.05%", id="just beyond"),
        pytest.param(9000, "margin -350%", id="far beyond"),
    ],
)
def test_a_margin_near_nothing_keeps_its_sign(
    make_record: MakeRecord, value_ms: float, margin: str
) -> None:
    text = written(make_record({("GET", "/"): [value_ms]}, ["max <= 2s"]))
    [line] = [line for line in text.splitlines() if "max <= 2s —" in line]
    assert line.endswith(margin)


@pytest.mark.parametrize("folder", ["results/[bold]", "results/[/x]", "results/:smile:", "r/a b"])
def test_a_folder_is_printed_as_it_is(make_record: MakeRecord, folder: str) -> None:
    text = written(make_record({("GET", "/"): [1]}), folder)
    assert text.splitlines()[-1] == f"Results: {folder}"


def test_names_with_brackets_are_printed_as_they_are(make_record: MakeRecord) -> None:
    text = written(make_record({("GET", "/orders/[id]"): [1]}))
    assert "  GET /orders/[id] " in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_our_marks_still_gets_the_verdict(
    make_record: MakeRecord, encoding: str
) -> None:
    record = make_record(MEASURED, RULES, failures=(REFUSED,))
    text = written(record, "Ergebnisse/ü/漢", encoding)
    assert "  + p95 <= 2s - 1.1s, margin 45%\n" in text
    assert '  x p99("/predict*") <= 1s - 1.1s, margin -10%\n' in text
    assert "\nx FAIL\n" in text
    assert text.splitlines()[-1] == f"Results: Ergebnisse/{'ü' if encoding == 'latin-1' else '?'}/?"


@pytest.mark.parametrize(
    ("rules", "verdict", "style"),
    [
        pytest.param(["p95 < 9s"], "PASS", "bold green", id="green"),
        pytest.param(["p95 < 1ms"], "FAIL", "bold red", id="red"),
        pytest.param(['p95("/x") < 9s'], "INVALID", "bold yellow", id="yellow"),
    ],
)
def test_the_verdict_has_a_colour(
    make_record: MakeRecord, rules: list[str], verdict: str, style: str
) -> None:
    lines = console.lines(make_record({("GET", "/"): [100]}, rules))
    [line] = [line for line in lines if line.plain[2:].startswith(verdict)]
    assert line.style == style


def test_what_is_no_terminal_gets_no_colour(make_record: MakeRecord) -> None:
    assert "\x1b" not in written(make_record(MEASURED, RULES))


def test_a_long_line_is_not_broken(make_record: MakeRecord) -> None:
    name = "/" + "long" * 100
    assert Console().width < len(name)
    assert name in written(make_record({("GET", name): [1]}))


def test_without_a_stream_it_goes_to_the_standard_output(
    make_record: MakeRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make_record(MEASURED, RULES)
    console.write(record, "results/a-run")
    assert capsys.readouterr().out == written(record)
