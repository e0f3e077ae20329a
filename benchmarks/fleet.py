"""How many workers one master merges: CPU, bytes, and what comes late.

    python -m benchmarks.fleet [SECONDS]

A real master with the suite on one core, simulated workers on the other, each reporting 300
requests per second. Per case: the master's share of its core, CPU per report, bytes per report,
the echo of a heartbeat, which waits behind the reports, and the time from the end of the load to
the end of the process, verdict and files written.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.pinned import GENERATOR_CORE, TARGET_CORE
from tests.e2e.support import free_port

REQUESTS = 300
CASES = ((10, 20), (50, 20), (100, 20), (200, 4), (200, 20), (50, 100), (100, 100), (200, 100))
"""Workers and series of each."""

LONGEST_S, WHOLE_S = 120.0, 345.0
"""So long may a case take, and all of them, whatever the machine does."""

LOCUSTFILE = """
from locust import User, task
import gauntlet

gauntlet.register()


class Visitor(User):
    @task
    def nothing(self) -> None:
        pass
"""


def measure(workers: int, series: int, seconds: int, folder: Path, longest: float) -> str:
    """One case, as a row of a table; what cannot be had within `longest` seconds is said so."""
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    port, errors = str(free_port()), folder / "errors"
    deadline = time.monotonic() + longest
    master = subprocess.Popen(
        [sys.executable, "-m", "locust", "--master", "--headless", "--only-summary"]
        + ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--preflight", "off"]
        + ["--expect-workers", str(workers), "-u", str(10 * workers), "-r", "100000"]
        + ["-t", f"{seconds + 6}s", "--host", "http://127.0.0.1:9"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=errors.open("wb"),
        preexec_fn=lambda: os.sched_setaffinity(0, GENERATOR_CORE),
    )
    crowd = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fleet_workers", port]
        + [str(workers), str(series), str(REQUESTS)],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, TARGET_CORE),
    )
    try:
        share = _share(master, errors, seconds, deadline)
        master.wait(max(deadline - time.monotonic(), 1))
        ended = time.time()
        seen = json.loads(crowd.communicate(timeout=max(deadline - time.monotonic(), 5))[0])
    except (TimeoutError, subprocess.TimeoutExpired):
        return _row(workers, series, f"not within {longest:.0f} s", "", "", "", "")
    finally:
        for process in (master, crowd):
            process.kill()
            process.wait()
    per_report = f"{1000 * share * 3 / workers:.1f} ms"
    echo = f"{seen['echo_ms']:.0f} / {seen['echo_p99_ms']:.0f} ms"
    verdict = f"{ended - seen['asked']:.1f} s{_amiss(folder)}"
    return _row(workers, series, f"{share:.0%}", per_report, f"{seen['bytes']:,.0f}", echo, verdict)


def _share(master: "subprocess.Popen[bytes]", errors: Path, seconds: int, deadline: float) -> float:
    """The master's share of its core, once its load runs."""
    watched = psutil.Process(master.pid)
    while not re.search(rb"All users spawned|Spawning is complete", errors.read_bytes()):
        if time.monotonic() > deadline or master.poll() is not None:
            raise TimeoutError
        time.sleep(0.2)
    before, began = sum(watched.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    return float((sum(watched.cpu_times()[:2]) - before) / (time.monotonic() - began))


def _amiss(folder: Path) -> str:
    """What the record lacks, in the last cell; nothing where it lacks nothing."""
    (record,) = folder.glob("results/*/run.json")
    fleet = json.loads(record.read_text())["fleet"]
    missing = sum(one["missing"] for one in fleet["members"])
    found = [f"{len(fleet['lost'])} workers lost"] * bool(fleet["lost"])
    found += [f"{missing} requests missing"] * bool(missing)
    return "".join(f", {one}" for one in found)


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main(seconds: int) -> None:
    """All cases."""
    heads = "master's core", "CPU per report", "bytes per report", "echo", "verdict after"
    print(_row("workers", "series", *heads))
    print("|---|---|---|---|---|---|---|")
    end = time.monotonic() + WHOLE_S
    for workers, series in CASES:
        longest = min(LONGEST_S, end - time.monotonic())
        with tempfile.TemporaryDirectory() as folder:
            print(measure(workers, series, seconds, Path(folder), longest), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
