"""Scales and their ticks: where a value lies on an axis, as a share of its length. Pure."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gauntlet.report.html.figures import clock

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
_COARSE = (1.0,)
_MIDDLE = (1.0, 2.0, 5.0)
_FINE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
"""Any stretch from a time to nearly its double has two of them."""


class Tick(NamedTuple):
    """A mark on an axis: its place from 0.0 to 1.0 and what is written there."""

    at: float
    label: str


class Axis(NamedTuple):
    """A scale: `place` is where a value lies, 0.0 to 1.0; what lies outside is brought in."""

    place: Callable[[float], float]
    ticks: tuple[Tick, ...]


def linear(high: float) -> Axis:
    """From 0 to a round number at or above `high`, in three to five steps."""
    high = high if high > 1e-9 else 1.0
    step = _round_step(high / 4)
    steps = max(math.ceil(high / step - 1e-9), 1)
    top = step * steps
    marks = tuple(Tick(index / steps, _round(index * step)) for index in range(steps + 1))
    return Axis(lambda value: _within(value / top), marks)


def times(low_ms: float, high_ms: float) -> Axis:
    """A logarithmic scale of milliseconds from below `low_ms` to above `high_ms`."""
    low = math.log10(max(low_ms, 1e-3))
    high = max(math.log10(max(high_ms, 1e-3)), low + 0.3)
    shown = _marks(low, high, _COARSE if high - low >= 2.5 else _MIDDLE)
    if len(shown) < 2:
        shown = _marks(low, high, _FINE)

    def place(value: float) -> float:
        return _within((math.log10(max(value, 1e-3)) - low) / (high - low))

    return Axis(place, tuple(Tick(place(one), _short(one)) for one in shown))


def _marks(low: float, high: float, factors: Sequence[float]) -> list[float]:
    """These multiples of powers of ten between two logarithms."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    marks = [factor * 10.0**power for power in powers for factor in factors]
    return [one for one in marks if low - 1e-9 <= math.log10(one) <= high + 1e-9]


def seconds(end: float) -> Axis:
    """From the start of the run to `end`, at most nine marks."""
    end = max(end, 1.0)
    step = next((one for one in _STEPS_S if end / one <= 8.5), _STEPS_S[-1])
    marks = tuple(Tick(at / end, clock(at)) for at in range(0, int(end + 1e-6) + 1, step))
    return Axis(lambda value: _within(value / end), marks)


def quantiles(requests: int) -> Axis:
    """Percentiles, spread by 1 / (1 - q): each nine is as wide as the one before."""
    decades = max(math.log10(max(requests, 1)), 1.0)
    shares = [0.0, 0.5, 0.9, *(1 - 10.0**-nines for nines in range(2, math.ceil(decades)))]

    def place(share: float) -> float:
        """Where a share of the requests lies; the last of them at the end."""
        return _within(-math.log10(max(1 - share, 1e-12)) / decades)

    marks = tuple(Tick(place(one), f"{float(f'{one * 100:.9g}'):g}") for one in shares)
    return Axis(place, marks)


def _round(value: float) -> str:
    """A round number: `0.5`, `2,000`, `40 k`, `100 M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= 10 * size or (value >= size and unit != "k"):
            return f"{value / size:,.9g} {unit}"
    return f"{value:,.9g}"


def _short(ms: float) -> str:
    """A round time: `0.5 ms`, `20 ms`, `5 s`."""
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"


def _round_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, at or above `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _within(share: float) -> float:
    return min(max(share, 0.0), 1.0)
