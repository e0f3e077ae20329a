"""The heat map: time across, response time up on a logarithmic scale, requests as colour.

It is a picture of one point per cell with a palette, a few kilobytes however long the run was;
one palette for light pages and one for dark.
"""

import base64
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gauntlet.report.html.columns import Columns

ROWS = 48
STEPS = 64
"""Colours; 0 is no request and transparent."""

Colour = tuple[int, int, int]

_LIGHT: tuple[Colour, ...] = (
    (206, 225, 246),
    (125, 178, 232),
    (52, 118, 204),
    (63, 58, 160),
    (64, 16, 92),
)
_DARK: tuple[Colour, ...] = (
    (48, 78, 130),
    (38, 104, 156),
    (46, 168, 170),
    (158, 217, 120),
    (253, 231, 96),
)


class Heat(NamedTuple):
    """The map as addresses of two pictures, the times at its edges, and its scale of colours."""

    light: str
    dark: str
    low_ms: float
    high_ms: float
    most: int
    """Requests in the darkest cell."""
    across: float
    """How wide it is, in lengths of the axis: its last column may go beyond."""
    scale_light: str
    scale_dark: str


def paint(columns: Columns, end: float) -> Heat | None:
    """The heat map of some endpoints until `end` [s]; None where no request told its time."""
    if not len(columns.us):
        return None
    low, high = _edges(columns)
    rows = np.clip(
        ((np.log10(np.maximum(columns.us, 1)) - low) / (high - low) * ROWS).astype(np.int64),
        0,
        ROWS - 1,
    )
    cells = np.zeros((ROWS, len(columns.requests)), np.int64)
    np.add.at(cells, (ROWS - 1 - rows, columns.column), columns.number)
    most = int(cells.max())
    # By the logarithm: single slow requests are what one looks for, among thousands of others.
    shades = np.zeros(cells.shape, np.uint8)
    told = cells > 0
    depth = np.log(cells[told]) / math.log(most) if most > 1 else np.ones(int(told.sum()))
    shades[told] = 1 + np.round(depth * (STEPS - 2)).astype(np.uint8)
    scale = np.arange(1, STEPS, dtype=np.uint8).reshape(1, -1)
    return Heat(
        _picture(shades, _LIGHT),
        _picture(shades, _DARK),
        10**low / 1000,
        10**high / 1000,
        most,
        len(columns.requests) * columns.width / end,
        _picture(scale, _LIGHT),
        _picture(scale, _DARK),
    )


def _edges(columns: Columns) -> tuple[float, float]:
    """Logarithms of the least and the largest time in microseconds, with a little room."""
    least, largest = int(columns.us.min()), int(columns.us.max())
    low = math.floor(math.log10(max(least, 1)) * 10) / 10
    high = math.ceil(math.log10(max(largest, 1)) * 10 + 0.5) / 10
    return low, max(high, low + 0.5)


def _picture(shades: NDArray[np.uint8], stops: Sequence[Colour]) -> str:
    """The address of a PNG that holds the picture itself."""
    image = Image.fromarray(shades)
    image.putpalette(_palette(stops))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True, transparency=0)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _palette(stops: Sequence[Colour]) -> list[int]:
    """No request, then colours from the first stop to the last."""
    places = np.linspace(0, len(stops) - 1, STEPS - 1)
    channels = np.asarray(stops, float).T
    mixed = [np.interp(places, np.arange(len(stops)), channel) for channel in channels]
    rows = np.round(np.stack(mixed, axis=1)).astype(int)
    return [0, 0, 0, *(int(one) for one in rows.ravel())]
