"""The result files of a matrix: a row per cell, on the disk as soon as the cell ends.

`orchestrator_results_<time>.csv` has the ten columns of the original tester:

    timestamp       local, ISO, at the end of the cell
    mode            thread or process
    server_pool     workers of the server; - where the server is somebody else's
    operation       upload, download or list
    volume          MB of 1024 * 1024 bytes
    client_pool     clients, each of which does the operation once
    avg_time_s      mean over the clients that succeeded, connect and queueing included
    throughput_Bps  bytes per second of a client: volume (of a list: its answer) / avg_time_s
    success, fail   clients

`…_details.csv` has for the same cells what DETAILS names: seconds, bytes per second, counts.
"""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from gauntlet.errors import UsageError
from gauntlet.matrix.plan import Cell

COLUMNS = (
    "timestamp",
    "mode",
    "server_pool",
    "operation",
    "volume",
    "client_pool",
    "avg_time_s",
    "throughput_Bps",
    "success",
    "fail",
)
DETAILS = (
    *COLUMNS[:6],
    "p50_s",
    "p95_s",
    "p99_s",
    "wall_s",
    "aggregate_Bps",
    "connect_p95_s",
    "wait_p95_s",
    "client_processes",
    "server_workers_used",
    "server_connections",
    "server_served",
    "server_failed",
    "outcomes",
)
NONE = "-"


class Sheet:
    """One CSV file that grows row by row."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self._columns = path, tuple(columns)

    def begin(self) -> None:
        """Make the file with its header; UsageError where there is one already."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("x", encoding="utf-8"):
                pass
        except FileExistsError:
            raise UsageError(
                f"--output: expected a file that is not there yet, got {str(self.path)!r}; "
                "--resume goes on with it"
            ) from None
        except OSError as error:
            raise UsageError(
                f"--output: expected a file to write to, got {str(self.path)!r} "
                f"({(error.strerror or str(error)).lower()})"
            ) from None
        self.append(self._columns)

    def append(self, row: Sequence[object]) -> None:
        """Write a row and see it onto the disk."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        with self.path.open("ab") as file:
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[dict[str, str]]:
        """Every complete row; a file saved with semicolons is read as well."""
        return [dict(zip(self._columns, row, strict=True)) for _, row in self._complete()]

    def cut(self, count: int) -> None:
        """Keep the header and the first rows; what was begun behind them goes."""
        ends = [end for end, _ in self._complete()]
        keep = ends[count - 1] if count else len(self._text().split(b"\n")[0]) + 1
        os.truncate(self.path, keep)

    def _text(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError:
            raise UsageError(
                f"--resume: expected a readable file of results, got {str(self.path)!r}"
            ) from None

    def _complete(self) -> list[tuple[int, list[str]]]:
        """Where each complete row ends, and its cells."""
        whole = self._text().split(b"\n")[:-1]  # what has no line end was interrupted
        separator = ";" if whole and b";" in whole[0] else ","
        rows = [_cells(line, separator) for line in whole]
        if not rows or tuple(rows[0]) != self._columns:
            raise UsageError(
                f"{self.path}: expected the columns {', '.join(self._columns[:3])} …, got others"
            )
        found, end = [], len(whole[0]) + 1
        for line, row in zip(whole[1:], rows[1:], strict=True):
            end += len(line) + 1
            if len(row) != len(self._columns):
                break
            found.append((end, row))
        return found


def _cells(line: bytes, separator: str) -> list[str]:
    """The cells of a line; none where it is no text."""
    try:
        return next(csv.reader([line.decode()], delimiter=separator), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def cell_of(row: dict[str, str], path: Path) -> Cell:
    """The cell that a row is about."""
    try:
        pool = None if row["server_pool"] == NONE else int(row["server_pool"])
        volume, clients = int(row["volume"]), int(row["client_pool"])
    except ValueError:
        raise UsageError(f"{path}: expected whole numbers in each row, got others") from None
    return Cell(row["mode"], row["operation"], volume, clients, pool)  # type: ignore[arg-type]  # compared with planned cells


def details_of(path: Path) -> Path:
    """Where the second file lies."""
    return path.with_name(f"{path.stem}_details.csv")
