"""A run's folder of reports, filled as the run goes and closed when it ends."""

import csv
import tempfile
from datetime import datetime
from pathlib import Path

import gevent
from locust import stats
from locust.env import Environment
from locust.html import get_html_report

from gauntlet.errors import UsageError
from gauntlet.report import histograms, junit, tables
from gauntlet.report.record import RunRecord, to_json


def new_folder(parent: str, started: datetime, system: str | None, profile: str | None) -> Path:
    """Make `<UTC time>-<system>-<profile>` under `parent`; a number is added where it exists."""
    name = "-".join((f"{started:%Y%m%dT%H%M%SZ}", system or "custom", profile or "custom"))
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


class LocustFiles:
    """Locust's own CSV files and HTML report in the run's folder.

    The CSV files grow during the run, once a second; `close` writes them a last time.
    """

    def __init__(self, environment: Environment, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._csv = stats.StatsCSVFileWriter(
            environment, stats.PERCENTILES_TO_REPORT, str(folder / "locust")
        )
        self._writer = gevent.spawn(self._csv.stats_writer)

    def close(self) -> None:
        """Write the last state of the CSV files and the HTML report."""
        self._writer.kill()
        self._csv.close_files()
        final = stats.StatsCSV(self._environment, stats.PERCENTILES_TO_REPORT)
        for name, rows in (
            ("stats", final.requests_csv),
            ("failures", final.failures_csv),
            ("exceptions", final.exceptions_csv),
        ):
            with open(self._folder / f"locust_{name}.csv", "w", newline="") as file:
                rows(csv.writer(file))
        report = get_html_report(self._environment, show_download_link=False)
        (self._folder / "report.html").write_text(report, encoding="utf-8")


def write(record: RunRecord, folder: Path) -> None:
    """Write the run record and what is made from it alone."""
    (folder / "run.json").write_text(to_json(record), encoding="utf-8")
    junit.write(record, folder / "junit.xml")
    histograms.write(record, folder / "histograms.hlog")
    if record.servers:
        tables.write(record.servers, folder / "servers.csv")
    if record.phases:
        tables.write([*record.phases, *record.phase_endpoints], folder / "phases.csv")
