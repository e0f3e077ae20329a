"""`gauntlet report`: the reports of finished runs, made again from their records alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from gauntlet.errors import UsageError, gathering
from gauntlet.report import console, files, histograms, html
from gauntlet.report.merging import merged, unlike
from gauntlet.report.record import RunRecord
from gauntlet.text import counted


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the HTML report there, and nothing else.",
)
@click.option(
    "--merge",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Merge several RUNs into FOLDER; where they are not parts of one load, say why.",
)
@click.option(
    "--overlay", is_flag=True, help="Lay several RUNs over each other in any case; wants -o."
)
def report(runs: tuple[Path, ...], output: Path | None, folder: Path | None, overlay: bool) -> None:
    """Make the reports of a RUN again: its folder of results, or its run.json.

    Without -o the folder's files are written anew, all that come from its record.

    Several RUNs that are parts of one load, by several masters who put the same profile on the
    same target at the same time, are merged: their record and reports go into a folder beside the
    first RUN, and the exit code is that of the verdict over the whole. Of other RUNs the first is
    what the report is about, and the others' percentiles are laid over it.
    """
    if folder is not None and (output is not None or overlay):
        other = "-o FILE" if output is not None else "--overlay"
        raise UsageError(f"report: expected {other} or --merge FOLDER, got both")
    if overlay and len(runs) < 2:
        raise UsageError("report: expected several runs with --overlay, got one")
    records = _load(runs)
    apart = [*unlike(records)] if len(records) > 1 and not overlay else []
    if folder is not None or (len(records) > 1 and not overlay and not apart):
        _merge(records, runs[0], folder, output)
        return
    if len(records) > 1 and output is None:
        one_load = " that are no parts of one load" if apart else ""
        wanted = f"report: expected -o FILE to lay runs over each other{one_load}, got none"
        raise UsageError([*apart, wanted])
    if output is None:
        place = _folder(runs[0])
        with _writing("report"):
            names = files.render(records[0], place)
        click.echo(f"{place}: {', '.join(names)}")
    else:
        _write_page(records, output)


def _load(runs: Sequence[Path]) -> list[RunRecord]:
    """The records of all; UsageError with a line for each that is none."""
    records, mistakes = [], list[str]()
    for place in runs:
        with gathering(mistakes):
            record = files.load(place)
            histograms.check(record, place)
            records.append(record)
    if mistakes:
        raise UsageError(mistakes)
    return records


def _merge(
    records: Sequence[RunRecord], first: Path, folder: Path | None, output: Path | None
) -> None:
    """Write the whole, tell it, and exit as its verdict says."""
    whole = merged(records)
    click.echo(f"{counted(len(records), 'run')} of one load merged")
    if output is not None:
        _write_page([whole], output)
    else:
        place = _write_folder(whole, folder or _beside(first, whole))
        console.write(whole, str(place))
    raise SystemExit(whole.outcome.exit_code)


def _write_folder(whole: RunRecord, folder: Path) -> Path:
    with _writing("--merge"):
        folder.mkdir(parents=True, exist_ok=True)
        files.write(whole, folder)
    return folder


def _beside(run: Path, whole: RunRecord) -> Path:
    """A new folder beside that of a run."""
    folder = _folder(run)
    parent = (folder if folder.name not in ("", "..") else folder.resolve()).parent
    try:
        return files.new_folder(str(parent), whole.started, whole.system, whole.profile, "merged")
    except UsageError as error:
        raise UsageError(
            f"report: expected a folder to write to, got {str(parent)!r}; name one with --merge"
        ) from error


def _folder(run: Path) -> Path:
    """Where a run's files lie."""
    return run if run.is_dir() else run.parent


def _write_page(records: Sequence[RunRecord], output: Path) -> None:
    with _writing("-o"):
        html.write(records, output)
    several = f": {counted(len(records), 'run')} laid over each other" if records[1:] else ""
    click.echo(f"{output}{several}")


@contextmanager
def _writing(where: str) -> Iterator[None]:
    """UsageError where something cannot be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{where}: expected a place to write to, got {error.filename!r} ({error.strerror})"
        ) from error
