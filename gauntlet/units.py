"""Quantities as people write them: `30s`, `1m30s`, `500ms`, `1%`, `10/s`, and back again.

One place parses and prints them, so a limit reads the same in a profile, an option, the console
and the web page. Pure; errors are `ValueError` with "expected …, got …".
"""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(text: object) -> float:
    """Seconds of a duration such as `30s`, `1m30s`, `500ms` or `2h`."""
    if isinstance(text, str) and text and not _PART.sub("", text.replace(" ", "")):
        parts = _PART.findall(text)
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    raise ValueError(f'expected a duration such as "30s" or "1m30s", got {text!r}')


def format_duration(seconds: float) -> str:
    """The shortest of the forms that `parse_duration` reads: `1m30s`, `500ms`, `1.5s`."""
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms"
    whole = round(seconds, 3)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    text = f"{hours:g}h" if hours else ""
    text += f"{minutes:g}m" if minutes else ""
    return text + (f"{round(left, 3):g}s" if left or not text else "")


def parse_interval(text: object) -> tuple[float, float]:
    """Seconds `(low, high)` of an interval such as `0.1s-0.5s`, or of one duration twice."""
    low, _, high = text.partition("-") if isinstance(text, str) else ("", "", "")
    try:
        interval = parse_duration(low.strip()), parse_duration((high or low).strip())
    except ValueError:
        interval = (1.0, 0.0)
    if interval[0] > interval[1]:
        raise ValueError(f'expected an interval such as "0.1s-0.5s", got {text!r}')
    return interval


def parse_number(text: str, suffix: str = "") -> float:
    """A plain decimal number, after a `suffix` such as `%` is taken off."""
    bare = text.strip().removesuffix(suffix).rstrip()
    if not _NUMBER.fullmatch(bare):
        raise ValueError(f"expected a number, got {text!r}")
    return float(bare)
