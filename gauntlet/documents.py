"""YAML with its line numbers, and the sentences that say what is wrong where.

A mistake reads `file:line: key: expected …, got …; did you mean …?`. All mistakes of a document
are found at once. Of YAML the core of version 1.2 is read: every key is text; `1:30`, `yes` and
`2024-01-01` are text as well; there are no tags and no merged keys.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from gauntlet.errors import UsageError
from gauntlet.explain import Location, explain
from gauntlet.text import shown

M = TypeVar("M", bound=BaseModel)


@dataclass
class Document:
    """Parsed YAML: its data, the file and line of every key and item, and what is no data."""

    data: dict[str, Any] = field(default_factory=dict)
    where: dict[Location, str] = field(default_factory=dict)
    mistakes: dict[Location, str] = field(default_factory=dict)

    def overlay(self, other: "Document") -> None:
        """Let the top-level keys of `other` replace ours, lines included."""
        self.data.update(other.data)
        kept = {at: place for at, place in self.where.items() if at and at[0] not in other.data}
        self.where = {**kept, **other.where}
        self.mistakes.update(other.mistakes)

    def put(self, location: Location, text: str, where: str) -> None:
        """Let the text of a variable stand for the value at a location of mappings."""
        data = self.data
        for depth, key in enumerate(location[:-1], 1):
            inner = data.get(str(key))
            if not isinstance(inner, dict):
                if inner is not None:
                    return  # what the file has there is a mistake of its own
                inner = data[str(key)] = {}
                self.where[location[:depth]] = where
            data = inner
        self.where[location] = where
        try:
            data[str(location[-1])] = _plain(text)
        except ValueError as error:
            self.mistakes[location] = f"{where}: {dotted(location)}: {error}"

    def place(self, location: Location) -> str:
        """`file:line` of the nearest part of the document that holds `location`."""
        while location and location not in self.where:
            location = location[:-1]
        return self.where.get(location, "")


def read(path: Path, name: str | None = None) -> Document:
    """The document in a file; UsageError with file and line where it is not YAML."""
    name = name or str(path)
    try:
        return _parse(path.read_text(encoding="utf-8"), name)
    except FileNotFoundError:
        raise UsageError(f"{name}: expected this file, got nothing") from None
    except OSError as error:
        reason = shown(error.strerror)
        raise UsageError(f"{name}: expected a readable file, got {reason}") from error
    except UnicodeDecodeError as error:
        line, byte = error.object[: error.start].count(b"\n") + 1, error.object[error.start]
        raise UsageError(f"{name}:{line}: expected UTF-8, got the byte 0x{byte:02x}") from error


def validate(model: type[M], document: Document) -> M:
    """The model made of a document; UsageError with one line per mistake."""
    mistakes = dict(document.mistakes)
    try:
        made = model.model_validate(document.data)
    except ValidationError as error:
        for at, text in explain(error, document.data, model):
            mistakes.setdefault(at, ": ".join(filter(None, (document.place(at), dotted(at), text))))
    if mistakes:
        raise UsageError(mistakes.values())
    return made


def dotted(location: Iterable[int | str]) -> str:
    """A location as people write it: `phases[1].duration`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class _Core(yaml.SafeLoader):
    """Composes nodes; what a plain scalar is, YAML 1.2's core schema says."""

    yaml_implicit_resolvers: dict[str, Any] = {}


_TAG = "tag:yaml.org,2002:"
_FORMS = {
    "null": re.compile(r"(~|null|Null|NULL|)\Z"),
    "bool": re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(r"[-+]?[0-9]+\Z"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z"),
}
for _kind, _form in _FORMS.items():
    _Core.add_implicit_resolver(_TAG + _kind, _form, None)


def _parse(text: str, name: str) -> Document:
    try:
        node = yaml.compose(text, Loader=_Core)
        if node is None:
            return Document({}, {(): f"{name}:1"})
        if not isinstance(node, yaml.MappingNode):
            place = _place(name, node)
            raise UsageError(f"{place}: expected a mapping of keys, got {_shown(node)}")
        document = Document()
        document.data = _mapping(node, (), name, document)
        return document
    except yaml.MarkedYAMLError as error:
        raise UsageError(_syntax(name, error)) from error
    except yaml.reader.ReaderError as error:
        line, character = text.count("\n", 0, error.position) + 1, text[error.position]
        raise UsageError(f"{name}:{line}: expected text, got the character {character!a}") from None
    except RecursionError:
        raise UsageError(
            f"{name}: expected lists and mappings of some levels, got too many in one another"
        ) from None


def _build(node: yaml.Node, at: Location, name: str, document: Document) -> Any:
    """The data of a node; places and mistakes go into the document."""
    document.where.setdefault(at, _place(name, node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, name, document)
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return [_build(item, (*at, index), name, document) for index, item in items]
    try:
        return _scalar(node.tag, node.value)
    except ValueError as error:
        document.mistakes[at] = f"{document.place(at)}: {dotted(at)}: {error}"
        return None


def _mapping(node: yaml.MappingNode, at: Location, name: str, document: Document) -> dict[str, Any]:
    document.where.setdefault(at, _place(name, node))
    data: dict[str, Any] = {}
    for key, value in node.value:
        place, inner = _place(name, key), (*at, str(key.value))
        if not isinstance(key, yaml.ScalarNode):
            document.mistakes[inner] = f"{place}: expected text as a key, got {_shown(key)}"
        elif key.value in data:
            text = f"{dotted(inner)}: expected this key once, got it again"
            document.mistakes[inner] = f"{place}: {text}"
        else:
            document.where[inner] = place
            data[key.value] = _build(value, inner, name, document)
    return data


def _scalar(tag: str, text: str) -> str | int | float | bool | None:
    kind = tag.removeprefix(_TAG)
    if kind != "str" and not (kind in _FORMS and _FORMS[kind].match(text)):
        written = kind if kind.startswith("!") else f"!!{kind}"
        raise ValueError(f"expected a value without a tag, got {written}")
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "float":
            return float(text)
        case "int" if len(text) > 18:
            raise ValueError(f"expected a number of at most 18 digits, got {len(text)}")
        case "int":
            return int(text)
    return text


def _plain(text: str) -> str | int | float | bool | None:
    """What a text without quotes stands for in YAML."""
    kinds = (kind for kind, form in _FORMS.items() if kind != "null" and form.match(text))
    return _scalar(_TAG + next(kinds, "str"), text)


def _place(name: str, node: yaml.Node) -> str:
    return f"{name}:{node.start_mark.line + 1}"


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return shown(node.value)
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


class _Slip(NamedTuple):
    """What YAML's parser says and what it means; `opening`: its line is where the thing began."""

    said: str
    means: str
    opening: bool = False


_SLIPS = (
    _Slip(r"found character '\\t'", "expected spaces before a key, got a tab"),
    _Slip("found character '(.)'", r"expected quotes around text that begins with \1, got none"),
    _Slip(
        "mapping values are not allowed",
        'expected one "key: value" as far in as its neighbours, got a colon out of place',
    ),
    _Slip("could not find expected ':'", "expected a colon after the key, got none", True),
    _Slip("found unexpected end of stream", "expected a closing quote, got none", True),
    _Slip("but (?:found|got) '<stream end>'", "expected a closing bracket, got none", True),
    _Slip("expected ',' or '(.)'", r"expected a comma or \1, got something else"),
    _Slip("expected <block end>", "expected a line as far in as its neighbours, got another"),
    _Slip("found undefined alias", "expected quotes around text that begins with *, got none"),
    _Slip(
        "expected alphabetic or numeric character",
        "expected quotes around text that begins with * or &, got none",
    ),
    _Slip("sequence entries are not allowed", "expected a list on lines of its own, got -"),
    _Slip("found another document", "expected one document, got a second"),
    _Slip(
        "found unknown escape character '(.)'",
        r"expected single quotes around text with a backslash, got double ones",
    ),
)


def _syntax(name: str, error: yaml.MarkedYAMLError) -> str:
    for slip in _SLIPS:
        said = re.search(slip.said, error.problem or "")
        if said:
            mark = error.context_mark if slip.opening else error.problem_mark
            return f"{name}:{_number(mark)}: {said.expand(slip.means)}"
    return f"{name}:{_number(error.problem_mark)}: expected YAML, got a mistake: {error.problem}"


def _number(mark: yaml.Mark | None) -> int:
    return mark.line + 1 if mark else 1
