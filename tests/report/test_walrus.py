"""What is told of blobs: counts of all, a sample of many, the same from one process or from ten."""

import json
import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from locust.rpc.protocol import Message

from gauntlet.report.sample import MOST
from gauntlet.report.walrus import CACHED, FILE, FIRST, BlobSummary, Row
from gauntlet.report.walrus_lines import AT_ONCE, Lines, line


def row(start: float, **changes: object) -> Row:
    usual = Row(start, f"id-{start:g}", 0.5, 2048, 0.2, 0.1, "newlyCreated", True, 3)
    return usual._replace(**changes)  # type: ignore[arg-type]  # as the tests name them


def figures(summary: BlobSummary) -> dict[str, float | int | None]:
    section = summary.section()
    assert section is not None and section.title == "Blobs"
    return {figure.name: figure.value for figure in section.figures}


def shown(summary: BlobSummary, name: str) -> str:
    section = summary.section()
    assert section is not None
    return next(figure.shown for figure in section.figures if figure.name == name)


def over_the_wire(summary: BlobSummary) -> dict[str, object]:
    """What is handed over, as it arrives elsewhere."""
    sent = Message("stats", summary.hand_over(), "worker").serialize()
    wire: dict[str, object] = Message.unserialize(sent).data
    return wire


def test_blobs_are_numbered_by_the_start_of_their_upload(tmp_path: Path) -> None:
    summary = BlobSummary()
    summary.export = True
    for start in (3.0, 1.0, 2.0):
        summary.add(row(start))
    summary.add(row(4.0, blob_id=None, upload=None, first=None, cached=None, status="refused"))
    summary.write(tmp_path)
    told = json.loads((tmp_path / FILE).read_text())
    assert [(one["blob_number"], one["blob_id"]) for one in told] == [
        *((1, "id-1"), (2, "id-2"), (3, "id-3"), (4, None))
    ]
    assert told[0] == {
        "blob_number": 1,
        "blob_id": "id-1",
        "upload_time": 0.5,
        "blob_size_kb": 2.0,
        "download_time_first": 0.2,
        "download_time_cached": 0.1,
        "status": "newlyCreated",
        "verified": True,
        "bytes": 2048,
        "attempts": 3,
    }
    assert told[3]["upload_time"] is None


def test_nothing_is_written_unless_it_is_wanted(tmp_path: Path) -> None:
    summary = BlobSummary()
    summary.add(row(1.0))
    summary.write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_blobs_there_is_no_section_and_an_empty_file(tmp_path: Path) -> None:
    summary = BlobSummary()
    summary.export = True
    assert summary.section() is None
    summary.write(tmp_path)
    assert json.loads((tmp_path / FILE).read_text()) == []


def test_all_blobs_are_told_up_to_the_cap() -> None:
    summary = BlobSummary()
    for number in range(MOST):
        summary.add(row(float(number)))
    assert [one.start for one in summary.rows] == [float(number) for number in range(MOST)]
    assert "Blobs told one by one" not in figures(summary)


def test_of_more_blobs_a_fair_sample_is_kept_in_bounded_memory() -> None:
    summary = BlobSummary()
    for number in range(8 * MOST):
        summary.add(row(float(number)))
        assert len(summary._sample.hand_over()) < 2 * MOST
    starts = [one.start for one in summary.rows]
    assert len(starts) == len(set(starts)) == MOST
    eighths = Counter(int(start // MOST) for start in starts)
    assert all(MOST / 8 * 0.8 < eighths[eighth] < MOST / 8 * 1.2 for eighth in range(8))
    assert shown(summary, "Blobs told one by one") == f"{MOST} of {8 * MOST}"


def test_workers_have_the_share_of_the_sample_that_they_have_of_the_blobs() -> None:
    master = BlobSummary()
    for _ in range(6):
        for worker, blobs in enumerate((MOST // 4, MOST)):
            one = BlobSummary()
            for _ in range(blobs):
                one.add(row(0.0, size=worker))
            master.absorb(over_the_wire(one))
            assert len(master._sample.hand_over()) < 3 * MOST
    sizes = Counter(one.size for one in master.rows)
    assert sizes.total() == MOST
    assert 0.2 * 0.8 < sizes[0] / MOST < 0.2 * 1.2
    assert master.counts["blobs"] == 6 * (MOST // 4 + MOST)


def test_several_processes_tell_what_one_would() -> None:
    random, alone, master = Random(1), BlobSummary(), BlobSummary()
    workers = [BlobSummary() for _ in range(3)]
    for number in range(300):
        both = alone, workers[number % 3]
        seconds = random.random()
        for one in both:
            one.stored(number % 4 > 0, number % 5 == 0)
            one.read(FIRST, seconds, "miss")
            one.read(CACHED, seconds / 10, "hit")
            one.count("backed off 429")
            one.add(row(float(number)))
            if number % 50 == 0:
                one.count("backed off 404")
                one.visible(seconds)
        if number % 70 == 0:
            master.absorb(over_the_wire(workers[number % 3]))
    for worker in workers:
        master.absorb(over_the_wire(worker))
        assert worker.section() is None, "it is handed over once"
    assert figures(master) == figures(alone)
    assert master.rows == alone.rows


def test_the_figures_say_what_was_measured() -> None:
    summary = BlobSummary()
    for again in (False, True, True):
        summary.stored(not again, again)
    for seconds in (0.1, 0.2, 0.3):
        summary.read(FIRST, seconds, "miss")
        summary.read(CACHED, seconds / 10, "hit")
    summary.read(CACHED, 0.5, "unknown")
    summary.read_again(9.0)
    summary.count("backed off 503")
    for answers, seconds in ((2, 0.4), (1, 0.2)):
        for _ in range(answers):
            summary.count("backed off 404")
        summary.visible(seconds)
    found = figures(summary)
    assert (found["Newly created"], found["Already certified"]) == (1, 2)
    assert shown(summary, "Uploaded again on purpose") == "2, of which 2 already certified"
    assert found["Shortest cached download"] == pytest.approx(0.01)
    assert found["Longest cached download"] == pytest.approx(9.0)
    assert found["First to cached"] == pytest.approx(0.2 / 0.02, rel=0.01), "waits are no cache's"
    assert found["First downloads by cache headers"] == 0.0
    assert found["Cached downloads by cache headers"] == 1.0
    assert shown(summary, "Cached downloads by cache headers") == (
        "3 hits, 0 misses, 1 without a word"
    )
    assert found["Stale at first"] == 2
    assert shown(summary, "Stale at first").startswith("2 (3 answers of 404), visible after P50 ")
    assert found["Longest time to visibility"] == pytest.approx(0.4)
    assert found["Backed off after 503"] == 1
    assert "Backed off after 429" not in found


@pytest.mark.parametrize(
    ("one", "text"),
    [
        pytest.param(
            row(0.0),
            "\x1b[32mblob uploaded 0.500s\x1b[0m  \x1b[33m2.0 KiB\x1b[0m  "
            "\x1b[35mfirst 0.200s\x1b[0m  \x1b[32mcached 0.100s\x1b[0m",
            id="all went well",
        ),
        pytest.param(
            row(0.0, status="alreadyCertified", first=None, cached=None),
            "\x1b[33mblob already certified 0.500s\x1b[0m  \x1b[33m2.0 KiB\x1b[0m",
            id="an existing blob",
        ),
        pytest.param(
            row(0.0, status="wrong bytes", first=None, cached=None),
            "\x1b[32mblob uploaded 0.500s\x1b[0m  \x1b[33m2.0 KiB\x1b[0m  "
            "\x1b[31mfailed: wrong bytes\x1b[0m",
            id="a wrong download",
        ),
        pytest.param(
            row(0.0, upload=None, status="refused"),
            "\x1b[31mblob failed: refused\x1b[0m",
            id="no upload",
        ),
    ],
)
def test_a_blob_has_a_coloured_line(one: Row, text: str) -> None:
    assert line(one) == text


def test_of_many_blobs_only_some_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for _ in range(2000):
        lines.tell(row(0.0))
    lines.tell(row(0.0, status="wrong bytes", first=None, cached=None))
    *told, last = capsys.readouterr().out.strip().split("\n")
    assert AT_ONCE <= len(told) < 200
    assert "failed: wrong bytes" in last, "failures are told all the same"
    untold = [int(more) for one in (*told, last) for more in re.findall(r"\((\d+) more", one)]
    assert len(told) + sum(untold) == 2000


def test_nobody_looks_at_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert not Lines().wanted(None)
