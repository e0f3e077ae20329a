"""A pool of pictures made before the load starts, and from it a unique picture per request.

    pool = PicturePool.make(size=(640, 480), count=16, seed=7, stream=(worker,))
    picture = pool.next()          # about 1 µs; send picture.parts, picture.length bytes in all

The pictures of a pool take turns; what makes each request unique is a stamp (see `stamps`) that
is spliced in between, so nothing is drawn, encoded or joined while the load runs. Two workers must
not share a stream. Whoever has the seed can tell what a picture is and whether it arrived whole:

    origin = verify(data, seed)    # Origin(stamp=Stamp(recipe=…, serial=42), exact=True) or None
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from itertools import count as count_up
from pathlib import Path
from typing import NamedTuple, Self

from PIL import Image

from gauntlet.draws import turn
from gauntlet.errors import UsageError
from gauntlet.payloads.drawing import draw
from gauntlet.payloads.folders import load, no_pictures, shuffled
from gauntlet.payloads.seeds import Purpose, Stream, random_stream
from gauntlet.payloads.stamps import SUFFIXES, Blank, Format, Recipe, Size, Stamp, find_stamp

Pause = Callable[[], None]


class Picture(NamedTuple):
    """One picture to send, as parts that go out one after the other."""

    parts: tuple[bytes, bytes, bytes]
    length: int
    size: Size
    name: str

    @property
    def content(self) -> bytes:
        """The whole file as one copy: for tests and reports, not for sending."""
        return b"".join(self.parts)


class PicturePool:
    """Encoded pictures that take turns; `skipped` counts the files that could not be read.

    A `size` is width and height in pixels, `quality` that of a JPEG from 1 to 100.
    """

    def __init__(self, blanks: Iterable[tuple[str, Blank]], skipped: int = 0) -> None:
        # All that a picture needs, looked up once: the hot loop only picks and stamps.
        self._entries = [(blank, blank.length, blank.recipe.size, name) for name, blank in blanks]
        self._serials = count_up()
        self.skipped = skipped

    @classmethod
    def make(
        cls,
        *,
        size: Size,
        seed: int,
        count: int = 16,
        quality: int = 85,
        stream: Stream = (),
        format: Format = "JPEG",
        pause: Pause | None = None,
    ) -> Self:
        """Draw `count` pictures, 9 ms each at 640x480 and 45 at 1920x1080, and pause after each."""
        _check_count(count)
        blanks: list[tuple[str, Blank]] = []
        for index in range(count):
            recipe = Recipe(seed, stream, index, size, quality, format, "drawn")
            name = f"drawn-{size[0]}x{size[1]}-{index}{SUFFIXES[format]}"
            blanks.append((name, Blank(recipe, _encode(_drawn(recipe), recipe))))
            if pause is not None:
                pause()
        return cls(blanks)

    @classmethod
    def from_folder(
        cls,
        path: Path | str,
        *,
        size: Size,
        seed: int,
        count: int = 16,
        quality: int = 85,
        stream: Stream = (),
        format: Format = "JPEG",
        pause: Pause | None = None,
    ) -> Self:
        """Take `count` pictures of a folder, or all it has when it has fewer.

        UsageError where it has none that can be read.
        """
        _check_count(count)
        folder = Path(path)
        blanks: list[tuple[str, Blank]] = []
        skipped = 0
        for index, name in enumerate(shuffled(folder, seed, stream)):
            recipe = Recipe(seed, stream, index, size, quality, format, "folder")
            picture = load(folder / name, size)
            if picture is None:
                skipped += 1
            else:
                blank = Blank(recipe, _encode(picture, recipe))
                blanks.append((Path(name).stem + SUFFIXES[format], blank))
            if pause is not None:
                pause()
            if len(blanks) == count:
                break
        if not blanks:
            raise no_pictures(folder, f"{skipped} that cannot be read")
        return cls(blanks, skipped)

    def __len__(self) -> int:
        return len(self._entries)

    def next(self) -> Picture:
        """A picture that no other call, and no other stream, ever gives."""
        return self.picture(next(self._serials))

    def picture(self, serial: int) -> Picture:
        """The picture of one serial: the same bytes every time."""
        blank, length, size, name = self._entries[turn(serial) % len(self._entries)]
        return Picture(blank.parts(serial), length, size, name)


@dataclass(frozen=True)
class Origin:
    """Where a picture says it comes from, and whether every byte is what the seed makes."""

    stamp: Stamp
    exact: bool


def verify(data: bytes, seed: int, folder: Path | str | None = None) -> Origin | None:
    """Read the stamp, make the picture again and compare; None without an intact stamp.

    Costs as much as making one picture. For pictures of a folder the same folder is needed.
    """
    stamp = find_stamp(data)
    if stamp is None:
        return None
    exact = stamp.recipe.seed == seed and data == rebuild(stamp, folder)
    return Origin(stamp, exact)


def rebuild(stamp: Stamp, folder: Path | str | None = None) -> bytes | None:
    """The whole file that belongs to a stamp; None when the folder has no such picture."""
    recipe = stamp.recipe
    picture = _drawn(recipe) if recipe.source == "drawn" else _loaded(recipe, folder)
    if picture is None:
        return None
    return b"".join(Blank(recipe, _encode(picture, recipe)).parts(stamp.serial))


def _drawn(recipe: Recipe) -> Image.Image:
    random = random_stream(recipe.seed, Purpose.PICTURES, recipe.stream, recipe.index)
    stream = ".".join(map(str, recipe.stream)) or "none"
    return draw(random, recipe.size, f"picture {recipe.index}\nof stream {stream}")


def _loaded(recipe: Recipe, folder: Path | str | None) -> Image.Image | None:
    if folder is None:
        return None
    names = shuffled(Path(folder), recipe.seed, recipe.stream)
    if recipe.index >= len(names):
        return None
    return load(Path(folder) / names[recipe.index], recipe.size)


def _encode(picture: Image.Image, recipe: Recipe) -> bytes:
    file = BytesIO()
    if recipe.format == "PNG":
        picture.save(file, "PNG", compress_level=1)
    else:
        picture.save(file, "JPEG", quality=recipe.quality, subsampling="4:2:0")
    return file.getvalue()


def _check_count(count: int) -> None:
    if count < 1:
        raise UsageError(f"picture count: expected 1 or more, got {count!r}")
