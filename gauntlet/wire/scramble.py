"""The encrypted pictures of the image cloud: format A in both directions, format B to read.

Format A shuffles whole pixels and then writes `u32 length, metadata` into the lowest bits of the
bytes that come first. Format B hides metadata and the original file in a cover picture:
`u32 length, metadata, u32 length, file`. The metadata is `{"usernames":[…],"quota":N}`, and the
shuffle follows from it, so that both formats hide and neither protects.

Pixels are numpy arrays of bytes, a row per pixel: three columns, or four in an older variant.
"""

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Order = NDArray[np.intp]

LONGEST_METADATA = 10_000
LONGEST_FILE = 10_000_000
CACHED_PIXELS = 16_000_000
"""Of the orders that are kept, all together: 128 MB."""

_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407
_BATCH = 256
_FILE_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"BM")


class NotEncrypted(ValueError):
    """A picture does not hold what an encrypted one holds."""


class TooSmall(ValueError):
    """A picture has no room for the metadata."""


class Metadata(NamedTuple):
    """Who may see a picture, and how often."""

    usernames: tuple[str, ...]
    quota: int

    @property
    def text(self) -> bytes:
        """As it stands in a picture."""
        return orjson.dumps({"usernames": self.usernames, "quota": self.quota})

    @property
    def seed(self) -> int:
        """What the order of the pixels is made from."""
        text = "".join(self.usernames) + str(self.quota)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])

    @property
    def bits(self) -> int:
        """Lowest bits that it takes up, its length included."""
        return (len(self.text) + 4) * 8


class Opened(NamedTuple):
    """What an encrypted picture holds: its pixels in order (format A), or a file (format B)."""

    metadata: Metadata
    pixels: Pixels | None
    file: bytes | None


def scramble(pixels: Pixels, metadata: Metadata) -> Pixels:
    """The pixels of the encrypted picture; TooSmall where the metadata does not fit."""
    if metadata.bits > pixels.size:
        raise TooSmall(f"Image too small: need {metadata.bits} bits, have {pixels.size} bits")
    shuffled = np.take(pixels, order(metadata.seed, len(pixels)), axis=0)
    text = metadata.text
    _embed(shuffled.reshape(-1), len(text).to_bytes(4) + text)
    return shuffled


def unscramble(pixels: Pixels) -> Opened:
    """What is in the pixels of an encrypted picture; NotEncrypted where nothing readable is."""
    flat = np.ascontiguousarray(pixels).reshape(-1)
    metadata, end = read_metadata(flat)
    if (file := _hidden_file(flat, end)) is not None:
        return Opened(metadata, None, file)
    return Opened(metadata, np.take(pixels, _inverse(metadata.seed, len(pixels)), axis=0), None)


def read_metadata(flat: Pixels) -> tuple[Metadata, int]:
    """The metadata in the lowest bits, and how many bits it took."""
    if flat.size < 32:
        raise NotEncrypted("Unexpected end of pixel data")
    length = int.from_bytes(_extract(flat, 0, 4))
    if not 0 < length <= LONGEST_METADATA:
        raise NotEncrypted(f"Invalid metadata length: {length}")
    end = (4 + length) * 8
    if flat.size < end:
        raise NotEncrypted("Unexpected end of pixel data")
    try:
        content = orjson.loads(_extract(flat, 32, length))
        names, quota = content["usernames"], content["quota"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotEncrypted("Invalid metadata: expected JSON with usernames and quota") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise NotEncrypted("Invalid metadata: expected usernames as a list of texts")
    if type(quota) is not int or not 0 <= quota < 2**32:
        raise NotEncrypted("Invalid metadata: expected the quota as a whole number")
    return Metadata(tuple(names), quota), end


def _hidden_file(flat: Pixels, start: int) -> bytes | None:
    """The file of format B; None where the bits behind the metadata are no file."""
    if flat.size < start + 64:
        return None
    length = int.from_bytes(_extract(flat, start, 4))
    if not 0 < length <= LONGEST_FILE or flat.size < start + 32 + length * 8:
        return None
    head = _extract(flat, start + 32, min(length, 12))
    return _extract(flat, start + 32, length) if head.startswith(_FILE_SIGNATURES) else None


def _embed(flat: Pixels, payload: bytes) -> None:
    bits = np.unpackbits(np.frombuffer(payload, np.uint8))
    flat[: len(bits)] = (flat[: len(bits)] & 0xFE) | bits


def _extract(flat: Pixels, start: int, length: int) -> bytes:
    return np.packbits(flat[start : start + length * 8] & 1).tobytes()


# -- the order of the pixels -----------------------------------------------------------------------


class OrderCache:
    """The orders that were used last, by seed and number of pixels, in bounded size."""

    def __init__(self, pixels: int = CACHED_PIXELS) -> None:
        self._most = pixels
        self._held = 0
        self._orders: OrderedDict[tuple[int, int, bool], Order] = OrderedDict()
        self._lock = Lock()

    @property
    def held(self) -> int:
        """Pixels of all orders that are kept."""
        return self._held

    def get(self, seed: int, count: int, inverse: bool = False) -> Order:
        """The order, or the one that undoes it; made where it is not kept."""
        key = (seed, count, inverse)
        with self._lock:
            if (found := self._orders.get(key)) is not None:
                self._orders.move_to_end(key)
                return found
        if inverse:
            forward = self.get(seed, count)
            made = np.empty_like(forward)
            made[forward] = np.arange(count)
        else:
            made = make_order(seed, count)
        with self._lock:
            if key not in self._orders:
                self._held += count
            self._orders[key] = made
            while self._held > self._most:
                (_, freed, _), _ = self._orders.popitem(last=False)
                self._held -= freed
        return made


_cache = OrderCache()


def order(seed: int, count: int) -> Order:
    """Output pixel k comes from input pixel `order[k]`; the last ones are kept."""
    return _cache.get(seed, count)


def warm(seed: int, count: int) -> None:
    """Make the orders before somebody waits for them."""
    _inverse(seed, count)


def _inverse(seed: int, count: int) -> Order:
    return _cache.get(seed, count, inverse=True)


def make_order(seed: int, count: int) -> Order:
    """Shuffle as the nodes do: from the last pixel to the second, swap it with one before it.

    The swaps of a batch are done at once where no pixel takes part in two of them, which is the
    rule among many pixels; the others one by one.
    """
    found = np.arange(count)
    if count < 2:
        return found
    at = np.arange(count - 1, 0, -1)
    drawn = _draws(seed, count - 1) % (at + 1).astype(np.uint64)
    partners = drawn.astype(np.intp)
    whole = len(at) // _BATCH
    rows = np.sort(partners[: whole * _BATCH].reshape(whole, _BATCH), axis=1)
    lowest = at[: whole * _BATCH].reshape(whole, _BATCH)[:, -1]
    apart = (rows[:, -1] < lowest) & np.all(rows[:, 1:] != rows[:, :-1], axis=1)
    for number in range(whole):
        part = slice(number * _BATCH, (number + 1) * _BATCH)
        if apart[number]:
            first = count - 1 - number * _BATCH
            upper = found[first - _BATCH + 1 : first + 1][::-1]
            there = partners[part]
            moved = found[there]
            found[there] = upper
            upper[:] = moved
        else:
            _swap(found, at[part], partners[part])
    _swap(found, at[whole * _BATCH :], partners[whole * _BATCH :])
    return found


def _swap(found: Order, at: Order, partners: Order) -> None:
    for one, other in zip(at.tolist(), partners.tolist(), strict=True):
        found[one], found[other] = found[other], found[one]


def _draws(seed: int, count: int) -> NDArray[np.uint64]:
    """The first `count` numbers of the generator, made by doubling: k steps are one step as well.

    Unsigned numbers of 64 bits wrap around as the generator wants it.
    """
    factors = np.empty(count, np.uint64)
    summands = np.empty(count, np.uint64)
    factors[0], summands[0] = _MULTIPLIER, _INCREMENT
    known = 1
    while known < count:
        more = min(known, count - known)
        factor, summand = factors[known - 1], summands[known - 1]
        factors[known : known + more] = factors[:more] * factor
        # The first steps once more, behind all known ones: a(bx + d) + c.
        summands[known : known + more] = factors[:more] * summand + summands[:more]
        known += more
    return factors * np.uint64(seed) + summands
