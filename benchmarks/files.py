"""How fast do files move, in how much memory, and do others go on meanwhile?

    make bench-files

Our client against our target next to the baseline's client against the baseline's server, both in
turns in one run: one client with 100 MB, 50 clients with 10 MB. A number chooses the cases of so
many clients.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROUNDS = 3
MEGABYTE = 1024 * 1024
ROOT = Path(__file__).resolve().parent.parent


class Case(NamedTuple):
    """An operation, its clients and the size of each one's file."""

    operation: str
    clients: int
    megabytes: int


OURS = ("get", "get-md5", "upload", "upload-file")
CASES = [Case(one, *load) for load in ((1, 100), (50, 10)) for one in OURS]


@contextmanager
def server(command: Sequence[str]) -> Iterator[tuple[int, int]]:
    """A server; its port, and its process, whose memory and children count."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().split(":")[-1]), process.pid
        finally:
            process.terminate()


def look(pid: int) -> tuple[float, float]:
    """CPU seconds of a process and its workers; MiB at most in memory of the largest."""
    cpu, peaks = 0.0, [0.0]
    for one in [pid, *map(int, _children(pid))]:
        times = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:13]
        cpu += sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peaks.append(int(line.split()[1]) / 1024)
    return cpu, max(peaks)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def measure(case: Case, ours: bool, folder: Path) -> dict[str, Any]:
    """One fresh server and one run of clients."""
    name = f"file_{case.megabytes}mb.bin"
    if ours:
        serve = [sys.executable, "-m", "gauntlet.targets", "file-server", "--base-port", "0"]
        serve += ["--pool", str(case.clients), "--storage", str(folder)]
        run, operation = "benchmarks.file_clients", case.operation
    else:
        serve = [sys.executable, "-m", "benchmarks.file_baseline", "server", str(folder)]
        run, operation = "benchmarks.file_baseline", case.operation.partition("-")[0]
    with server(serve) as (port, pid):
        before, idle = look(pid)
        rest = [str(port), str(case.clients), name, str(folder / name)]
        found = clients([sys.executable, "-m", run, operation, *rest])
        cpu, found["server"] = look(pid)
        found["cpu"] += cpu - before
        found["server_grown"] = found["server"] - idle
    for path in folder.iterdir():
        if not path.name.startswith("file_"):
            path.unlink()
    return found


def clients(command: Sequence[str]) -> dict[str, Any]:
    """Run clients to their end; both sides may use both cores."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the tables, as benchmarks/README.md holds them."""
    chosen = [case for case in CASES if sys.argv[1:] in ([], [str(case.clients)])]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as made:
        folder = Path(made)
        for megabytes in (10, 100):
            block = os.urandom(MEGABYTE)
            with (folder / f"file_{megabytes}mb.bin").open("wb") as file:
                for _ in range(megabytes):
                    file.write(block)
        found: dict[tuple[Case, bool], list[dict[str, Any]]] = {}
        for number in range(ROUNDS):
            for case in chosen:
                for ours in (True, False):
                    found.setdefault((case, ours), []).append(measure(case, ours, folder))
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
    for case in chosen:
        print(row(case, found[case, True], found[case, False]))
    print(f"load average {os.getloadavg()[0]:.1f}", file=sys.stderr)


def row(case: Case, ours: list[dict[str, Any]], base: list[dict[str, Any]]) -> str:
    """A line of the table: medians, ratios of pairs that ran side by side."""
    moved = case.clients * case.megabytes

    def middle(runs: list[dict[str, Any]], key: str) -> float:
        return float(statistics.median(one[key] for one in runs))

    def ratio(key: str) -> float:
        pairs = zip(ours, base, strict=True)
        return float(statistics.median(two[key] / one[key] for one, two in pairs))

    rates = [moved / middle(runs, "seconds") for runs in (ours, base)]
    cpus = [middle(runs, "cpu") / moved * 1000 for runs in (ours, base)]
    memory = [
        f"{middle(ours, key):.0f} / {middle(base, key):.0f}"
        for key in ("peak", "grown", "server", "server_grown")
    ]
    cells = [
        f"{case.operation}, {case.clients} × {case.megabytes} MB",
        f"{rates[0]:.0f} / {rates[1]:.0f}",
        f"**{ratio('seconds'):.1f}**",
        f"{cpus[0]:.1f} / {cpus[1]:.1f}",
        f"{ratio('cpu'):.1f}",
        *memory,
        *(f"{middle(ours, key):.1f}" for key in ("late", "quiet", "own")),
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
