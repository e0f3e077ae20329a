"""Pictures out of random numbers: a gradient, shapes, a caption and grain.

The grain is what makes them as heavy as photographs: a JPEG of quality 85 has about 105 kB at
640x480, 290 kB at 1280x720 and 630 kB at 1920x1080. Drawing takes about 7, 17 and 36 ms; only
whole numbers are used, so the pixels are the same on every machine with the same Pillow and numpy.
"""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

from gauntlet.payloads.stamps import Size

_PATCHES = (8, 6)
_SHAPES = 24
_GRAIN = 16  # brightest and darkest grain, of 255


def draw(random: np.random.Generator, size: Size, caption: str) -> Image.Image:
    """One RGB picture of that size; all that varies comes from `random`."""
    picture = _gradient(random, size)
    canvas = ImageDraw.Draw(picture)
    for number in range(_SHAPES):
        _draw_shape(canvas, random, size, number)
    _write(canvas, size, caption)
    return _add_grain(picture, random)


def _gradient(random: np.random.Generator, size: Size) -> Image.Image:
    columns, rows = _PATCHES
    patches = Image.frombytes("RGB", _PATCHES, random.bytes(columns * rows * 3))
    return patches.resize(size, Image.Resampling.BICUBIC)


def _draw_shape(
    canvas: ImageDraw.ImageDraw, random: np.random.Generator, size: Size, number: int
) -> None:
    """Ellipse, rectangle and line in turn."""
    width, height = size
    radius = int(random.integers(min(size) // 4 + 1))
    x, y, to_x, to_y = (int(at) for at in random.integers((width, height, width, height)))
    red, green, blue = random.bytes(3)
    colour = (red, green, blue)
    box = (x - radius, y - radius // 2, x + radius, y + radius // 2)
    if number % 3 == 0:
        canvas.ellipse(box, fill=colour)
    elif number % 3 == 1:
        canvas.rectangle(box, fill=colour, outline=(255, 255, 255))
    else:
        canvas.line((x, y, to_x, to_y), fill=colour, width=radius // 16 + 1)


def _write(canvas: ImageDraw.ImageDraw, size: Size, caption: str) -> None:
    """White letters with a black rim, in the font that Pillow brings along."""
    font = ImageFont.load_default(max(min(size) // 24, 8))
    at = (size[0] // 16, size[1] // 16)
    canvas.text(at, caption, fill=(255, 255, 255), font=font, stroke_width=1, stroke_fill=(0, 0, 0))


def _add_grain(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """The same brightness up or down in all three colours, as a sensor does in bad light."""
    grain = random.integers(0, 2 * _GRAIN + 1, picture.size[::-1], dtype=np.uint8)
    layer = Image.fromarray(grain)
    return ImageChops.add(picture, Image.merge("RGB", (layer,) * 3), offset=-_GRAIN)
