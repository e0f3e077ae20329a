"""What pydantic found wrong, in words of the document: `expected …, got …; did you mean …?`.

A validator's own ValueError is taken as it is written, one mistake per line. A line may name the
key that it is about, relative to the model: `phases[1].name: expected …`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gauntlet.text import nearest, shown

Location = tuple[int | str, ...]

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "string_type": "text",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of {max_length} or fewer characters",
    "string_pattern_mismatch": "text of the form {pattern}",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "too_short": "{min_length} or more items",
    "too_long": "{max_length} or fewer items",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
}
_KEY = "key"
"""Our kind of a mistake in a key, whatever pydantic's is."""

_NAMED = re.compile(r"([\w.\[\]-]+): (expected .*)")
_PARTS = re.compile(r"expected (.+), got (.+?)(; did you mean .+\?)?")


def explain(
    error: ValidationError, data: object, model: type[BaseModel]
) -> Iterator[tuple[Location, str]]:
    """Each mistake once: the key or item that it is about, and its sentence."""
    found: dict[Location, dict[str, str]] = {}
    for detail in error.errors(include_url=False):
        location = _location(detail, data)
        kind = _KEY if detail["loc"][-1:] == ("[key]",) else detail["type"]
        for text in _texts(detail, location, model):
            named = _NAMED.fullmatch(text)
            at = (*location, *_parsed(named[1])) if named else location
            found.setdefault(at, {})[named[2] if named else text] = kind
    for location, texts in found.items():
        for text in _joined(texts, _goes_on(location, found)):
            yield location, text


def _location(detail: ErrorDetails, data: object) -> Location:
    """The keys and items of a location; pydantic puts names of union branches between them."""
    found: list[int | str] = []
    for part in detail["loc"]:
        if isinstance(data, Mapping) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif detail["type"] != "missing" or part is not detail["loc"][-1]:
            continue
        found.append(part)
    return tuple(found)


def _goes_on(location: Location, found: Mapping[Location, object]) -> bool:
    depth = len(location)
    return any(len(other) > depth and other[:depth] == location for other in found)


def _joined(texts: Mapping[str, str], goes_on: bool) -> Iterator[str]:
    """The sentences on one place; where several shapes are allowed there, the branches as one.

    `texts` with pydantic's kinds. A branch that the value is not even of the type of is left out
    where another one got further, here or (`goes_on`) deeper; what belongs to a wrong key is.
    """
    if _KEY in texts.values():
        yield from (text for text, kind in texts.items() if kind == _KEY)
        return
    further = [text for text, kind in texts.items() if not _is_shallow(kind)]
    left = [text for text, kind in texts.items() if not (further and kind.endswith("_type"))]
    if goes_on:
        left = further
    parts = [match for text in left if (match := _PARTS.fullmatch(text))]
    if len(parts) < 2 or len({match[2] for match in parts}) > 1:
        yield from left
        return
    yield from (text for text in left if not _PARTS.fullmatch(text))
    expected = " or ".join(match[1] for match in parts)
    yield f"expected {expected}, got {parts[0][2]}" + "".join(match[3] or "" for match in parts)


def _is_shallow(kind: str) -> bool:
    return kind.endswith("_type") or kind == "literal_error"


def _texts(detail: ErrorDetails, location: Location, model: type[BaseModel]) -> list[str]:
    kind, given = detail["type"], detail["input"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"]).splitlines()
    if kind == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        hint = nearest(str(location[-1]), known)
        return [f"expected one of {', '.join(known)}, got {shown(location[-1])}{hint}"]
    if kind == "missing":
        thing = "an item" if isinstance(location[-1], int) else "this key"
        return [f"expected {thing}, got nothing"]
    if kind == "literal_error":
        known = re.findall("'([^']*)'", context["expected"])
        expected = f"one of {', '.join(known)}" if len(known) > 1 else "".join(known)
        return [f"expected {expected}, got {shown(given)}{nearest(str(given), known)}"]
    if kind in ("too_short", "too_long"):
        given = context["actual_length"]
    known_kind = _EXPECTED.get(kind)
    expected = known_kind.format_map(_Bounds(context)) if known_kind else _said(detail["msg"])
    return [f"expected {expected}, got {shown(given)}"]


class _Bounds(dict[str, Any]):
    """Bounds as people write them: 0, not 0.0."""

    def __getitem__(self, name: str) -> object:
        bound = super().__getitem__(name)
        return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _said(message: str) -> str:
    """Pydantic's own words for a mistake that no rule of ours makes so far."""
    return re.sub(r"^.* should (be |have |match )?", "", message[0].lower() + message[1:])


def _parsed(key: str) -> Location:
    """The location that is written `phases[1].name`."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", key)
    return tuple(int(index) if index else name for index, name in parts)


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """The keys of the model at a location; keys of mappings on the way are no fields."""
    current = model
    for part in location:
        if isinstance(part, str) and part in current.model_fields:
            current = _model_in(current.model_fields[part].annotation) or current
    return list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)
