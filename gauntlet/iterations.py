"""Exactly N iterations, shared by all users of all workers: none lost, none twice.

Iterations are numbered 0 to N-1. The judging process keeps the `Budget` and grants ranges of
numbers; each process that runs users keeps a `Gate`, which every task passes: it takes a number,
runs, and finishes it. A task that is killed half-way gives its number back, and so does a worker
that leaves in order. What a lost worker held is known and reported, never run a second time.

Pure but for the gate's waiting; `gauntlet.iterating` wires both into Locust.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from random import Random

from gevent.event import Event

RETRY_S = 5.0
"""An answer that has not come by then was lost with a connection; the question goes out again."""

LARGEST_GRANT = 500
"""A worker's users come back for more rather than hold what others could do."""

Range = tuple[int, int]
"""First number and the one after the last."""


class Budget:
    """What of the N iterations is granted to whom, and what is done."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free: deque[Range] = deque([(0, total)] if total else [])
        self._held: Counter[str] = Counter()
        self._done: dict[str, int] = {}
        self._answers: dict[str, tuple[int, list[Range]]] = {}

    def grant(self, worker: str, question: int, sharers: int) -> list[Range]:
        """Ranges for a worker; the same answer to the same question, however often it comes.

        `sharers` workers draw from the same rest, so each gets a part of it; none means that
        nothing is free.
        """
        asked, answer = self._answers.get(worker, (-1, []))
        if asked == question:
            return answer
        answer = self._cut(min(max(self.free // (4 * max(sharers, 1)), 1), LARGEST_GRANT))
        self._held[worker] += sum(end - start for start, end in answer)
        self._answers[worker] = question, answer
        return answer

    def give_back(self, worker: str, numbers: Iterable[int]) -> None:
        """Take back numbers that a worker will not do."""
        for number in numbers:
            self._free.append((number, number + 1))
            self._held[worker] -= 1

    def leave(self, worker: str, question: int) -> None:
        """Take back the last answer, where a worker that stops has asked and never heard it.

        `question` is the number of its next question, or of the one that is open.
        """
        asked, answer = self._answers.get(worker, (-1, []))
        if asked == question:
            self.give_back(worker, (number for part in answer for number in range(*part)))
            self._answers[worker] = asked, []

    def note(self, worker: str, done: int) -> None:
        """A worker has finished `done` iterations so far."""
        self._done[worker] = max(done, self._done.get(worker, 0))

    @property
    def free(self) -> int:
        """Iterations that nobody holds."""
        return sum(end - start for start, end in self._free)

    @property
    def done(self) -> int:
        """Iterations finished by all."""
        return sum(self._done.values())

    def missing(self, gone: Iterable[str]) -> int:
        """Iterations that workers who are gone held and did not finish, as far as is known."""
        return sum(self._held[worker] - self._done.get(worker, 0) for worker in gone)

    @property
    def holders(self) -> set[str]:
        """Workers that were ever granted something."""
        return set(self._held)

    def _cut(self, number: int) -> list[Range]:
        cut: list[Range] = []
        while number and self._free:
            start, end = self._free.popleft()
            split = min(start + number, end)
            cut.append((start, split))
            number -= split - start
            if split < end:
                self._free.appendleft((split, end))
        return cut


class Gate:
    """The numbers that this process may run. `ask` requests more and must not wait."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.done = 0
        self.running = 0
        self.exhausted = False
        self.closed = False
        self._ask = ask
        self._asked = False
        self._free: deque[int] = deque()
        self._cuts: Counter[int] = Counter()
        self._change = Event()

    def take(self) -> int:
        """The next number; waits for one, for ever where all are done."""
        while not self._free:
            self._change.clear()
            if not self._asked and not self.exhausted:
                self._asked = True
                self._ask()
                continue
            if not self._change.wait(RETRY_S) and self._asked:
                self._ask()
        self.running += 1
        return self._free.popleft()

    def receive(self, ranges: Iterable[Range]) -> None:
        """Take up a grant; an empty one says that there is nothing more."""
        before = len(self._free)
        for start, end in ranges:
            self._free.extend(range(start, end))
        self.exhausted = len(self._free) == before
        self._asked = False
        self._change.set()

    def finish(self) -> None:
        """An iteration that was taken is over, well or not."""
        self.running -= 1
        self.done += 1

    def give_back(self, number: int) -> None:
        """An iteration that was taken and not begun is somebody else's."""
        self.running -= 1
        self._free.append(number)
        self._change.set()

    def cut(self, number: int) -> None:
        """An iteration was cut half-way; somebody else does it from the start."""
        self._cuts[number] += 1
        self.give_back(number)

    def cuts(self, number: int) -> int:
        """How often an iteration was begun here and cut."""
        return self._cuts[number]

    def reopen(self) -> None:
        """Others gave numbers back: there may be more after all."""
        self.exhausted = False
        self._change.set()

    def close(self) -> None:
        """This process stops: it takes up nothing more, whatever is still on its way."""
        self.closed = True

    def surrender(self) -> list[int]:
        """All numbers that were not begun; they are no longer this process's."""
        left = list(self._free)
        self._free.clear()
        return left

    @property
    def idle(self) -> bool:
        """Whether all that was granted here is done and no more is to come."""
        return self.exhausted and not self.running and not self._free


def deck(weights: dict[str, int], total: int, seed: int) -> list[str]:
    """Task names for `total` iterations: each weight's share, shuffled by the seed.

    No task is more than one card from its exact share: shares are rounded down, and what is left
    over goes to those that lost most by it.
    """
    whole = sum(weights.values())
    cards = [name for name, weight in weights.items() for _ in range(total * weight // whole)]
    most = sorted(weights, key=lambda name: -(total * weights[name] % whole))
    cards += most[: total - len(cards)]
    Random(seed).shuffle(cards)
    return cards
