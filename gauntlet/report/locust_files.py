"""Locust's own files in a run's folder: CSV as the run goes, and its HTML report."""

import csv
from pathlib import Path

import gevent
from locust import stats
from locust.env import Environment
from locust.html import get_html_report

REPORT = "locust_report.html"


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
        (self._folder / REPORT).write_text(report, encoding="utf-8")
