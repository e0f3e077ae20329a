"""What a Chater user knows to be its own, and what must therefore be true of its days."""

from time import time

from gauntlet.clients import chater as api
from gauntlet.errors import WrongAnswer

SLOTS = 64
"""Processes that may share an account without giving the same time to two dishes."""

SIXTY_FOURTHS = 64
"""Weights are whole kilograms and so many parts: a float holds them exactly."""

NEARLY = 0.005
"""Kilograms by which a weight may differ when it is read back."""

_DAY_MS = 86_400_000


class Moments:
    """Times by which dishes are known: epoch milliseconds, none given twice by a process."""

    def __init__(self, shared: bool, worker: int) -> None:
        self._step = SLOTS if shared else 1
        self._slot = worker % self._step
        self._last = 0

    def next(self) -> int:
        """Now, or the first moment after the last one."""
        now = int(time() * 1000)
        self._last = max(now - now % self._step + self._slot, self._last + self._step)
        return self._last


class Belongings:
    """Dishes and weight of one user; `shared` if others use the same account."""

    def __init__(self, shared: bool, reads_back: bool) -> None:
        self._shared = shared
        self._reads_back = reads_back
        self.created: dict[int, None] = {}
        """Times of dishes that may be there."""
        self.deleted: int | None = None
        """The dish that was deleted last, until it was seen to be gone."""
        self.kept: int | None = None
        """The dish whose health level is asked for."""
        self.weight: float | None = None
        """The one that was set; None where nobody knows."""

    def note_deleted(self, time_ms: int) -> None:
        """A dish was deleted, as the server says."""
        self.created.pop(time_ms, None)
        self.deleted = time_ms

    def check_day(self, status: int, content_type: str | None, body: bytes) -> api.Day:
        """A day that adds up and no longer has the dish that was deleted before."""
        day = api.check_today(status, content_type, body)
        deleted, self.deleted = self.deleted, None
        if deleted is not None:
            if deleted in day.dishes:
                self.created[deleted] = None  # to be tried again in the end
            api.check_gone((deleted,), day)
        return day

    def check_weight(self, kilograms: float) -> None:
        """The weight is the one that was set, or, with an account of many, one of this run."""
        if self.weight is None or not self._reads_back:
            return
        off = kilograms - self.weight
        if self._shared:
            off -= round(off)
        if abs(off) >= NEARLY:
            text = "expected the weight that was set, got another"
            raise WrongAnswer(api.Outcome.WEIGHT_LOST, text)


def find(time_ms: int, day: api.Day) -> api.Dish | None:
    """A dish that was uploaded; None if it belongs to another day by now, else WrongAnswer."""
    dish = day.dishes.get(time_ms)
    if dish is None and is_of_today(time_ms):
        text = "expected the dish of the photo, got none"
        raise WrongAnswer(api.Outcome.DISH_MISSING, text)
    return dish


def is_of_today(time_ms: int) -> bool:
    """Whether a dish of that time must be among today's."""
    return time_ms // _DAY_MS == int(time() * 1000) // _DAY_MS
