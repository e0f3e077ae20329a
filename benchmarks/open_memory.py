"""What an open run's memory grows by from its first minute on, in real processes.

    python -m benchmarks.open_memory [--minutes 10] [--rate 50]

Two runs side by side, one in a single process, one with a master and a worker: Poisson arrivals at
four endpoints of a target that takes 50 ms with a log-normal spread, so that new steps of the
response times' grid are met to the end. Once in the first minute it stalls, so that as many users
are there as a burst may call for later. Resident memory, read every ten seconds; a minute's figure
is the median of its last readings.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil

from benchmarks.pinned import ROOT, server
from tests.e2e.support import free_port

READ_S = 10.0
READINGS = 3
"""So many of a minute's end make its figure."""

STALL_S = 20.0, 22.0
"""Seconds after its first request, from which to which the target answers nobody."""

LOCUSTFILE = """
from locust import task

import gauntlet
from users.http import HttpUser

gauntlet.register()


class Visitor(HttpUser):
    @task
    def one_of_four(self):
        path = f"/{self.environment.runner.stats.num_requests % 4}"
        self.client.get(path)
"""


def serve() -> None:
    """The target; prints its address and serves until it is ended."""
    from gevent import monkey

    monkey.patch_all()
    from gevent import sleep
    from gevent.pywsgi import WSGIServer

    draws, first = Random(1), 0.0

    def answer(environ: dict[str, str], start_response: object) -> list[bytes]:
        nonlocal first
        first = first or time.monotonic()
        sleep(draws.lognormvariate(-3.0, 0.7))  # a median of 50 ms
        begin, end = STALL_S
        if begin < (now := time.monotonic() - first) < end:
            sleep(end - now)
        start_response("200 OK", [("Content-Length", "2")])  # type: ignore[operator]
        return [b"ok"]

    target = WSGIServer(("127.0.0.1", 0), answer, log=None)
    target.start()
    print(f"listening http://127.0.0.1:{target.server_port}", flush=True)
    target.serve_forever()


def main() -> None:
    """Run both, print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--serve", action="store_true")
    given = parser.parse_args()
    if given.serve:
        serve()
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        runs(Path(folder), given.minutes, given.rate) as processes,
    ):
        show(watch(processes, given.minutes), given.minutes)


@contextlib.contextmanager
def runs(folder: Path, minutes: int, rate: float) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """A single process, and a master with its worker, by name; a target of theirs is there, too."""
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    port = str(free_port())
    load = ["--arrivals", f"{rate}/s", "--arrivals-distribution", "poisson", "-t", f"{minutes}m"]
    fleet = ["--master", "--expect-workers", "1", "--master-bind-port", port]
    commands = {
        "single process": load,
        "master": [*fleet, "--master-bind-host", "127.0.0.1", *load],
        "its worker": ["--worker", "--master-host", "127.0.0.1", "--master-port", port],
    }
    started: dict[str, subprocess.Popen[bytes]] = {}
    with server("benchmarks.open_memory", "--serve") as line:
        try:
            for name, options in commands.items():
                started[name] = start(folder, name, [*options, "--host", line.split()[1]])
            yield started
        finally:
            for process in started.values():
                process.kill()
                process.wait()


def start(folder: Path, name: str, options: list[str]) -> "subprocess.Popen[bytes]":
    """One process of Locust, whose results and last words go to the folder."""
    headless = [] if "--worker" in options else ["--headless", "--only-summary"]
    with (folder / f"{name}.txt").open("wb") as words:
        return subprocess.Popen(
            [sys.executable, "-m", "locust", *headless, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=words,
        )


def watch(processes: dict[str, "subprocess.Popen[bytes]"], minutes: int) -> dict[str, list[float]]:
    """Resident megabytes of each at the end of each minute."""
    began, found = time.monotonic(), defaultdict(list)
    watched = {name: psutil.Process(one.pid) for name, one in processes.items()}
    for number in range(1, minutes * round(60 / READ_S) + 1):
        time.sleep(max(began + number * READ_S - time.monotonic(), 0.0))
        for name, one in watched.items():
            rss = one.memory_info().rss if processes[name].poll() is None else 0
            if rss:  # a run may end a little before its last reading
                found[name].append(rss / 1e6)
        if number % round(60 / READ_S) == 0:
            print({name: f"{read[-1]:.1f}" for name, read in found.items()}, file=sys.stderr)
    per = round(60 / READ_S)
    return {
        name: [statistics.median(read[at - READINGS : at]) for at in range(per, len(read) + 1, per)]
        for name, read in found.items()
    }


def show(found: dict[str, list[float]], minutes: int) -> None:
    """Print the table."""
    shown = [minute for minute in (1, 2, 5, 10, minutes) if minute <= minutes]
    shown = sorted(set(shown))
    print("| |" + "".join(f" {minute} min |" for minute in shown) + " from the first minute on |")
    print("|---|" + "---|" * (len(shown) + 1))
    for name, read in found.items():
        cells = "".join(f" {read[minute - 1]:.1f} MB |" for minute in shown)
        grown = read[-1] - read[0]
        print(f"| {name} |{cells} {grown:+.1f} MB, {grown / read[0]:+.1%} |")


if __name__ == "__main__":
    main()
