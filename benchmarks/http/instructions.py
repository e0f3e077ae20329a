"""How many instructions in user space does one request take?

    .venv/bin/python -m benchmarks.http.instructions              # needs nginx and valgrind
    .venv/bin/python -m benchmarks.http.instructions get blob     # some kinds of work only

One user of each client makes the same requests, one after the other, and callgrind counts what
lies between the 200th and the 1,200th. The counts repeat to about one percent whatever else the
machine does, which CPU times do not. What the kernel does is not in them.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.http.__main__ import CLIENTS, WORKS
from benchmarks.http.server import nginx
from benchmarks.pinned import ROOT

WARM_UP, COUNTED = 200, 1000


def main(works: list[str]) -> None:
    """Count and print."""
    print(f"| work | {' | '.join(CLIENTS.values())} |\n|{'---|' * (len(CLIENTS) + 1)}")
    with tempfile.TemporaryDirectory() as name, nginx(Path(name)) as address:
        for work in works:
            cells = [_count(client, work, address, Path(name)) for client in CLIENTS]
            print(f"| {WORKS[work]} |" + "".join(f" {cell:,} |" for cell in cells), flush=True)


def _count(client: str, work: str, address: str, folder: Path) -> int:
    """Instructions per request."""
    found = folder / f"{client}-{work}"
    tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={found}"]
    done = subprocess.run(
        [*tool, sys.executable, "-m", "benchmarks.http.instructions", "--inside", address],
        cwd=ROOT,
        env={
            **os.environ,
            "BENCH_CLIENT": client,
            "BENCH_WORK": work,
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": "0",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines or json.loads(lines[-1]) != {"requests": WARM_UP + COUNTED, "failures": 0}:
        raise SystemExit(f"{client} {work} counted nothing:\n{done.stdout}{done.stderr[-2000:]}")
    listed = subprocess.run(
        ["callgrind_annotate", str(found)], capture_output=True, text=True, check=True
    )
    total = re.search(r"([\d,]+) \(100\.0%\) +PROGRAM TOTALS", listed.stdout)
    assert total is not None
    return int(total[1].replace(",", "")) // COUNTED


def inside(address: str) -> None:
    """Under callgrind: let one user live until it has made all requests."""
    from gevent import monkey
    from locust.env import Environment
    from locust.exception import StopUser

    from benchmarks.http.http_generators import CLIENT, Chosen
    from gauntlet.measure import rounding, table
    from gauntlet.measure.recorder import Recorder

    waitpid: Any = monkey.get_original("os", "waitpid")

    def switch(state: str) -> None:
        control = ["callgrind_control", "-i", state, str(os.getpid())]
        waitpid(os.posix_spawnp(control[0], control, os.environ), 0)

    environment = Environment(user_classes=[Chosen])
    environment.create_local_runner()
    if CLIENT != "stock":  # what `register()` lets listen to requests
        Recorder(environment)
        rounding.install()
        table.install(environment)
    (work,) = Chosen.tasks
    total = environment.stats.total

    def counted(user: Any) -> None:
        work(user)
        if total.num_requests == WARM_UP:
            switch("on")
        elif total.num_requests == WARM_UP + COUNTED:
            switch("off")
            raise StopUser

    Chosen.tasks, Chosen.host = [counted], address
    Chosen(environment).run()
    print(json.dumps({"requests": total.num_requests, "failures": total.num_failures}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2])
    else:
        main(sys.argv[1:] or list(WORKS))
