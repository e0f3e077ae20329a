"""What a client of `benchmarks.files` prints when it is done."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple


class Start(NamedTuple):
    """Before the load: clock, CPU seconds, peak memory in MiB."""

    clock: float
    cpu: float
    memory: float


def start() -> Start:
    """Now."""
    return Start(time.perf_counter(), time.process_time(), _peak())


def tell(before: Start, probe: Mapping[str, float] = MappingProxyType({})) -> None:
    """Print one line: what passed since then, and what a probe saw."""
    now = start()
    found = {
        "seconds": now.clock - before.clock,
        "cpu": now.cpu - before.cpu,
        "peak": now.memory,
        "grown": now.memory - before.memory,
        **probe,
    }
    print(json.dumps(found), flush=True)


def _peak() -> float:
    # Not by getrusage: there a process inherits the peak of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
