"""Whether an encrypted picture holds what was asked for: three questions, answered one by one.

    readable      is there metadata in it
    as requested  are names and quota those of the request
    equal         are the pixels those of the original, within the tolerance

Two JPEG decoders differ by a few levels, and the metadata costs the pixels that it is written into
one level more; a hidden file (format B) is compared byte for byte. No I/O.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO

import numpy as np
from PIL import Image

from gauntlet.wire import scramble
from gauntlet.wire.scramble import Metadata, NotEncrypted, Pixels

TOLERANCE = 4
"""Levels, of 255, by which decoders of JPEG were seen to differ."""

MAX_PIXELS = 100_000_000


class Original:
    """A picture as it was sent; it is decoded when somebody asks, once."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def picture(self) -> Image.Image:
        """The picture, decoded."""
        return Image.open(BytesIO(self.data)).convert("RGB")

    @cached_property
    def pixels(self) -> Pixels:
        """A row per pixel."""
        return np.asarray(self.picture).reshape(-1, 3)

    @property
    def lossless(self) -> bool:
        """Whether every decoder makes the same pixels of it."""
        return self.data.startswith(b"\x89PNG")


@dataclass(frozen=True)
class Verified:
    """The answers; None where a question could not be asked."""

    readable: bool
    as_requested: bool | None = None
    equal: bool | None = None
    error: str | None = None
    """Bounded in number: what is wrong first."""
    metadata: Metadata | None = None
    size: tuple[int, int] | None = None
    largest_difference: int | None = None
    decrypted: bytes | None = None
    """The picture inside, as a file, where it was asked for."""

    @property
    def right(self) -> bool:
        """Whether nothing is known to be wrong, and the pixels are."""
        return self.readable and self.as_requested is not False and bool(self.equal)


def verify(
    encrypted: bytes,
    original: Original | None,
    wanted: Metadata | None,
    tolerance: int = TOLERANCE,
    *,
    keep: bool = False,
) -> Verified:
    """Look into an encrypted picture; with `keep` its content comes along as a file."""
    try:
        picture = _opened(encrypted)
        columns = 4 if picture.mode == "RGBA" else 3
        opened = scramble.unscramble(np.array(picture).reshape(-1, columns))
    except NotEncrypted as error:
        return Verified(False, error=_kind(str(error)))
    found = Verified(True, metadata=opened.metadata, size=picture.size)
    if wanted is not None:
        same = opened.metadata == wanted
        wrong = None if same else "metadata is not as requested"
        found = replace(found, as_requested=same, error=wrong)
    if opened.file is not None:
        if original is not None:
            found = _judged(found, opened.file == original.data, None)
        return replace(found, decrypted=opened.file) if keep else found
    assert opened.pixels is not None
    pixels = opened.pixels[:, :3]
    if original is not None:
        found = compare(found, pixels, picture.size, original, tolerance, opened.metadata.bits)
    if keep:
        found = replace(found, decrypted=_png(pixels, picture.size))
    return found


def verify_plain(data: bytes, original: Original, bits: int, tolerance: int) -> Verified:
    """Compare a picture that a server decrypted, whose first `bits` bytes held metadata."""
    try:
        picture = _opened(data).convert("RGB")
    except NotEncrypted as error:
        return Verified(False, error=str(error))
    if data == original.data:
        return Verified(True, equal=True, size=picture.size, largest_difference=0)
    pixels = np.asarray(picture).reshape(-1, 3)
    return compare(Verified(True), pixels, picture.size, original, tolerance, bits)


def compare(
    found: Verified,
    pixels: Pixels,
    size: tuple[int, int],
    original: Original,
    tolerance: int,
    bits: int,
) -> Verified:
    """Compare pixels; those that held metadata, which are anywhere by now, may be off by one.

    Beyond the tolerance nothing is right; where the original is lossless the tolerance is 0.
    """
    if original.picture.size != size:
        return _judged(replace(found, size=size), False, None)
    # Bytes: a difference is what is larger less what is smaller, without wider numbers.
    ours, theirs = pixels, original.pixels
    difference = np.maximum(ours, theirs) - np.minimum(ours, theirs)
    largest = int(difference.max(initial=0))
    allowed = 0 if original.lossless else tolerance
    # At most so many bytes are one level further off: those of the metadata.
    equal = largest <= allowed + 1 and int(np.count_nonzero(difference > allowed)) <= bits
    return _judged(replace(found, size=size), equal, largest)


def _judged(found: Verified, equal: bool, largest: int | None) -> Verified:
    error = found.error if equal or found.error else "pixels are not those of the original"
    return replace(found, equal=equal, error=error, largest_difference=largest)


def _opened(data: bytes) -> Image.Image:
    try:
        picture = Image.open(BytesIO(data))
        if picture.width * picture.height > MAX_PIXELS:
            raise NotEncrypted("too many pixels")
        return picture.convert("RGBA" if picture.mode == "RGBA" else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, NotEncrypted):
            raise
        raise NotEncrypted("no picture that can be decoded") from error


def _kind(text: str) -> str:
    """An error without the number in it."""
    return text.split(":")[0] if text.startswith("Invalid metadata length") else text


def _png(pixels: Pixels, size: tuple[int, int]) -> bytes:
    encoded = BytesIO()
    Image.frombytes("RGB", size, pixels.tobytes()).save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()
