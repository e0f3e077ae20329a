"""What is told of single pictures, and the original's reports made of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gauntlet.report import images, sample
from gauntlet.report.image_analysis import Analysis, seconds, write
from gauntlet.report.images import ImageSummary, Row
from gauntlet.report.record import Outcome, RunRecord, Statistics


def row(number: int, **changes: Any) -> Row:
    fields: dict[str, Any] = {
        "start": float(number),
        "process": number % 2 + 1,
        "image": number,
        "task": "encrypt",
        "request_id": f"P_{number}",
        "server": "one:1",
        "success": True,
        "latency": number / 10,
        "total_time": number / 10,
        "first_byte": 0.1,
        "attempts": 1,
        "pieces": 3,
        "missing": 0,
        "rounds": 0,
        "recovered": 0,
        "image_size": 100,
        "encrypted_size": 1000,
        "verified": None,
        "error": None,
    }
    return Row(**(fields | changes))


FAILED = {"success": False, "error": "timeout: nothing came", "encrypted_size": None}


def test_what_workers_hand_over_adds_up() -> None:
    master, worker = ImageSummary(), ImageSummary()
    for number in range(3):
        worker.add(row(number))
        worker.count(late=2)
        worker.granted(1000 - number)
        master.absorb(json.loads(json.dumps(worker.hand_over())))
    assert [one.image for one in master.rows] == [0, 1, 2]
    section = master.section()
    assert section is not None
    figures = {one.name: one.value for one in section.figures}
    assert (figures["Late datagrams"], figures["Receive buffer granted"]) == (6, 998)
    assert worker.hand_over()["rows"] == []


def test_of_many_pictures_a_sample_is_kept_and_all_that_failed(monkeypatch: Any) -> None:
    monkeypatch.setattr(images, "MOST", 50)
    monkeypatch.setattr(sample, "MOST", 50)
    summary = ImageSummary()
    for number in range(5000):
        summary.add(row(number, **(FAILED if number % 500 == 7 else {})))
    assert len(summary.rows) == 50
    assert sum(not one.success for one in summary.rows) == 10
    assert summary.counts["images"] == 5000


def statistics(server: str = "", requests: int = 4, failures: int = 1) -> Statistics:
    percentiles = {"p50": 100.0, "p90": 100.0, "p95": 200.0, "p99": 300.0, "p99.9": 300.0}
    return Statistics(
        method="UDP" if not server else "",
        name="EncryptionRequest" if not server else "",
        server=server,
        phase="",
        requests=requests,
        failures=failures,
        fail_ratio=failures / requests,
        rps=1.0,
        avg_ms=150.0,
        stdev_ms=0.0,
        min_ms=1.0,
        max_ms=300.0,
        percentiles_ms=percentiles,
        first_byte_ms=None,
        received_bytes=0,
        sent_bytes=0,
        retries=0,
        verified=0,
        outcomes={},
    )


def record() -> RunRecord:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return RunRecord.model_construct(
        started=moment,
        ended=moment,
        duration=8.0,
        peak_users=2,
        mix={"pictures": {"width": 64}, "processes": {"count": 2, "images": 2}},
        iterations=None,
        outcome=Outcome(verdict="FAIL", reasons=(), exit_code=3),
        total=statistics(),
        endpoints=(statistics(),),
        servers=(statistics("one:1", 3, 0), statistics("two:1", 1, 1)),
    )


def test_the_reports_hold_what_the_record_and_the_pictures_say(tmp_path: Path) -> None:
    rows = [row(1), row(2), row(3), row(4, server="two:1", attempts=3, **FAILED)]
    analysis = Analysis(record(), [*rows, row(9, task="decrypt")], None)
    told = analysis.aggregated()
    assert told["overall"]["success_rate"] == 75.0
    assert told["overall"]["throughput"] == 0.5
    assert told["latency"]["all_latencies"] == [0.1, 0.2, 0.3]
    assert (told["latency"]["median"], told["latency"]["p99"]) == (0.2, 0.3)
    assert told["per_server"]["two:1"]["failure"] == 1
    assert [one["success"] for one in told["all_results"]] == [True, True, True, False]
    assert told["all_results"][3]["error"] == "timeout: nothing came"
    paths = write(analysis, tmp_path)
    assert [path.name for path in paths] == [
        "aggregated_metrics.json",
        "process_1_results.json",
        "process_2_results.json",
        "analysis_report.txt",
    ]
    report = paths[-1].read_text()
    assert "1 x timeout: nothing came" in report
    assert "process 1, image 4 at two:1 (P_4): timeout: nothing came" in report
    assert "Issues: 1 image failed, 0 of those decrypted are not right." in report
    assert "DECRYPTION VERIFICATION" not in report


def test_times_read_as_the_original_wrote_them() -> None:
    assert [seconds(one) for one in (0.0123, 3.14159, 75.0)] == ["12 ms", "3.14 s", "1 min 15 s"]
