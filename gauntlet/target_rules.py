"""Rules about what the target tells of itself: their own head and value, and their figures. Pure.

    target("process_resident_memory_bytes").slope < 1MB/min
    target("http_requests_total{status=\"5xx\"}").rate <= 0

    head     := 'target("' selector '").' stat
    selector := name [ "{" label '="' text '"' { "," label '="' text '"' } "}" ]
    stat     := max | min | avg | last    of the values
              | slope                     of the straight line nearest to the values, per second
              | rate                      what a counter gained, per second: a restart loses
                                          nothing, and what was not there yet was 0
    value    := number [ B | kB | MB | GB | KiB | MiB | GiB ] [ /s | /min | /h ]

In names and texts only `*` is special. Labels that a selector does not name may be anything. Where
several series match, the worst of them is judged. A number alone is bytes or whatever the metric
counts; slope and rate without a `/` are per second.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gauntlet.text import nearest, shown
from gauntlet.units import parse_number

STATS = ("max", "min", "avg", "last", "slope", "rate")
PER_SECOND = ("slope", "rate")
LEAST = {"slope": 3, "rate": 2}
"""Values that a figure needs; one is enough for the others."""

_SIZES = {"": 1, "B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_SIZES |= {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_PERIODS = {"": 1, "/s": 1, "/min": 60, "/h": 3600}
_VALUE = re.compile(r"(\S+?)\s*([kKMG]?i?B)?\s*(/s|/min|/h)?")
_HEAD = re.compile(r'\s*target\s*\(\s*"(.*?)"\s*\)\s*\.\s*(\w+)(?=\s*[<>])', re.DOTALL)
_SELECTOR = re.compile(r"\s*([\w:*]+)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_LABEL = re.compile(r'\s*(\w+)\s*=\s*"([^"]*)"\s*(?:,|$)')

Points = Sequence[tuple[float, float]]
"""Values by time in seconds."""


@dataclass(frozen=True)
class Selector:
    """Which series are meant."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return _written(self.name, self.labels)  # rules know no escapes

    def may_mean(self, name: str) -> bool:
        """Whether it means some series of that name."""
        return _like(self.name, name)

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether it means the series of that name and those labels."""
        return self.may_mean(name) and all(
            label in labels and _like(text, labels[label]) for label, text in self.labels
        )


class Head(NamedTuple):
    """What a rule is about."""

    selector: Selector
    stat: str


class Limit(NamedTuple):
    """A value per second or in all, and the unit it was written in: `MB/min`."""

    value: float
    unit: str


def parse_head(text: str) -> tuple[Head, str] | None:
    """The head that a rule begins with, and what follows it; None where it begins otherwise.

    ValueError where it begins with `target` and goes on wrongly.
    """
    if not re.match(r"\s*target\b", text):
        return None
    match = _HEAD.match(text)
    if match is None:
        example = "'target(\"process_resident_memory_bytes\").slope < 1MB/min'"
        raise ValueError(f"expected a rule such as {example}, got {shown(text)}")
    selector, stat = match.groups()
    if stat not in STATS:
        hint = nearest(stat, STATS)
        raise ValueError(f"expected a figure ({', '.join(STATS)}), got {stat!r}{hint}")
    return Head(parse_selector(selector), stat), text[match.end() :]


def parse_selector(text: str) -> Selector:
    """The selector that `text` says, labels in the order of their names."""
    match = _SELECTOR.fullmatch(text)
    rest, labels = (match[2] or "") if match else "", {}
    while match and rest.strip():
        label = _LABEL.match(rest)
        if label is None:
            match = None
            break
        labels[label[1]], rest = label[2], rest[label.end() :]
    if match is None:
        example = """'requests_total{status="5xx"}'"""
        raise ValueError(f"expected a metric such as {example}, got {shown(text)}")
    return Selector(match[1], tuple(sorted(labels.items())))


def parse_limit(stat: str, text: str) -> Limit:
    """The limit that a rule compares with."""
    match = _VALUE.fullmatch(text.strip())
    size, period = (match[2] or "", match[3] or "") if match else ("", "")
    try:
        if match is None or size not in _SIZES or (period and stat not in PER_SECOND):
            raise ValueError
        number = parse_number(match[1])
    except ValueError:
        example = "1MB/min or 5/s" if stat in PER_SECOND else "200MB or 100"
        raise ValueError(f"expected a value such as {example}, got {shown(text)}") from None
    if stat in PER_SECOND:
        period = period or "/s"
    return Limit(number * _SIZES[size] / _PERIODS[period], size + period)


def show(value: float, unit: str, in_full: bool = False) -> str:
    """A value in the unit of a limit."""
    size, slash, period = unit.partition("/")
    amount = value / _SIZES[size] * _PERIODS[slash + period]
    return f"{amount:.9g}{unit}" if in_full else f"{amount:.4g}{unit}"


def series_name(name: str, labels: Mapping[str, str]) -> str:
    """A series as Prometheus writes it, labels in the order of their names."""
    return _written(name, ((label, _escaped(text)) for label, text in sorted(labels.items())))


def _written(name: str, labels: Iterable[tuple[str, str]]) -> str:
    inner = ",".join(f'{label}="{text}"' for label, text in labels)
    return f"{name}{{{inner}}}" if inner else name


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def worst(stat: str, op: str, series: Iterable[Points]) -> tuple[float | None, int]:
    """The figure farthest on the wrong side, and how many values all had; None without one."""
    found, samples = [], 0
    for points in series:
        samples += len(points)
        value = figure(stat, points)
        if value is not None:
            found.append(value)
    if not found:
        return None, samples
    return (min(found) if op.startswith(">") else max(found)), samples


def figure(stat: str, points: Points) -> float | None:
    """One figure of a series; None where it has too few values for it."""
    if len(points) < LEAST.get(stat, 1):
        return None
    times, values = np.array(points, dtype=float).T
    match stat:
        case "slope":
            return _slope(times, values)
        case "rate":
            span = times[-1] - times[0]
            steps = np.diff(values)
            # What is less than before has begun anew.
            gained = np.where(steps >= 0, steps, values[1:]).sum()
            return float(gained / span) if span > 0 else None
        case "last":
            return float(values[-1])
        case "avg":
            return float(values.mean())
        case _:
            return float(values.max() if stat == "max" else values.min())


def _slope(times: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    """Least squares, from the means: a memory of gigabytes keeps its bytes."""
    off = times - times.mean()
    spread = float(off @ off)
    return float(off @ (values - values.mean())) / spread if spread > 0 else None


def _like(glob: str, text: str) -> bool:
    return bool(re.fullmatch(".*".join(map(re.escape, glob.split("*"))), text, re.DOTALL))
