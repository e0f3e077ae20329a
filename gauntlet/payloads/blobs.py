"""Random blobs cut out of one random block: unique, of random size, and known byte for byte.

    pool = BlobPool.make(sizes=(90 * 1024, 100 * 1024), seed=7, stream=(worker,), text_share=0.5)
    blob = pool.next()             # about 1.3 µs; send blob.parts, blob.length bytes in all
    blob.matches(body)             # did exactly these bytes come back?

A blob is a stamp of 24 ASCII characters and a piece of the block. A third of the stamp's bits
belong to (seed, stream), the others are the serial; its hash decides size, kind and place. So a
pool made with the same arguments gives the same blob for the same serial, anywhere. The block has
4 MiB whatever the sizes are: a larger blob goes round it several times.
"""

from binascii import Error as Base64Error
from collections.abc import Callable
from itertools import count as count_up
from typing import Final, Self

import numpy as np
from pybase64 import b64decode, b64encode
from xxhash import xxh3_64, xxh3_128_intdigest

from gauntlet.errors import UsageError
from gauntlet.payloads.seeds import Purpose, Stream, random_stream

BLOCK_BYTES = 4 * 1024 * 1024
STAMP_BYTES = 24
_KEY, _SERIAL = 6, 12  # bytes, before base64
_SPAN = 32  # bits of the hash that decide one thing
# Letters, digits, punctuation and the blank: every byte of a text blob is one character.
_PRINTABLE = np.arange(0x20, 0x7F, dtype=np.uint8)


Run = tuple[bytes, int, int]
"""Bytes, and from where on how many of them."""


class Blob:
    """Bytes to send and to recognise; treat it as frozen."""

    __slots__ = ("_at", "_digest", "length", "parts", "serial")

    def __init__(
        self, parts: tuple[bytes | memoryview, ...], length: int, serial: int, at: int = 0
    ) -> None:
        self.parts: Final = parts
        self.length: Final = length
        self.serial: Final = serial
        self._at: Final = at  # where in the block those parts begin that are views of it
        self._digest: int | None = None

    def matches(self, data: bytes | bytearray | memoryview) -> bool:
        """Whether these are the very bytes; about 2 µs for 100 kB.

        `startswith` compares in place. Comparing views would go item by item, twenty times slower,
        so a view costs one copy more.
        """
        if len(data) != self.length:
            return False
        known = bytes(data) if isinstance(data, memoryview) else data
        at = 0
        for part in self.parts:
            if not known.startswith(part, at):
                return False
            at += len(part)
        return True

    def runs(self, start: int = 0, length: int | None = None) -> list[Run]:
        """The content, or a stretch of it, as places in bytes: for comparing without a copy.

        `run[0].startswith(received, run[1])` takes any buffer and compares it in place.
        """
        left = self.length - start if length is None else length
        found: list[Run] = []
        for part in self.parts:
            size = min(len(part) - start, left)
            if size > 0:
                if isinstance(part, bytes):
                    found.append((part, start, size))
                else:
                    block = part.obj
                    assert isinstance(block, bytes)
                    found.append((block, self._at + start, size))
                left -= size
            start = max(0, start - len(part))
        return found

    @property
    def xxh3(self) -> int:
        """The xxh3_64 of the content, for a reader that keeps no bytes; computed once, if asked."""
        if self._digest is None:
            digest = xxh3_64()
            for part in self.parts:
                digest.update(part)
            self._digest = digest.intdigest()
        return self._digest

    @property
    def content(self) -> bytes:
        """The whole blob as one copy: for tests and reports, not for sending."""
        return b"".join(self.parts)


class BlobPool:
    """Where blobs come from; one per process, shared by its users."""

    def __init__(
        self, binary: bytes, text: bytes, key: bytes, sizes: tuple[int, int], text_share: float
    ) -> None:
        self._binary = memoryview(binary)
        self._text = memoryview(text)
        self._key = key
        self._smallest = sizes[0]
        self._choices = sizes[1] - sizes[0] + 1
        self._text_below = int(text_share * 2**_SPAN)
        self._serials = count_up()

    @classmethod
    def make(
        cls,
        *,
        sizes: tuple[int, int],
        seed: int,
        stream: Stream = (),
        text_share: float = 0.0,
        pause: Callable[[], None] | None = None,
    ) -> Self:
        """Sizes in bytes, both ends included; `text_share` of the blobs are UTF-8 text."""
        if not STAMP_BYTES <= sizes[0] <= sizes[1]:
            raise UsageError(
                f"blob sizes: expected {STAMP_BYTES} <= smallest <= largest,"
                f" got {sizes[0]!r} and {sizes[1]!r}"
            )
        if not 0.0 <= text_share <= 1.0:
            raise UsageError(f"share of text blobs: expected 0 to 1, got {text_share!r}")
        random = random_stream(seed, Purpose.BLOBS, stream)
        key = random.bytes(_KEY)
        binary = _block(random.bytes, pause)
        text = _block(lambda size: random.choice(_PRINTABLE, size).tobytes(), pause)
        return cls(binary, text, key, sizes, text_share)

    def next(self) -> Blob:
        """A blob that no other call, and no other stream, ever gives."""
        return self.blob(next(self._serials))

    def blob(self, serial: int) -> Blob:
        """The blob of one serial: the same bytes every time."""
        stamp = b64encode(self._key + serial.to_bytes(_SERIAL))
        dice = xxh3_128_intdigest(stamp)
        low = 2**_SPAN - 1
        length = self._smallest + ((dice & low) * self._choices >> _SPAN)
        is_text = (dice >> _SPAN & low) < self._text_below
        block = self._text if is_text else self._binary
        rest = length - STAMP_BYTES
        room = BLOCK_BYTES - rest
        if room > 0:
            at = (dice >> 2 * _SPAN & low) * room >> _SPAN
            return Blob((stamp, block[at : at + rest]), length, serial, at)
        return Blob((stamp, *_round_and_round(block, rest)), length, serial)

    def verify(self, data: bytes) -> int | None:
        """The serial of the blob that has exactly these bytes, or None."""
        try:
            stamp = b64decode(data[:STAMP_BYTES], validate=True)
        except Base64Error:
            return None
        if len(stamp) != _KEY + _SERIAL or not stamp.startswith(self._key):
            return None
        serial = int.from_bytes(stamp[_KEY:])
        return serial if self.blob(serial).matches(data) else None


def _round_and_round(block: memoryview, length: int) -> list[memoryview]:
    whole, rest = divmod(length, BLOCK_BYTES)
    return [block] * whole + [block[:rest]]


def _block(make: Callable[[int], bytes], pause: Callable[[], None] | None) -> bytes:
    """A block made piece by piece, so that other greenlets get a turn in between."""
    pieces = []
    for _ in range(8):
        pieces.append(make(BLOCK_BYTES // 8))
        if pause is not None:
            pause()
    return b"".join(pieces)
