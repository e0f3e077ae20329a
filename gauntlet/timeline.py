"""The moments of a run, second by second, in bounded number. Pure."""

from dataclasses import dataclass, field

from gauntlet.report.record import Moment

TIMELINE = 3600
"""Most moments kept; a longer run keeps every second, then every fourth … of them."""


@dataclass
class Timeline:
    """Moments of the run in bounded number: at `TIMELINE` every other one is dropped."""

    moments: list[Moment] = field(default_factory=list)
    stride: int = 1
    peak: int = 0
    """Most users of all moments, those that were dropped as well."""
    _skipped: int = 0

    def add(self, moment: Moment) -> None:
        """Keep a moment, or drop it where the stride says so."""
        self.peak = max(self.peak, moment.users)
        self._skipped += 1
        if self._skipped < self.stride:
            return
        self._skipped = 0
        self.moments.append(moment)
        if len(self.moments) >= TIMELINE:
            self.moments = self.moments[::2]
            self.stride *= 2
