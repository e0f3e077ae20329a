"""The moments of a run, second by second, in room for a bounded number of 64 bytes each. Pure."""

import math

import numpy as np

from gauntlet.report.record import Moment

TIMELINE = 3600
"""Most moments kept; a longer run keeps every second, then every fourth … of them."""

_FIELDS = tuple(Moment.model_fields)


class Timeline:
    """Moments of the run in bounded number: at `TIMELINE` every other one is dropped."""

    def __init__(self) -> None:
        self.stride = 1
        self.peak = 0
        """Most users of all moments, those that were dropped as well."""
        self._rows = np.full((TIMELINE, len(_FIELDS)), math.nan)
        """A moment's fields in each; NaN where there is nothing."""
        self._kept = 0
        self._skipped = 0

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Those that are kept."""
        rows = self._rows[: self._kept].tolist()
        return tuple(
            Moment.model_validate(
                {
                    name: None if math.isnan(value) else value
                    for name, value in zip(_FIELDS, row, strict=True)
                }
            )
            for row in rows
        )

    def add(self, moment: Moment) -> None:
        """Keep a moment, or drop it where the stride says so."""
        self.peak = max(self.peak, moment.users)
        self._skipped += 1
        if self._skipped < self.stride:
            return
        self._skipped = 0
        told = (getattr(moment, name) for name in _FIELDS)
        self._rows[self._kept] = [math.nan if value is None else value for value in told]
        self._kept += 1
        if self._kept == TIMELINE:
            self._kept = TIMELINE // 2
            self._rows[: self._kept] = self._rows[::2]
            self.stride *= 2
