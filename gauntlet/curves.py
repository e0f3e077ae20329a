"""How many users, or arrivals per second, a profile wants at a moment: pure arithmetic.

A profile is a row of phases. Each starts with the users that the one before left, moves to its own
`users` at `spawn_rate` users per second, up or down, and then holds them to its end:

    users
     100 |            ________
         |           /        \\
      10 |  ________/          \\________
         | /
       0 |/____________________________________ t
          baseline   spike      recovery

    u(t) = a + sign(b - a) * min(r * (t - t0), |b - a|)

with t0 the start of the phase [s], a the users at t0, b its target and r its rate [users/s]. A
phase too short for its move is cut off there; the next goes on from what was reached.

An open phase wants `arrivals` per second instead. Their rate moves in a straight line, within
`ramp` seconds from that of the open phase before it, or from 0, and then holds. The users stay as
the phase before left them; whoever serves the arrivals adds more.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Phase(NamedTuple):
    """A part of a profile: `seconds` long, towards `users` at `rate` users per second.

    An open one goes towards `arrivals` per second within `ramp` seconds; its users do not count.
    """

    name: str
    seconds: float
    users: int
    rate: float
    arrivals: float | None = None
    ramp: float = 0.0


class Stretch(NamedTuple):
    """A phase laid on the time axis: `[start, end)` in seconds, users from `begin` to `goal`."""

    name: str
    start: float
    end: float
    begin: float
    goal: float
    rate: float
    arrivals: float | None = None
    """The rate that an open phase moves to; None for one that counts users."""
    before: float = 0.0
    """The rate that it moves from."""
    ramp: float = 0.0

    def arrivals_at(self, elapsed: float) -> float | None:
        """Arrivals per second wanted at `elapsed` seconds; None in a phase that counts users."""
        if self.arrivals is None:
            return None
        share = min((elapsed - self.start) / self.ramp, 1.0) if self.ramp else 1.0
        return self.before + share * (self.arrivals - self.before)

    def users_at(self, elapsed: float) -> float:
        """Users wanted at `elapsed` seconds after the start of the profile."""
        moved = min(self.rate * (elapsed - self.start), abs(self.goal - self.begin))
        return self.begin + (moved if self.goal >= self.begin else -moved)


def stretches(phases: Sequence[Phase]) -> Iterator[Stretch]:
    """The phases one after the other on the time axis."""
    start, users, arrivals = 0.0, 0.0, 0.0
    for phase in phases:
        goal = phase.users if phase.arrivals is None else users
        stretch = Stretch(
            phase.name,
            start,
            start + phase.seconds,
            users,
            goal,
            phase.rate,
            phase.arrivals,
            arrivals,
            phase.ramp,
        )
        yield stretch
        start, users = stretch.end, stretch.users_at(stretch.end)
        arrivals = stretch.arrivals_at(stretch.end) or 0.0


def duration(phases: Sequence[Phase]) -> float:
    """Seconds from the start of the first phase to the end of the last."""
    end = 0.0  # added up as the stretches are: sum() rounds otherwise since Python 3.12
    for phase in phases:
        end += phase.seconds
    return end


def stretch_at(phases: Sequence[Phase], elapsed: float) -> Stretch | None:
    """The stretch that `elapsed` seconds fall into; None after the end."""
    return next((s for s in stretches(phases) if elapsed < s.end), None)


def users_at(phases: Sequence[Phase], elapsed: float) -> int | None:
    """Users wanted at `elapsed` seconds, rounded to whole ones; None after the end."""
    stretch = stretch_at(phases, max(elapsed, 0.0))
    return None if stretch is None else round(stretch.users_at(max(elapsed, 0.0)))


def arrivals_at(phases: Sequence[Phase], elapsed: float) -> float | None:
    """Arrivals per second wanted at `elapsed` seconds; None in a phase of users, and at the end."""
    stretch = stretch_at(phases, max(elapsed, 0.0))
    return None if stretch is None else stretch.arrivals_at(max(elapsed, 0.0))


def peak(phases: Sequence[Phase]) -> int:
    """The most users that the curve reaches."""
    return round(max((s.users_at(s.end) for s in stretches(phases)), default=0.0))
