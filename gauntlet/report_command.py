"""`gauntlet report`: the reports of finished runs, made again from their records alone."""

from pathlib import Path
from typing import NoReturn

import click

from gauntlet.errors import UsageError, gathering
from gauntlet.report import console, files, histograms, html
from gauntlet.report.merging import merged
from gauntlet.report.record import RunRecord


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
    help="Make one record of the RUNs, which are those of several masters of one test, and its "
    "reports in FOLDER; the exit code is that of its verdict.",
)
def report(runs: tuple[Path, ...], output: Path | None, folder: Path | None) -> None:
    """Make the reports of a RUN again: its folder of results, or its run.json.

    Without -o the folder's files are written anew, all that come from its record. Of several runs
    the first is what the report is about; the others' percentiles are laid over it.
    """
    records, mistakes = [], list[str]()
    for place in runs:
        with gathering(mistakes):
            record = files.load(place)
            histograms.check(record, place)
            records.append(record)
    if mistakes:
        raise UsageError(mistakes)
    if folder is not None and output is not None:
        raise UsageError("report: expected -o FILE or --merge FOLDER, got both")
    if folder is not None:
        _merge(records, folder)
    if len(runs) > 1 and output is None:
        raise UsageError("report: expected -o FILE with several runs, got none")
    try:
        if output is None:
            folder = runs[0] if runs[0].is_dir() else runs[0].parent
            names = files.render(records[0], folder)
            click.echo(f"{folder}: {', '.join(names)}")
        else:
            html.write(records, output)
            click.echo(str(output))
    except OSError as error:
        where = "-o" if output else "report"
        raise UsageError(
            f"{where}: expected a file to write to, got {error.filename!r} ({error.strerror})"
        ) from error


def _merge(records: list[RunRecord], folder: Path) -> NoReturn:
    whole = merged(records)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.write(whole, folder)
    except OSError as error:
        raise UsageError(
            f"--merge: expected a folder to write to, got {error.filename!r} ({error.strerror})"
        ) from error
    console.write(whole, str(folder))
    raise SystemExit(whole.outcome.exit_code)
