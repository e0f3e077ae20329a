"""`gauntlet matrix file-server` narrowed: its rows and files, killed and resumed; its mistakes."""

import csv
import random
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import lab as lab  # a fixture
from tests.e2e.support import Ended, Lab, wait_until_gone
from tests.targets._files import file_server, worker_lines

pytestmark = pytest.mark.e2e

COMMAND = "-m", "gauntlet", "matrix", "file-server"
COLUMNS = "timestamp mode server_pool operation volume client_pool".split()
FIGURES = "avg_time_s throughput_Bps success fail".split()
NARROW = "--volumes", "1", "--client-pools", "3", "--server-pools", "1,2"


def call(lab: Lab, *options: str, **variables: str) -> Ended:
    return lab.start(sys.executable, *COMMAND, *options, variables=variables).end()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def keys(path: Path) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in COLUMNS[1:]) for row in read(path)]


PLANNED = [
    (mode, pool, operation, "1", "3")
    for mode in ("thread", "process")
    for operation in ("upload", "download", "list")
    for pool in ("1", "2")
]


def test_the_matrix_killed_at_a_random_cell_goes_on_and_has_every_row_once(lab: Lab) -> None:
    process = lab.start(sys.executable, *COMMAND, *NARROW, "--output", "out/rows.csv")
    path = lab.folder / "out" / "rows.csv"
    kill_at = random.randrange(1, 10)
    process.wait_until(
        lambda: path.exists() and path.read_bytes().count(b"\n") > kill_at, f"{kill_at} rows"
    )
    family = process.children()
    psutil.Process(process.pid).kill()
    process.end()
    wait_until_gone(family)
    before = path.read_bytes()
    with path.open("ab") as file:
        file.write(b"2026-01-01T00:00:00,thread,1,upl")  # as if it had been writing
    ended = call(lab, *NARROW, "--resume", "out/rows.csv")
    assert ended.code == 0, ended
    assert path.read_bytes().startswith(before)
    _check_files(path)
    assert f"{len(PLANNED)}/{len(PLANNED)} process list 1MB, 3 clients" in ended.errors
    assert "0s left" in ended.errors or "0ms left" in ended.errors
    assert "users shared by up to" in ended.output and "a port each" in ended.output
    assert "12 cells, 0 failed operations" in ended.output
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    done = path.read_bytes()
    again = call(lab, *NARROW, "--resume", "out/rows.csv", "--no-plots")  # nothing left to do
    assert (again.code, path.read_bytes()) == (0, done)
    other = call(lab, *NARROW, "--modes", "process", "--resume", "out/rows.csv", "--no-plots")
    assert other.code == 2 and "resume with the options" in other.mistakes[0]
    assert path.read_bytes() == done


def _check_files(path: Path) -> None:
    rows, details = read(path), read(path.with_name("rows_details.csv"))
    assert list(rows[0]) == [*COLUMNS, *FIGURES]
    assert keys(path) == PLANNED
    assert [[row[name] for name in COLUMNS] for row in rows] == [
        [row[name] for name in COLUMNS] for row in details
    ]
    for row, more in zip(rows, details, strict=True):
        assert (row["success"], row["fail"], more["outcomes"]) == ("3", "0", "")
        mean = float(row["avg_time_s"])
        assert mean <= float(more["wall_s"])
        assert float(more["p50_s"]) <= float(more["p95_s"]) <= float(more["p99_s"])
        if row["operation"] != "list":
            assert float(row["throughput_Bps"]) == pytest.approx(1024 * 1024 / mean, rel=0.01)
            wall = float(more["wall_s"])
            assert float(more["aggregate_Bps"]) == pytest.approx(3 * 1024 * 1024 / wall, rel=0.01)
        uploads = row["operation"] == "upload"
        assert more["server_connections"] == "3"
        assert more["server_served"] == ("6" if uploads else "3")  # uploads are deleted again
        assert more["server_failed"] == "0"
        if row["mode"] == "process":
            assert more["server_workers_used"] == row["server_pool"]
        cores = len(psutil.Process().cpu_affinity() or [])
        assert more["client_processes"] == ("1" if row["mode"] == "thread" else str(min(3, cores)))


def test_a_foreign_server_has_the_axes_of_the_clients_alone(lab: Lab) -> None:
    options = "--volumes", "1", "--client-pools", "2", "--modes", "thread"
    with file_server("--mode", "thread", "--pool", "1", "--populate", "1") as server:
        at = "--target", f"127.0.0.1:{server.port}"
        ended = call(lab, *options, *at, "--output", "rows.csv")
        assert ended.code == 0, ended
        assert [row["server_pool"] for row in read(lab.folder / "rows.csv")] == ["-"] * 3
        missing = call(lab, *at, "--volumes", "1,2", "--output", "no.csv")
        assert missing.code == 2 and "lists file_2mb.bin" in missing.mistakes[0]
        both = call(lab, *at, "--server-pools", "1")
        assert both.code == 2 and "--server-pools" in both.mistakes[0]
        ((connections, served, failed),) = worker_lines(server.stop().output)
        assert (connections, served, failed) == (6 + 2, 8 + 2, 0)
    gone = call(lab, *options, *at)
    assert gone.code == 5 and "connection refused" in gone.mistakes[0]
    assert not (lab.folder / "no.csv").exists() and not (lab.folder / "results").exists()


def test_a_cell_that_fails_is_told_and_ends_with_1(lab: Lab) -> None:
    options = "--operations", "upload", "--volumes", "1", "--client-pools", "2"
    with file_server("--fault-wrong-name", "1", "--pool", "2") as server:
        at = "--target", f"127.0.0.1:{server.port}", "--modes", "process"
        ended = call(lab, *options, *at, "--output", "rows.csv", "--no-plots")
    assert ended.code == 1, ended
    (row,), (more,) = read(lab.folder / "rows.csv"), read(lab.folder / "rows_details.csv")
    assert (row["success"], row["fail"], row["avg_time_s"]) == ("0", "2", "-")
    assert more["outcomes"] == "wrong name=2"


def test_ctrl_c_ends_all_processes_and_says_how_to_go_on(lab: Lab) -> None:
    process = lab.start(sys.executable, *COMMAND, *NARROW, "--output", "rows.csv")
    process.wait_for("1/12 ")
    family = process.children()
    process.press_ctrl_c()
    ended = process.end()
    assert ended.code == 130
    assert "--resume rows.csv" in ended.mistakes[-1]
    wait_until_gone(family)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--modes", "fork"], "--modes: modes[0]: expected", id="mode"),
        pytest.param(["--client-pools", ","], "--client-pools: expected values", id="nothing"),
        pytest.param(["--cell-limit", "soon"], "--cell-limit: cell_limit: expected", id="limit"),
        pytest.param(["--target", "http://x"], "--target: expected an address", id="target"),
        pytest.param(
            ["--output", "a", "--resume", "b"], "--output, --resume: expected one", id="both"
        ),
        pytest.param(["--output", "mine.csv"], "--output: expected a file that is not", id="there"),
        pytest.param(["--resume", "none.csv"], "--resume: expected a readable", id="not there"),
    ],
)
def test_a_mistake_is_told_in_one_line_before_anything_starts(
    lab: Lab, options: list[str], words: str
) -> None:
    lab.write("mine.csv", "mine\n")
    ended = call(lab, *options)
    (line,) = ended.mistakes
    assert ended.code == 2 and line.startswith(words), line
    assert not (lab.folder / "results").exists()


def test_without_matplotlib_one_line_says_what_to_install(lab: Lab) -> None:
    lab.write("blocked/matplotlib.py", "raise ModuleNotFoundError('matplotlib')\n")
    ended = call(lab, *NARROW, PYTHONPATH="blocked")
    assert ended.code == 2
    assert ended.mistakes == [
        "pictures of a matrix (--no-plots leaves them out) needs more packages: "
        "pip install 'locust-gauntlet[plots]'"
    ]
    shutil.rmtree(lab.folder / "blocked")
