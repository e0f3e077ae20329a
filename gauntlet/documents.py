"""YAML with its line numbers, and the sentences that say what is wrong where.

A mistake reads `file:line: key: expected …, got …; did you mean …?`. All mistakes of a document
are found at once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gauntlet.errors import UsageError
from gauntlet.text import nearest

Location = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)

_EXPECTED = {
    "missing": "this key",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_NAMED = re.compile(r"([\w.\[\]]+): (expected .*)", re.DOTALL)


@dataclass
class Document:
    """Parsed YAML: its data, and the file and line of every key and item."""

    data: dict[str, Any] = field(default_factory=dict)
    where: dict[Location, str] = field(default_factory=dict)

    def overlay(self, other: "Document") -> None:
        """Let the top-level keys of `other` replace ours, lines included."""
        self.data.update(other.data)
        kept = {at: place for at, place in self.where.items() if at and at[0] not in other.data}
        self.where = {**kept, **other.where}

    def place(self, location: Location) -> str:
        """`file:line` of the nearest part of the document that holds `location`."""
        while location and location not in self.where:
            location = location[:-1]
        return self.where.get(location, "")


def read(path: Path, shown: str | None = None) -> Document:
    """The document in a file; UsageError with file and line where it is not YAML."""
    name = shown or str(path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UsageError(_unreadable(name, error)) from error
    if node is None:
        return Document({}, {(): f"{name}:1"})
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{name}:1: expected a mapping of keys, got {node.value!r}")
    where: dict[Location, str] = {}
    _collect(node, (), name, where)
    loader = yaml.SafeLoader("")
    return Document(loader.construct_document(node), where)


def validate(model: type[M], document: Document) -> M:
    """The model made of a document; UsageError with one line per mistake."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        lines = [_sentence(document, detail, model) for detail in error.errors()]
        raise UsageError(list(dict.fromkeys(lines))) from error


def _unreadable(name: str, error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{name}:{error.problem_mark.line + 1}: expected YAML, got {error.problem}"
    if isinstance(error, OSError):
        return f"{name}: expected a readable file, got {error.strerror}"
    return f"{name}: expected YAML in UTF-8, got something else"


def _collect(node: yaml.Node, at: Location, name: str, where: dict[Location, str]) -> None:
    where[at] = f"{name}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect(item, (*at, index), name, where)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = f"{name}:{key.start_mark.line + 1}"
            inner = (*at, key.value)
            if inner in where:
                raise UsageError(f"{line}: {dotted(inner)}: expected a key once, got it twice")
            _collect(value, inner, name, where)
            where[inner] = line


def dotted(location: Iterable[int | str]) -> str:
    """A location as people write it: `phases[1].duration`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _sentence(document: Document, detail: ErrorDetails, model: type[BaseModel]) -> str:
    location, text = _explain(detail, model)
    named = _NAMED.fullmatch(text)
    key = dotted(location)
    if named:  # a rule over several keys names the one it is about
        key = f"{key}.{named[1]}" if key else named[1]
        text = named[2]
        location = (*location, named[1].split(".")[0].split("[")[0])
    place = document.place(location)
    return f"{place}: {key}: {text}" if key else f"{place}: {text}"


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> tuple[Location, str]:
    """Where a mistake is (without pydantic's union tags) and what it is."""
    location = tuple(part for part in detail["loc"] if _is_key(part))
    kind, given = detail["type"], detail["input"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        expected = f"expected one of {', '.join(known)}" if known else "expected no such key"
        return location, f"{expected}, got {location[-1]!r}{nearest(str(location[-1]), known)}"
    if kind == "missing":
        return location, "expected this key, got nothing"
    if kind == "value_error":
        return location, str(context["error"])
    if kind == "literal_error":
        known = [part.strip("' ") for part in re.split(", | or ", context["expected"])]
        hint = nearest(str(given), known)
        return location, f"expected {context['expected']}, got {given!r}{hint}"
    expected = _EXPECTED.get(kind) or _bounded(detail["msg"])
    return location, f"expected {expected}, got {given!r}"


def _bounded(message: str) -> str:
    text = message[0].lower() + message[1:]
    return re.sub(
        r"^(input|string|tuple|value|list|dictionary) should (be |have |match )?", "", text
    )


def _is_key(part: int | str) -> bool:
    """Pydantic names the branch of a union in a location; no key of ours looks like that."""
    return isinstance(part, int) or not re.search(r"[\[\]():]|^(str|literal|dict)$", part)


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that a model knows at a location; empty where it takes any."""
    current: type[BaseModel] = model
    for part in location:
        if isinstance(part, int):
            continue
        if part not in current.model_fields:
            return []
        inner = _model_in(current.model_fields[part].annotation)
        if inner is None:
            return []
        current = inner
    return list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)
