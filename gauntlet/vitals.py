"""How those that make the load fared: their cores, their clocks, and whether users came. Pure.

Each finding spoils the measurement; its sentence ends with what to do about it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from gauntlet.causes import Cause, Flaw
from gauntlet.curves import Phase, Stretch, arrivals_at, users_at
from gauntlet.units import format_duration

HOT = 90.0
"""Percent of one core; beyond it a process is late with everything that it times."""
HOT_S = 10.0
"""Seconds in a row that it may be hot."""
DRIFT_S = 1.0
"""How far wall clock and monotonic clock may go apart."""

OFF_USERS, OFF_SHARE = 2, 0.05
"""How many users may be missing or too many: the greater of the number and the share."""
OFF_S = 10.0
"""How long users may be off the curve."""
LAG_S = 6.0
"""How much later than wanted users come and are heard of: a tick, a report, a busy loop."""
MOST_PATIENCE_S = 300.0
"""So long at most users who are to stop are not too many."""
MOVES = 10
"""Changes of the users wanted that are remembered: one comes a second at most."""


@dataclass
class Process:
    """What one process said of itself; seconds, and percent of one core."""

    seconds: float = 0.0
    busy: float = 0.0
    most: float = 0.0
    latest: float = 0.0
    drift: float = 0.0
    hot: float = 0.0
    """Seconds that it has been hot in a row, to now."""
    longest: float = 0.0
    """The most of them."""

    def add(self, seconds: float, cpu: float) -> None:
        """Take note of a share of one core over some seconds."""
        self.seconds += seconds
        self.busy += seconds * cpu
        self.most, self.latest = max(self.most, cpu), cpu
        self.hot = self.hot + seconds if cpu > HOT else 0.0
        self.longest = max(self.longest, self.hot)

    @property
    def average(self) -> float:
        return self.busy / self.seconds if self.seconds else 0.0


@dataclass
class Vitals:
    """All processes of a run by name."""

    processes: dict[str, Process] = field(default_factory=dict)

    def of(self, name: str) -> Process:
        """The process of that name."""
        return self.processes.setdefault(name, Process())

    @property
    def latest(self) -> float | None:
        """The busiest process's share now; None where none has told any."""
        return max((one.latest for one in self.processes.values() if one.seconds), default=None)

    @property
    def average(self) -> float | None:
        """That of the process that was busiest on the whole."""
        return max((one.average for one in self.processes.values() if one.seconds), default=None)

    @property
    def most(self) -> float | None:
        """The most that any had."""
        return max((one.most for one in self.processes.values() if one.seconds), default=None)

    @property
    def drift(self) -> float:
        """The most that the clocks of a process went apart, in seconds."""
        return max((one.drift for one in self.processes.values()), default=0.0)

    def findings(self) -> Iterator[Flaw]:
        """What spoils the measurement."""
        for name, one in self.processes.items():
            if one.longest >= HOT_S:
                lasted = format_duration(round(one.longest))
                yield Flaw(
                    Cause.BUSY_GENERATOR,
                    f"{name} was over {HOT:.0f}% of a core for {lasted} in a row, and its times "
                    "are too long; use more workers or fewer users",
                )
        for name, one in self.processes.items():
            if one.drift > DRIFT_S:
                yield Flaw(
                    Cause.CLOCK_SET,
                    f"the clock of {name} was set by {format_duration(one.drift)} during the run; "
                    "let it settle first, and have it slewed, not stepped",
                )


class Following:
    """Whether users follow the curve of a profile, or else what Locust was told.

    Users who are to stop finish what they do, and count until then: for `patience` seconds more
    than the curve wants are no fault of the measurement.
    """

    def __init__(self, curve: list[Phase], patience: float = 0.0) -> None:
        self._curve = curve
        self._patience = min(patience, MOST_PATIENCE_S)
        self._moves: list[Stretch] = []
        """Without a profile: how users are to move, the last of them for good."""
        self._since: float | None = None
        self._worst: tuple[float, int, int, float] | None = None

    def wanted(self, t: float) -> float | None:
        """Users wanted at a second of the run, or arrivals per second; None where no curve says."""
        rate = arrivals_at(self._curve, t)
        return users_at(self._curve, t) if rate is None else rate

    def steer(self, t: float, users: int, rate: float) -> None:
        """Take note of the users that Locust goes towards, so many per second; no profile does."""
        goal = self._moves[-1].goal if self._moves else None
        if users != goal:
            move = Stretch("", t, math.inf, self._users_at(t) or 0, users, rate)
            self._moves = [*self._moves[1 - MOVES :], move]

    def note(self, t: float, users: int) -> None:
        """Take note of the users at a second of the run; an open phase wants no number of them."""
        opened = any(arrivals_at(self._curve, at) is not None for at in (t, max(t - LAG_S, 0.0)))
        wanted = self._users_at(t)
        if opened or wanted is None or self._near(t, users):
            self._since = None
            return
        self._since = t if self._since is None else self._since
        lasted = t - self._since
        if lasted > OFF_S and (self._worst is None or lasted > self._worst[0]):
            self._worst = lasted, users, wanted, self._since

    def _users_at(self, t: float) -> int | None:
        if self._curve:
            return users_at(self._curve, t)
        move = next((one for one in reversed(self._moves) if one.start <= t), None)
        return None if move is None else round(move.users_at(t))

    def _near(self, t: float, users: int) -> bool:
        """Whether users are not fewer than the curve wanted of late, nor more."""
        low, high = (
            min(self._wanted_since(t, LAG_S)),
            max(self._wanted_since(t, LAG_S + self._patience)),
        )
        return low - _room(low) <= users <= high + _room(high)

    def _wanted_since(self, t: float, seconds: float) -> Iterator[int]:
        """Users wanted within the last seconds, twice in each."""
        for step in range(int(seconds * 2) + 1):
            yield self._users_at(max(t - step / 2, 0.0)) or 0

    def findings(self) -> Iterator[Flaw]:
        """What spoils the measurement."""
        if self._worst is not None:
            lasted, users, wanted, since = self._worst
            yield Flaw(
                Cause.OFF_CURVE,
                f"users were off the curve for {format_duration(round(lasted))} from "
                f"{format_duration(round(since))} on: {users} where {wanted} were wanted; "
                "use more workers, and look for users that end by themselves",
            )


def _room(users: int) -> float:
    return max(OFF_USERS, OFF_SHARE * users)
