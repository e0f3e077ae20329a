"""The stamp of a picture: a comment that says what made it, spliced in without touching a pixel.

    gauntlet/1 drawn JPEG 640x480 q85 seed=7 stream=1 index=3 serial=0000…002a check=5f3c9a01

`index` counts the pictures of a pool, `serial` the requests (see `gauntlet.draws`), so two requests
never send the same bytes. In a JPEG file the text is a comment segment right behind the JFIF
header, in a PNG file a tEXt chunk right behind IHDR. `check` is the CRC-32 of all before its blank:
without it, a damaged serial would be the perfect stamp of another request.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args
from zlib import crc32

from gauntlet.errors import UsageError
from gauntlet.payloads.seeds import Stream, check_seed, check_stream

Format = Literal["JPEG", "PNG"]
Size = tuple[int, int]
Source = Literal["drawn", "folder"]

LARGEST_SIDE = 8192
SUFFIXES: dict[Format, str] = {"JPEG": ".jpg", "PNG": ".png"}

_TEXT = re.compile(
    rb"gauntlet/1 (drawn|folder) (JPEG|PNG) (\d{1,5})x(\d{1,5}) q(\d{1,3}) seed=(\d{1,20})"
    rb" stream=([\d.]*) index=(\d{1,10}) serial=([0-9a-f]{24}) check=([0-9a-f]{8})"
)
_SEARCHED = 1024  # the stamp lies in the first bytes; the rest of a file is not looked through
_COMMENT_MARKER, _APP0 = b"\xff\xfe", b"\xff\xe0"
_CHUNK_TYPE, _KEYWORD = b"tEXt", b"Comment\0"
_BEHIND_IHDR = 8 + 25


@dataclass(frozen=True)
class Recipe:
    """All that decides the bytes of a picture before its stamp; an impossible one is refused."""

    seed: int
    stream: Stream
    index: int
    size: Size
    quality: int
    format: Format
    source: Source

    def __post_init__(self) -> None:
        check_seed(self.seed)
        check_stream((*self.stream, self.index))
        if not all(1 <= side <= LARGEST_SIDE for side in self.size):
            width, height = self.size
            limit = f"{LARGEST_SIDE}x{LARGEST_SIDE}"
            raise UsageError(f"picture size: expected 1x1 to {limit}, got {width}x{height}")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"picture quality: expected 1 to 100, got {self.quality!r}")
        if self.format not in get_args(Format):
            raise UsageError(f"picture format: expected JPEG or PNG, got {self.format!r}")

    @cached_property
    def words(self) -> bytes:
        """The text of the stamp up to the serial."""
        width, height = self.size
        stream = ".".join(map(str, self.stream))
        return (
            f"gauntlet/1 {self.source} {self.format} {width}x{height} q{self.quality}"
            f" seed={self.seed} stream={stream} index={self.index} serial="
        ).encode()


class Blank:
    """An encoded picture cut open where the stamp goes; all but the serial is rendered once."""

    def __init__(self, recipe: Recipe, encoded: bytes) -> None:
        self.recipe = recipe
        self._crc = crc32(recipe.words)
        self._is_png = recipe.format == "PNG"
        text_length = len(recipe.words) + len(b"%024x check=%08x" % (0, 0))
        if self._is_png:
            cut = _BEHIND_IHDR
            checked = _CHUNK_TYPE + _KEYWORD + recipe.words
            self._lead = (len(_KEYWORD) + text_length).to_bytes(4) + checked
            self._chunk_crc = crc32(checked)
        else:
            cut = _behind_app0(encoded)
            self._lead = _COMMENT_MARKER + (2 + text_length).to_bytes(2) + recipe.words
        self._head, self._tail = encoded[:cut], encoded[cut:]
        self.length = sum(map(len, self.parts(0)))

    def parts(self, serial: int) -> tuple[bytes, bytes, bytes]:
        """Head, stamp, tail: send them one after the other. Head and tail are never copied."""
        number = b"%024x" % serial
        end = b"%b check=%08x" % (number, crc32(number, self._crc))
        if self._is_png:
            end += crc32(end, self._chunk_crc).to_bytes(4)
        return self._head, self._lead + end, self._tail


@dataclass(frozen=True)
class Stamp:
    """What a picture says of itself."""

    recipe: Recipe
    serial: int


def find_stamp(data: bytes) -> Stamp | None:
    """The stamp a picture carries, or None when it has none that is intact."""
    found = _TEXT.search(data, 0, _SEARCHED)
    if found is None:
        return None
    source, format, width, height, quality, seed, stream, index, serial, check = (
        group.decode() for group in found.groups()
    )
    try:
        recipe = Recipe(
            seed=int(seed),
            stream=tuple(int(number) for number in stream.split(".")) if stream else (),
            index=int(index),
            size=(int(width), int(height)),
            quality=int(quality),
            format="PNG" if format == "PNG" else "JPEG",
            source="drawn" if source == "drawn" else "folder",
        )
    except (ValueError, UsageError):
        return None
    if crc32(recipe.words + serial.encode()) != int(check, 16):
        return None
    return Stamp(recipe, int(serial, 16))


def _behind_app0(encoded: bytes) -> int:
    """JFIF wants its own segment first, so the comment comes after it."""
    if encoded[2:4] != _APP0:
        return 2
    return 4 + int.from_bytes(encoded[4:6])
