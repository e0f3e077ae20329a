"""Real pictures out of a folder (COCO val2014, say), in an order that the seed decides.

Only the folder itself is looked at, not the folders inside it, and only regular files that are
called like pictures. The order depends on the names alone, so whoever has the seed and the same
folder finds the same file at the same place.
"""

import os
import warnings
from pathlib import Path

from PIL import Image

from gauntlet.errors import UsageError
from gauntlet.payloads.seeds import Purpose, Stream, random_stream
from gauntlet.payloads.stamps import Size

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})


def shuffled(folder: Path, seed: int, stream: Stream) -> list[str]:
    """The names of all pictures in the order of the seed; none at all is a usage error."""
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if os.path.splitext(entry.name)[1].lower() in PICTURE_SUFFIXES and entry.is_file()
            ]
    except OSError as error:
        raise no_pictures(folder, (error.strerror or "an unreadable one").lower()) from error
    if not names:
        raise no_pictures(folder, "none in it")
    names.sort()
    order = random_stream(seed, Purpose.FOLDER, stream).permutation(len(names))
    return [names[place] for place in order.tolist()]


def load(path: Path, size: Size) -> Image.Image | None:
    """One picture brought to that size, without what else its file carries; None if unreadable."""
    try:
        # A very large photograph is still welcome: what Pillow warns of is made small here.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as opened:
            opened.draft("RGB", size)
            picture = opened.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    # Pillow writes a comment or a colour profile it has read into the next file as well.
    picture.info = {}
    return picture


def no_pictures(folder: Path, found: str) -> UsageError:
    """The one line that says what is wrong with a folder."""
    return UsageError(f"{folder}: expected a folder with pictures, got {found}")
