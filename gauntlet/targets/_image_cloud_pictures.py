"""From the picture of a request to that of its answer, as a node does it."""

from io import BytesIO

import numpy as np
from PIL import Image

from gauntlet.wire import scramble
from gauntlet.wire.scramble import Metadata, NotEncrypted, Pixels, TooSmall

MAX_PIXELS = 50_000_000


class Refused(Exception):
    """A node's error, in its words."""


def encrypt(data: bytes, metadata: Metadata) -> bytes:
    """The encrypted picture, as an RGB PNG of the same size."""
    picture = _open(data)
    pixels = np.asarray(picture).reshape(-1, 3)
    try:
        return _png(scramble.scramble(pixels, metadata), picture.size)
    except TooSmall as error:
        raise Refused(str(error)) from error


def decrypt(data: bytes) -> bytes:
    """The picture inside, as a PNG; the file inside, where the format hides one."""
    picture = _open(data)
    try:
        opened = scramble.unscramble(np.array(picture).reshape(-1, 3))
    except NotEncrypted as error:
        raise Refused(str(error)) from error
    if opened.file is not None:
        return opened.file
    assert opened.pixels is not None
    return _png(opened.pixels, picture.size)


def spoiled(data: bytes) -> bytes:
    """An encrypted picture whose last pixels are others."""
    picture = _open(data)
    pixels = np.array(picture).reshape(-1, 3)
    pixels[-(len(pixels) // 20 + 1) :] ^= 0x40
    return _png(pixels, picture.size)


def _open(data: bytes) -> Image.Image:
    try:
        picture = Image.open(BytesIO(data))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Refused("Cannot detect image format: no known signature") from error
    if picture.width * picture.height > MAX_PIXELS:
        raise Refused("Failed to decode image: too many pixels")
    try:
        return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise Refused("Failed to decode image: truncated or not supported") from error


def _png(pixels: Pixels, size: tuple[int, int]) -> bytes:
    encoded = BytesIO()
    picture = Image.frombytes("RGB", size, pixels.tobytes())
    picture.save(encoded, "PNG", compress_level=1)  # noise, which no level makes smaller
    return encoded.getvalue()
