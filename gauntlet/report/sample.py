"""A random sample of rows in bounded memory, over all workers: each row has the same odds.

Every row draws a number, and those with the smallest draws are kept; so samples of several
processes add up to a sample of all. A row that must be kept draws below nought.
"""

from heapq import nsmallest
from random import random
from typing import Any

MOST = 10_000

Drawn = tuple[Any, ...]
"""A row behind its draw, as messages carry it."""


class Sample:
    """At most MOST of the rows that were added."""

    def __init__(self) -> None:
        self._drawn: list[Drawn] = []
        self._odds = 1.0

    def add(self, row: Drawn, first: bool = False) -> None:
        """Perhaps keep a row; `first` before all that are not."""
        draw = random()
        self.absorb([(-draw if first else draw, *row)])

    def hand_over(self) -> list[Drawn]:
        """What is kept, for another process."""
        return self._drawn

    def absorb(self, drawn: list[Drawn]) -> None:
        """Take rows that were drawn here or elsewhere."""
        self._drawn += [tuple(one) for one in drawn if one[0] < self._odds]
        if len(self._drawn) >= 2 * MOST:  # now and then
            self._drawn = nsmallest(MOST, self._drawn)
            self._odds = self._drawn[-1][0]

    def rows(self) -> list[Drawn]:
        """The rows without their draws, the earliest first: their first field is their start."""
        return sorted((row[1:] for row in nsmallest(MOST, self._drawn)), key=lambda row: row[0])
