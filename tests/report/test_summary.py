"""The run in Markdown, and in a line for whoever looks at a container that ended."""

from pathlib import Path

import pytest

from gauntlet.report import summary
from gauntlet.report.record import Failure
from tests.report.conftest import MakeRecord

RULES = ["max <= 1s", "p95 < 50ms"]


def test_the_summary_has_verdict_reasons_thresholds_endpoints_and_failures(
    make_record: MakeRecord,
) -> None:
    text = Failure(method="GET", name="/a", text="expected 200, got 503", count=3)
    record = make_record({("GET", "/a"): [10.0, 100.0]}, RULES, failures=(text,))
    assert (
        summary.markdown(record)
        == """\
## ❌ FAIL: predict · smoke

30s · 5 users · 2 requests · 0 % failed · http://localhost:8000

- p95 < 50ms broke: 100ms

| state | threshold | value | margin |
| --- | --- | ---: | ---: |
| ✅ holds | max <= 1s | 100ms | 90% |
| ❌ broken | p95 < 50ms | 100ms | -100% |

| endpoint | requests | failed | p50 | p95 | p99 |
| --- | ---: | ---: | ---: | ---: | ---: |
| GET /a | 2 | 0 | 10.0 ms | 100 ms | 100 ms |
| all | 2 | 0 | 10.0 ms | 100 ms | 100 ms |

| where | failure | count |
| --- | --- | ---: |
| GET /a | expected 200, got 503 | 3 |
""".replace("<", "&lt;")
    )


def test_what_targets_say_is_no_markdown(make_record: MakeRecord) -> None:
    said = Failure(method="GET", name="/a|b", text="[x](http://y) <b>*\n# z", count=1)
    text = summary.markdown(make_record({("GET", "/a"): [10.0]}, failures=(said,)))
    row = r"| GET /a\|b | \[x\](http://y) &lt;b&gt;\* # z | 1 |"
    assert row in text.splitlines()


def test_it_is_appended_where_the_variable_says(make_record: MakeRecord, tmp_path: Path) -> None:
    record, place = make_record({("GET", "/a"): [10.0]}), tmp_path / "summary"
    place.write_text("Before.\n\n")
    for _ in range(2):
        summary.tell(record, {summary.VARIABLE: str(place)}, tmp_path / "none")
    assert place.read_text().startswith("Before.\n\n## ✅ PASS")
    assert place.read_text().count("## ✅ PASS: predict · smoke") == 2
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("times", "rules", "line"),
    [
        pytest.param(
            [10.0], RULES, "PASS (exit code 0) predict · smoke: all thresholds met", id="pass"
        ),
        pytest.param(
            [10.0], [], "PASS (exit code 0) predict · smoke: 1 request, none failed", id="no rules"
        ),
        pytest.param(
            [100.0], RULES, "FAIL (exit code 3) predict · smoke: p95 < 50ms broke: 100ms", id="fail"
        ),
    ],
)
def test_a_container_leaves_one_line(
    make_record: MakeRecord, tmp_path: Path, times: list[float], rules: list[str], line: str
) -> None:
    log = tmp_path / "termination-log"
    log.write_text("")  # as Kubernetes makes it
    record = make_record({("GET", "/a"): times}, rules)
    for _ in range(2):
        summary.tell(record, {}, log)
    assert log.read_text() == f"{line}\n"


def test_a_place_that_cannot_be_written_ends_no_run(
    make_record: MakeRecord, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    summary.tell(make_record({}), {summary.VARIABLE: str(tmp_path)}, tmp_path)
    assert [one.getMessage() for one in caplog.records] == [
        f"{tmp_path}: expected a file to write to, got Is a directory"
    ] * 2


def test_the_line_is_short_enough_for_kubernetes(make_record: MakeRecord) -> None:
    record = make_record({("GET", "/a"): [100.0]}, RULES)
    outcome = record.outcome.model_copy(update={"reasons": ("é\n" * 5000,)})
    told = summary.line(record.model_copy(update={"outcome": outcome}))
    assert len(told.encode()) <= 4096
    assert "\n" not in told
