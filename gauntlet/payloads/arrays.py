"""Pictures of a pool as JSON arrays of numbers, coded once: only the stamp is coded per request."""

from functools import cache
from typing import NamedTuple

from gauntlet.draws import ITEM_BITS, ITERATION_BITS, turn
from gauntlet.payloads.pictures import Picture, PicturePool
from gauntlet.wire import numbers
from gauntlet.wire.verify import Original


def serial_of(process: int, image: int) -> int:
    """The serial of a picture by its label: the same picture whoever sends it."""
    return (process << ITERATION_BITS | image) << ITEM_BITS


class Numbered(NamedTuple):
    """A picture ready to be sent, and what it was made from."""

    array: tuple[bytes, ...]
    picture: Picture
    place: int
    """Of its pixels in the pool."""


class NumberedPool:
    """A pool whose pictures come as arrays; `originals` are decoded when somebody asks."""

    def __init__(self, pool: PicturePool) -> None:
        self._pool = pool
        entries = [pool.picture(place) for place in range(len(pool))]
        self._ends = [(_inner(one.parts[0]), _inner(one.parts[2])) for one in entries]
        self.original = cache(lambda place: Original(entries[place].content))

    def __len__(self) -> int:
        return len(self._pool)

    def picture(self, serial: int) -> Numbered:
        """The picture of one serial, the same every time."""
        picture, place = self._pool.picture(serial), turn(serial) % len(self._pool)
        head, tail = self._ends[place]
        array = (b"[", head, b",", _inner(picture.parts[1]), b",", tail, b"]")
        return Numbered(array, picture, place)


def _inner(data: bytes) -> bytes:
    return numbers.encode(data)[1:-1]
