"""The moments of a run, second by second, in bounded number and 64 bytes each. Pure."""

import math
from array import array

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
        self._rows = array("d")
        """The fields of one moment after those of the other; NaN where there is nothing."""
        self._skipped = 0

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Those that are kept."""
        rows = np.frombuffer(self._rows).reshape(-1, len(_FIELDS)).tolist()
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
        self._rows.extend(math.nan if value is None else value for value in told)
        if len(self._rows) >= TIMELINE * len(_FIELDS):
            rows = np.frombuffer(self._rows).reshape(-1, len(_FIELDS))
            self._rows = array("d", rows[::2].tobytes())
            self.stride *= 2
