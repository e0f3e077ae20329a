"""Random numbers of one's own for every (worker, user, iteration), all from the run's one seed.

    class BlobUser(SuiteUser, User):
        @task
        def upload(self):
            blob = self.pool.blob(self.draws.serial())    # no other payload of the run is this one
            part = self.draws.randrange(blob.length)      # all that `random.Random` offers

Draws are the same wherever and whenever their path comes up again, and those of two paths have
nothing to do with each other: each number is a hash of seed, worker, user, iteration and its place
in that iteration. So an iteration costs no seeding, a draw less than a microsecond, and none
depends on what other users did in between. The task of an iteration is drawn from them as well.

Under `--total-iterations` an iteration has a number that no other has, whoever takes it. Then that
number is the path: the same seed gives the same payloads however users come in between.

A serial carries user and iteration in itself; pools made for a worker's own stream
(`Preparation.worker`) make a payload of it that no other worker makes.
"""

from itertools import count
from random import Random
from struct import Struct
from typing import Any

from xxhash import xxh3_64_intdigest

from gauntlet.payloads.seeds import check_seed, check_stream

USER_BITS, ITERATION_BITS, ITEM_BITS = 32, 40, 24
SERIAL_BITS = USER_BITS + ITERATION_BITS + ITEM_BITS

SHARED = 2**USER_BITS - 1
"""Stands for the user where iterations are numbered for all; one less for each repetition."""

_WORD = 64
_PATH = Struct(">QIIQ")


class Draws(Random):
    """The random numbers of one user; users count from 1, iterations too: 0 is `on_start`."""

    def __new__(cls, seed: int, worker: int, user: int) -> "Draws":
        return super().__new__(cls)

    def __init__(self, seed: int, worker: int, user: int) -> None:
        check_seed(seed)
        check_stream((worker, user))
        self._of = seed, worker
        self._user = user
        self._own = 0
        self._at(user, 0)

    def begin(self, number: int | None = None, repetition: int = 0) -> None:
        """An iteration begins: the user's next, or one of all by number, again where it was cut."""
        if number is None:
            self._own += 1
            self._at(self._user, self._own)
        else:
            self._at(SHARED - repetition, number)

    def serial(self) -> int:
        """A number for a payload that no other payload of this worker has."""
        item = self._items
        self._items += 1
        if item >> ITEM_BITS:
            raise OverflowError(f"draws: expected at most {2**ITEM_BITS} payloads per iteration")
        return self._first + item

    def random(self) -> float:
        """A number from 0.0 to below 1.0, of 53 bits."""
        return (self._word() >> 11) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        """A whole number of `k` bits."""
        words, bits = divmod(k, _WORD)
        number = self._word() >> (_WORD - bits) if bits else 0
        for _ in range(words):
            number = number << _WORD | self._word()
        return number

    def seed(self, *_: Any, **__: Any) -> None:
        """Do nothing: the path is the seed."""

    def getstate(self) -> Any:
        """Draws cannot be set back; the same path gives them again."""
        raise NotImplementedError

    def setstate(self, state: Any) -> None:
        """Draws cannot be set back; the same path gives them again."""
        raise NotImplementedError

    def _at(self, user: int, iteration: int) -> None:
        self._first = (user << ITERATION_BITS | iteration) << ITEM_BITS
        self._items = self._drawn = 0
        self._key = _PATH.pack(*self._of, user, iteration)
        self.gauss_next = None  # half of a pair that belongs to the iteration before

    def _word(self) -> int:
        self._drawn += 1
        return xxh3_64_intdigest(self._key, self._drawn)


def turn(serial: int) -> int:
    """Whose turn it is where few things go round: one on with each item, iteration and user."""
    iteration = serial >> ITEM_BITS & (1 << ITERATION_BITS) - 1
    return (serial & (1 << ITEM_BITS) - 1) + iteration + (serial >> ITEM_BITS + ITERATION_BITS)


class Streams:
    """Where the users of one worker get their draws in one run."""

    def __init__(self, seed: int, worker: int) -> None:
        self._of = seed, worker
        self._users = count(1)

    def user(self) -> Draws:
        """The draws of one more user."""
        return Draws(*self._of, next(self._users))
