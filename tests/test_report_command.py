"""`gauntlet report`: reports made again from records alone, and what speaks against it."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gauntlet.errors import UsageError
from gauntlet.report import files
from gauntlet.report_command import report
from tests.report.samples import sample


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run from which only its record is left."""
    (tmp_path / "run.json").write_text(sample(30).model_dump_json(), encoding="utf-8")
    return tmp_path


def call(*words: object) -> str:
    """What the command prints; its error is raised."""
    done = CliRunner().invoke(
        report, [str(one) for one in words], catch_exceptions=False, standalone_mode=False
    )
    if done.exception:
        raise done.exception
    return done.output


@pytest.mark.parametrize("named", [".", "run.json"])
def test_every_file_that_comes_from_the_record_is_made_again(run: Path, named: str) -> None:
    said = call(run / named)
    made = [
        "report.html",
        "summary.md",
        "junit.xml",
        "histograms.hlog",
        "servers.csv",
        "phases.csv",
    ]
    assert said == f"{run}: {', '.join(made)}\n"
    assert {path.name for path in run.iterdir()} == {"run.json", *made}
    again = {name: (run / name).read_bytes() for name in made}
    call(run)
    assert {name: (run / name).read_bytes() for name in made} == again


def test_runs_are_laid_over_each_other_in_a_file_of_ones_own(run: Path, tmp_path: Path) -> None:
    place = tmp_path / "both.html"
    assert call(run, run, "-o", place) == f"{place}\n"
    assert "B: predict · endurance" in place.read_text(encoding="utf-8")
    assert {path.name for path in run.iterdir()} == {"run.json", "both.html"}


def test_a_record_is_read_as_it_was_written(run: Path) -> None:
    assert files.load(run) == sample(30)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param("{", "no JSON", id="torn"),
        pytest.param("[]", "other content: all of it: ", id="a list"),
        pytest.param("{}", "other content: gauntlet: Field required", id="empty"),
    ],
)
def test_what_is_no_record_is_refused_in_a_line_each(
    run: Path, tmp_path: Path, content: str, found: str
) -> None:
    wrong, missing = tmp_path / "wrong.json", tmp_path / "none"
    wrong.write_text(content)
    with pytest.raises(UsageError) as caught:
        call(run, wrong, missing, "-o", tmp_path / "out.html")
    first, second = caught.value.mistakes
    assert first.startswith(f"{wrong}: expected a run record, got {found}")
    assert second == f"{missing}: expected a run record, got No such file or directory"
    assert not (tmp_path / "out.html").exists()


def test_a_damaged_histogram_is_told_in_a_line(run: Path) -> None:
    record = sample(30)
    whole = record.histograms[0]
    for hdr in ("HISTFAAAgarbage!!", whole.hdr[:-8], ""):
        changed = record.model_copy(update={"histograms": (whole.model_copy(update={"hdr": hdr}),)})
        (run / "run.json").write_text(changed.model_dump_json(), encoding="utf-8")
        with pytest.raises(UsageError, match="that is damaged"):
            call(run)


def test_several_runs_need_a_file_to_go_to(run: Path) -> None:
    with pytest.raises(UsageError, match="expected -o FILE with several runs, got none"):
        call(run, run)


def test_a_place_that_cannot_be_written_is_told(run: Path) -> None:
    with pytest.raises(UsageError, match="-o: expected a file to write to, got "):
        call(run, "-o", run / "no" / "folder.html")


def test_commands_that_read_results_do_without_locust_and_its_patches() -> None:
    script = "import gauntlet.cli, sys; sys.exit('locust' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_records_of_several_masters_become_one_with_its_verdict(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / f"master{number}"
        folder.mkdir()
        told = sample(30).model_copy(update={"seed": number, "arrivals": None})
        (folder / "run.json").write_text(told.model_dump_json(), encoding="utf-8")
    one = files.load(tmp_path / "master1")
    with pytest.raises(UsageError, match="got both"):
        call(tmp_path / "master1", "-o", tmp_path / "page.html", "--merge", tmp_path / "whole")
    done = CliRunner().invoke(
        report,
        [str(tmp_path / "master1"), str(tmp_path / "master2"), "--merge", str(tmp_path / "whole")],
    )
    whole = files.load(tmp_path / "whole")
    assert whole.total.requests == 2 * one.total.requests
    assert (done.exit_code, whole.outcome.exit_code) == (whole.outcome.exit_code,) * 2
    assert f"Results: {tmp_path / 'whole'}" in done.output
    assert (tmp_path / "whole" / "report.html").stat().st_size


def test_a_record_is_not_merged_with_itself(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="record 2: expected another run"):
        call(run, run, "--merge", tmp_path / "whole")
