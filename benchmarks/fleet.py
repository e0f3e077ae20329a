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
CASES = ((10, 20), (50, 20), (100, 20), (200, 4), (200, 20), (50, 100))
"""Workers and series of each."""

LOCUSTFILE = """
from locust import User, task
import gauntlet

gauntlet.register()


class Visitor(User):
    @task
    def nothing(self) -> None:
        pass
"""


def measure(workers: int, series: int, seconds: int, folder: Path) -> str:
    """One case, as a row of a table."""
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    port, errors = str(free_port()), folder / "errors"
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
        watched = psutil.Process(master.pid)
        deadline = time.monotonic() + 120
        while not re.search(rb"All users spawned|Spawning is complete", errors.read_bytes()):
            assert time.monotonic() < deadline and master.poll() is None, "no load"
            time.sleep(0.2)
        before, began = sum(watched.cpu_times()[:2]), time.monotonic()
        time.sleep(seconds)
        spent = sum(watched.cpu_times()[:2]) - before
        share = spent / (time.monotonic() - began)
        master.wait(300)
        ended = time.time()
        seen = json.loads(crowd.communicate(timeout=60)[0])
    finally:
        for process in (master, crowd):
            process.kill()
            process.wait()
    (record,) = folder.glob("results/*/run.json")
    fleet = json.loads(record.read_text())["fleet"]
    assert fleet["lost"] == [] and all(not one["missing"] for one in fleet["members"])
    per_report = 1000 * share * 3 / workers
    cells = [workers, series, f"{share:.0%}", f"{per_report:.1f} ms", f"{seen['bytes']:,.0f}"]
    cells += [f"{seen['echo_ms']:.0f} / {seen['echo_p99_ms']:.0f} ms"]
    cells += [f"{ended - seen['asked']:.1f} s"]
    return f"| {' | '.join(map(str, cells))} |"


def main(seconds: int) -> None:
    """All cases."""
    print(
        "| workers | series | master's core | CPU per report | bytes per report | echo | verdict |"
    )
    print("|---|---|---|---|---|---|---|")
    for workers, series in CASES:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(workers, series, seconds, Path(folder)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
