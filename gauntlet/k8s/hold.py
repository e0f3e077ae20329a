"""Keeps a pod for a while after its load test, so that the results in it can be copied.

    python -m gauntlet.k8s.hold /results 600

The second container of the master's pod. A container that has ended can be asked for nothing, and
with it would go what lies in the pod. It sees the processes of the whole pod
(`shareProcessNamespace`): when Locust's is gone it waits for so many seconds, or until somebody
makes the file `.copied` in the folder. Nothing but the standard library is loaded.
"""

import os
import signal
import sys
import time
from pathlib import Path

COPIED = ".copied"
BEGIN_S = 60.0
"""A load test that was not seen within this ended before it began."""
LOOK_S = 0.5


def keep(
    folder: Path, window: float, processes: Path = Path("/proc"), begin_s: float = BEGIN_S
) -> None:
    """Wait for the end of the load test, then for its copy or so many seconds."""
    copied = folder / COPIED
    copied.unlink(missing_ok=True)  # of a run before, where the folder outlives its pod
    deadline = time.monotonic() + begin_s
    while not load_test(processes) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    while load_test(processes):
        time.sleep(LOOK_S)
    deadline = time.monotonic() + window
    while not copied.exists() and time.monotonic() < deadline:
        time.sleep(LOOK_S)


def load_test(processes: Path = Path("/proc")) -> bool:
    """Whether a process of Locust runs that is not this one."""
    for entry in processes.iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # gone, or another's
        if any(word.rsplit(b"/", 1)[-1] == b"locust" for word in words[:3]):
            return True
    return False


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # process 1 has no default of its own
    keep(Path(sys.argv[1]), float(sys.argv[2]))
