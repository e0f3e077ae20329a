"""A run's folder of reports, and all that is made from its record alone.

Nothing here imports Locust, whose patches a command that only reads results does not want;
`gauntlet.report.locust_files` has what Locust itself writes.
"""

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from gauntlet.errors import UsageError
from gauntlet.report import histograms, html, junit, summary, tables
from gauntlet.report.record import RunRecord, to_json

RECORD = "run.json"
REPORT = "report.html"


def new_folder(
    parent: str, started: datetime, system: str | None, profile: str | None, *further: str
) -> Path:
    """Make `<UTC time>-<system>-<profile>` under `parent`; a number is added where it exists.

    `further` words follow.
    """
    words = (f"{started:%Y%m%dT%H%M%SZ}", system or "custom", profile or "custom", *further)
    name = "-".join(words)
    for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
        folder = Path(parent) / f"{name}{suffix}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError:
            break
    raise UsageError(f"--results-dir: expected a folder to write to, got {parent!r}")


def check_writable(parent: str) -> None:
    """UsageError where no folder of results can be made."""
    folder = Path(parent)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # other runs may be trying the same right now
            pass
    except OSError as error:
        raise UsageError(
            f"--results-dir: expected a folder to write to, got {parent!r} ({error.strerror})"
        ) from error


def write(record: RunRecord, folder: Path) -> None:
    """Write the run record and what is made from it alone, and tell those who wait outside."""
    (folder / RECORD).write_text(to_json(record), encoding="utf-8")
    render(record, folder)
    summary.tell(record)


def render(record: RunRecord, folder: Path) -> list[str]:
    """Write every report that is made from the record alone; the names of the files."""
    writers: dict[str, Callable[[Path], None]] = {
        REPORT: lambda path: html.write([record], path),
        "summary.md": lambda path: summary.write(record, path),
        "junit.xml": lambda path: junit.write(record, path),
        "histograms.hlog": lambda path: histograms.write(record, path),
    }
    if record.servers:
        writers["servers.csv"] = lambda path: tables.write(record.servers, path)
    if record.phases:
        rows = [*record.phases, *record.phase_endpoints]
        writers["phases.csv"] = lambda path: tables.write(rows, path)
    for name, write_one in writers.items():
        write_one(folder / name)
    return list(writers)


def load(place: Path) -> RunRecord:
    """The record in a folder of results, or in a file; UsageError where there is none."""
    path = place / RECORD if place.is_dir() else place
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: expected a run record, got {error.strerror}") from error
    except ValidationError as error:
        raise UsageError(f"{path}: expected a run record, got {_found(error)}") from error


def _found(error: ValidationError) -> str:
    """What stands in place of a record, by its first mistake."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return "no JSON"
    return f"other content: {'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}"
