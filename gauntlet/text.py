"""Small helpers for what people read."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

LONGEST = 80
"""Characters of a wrong value that a sentence repeats."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A closing `; did you mean …?` where a known name is near; else nothing."""
    names = {one.casefold(): one for one in known}
    near = get_close_matches(name.casefold(), names, 1, 0.5)
    return f"; did you mean {names[near[0]]}?" if near else ""


def shown(value: object) -> str:
    """A wrong value as its writer knows it: no words of Python, and bounded in length."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value) if len(value) <= LONGEST else f"{value[:LONGEST]!r}…"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return str(value)


def counted(count: int, thing: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
