"""`gauntlet report`: reports made again from records alone, and what speaks against it."""

import subprocess
import sys
from datetime import timedelta
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


def test_a_place_that_cannot_be_written_is_told(run: Path) -> None:
    with pytest.raises(UsageError, match="-o: expected a place to write to, got "):
        call(run, "-o", run / "no" / "folder.html")


def test_commands_are_read_without_locust_and_its_patches() -> None:
    script = (
        "import click, sys; from gauntlet.cli import COMMANDS, gauntlet; "
        "names = [gauntlet.get_command(click.Context(gauntlet), one).name for one in COMMANDS]; "
        "sys.exit(names != list(COMMANDS) or 'locust' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_a_command_does_without_what_another_needs() -> None:
    script = (
        "import gauntlet.cli, sys; sys.exit(len({'numpy', 'pydantic', 'rich'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


@pytest.fixture
def masters(tmp_path: Path) -> list[Path]:
    """The folders of two masters' runs of one load."""
    folders = [tmp_path / "results" / name for name in ("one", "two")]
    for seed, folder in enumerate(folders):
        folder.mkdir(parents=True)
        told = sample(30)
        total = told.total.model_copy(update={"service_percentiles_ms": None})
        told = told.model_copy(update={"seed": seed, "total": total})
        (folder / "run.json").write_text(told.model_dump_json(), encoding="utf-8")
    return folders


def later(run: Path) -> Path:
    """The same run an hour later."""
    told = files.load(run)
    hour = timedelta(hours=1)
    told = told.model_copy(update={"started": told.started + hour, "ended": told.ended + hour})
    place = run.parent / "later.json"
    place.write_text(told.model_dump_json(), encoding="utf-8")
    return place


def test_records_of_several_masters_become_one_with_its_verdict(
    masters: list[Path], tmp_path: Path
) -> None:
    """As they are given, into a folder of one's own, and as a page alone."""
    one, name = files.load(masters[0]), "20260304T050607Z-predict-endurance-merged"
    page, own = tmp_path / "whole.html", tmp_path / "whole"
    beside = tmp_path / "results" / name
    for words, place in (([], beside), (["--merge", own], own), (["-o", page], page)):
        done = CliRunner().invoke(report, [str(word) for word in [*masters, *words]])
        assert done.output.startswith("2 runs of one load merged\n")
        assert str(place) in done.output
        assert done.exit_code == 4
    for folder in (beside, own):
        whole = files.load(folder)
        assert (whole.masters, whole.outcome.exit_code) == (2, 4)
        assert whole.total.requests == 2 * one.total.requests
        assert (folder / "report.html").stat().st_size
    assert "2 masters" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["A", "B", "-o", "p", "--merge", "m"], "-o FILE or --merge", id="both"),
        pytest.param(["A", "B", "--overlay", "--merge", "m"], "--overlay or --merge", id="either"),
        pytest.param(["A", "B", "--overlay"], "-o FILE to lay runs over each other", id="no file"),
        pytest.param(["A", "--overlay"], "several runs with --overlay, got one", id="one"),
        pytest.param(["A", "--merge", "m"], "two records or more, got 1", id="one to merge"),
        pytest.param(["A", "C", "--merge", "m"], "start within 10s of record 1", id="later"),
        pytest.param(["A", "C"], "start within 10s of record 1, got 3600s", id="later, no file"),
    ],
)
def test_what_cannot_be_laid_together_is_refused(
    masters: list[Path], words: list[str], said: str
) -> None:
    names = {"A": masters[0], "B": masters[1], "C": later(masters[0])}
    with pytest.raises(UsageError, match=said):
        call(*(names.get(word, word) for word in words))
    assert {one.name for one in masters[0].parent.iterdir()} == {"one", "two", "later.json"}


def test_runs_that_made_no_load_together_are_laid_over_each_other(
    masters: list[Path], tmp_path: Path
) -> None:
    page = tmp_path / "both.html"
    hour = later(masters[1])
    for words in ([masters[0], hour], [masters[0]] * 2, [*masters, "--overlay"]):
        assert call(*words, "-o", page) == f"{page}: 2 runs laid over each other\n"
        assert "B: predict · endurance" in page.read_text(encoding="utf-8")
    assert [one.name for one in masters[0].iterdir()] == ["run.json"]


def test_a_record_is_not_merged_with_itself(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="record 2: expected another run"):
        call(run, run, "--merge", tmp_path / "whole")
