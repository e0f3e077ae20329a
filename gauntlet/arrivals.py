"""The open model's schedule: when each arrival is due, and which process serves it. Pure.

An iteration of the open model begins when it is due, whatever became of those before it. With
A(t) the integral of the rate from the start to t, the arrivals that are wanted by then, the n-th
(from 0) is due

    constant   where A(t) = n + 1/2: at 200/s the first after 2.5 ms, then one every 5 ms
    poisson    where A(t) has grown by an exponential draw of mean 1 since the one before

A value of A is a `position`. Positions, not moments, say who serves an arrival: of n members the
one in place k serves those whose number leaves the remainder k. A change of members holds from a
position on that is announced before it is reached, so that no arrival is left out or served twice,
however late or early somebody's clock is.

Poisson draws begin anew every `BLOCK` positions, from the seed and the number of the block: the
exponential distribution has no memory, and whoever joins late need not draw what is past.
"""

import math
import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, takewhile
from typing import Any, Literal, NamedTuple, Self

from gauntlet.curves import Stretch

Distribution = Literal["constant", "poisson"]
DISTRIBUTIONS: tuple[Distribution, ...] = ("constant", "poisson")

BLOCK = 64

FOR_EVER = 1e9
"""Seconds of a load without a planned end."""


class Piece(NamedTuple):
    """Seconds from `start` to `end`, in which the rate goes straight from `begin` to `goal`."""

    start: float
    end: float
    begin: float
    goal: float

    @property
    def steepness(self) -> float:
        """By how much the rate grows within a second."""
        return (self.goal - self.begin) / (self.end - self.start)

    def grown(self, elapsed: float) -> float:
        """Arrivals from its start to `elapsed`, at most to its end."""
        seconds = min(max(elapsed - self.start, 0.0), self.end - self.start)
        return seconds * (self.begin + self.steepness * seconds / 2)


class Arrival(NamedTuple):
    """One arrival: its number, its position, and when it is due, in seconds since the start."""

    number: int
    position: float
    due: float


class Schedule:
    """All arrivals of a run; `openings` are the stretches of time of its open phases."""

    def __init__(
        self,
        pieces: Sequence[Piece],
        openings: Sequence[tuple[float, float]],
        distribution: Distribution = "constant",
        seed: int = 0,
    ) -> None:
        self.pieces = tuple(pieces)
        self.openings = tuple(openings)
        self.distribution = distribution
        self.seed = seed
        self._before = [0.0]
        """The position at which each piece begins, and that of the end."""
        for piece in self.pieces:
            self._before.append(self._before[-1] + piece.grown(piece.end))

    @property
    def end(self) -> float:
        """The position after all arrivals."""
        return self._before[-1]

    def position(self, elapsed: float) -> float:
        """The arrivals that are wanted by `elapsed`, as a real number."""
        return math.fsum(piece.grown(elapsed) for piece in self.pieces)

    def rate(self, elapsed: float) -> float | None:
        """Arrivals per second wanted at `elapsed`; None where no open phase is on."""
        for piece in self.pieces:
            if piece.start <= elapsed < piece.end:
                return piece.begin + piece.steepness * (elapsed - piece.start)
        return None

    def due(self, position: float) -> float:
        """When a position is reached, in seconds since the start; `position` is below `end`."""
        for piece, before, after in zip(self.pieces, self._before, self._before[1:], strict=False):
            if position < after:
                grown = position - before
                # Of a square equation the form that a steepness of 0 does not divide by.
                root = math.sqrt(max(piece.begin**2 + 2 * piece.steepness * grown, 0.0))
                speed = piece.begin + root
                return piece.start + (2 * grown / speed if speed else 0.0)
        return math.inf

    def is_open(self, elapsed: float) -> bool:
        """Whether an open phase is on; before the start as at the start."""
        return any(start <= max(elapsed, 0.0) < end for start, end in self.openings)

    def turn(self, elapsed: float) -> float:
        """When an open phase begins or ends the next time after `elapsed`; infinite for never."""
        edges = (edge for opening in self.openings for edge in opening if edge > elapsed)
        return min(edges, default=math.inf)

    def arrivals(self, since: float = 0.0) -> Iterator[Arrival]:
        """Arrivals in order from a position on."""
        for number, position in self._numbered(since):
            if position >= self.end:
                return
            yield Arrival(number, position, self.due(position))

    def _numbered(self, since: float) -> Iterator[tuple[int, float]]:
        if self.distribution == "constant":
            for number in count(max(math.ceil(since - 0.5), 0)):
                yield number, number + 0.5
        for block in count(max(int(since // BLOCK), 0)):
            draws, position = random.Random(f"{self.seed}:{block}"), float(block * BLOCK)
            # Its first number goes round with the block: many blocks leave nobody less than others.
            for number in count(block * (BLOCK + 1)):
                position += draws.expovariate(1.0)
                if position >= (block + 1) * BLOCK:
                    break
                if position >= since:
                    yield number, position

    def to_wire(self) -> list[Any]:
        """A form that Locust's message packing carries; `from_wire` reads it."""
        return [
            list(map(list, self.pieces)),
            list(map(list, self.openings)),
            self.distribution,
            self.seed,
        ]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Self:
        """The schedule that `to_wire` packed."""
        pieces, openings, distribution, seed = wire
        return cls(
            [Piece(*one) for one in pieces], [(*one,) for one in openings], distribution, seed
        )


def steady(
    rate: float, seconds: float | None, distribution: Distribution = "constant", seed: int = 0
) -> Schedule:
    """One rate from the start on, for so many seconds or until somebody stops the load."""
    end = FOR_EVER if seconds is None else seconds
    return Schedule([Piece(0.0, end, rate, rate)], [(0.0, math.inf)], distribution, seed)


def scheduled(
    stretches: Iterable[Stretch], distribution: Distribution = "constant", seed: int = 0
) -> Schedule | None:
    """The arrivals of all open phases; None where there is no such phase."""
    pieces: list[Piece] = []
    openings: list[tuple[float, float]] = []
    end = 0.0
    for stretch in stretches:
        end = stretch.end
        if stretch.arrivals is None:
            continue
        reached = stretch.arrivals_at(stretch.end) or 0.0
        knee = min(stretch.start + stretch.ramp, stretch.end)
        if knee > stretch.start:
            pieces.append(Piece(stretch.start, knee, stretch.before, reached))
        if knee < stretch.end:
            pieces.append(Piece(knee, stretch.end, reached, reached))
        openings.append((stretch.start, stretch.end))
    if not openings:
        return None
    if openings[-1][1] == end:  # what is over stays open: nobody goes on without an arrival
        openings[-1] = openings[-1][0], math.inf
    return Schedule(pieces, openings, distribution, seed)


class Turn(NamedTuple):
    """From a position on, these members serve the arrivals, each those of its place."""

    since: float
    members: tuple[str, ...]


def served(
    schedule: Schedule, turns: Sequence[Turn], member: str, since: float, until: float = math.inf
) -> Iterator[Arrival]:
    """The arrivals of one member from position `since` on, up to `until`."""
    for index, turn in enumerate(turns):
        end = min(turns[index + 1].since if index + 1 < len(turns) else math.inf, until)
        if member not in turn.members or end <= since:
            continue
        place, among = turn.members.index(member), len(turn.members)
        for arrival in schedule.arrivals(max(since, turn.since)):
            if arrival.position >= end:
                break
            if arrival.number % among == place:
                yield arrival


class Share:
    """What one member serves, in order; turns that are announced take effect at once.

    A member out of touch goes on by the turns it knows. When it hears that some of what it passed
    was its own, it serves that first, late. What another served as well meanwhile was load, too.
    """

    def __init__(self, schedule: Schedule, member: str) -> None:
        self.position = 0.0
        """Of this member's arrivals, all before this position were taken."""
        self._schedule = schedule
        self._member = member
        self._turns: tuple[Turn, ...] = ()
        self._source: Iterator[Arrival] = iter(())
        self._passed: deque[Arrival] = deque()
        self._next: Arrival | None = None

    @property
    def next(self) -> Arrival | None:
        """The next arrival of this member, as far as is known."""
        return self._passed[0] if self._passed else self._next

    def follow(self, turns: Iterable[Turn]) -> None:
        """Serve what these turns say from now on."""
        told = tuple(turns)
        if told != self._turns:
            self._passed += self._passed_by(told)
            self._turns = told
            self._source = served(self._schedule, told, self._member, self.position)
            self._advance()

    def take(self) -> None:
        """The next arrival is served."""
        if self._passed:
            self._passed.popleft()
        elif self._next is not None:
            self.position = math.nextafter(self._next.position, math.inf)
            self._advance()

    def _passed_by(self, told: Sequence[Turn]) -> list[Arrival]:
        """What is this member's by `told` and was not by the turns it knew when it came there."""
        known = self._turns
        pairs = zip(known, told, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        since = min((turn.since for turn in (*known[same:], *told[same:])), default=math.inf)
        if since >= self.position:
            return []
        span = self._member, since, self.position
        taken = {arrival.number for arrival in served(self._schedule, known, *span)}
        theirs = served(self._schedule, told, *span)
        return [arrival for arrival in theirs if arrival.number not in taken]

    def _advance(self) -> None:
        self._next = next(self._source, None)
