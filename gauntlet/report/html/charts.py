"""Charts as the template draws them: paths in a box 1000 wide, ticks as shares of the axes. Pure.

The box is stretched to the width of the page; lines keep their width and texts their size.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gauntlet.report.html.axes import Axis, Tick, linear
from gauntlet.report.html.columns import Span
from gauntlet.report.html.figures import digits
from gauntlet.report.html.heat import Heat

WIDTH = 1000


class Points(NamedTuple):
    """A line to draw: `style` names its colour and dashes; `values` None where there is none."""

    name: str
    style: str
    at: Sequence[float]
    values: Sequence[float | None]


class Line(NamedTuple):
    """A line as it is drawn."""

    name: str
    style: str
    path: str


@dataclass(frozen=True)
class Chart:
    """A chart: everything that the template needs, and nothing that it must compute."""

    title: str
    height: int
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    bands: tuple["Band", ...]
    hover: str
    """JSON: `at`, where along the axis; `x`, what is there; `rows`, a name and a text for each."""
    summary: str
    heat: Heat | None = None

    @property
    def legend(self) -> bool:
        """Whether the lines need names; one alone is what the title says."""
        return len(self.lines) > 1


class Band(NamedTuple):
    """A phase behind the lines: where it begins and how wide it is, as shares."""

    name: str
    begin: float
    width: float


def draw(
    title: str,
    across: Axis,
    lines: Sequence[Points],
    *,
    at: Callable[[float], str],
    show: Callable[[float], str] = digits,
    up: Axis | None = None,
    height: int = 120,
    spans: Sequence[Span] = (),
    heat: Heat | None = None,
    notes: Sequence[tuple[str, Sequence[str]]] = (),
) -> Chart:
    """Lay lines on axes; `at` names a place across, `show` a value, `notes` are told beside them.

    Without an axis up, it goes from 0 to what the lines need.
    """
    up = up or linear(max(_known(lines), default=1.0))
    places = [round(across.place(one), 4) for one in lines[0].at] if lines else []
    rows = [
        [one.name, ["" if value is None else show(value) for value in one.values]] for one in lines
    ]
    rows += [[name, list(texts)] for name, texts in notes]
    hover = {"at": places, "x": [at(one) for one in lines[0].at] if lines else [], "rows": rows}
    return Chart(
        title=title,
        height=height,
        lines=tuple(Line(one.name, one.style, _path(one, across, up, height)) for one in lines),
        across=across.ticks,
        up=up.ticks,
        bands=tuple(_band(span, across) for span in spans),
        hover=json.dumps(hover, ensure_ascii=False, separators=(",", ":")),
        summary=_summary(title, lines, show),
        heat=heat,
    )


def _band(span: Span, across: Axis) -> Band:
    begin, end = across.place(span.begin), across.place(span.end)
    return Band(span.name, begin, max(end - begin, 0.0))


def _path(points: Points, across: Axis, up: Axis, height: int) -> str:
    """The line in the notation of SVG, broken where nothing is known."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for where, value in zip(points.at, points.values, strict=True):
        if value is not None:
            pieces[-1].append((across.place(where) * WIDTH, (1 - up.place(value)) * height))
        elif pieces[-1]:
            pieces.append([])
    drawn = []
    for piece in filter(None, pieces):
        if len(piece) == 1:  # a dot, as long as its line is wide
            piece.append((piece[0][0] + 1, piece[0][1]))
        drawn.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in piece))
    return "".join(drawn)


def _known(lines: Sequence[Points]) -> list[float]:
    return [value for one in lines for value in one.values if value is not None]


def _summary(title: str, lines: Sequence[Points], show: Callable[[float], str]) -> str:
    """What a screen reader says instead of the picture."""
    told = []
    for one in lines:
        values = _known([one])
        if values:
            told.append(f"{one.name} from {show(min(values))} to {show(max(values))}")
    return f"{title}: {'; '.join(told)}" if told else title
