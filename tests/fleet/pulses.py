"""How late a process came to what it was to do, written down by itself.

A process that has no core, or is busy, comes late to a pulse it set itself; so late it also came to
everything else of that moment. What a test allows for a starved machine is read from here.
"""

import time
from pathlib import Path

PULSE_S = 0.1
LEAST_S = 0.002
"""What is not later than so is no lateness."""


class Pulse:
    """To be beaten every PULSE_S; what comes late is a line in a file: when, and how late."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", buffering=1)
        self._due = time.monotonic() + PULSE_S

    def beat(self) -> None:
        """Note how late this is."""
        now = time.monotonic()
        if now > self._due + LEAST_S:
            self._file.write(f"{now:.4f} {now - self._due:.4f}\n")
        self._due = now + PULSE_S


def late(file: Path, begin: float, end: float) -> float:
    """Seconds that a process was late in all between two moments of the monotonic clock."""
    told = (line.split() for line in file.read_text().splitlines())
    beats = [(float(now), float(late)) for now, late in told]
    return sum(late for now, late in beats if now >= begin and now - late <= end)
