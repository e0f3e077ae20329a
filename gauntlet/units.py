"""Quantities as people write them: `30s`, `1m30s`, `500ms`, `1%`, `10/s`, and back again.

One place parses and prints them, so a limit reads the same in a profile, an option, the console
and the web page. Pure; errors are `ValueError` with "expected …, got …".
"""

import re
from decimal import Decimal

from gauntlet.text import shown

# Decimal, so that 9ms and 0.7% are the very floats that 9 / 1000 and 7 / 1000 measure.
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_DIGITS = r"[0-9]{1,9}(?:\.[0-9]{1,12})?"
_NUMBER = re.compile(_DIGITS)
_PART = re.compile(rf"({_DIGITS})(ms|s|m|h)\s*")
_DURATION = re.compile(rf"(?:{_DIGITS}(?:ms|s|m|h)\s*)+")


def parse_duration(text: object) -> float:
    """Seconds of a duration such as `30s`, `1m30s`, `500ms` or `2h`."""
    if isinstance(text, str) and _DURATION.fullmatch(text.strip()):
        parts = _PART.findall(text)
        return float(sum(Decimal(number) * _SECONDS[unit] for number, unit in parts))
    raise ValueError(f'expected a duration such as "30s" or "1m30s", got {shown(text)}')


def format_duration(seconds: float) -> str:
    """The shortest of the forms that `parse_duration` reads: `1m30s`, `500ms`, `1.5s`.

    Three significant digits below a second, whole milliseconds above.
    """
    short = round(float(f"{seconds * 1000:.3g}"), 4)
    if short < 1000:
        return f"{short:g}ms"
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if minutes else ""
    return text + (f"{milliseconds / 1000:g}s" if milliseconds else "")


def parse_interval(text: object) -> tuple[float, float]:
    """Seconds `(low, high)` of an interval such as `0.1s-0.5s`, or of one duration twice."""
    low, dash, high = text.partition("-") if isinstance(text, str) else ("", "", "")
    try:
        interval = parse_duration(low.strip()), parse_duration((high if dash else low).strip())
    except ValueError:
        interval = (1.0, 0.0)
    if interval[0] > interval[1]:
        raise ValueError(f'expected an interval such as "0.1s-0.5s", got {shown(text)}')
    return interval


def parse_number(text: str, suffix: str = "") -> float:
    """A plain decimal number, after a `suffix` such as `/s` is taken off."""
    bare = text.strip().removesuffix(suffix).rstrip()
    if not _NUMBER.fullmatch(bare):
        raise ValueError(f"expected a number, got {shown(text)}")
    return float(bare)


_PER = {"/s": 1, "/min": 60, "/h": 3600}


def parse_rate(text: object) -> float:
    """Arrivals per second, written as `200/s`, `12000/min` or `90/h`."""
    if isinstance(text, str):
        number, slash, unit = text.strip().partition("/")
        if _NUMBER.fullmatch(number.strip()) and slash + unit in _PER:
            return float(Decimal(number.strip()) / _PER[slash + unit])
    raise ValueError(f'expected a rate such as "200/s" or "12000/min", got {shown(text)}')


def format_rate(per_second: float) -> str:
    """A rate per second that `parse_rate` reads; per hour where a second's would be cut off."""
    if per_second >= 1 or float(f"{per_second:.6g}") == per_second:
        return f"{per_second:.12g}/s"
    return f"{per_second * 3600:.12g}/h"


def parse_ratio(text: str) -> float:
    """0.0 to 1.0, written as `1%` or `0.01`."""
    bare = text.strip().removesuffix("%").rstrip()
    if _NUMBER.fullmatch(bare):
        ratio = Decimal(bare) / (100 if "%" in text else 1)
        if ratio <= 1:
            return float(ratio)
    raise ValueError(f"expected a ratio such as 1% or 0.01, got {shown(text)}")
