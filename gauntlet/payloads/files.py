"""Files to upload: unique, of any size in constant memory, base64 and hashes known beforehand.

    pool = FilePool.make(sizes=(10 * 1024 * 1024,), seed=7, stream=(worker,))
    file = pool.file(10 * 1024 * 1024, serial)    # file.lines() go over the wire

A file goes round and round one random block and ends with a stamp of 24 characters that no other
upload has: the same serial of the same pool gives the same file. All but the last line of every
file are the block's, encoded once, and all but the last bytes of its hashes are known: what an
upload costs is sending it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final, NamedTuple, Self

from pybase64 import b64encode
from xxhash import xxh3_64

from gauntlet.payloads.seeds import Purpose, Stream, random_stream
from gauntlet.wire.file_protocol import LINE_BYTES, encode_line

BLOCK_LINES = 4
STAMP_BYTES = 24
_KEY, _SERIAL = 6, 12  # bytes, before base64


class _Begun(NamedTuple):
    """The hashes of a file of one size up to its stamp."""

    md5: "hashlib._Hash"
    xxh3: xxh3_64


class FilePool:
    """Where uploads come from; one per process, shared by its users."""

    def __init__(self, block: bytes, key: bytes) -> None:
        self._block: Final = memoryview(block)
        self._lines = [encode_line(self._part(at)) for at in range(BLOCK_LINES)]
        self._key = key
        self._begun: dict[int, _Begun] = {}
        self._serials = count()

    @classmethod
    def make(
        cls,
        sizes: Sequence[int],
        seed: int,
        stream: Stream = (),
        pause: Callable[[], None] = lambda: None,
    ) -> Self:
        """Sizes in bytes, each at least that of a stamp."""
        random = random_stream(seed, Purpose.FILES, stream)
        key = random.bytes(_KEY)
        # The first byte is that of no format that a server would guess an extension from.
        pool = cls(b"\0" + random.bytes(BLOCK_LINES * LINE_BYTES - 1), key)
        for size in sizes:
            pool._begin(size, pause)
        return pool

    def next(self, size: int) -> "StampedFile":
        """A file of a serial that was not given before, for callers that have none of their own."""
        return self.file(size, next(self._serials))

    def file(self, size: int, serial: int) -> "StampedFile":
        """The file of a serial; of a size that the pool was made for."""
        stamp = b64encode(self._key + serial.to_bytes(_SERIAL))
        md5, xxh3 = (state.copy() for state in self._begun[size])
        md5.update(stamp)
        xxh3.update(stamp)
        return StampedFile(self, size, stamp, md5.hexdigest(), xxh3.hexdigest())

    def _part(self, at: int) -> memoryview:
        return self._block[at * LINE_BYTES : (at + 1) * LINE_BYTES]

    def _begin(self, size: int, pause: Callable[[], None]) -> None:
        md5, xxh3 = hashlib.md5(usedforsecurity=False), xxh3_64()
        left, at = size - STAMP_BYTES, 0
        while left > 0:
            part = self._part(at % BLOCK_LINES)[:left]
            md5.update(part)
            xxh3.update(part)
            left, at = left - len(part), at + 1
            pause()
        self._begun[size] = _Begun(md5, xxh3)


class StampedFile:
    """One upload; `xxh3` in hexadecimal digits, to recognise it by when it is read back."""

    __slots__ = ("_pool", "_stamp", "length", "md5", "xxh3")

    def __init__(self, pool: FilePool, length: int, stamp: bytes, md5: str, xxh3: str) -> None:
        self._pool, self._stamp = pool, stamp
        self.length, self.md5, self.xxh3 = length, md5, xxh3

    def lines(self) -> Iterator[bytes]:
        """The content in base64, as it goes over the wire."""
        whole, rest = divmod(self.length - STAMP_BYTES, LINE_BYTES)
        for at in range(whole):
            yield self._pool._lines[at % BLOCK_LINES]
        last = bytes(self._pool._part(whole % BLOCK_LINES)[:rest]) + self._stamp
        yield encode_line(last[:LINE_BYTES])
        if len(last) > LINE_BYTES:
            yield encode_line(last[LINE_BYTES:])
