"""How long does the whole matrix of the file server take, and how much memory?

    make bench-file-matrix

Runs `gauntlet matrix file-server` with all 162 cells and samples the PSS of the command and of all
that it starts, four times a second.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SAMPLE_S = 0.25


def pss(process: psutil.Process) -> int:
    """Bytes of a process and all below it; shared pages are split among those that share them."""
    found = 0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            found += one.memory_full_info().pss
    return found


def main() -> None:
    """Print the figures, as benchmarks/README.md holds them."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    output = folder / "matrix.csv"
    command = [sys.executable, "-m", "gauntlet", "matrix", "file-server", "--output", str(output)]
    began, loads, peak = time.perf_counter(), [], 0
    process = subprocess.Popen(command)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        time.sleep(SAMPLE_S)
        with contextlib.suppress(psutil.Error):
            peak = max(peak, pss(watched))
        loads.append(os.getloadavg()[0])
    took = time.perf_counter() - began
    load = sum(loads) / len(loads)
    print(f"{took:.0f} s, peak PSS {peak / 2**20:.0f} MiB, load average {load:.1f} on average")
    print(f"exit code {process.returncode}; {output}")


if __name__ == "__main__":
    main()
