"""YAML as people get it wrong: each mistake on a line of its own, with file and line."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from gauntlet.documents import Document, dotted, read, validate
from gauntlet.errors import UsageError


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    size: Annotated[int, Field(ge=1)] = 1


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: str
    parts: list[Part] = []
    notes: dict[str, Any] = {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.yaml"


def document(file: Path, text: str | bytes) -> Document:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(file, "a.yaml")


def mistakes(file: Path, text: str | bytes) -> list[str]:
    with pytest.raises(UsageError) as caught:
        validate(Whole, document(file, text))
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("5", 5, id="a whole number"),
        pytest.param("-5", -5, id="a negative number"),
        pytest.param("010", 10, id="a leading zero is no octal number"),
        pytest.param("2.50", 2.5, id="a number"),
        pytest.param(".5", 0.5, id="no digit before the point"),
        pytest.param("1e3", 1000.0, id="an exponent"),
        pytest.param("true", True, id="true"),
        pytest.param("False", False, id="false"),
        pytest.param("null", None, id="null"),
        pytest.param("~", None, id="a tilde"),
        pytest.param("", None, id="nothing"),
        pytest.param("text", "text", id="text"),
        pytest.param("'5'", "5", id="a number in quotes"),
        pytest.param("1:30", "1:30", id="minutes and seconds are no number"),
        pytest.param("2026-01-02", "2026-01-02", id="a date is text"),
        pytest.param("2026-13-45", "2026-13-45", id="so is what is no date"),
        pytest.param("yes", "yes", id="yes is text"),
        pytest.param("off", "off", id="off is text"),
        pytest.param("1_000", "1_000", id="an underscore makes text"),
        pytest.param("0x1F", "0x1F", id="so does another base"),
        pytest.param(".inf", ".inf", id="infinity is no number"),
        pytest.param(".nan", ".nan", id="nor is what is none"),
        pytest.param("http://a:80/b", "http://a:80/b", id="an address"),
        pytest.param("[1, a]", [1, "a"], id="a list"),
        pytest.param("{1: a, on: b, null: c}", {"1": "a", "on": "b", "null": "c"}, id="keys"),
        pytest.param("!!str 5", "5", id="a number that is tagged as text"),
    ],
)
def test_a_value_is_what_it_looks_like(file: Path, text: str, value: object) -> None:
    found = document(file, f"key: {text}\n").data["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("- a\n- b\n", "a.yaml:1: expected a mapping of keys, got a list", id="a list"),
        pytest.param(
            "# why\n\nhello\n", "a.yaml:3: expected a mapping of keys, got 'hello'", id="text"
        ),
        pytest.param("5", "a.yaml:1: expected a mapping of keys, got '5'", id="a number"),
        pytest.param(
            "title: a\nparts:\n\t- name: b\n",
            "a.yaml:3: expected spaces before a key, got a tab",
            id="a tab",
        ),
        pytest.param(
            "title: 'a\nparts: []\n", "a.yaml:1: expected a closing quote, got none", id="a quote"
        ),
        pytest.param(
            "title: a\nparts: [{name: b}\nnotes: {}\n",
            "a.yaml:3: expected a comma or ], got something else",
            id="a list that is not closed",
        ),
        pytest.param(
            "title: a\nnotes: {a: 1\n",
            "a.yaml:2: expected a closing bracket, got none",
            id="a mapping that is not closed",
        ),
        pytest.param(
            "title: a\nnotes\nparts: []\n",
            "a.yaml:2: expected a colon after the key, got none",
            id="no colon",
        ),
        pytest.param(
            "title: a: b\n",
            'a.yaml:1: expected one "key: value" as far in as its neighbours, got a colon out of '
            "place",
            id="two colons",
        ),
        pytest.param(
            "title: a\n  notes: {}\n",
            'a.yaml:2: expected one "key: value" as far in as its neighbours, got a colon out of '
            "place",
            id="a key too far in",
        ),
        pytest.param(
            "parts:\n  - name: a\n - name: b\n",
            "a.yaml:3: expected a line as far in as its neighbours, got another",
            id="an item not far enough in",
        ),
        pytest.param(
            "parts: - name: a\n",
            "a.yaml:1: expected a list on lines of its own, got -",
            id="a list beside its key",
        ),
        pytest.param(
            "title: @home\n",
            "a.yaml:1: expected quotes around text that begins with @, got none",
            id="a sign that YAML keeps for itself",
        ),
        pytest.param(
            "title: *bold\n",
            "a.yaml:1: expected quotes around text that begins with *, got none",
            id="a star",
        ),
        pytest.param(
            "title: * bold\n",
            "a.yaml:1: expected quotes around text that begins with * or &, got none",
            id="a star before a blank",
        ),
        pytest.param(
            'title: "C:\\pictures"\n',
            "a.yaml:1: expected single quotes around text with a backslash, got double ones",
            id="a backslash",
        ),
        pytest.param(
            "title: a\n---\ntitle: b\n",
            "a.yaml:2: expected one document, got a second",
            id="a second document",
        ),
        pytest.param(
            "title: a\nnotes: {a: b\x01c}\n",
            "a.yaml:2: expected text, got the character '\\x01'",
            id="a control character",
        ),
        pytest.param(
            b"title: a\nnotes: {a: \xfc}\n",
            "a.yaml:2: expected UTF-8, got the byte 0xfc",
            id="Latin-1",
        ),
        pytest.param(
            "title: a\n".encode("utf-16"),
            "a.yaml:1: expected UTF-8, got the byte 0xff",
            id="UTF-16",
        ),
        pytest.param(
            "notes: &a [*a]\n",
            "a.yaml: expected lists and mappings of some levels, got too many in one another",
            id="a list that holds itself",
        ),
        pytest.param(
            f"notes: {'[' * 500}",
            "a.yaml: expected lists and mappings of some levels, got too many in one another",
            id="hundreds of lists in one another",
        ),
        pytest.param(
            "%FOO\n%YAML 1.1\n%YAML 1.1\n---\ntitle: a\n",
            "a.yaml:3: expected YAML, got a mistake: found duplicate YAML directive",
            id="whatever else YAML refuses",
        ),
    ],
)
def test_what_is_no_yaml_is_said_with_its_line(file: Path, text: str | bytes, line: str) -> None:
    assert mistakes(file, text) == [line]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", ["a.yaml:1: title: expected this key, got nothing"], id="an empty file"),
        pytest.param(
            "# only this\n", ["a.yaml:1: title: expected this key, got nothing"], id="a comment"
        ),
        pytest.param(
            "# why\nnotes: {}\n",
            ["a.yaml:2: title: expected this key, got nothing"],
            id="a missing key is missed where the keys begin",
        ),
        pytest.param(
            "title: a\nparts:\n  - name: b\n  -\n    size: 2\n",
            ["a.yaml:5: parts[1].name: expected this key, got nothing"],
            id="a missing key of an item",
        ),
        pytest.param(
            "title: a\ntitle: b\nparts: []\nparts: []\n",
            [
                "a.yaml:2: title: expected this key once, got it again",
                "a.yaml:4: parts: expected this key once, got it again",
            ],
            id="keys twice",
        ),
        pytest.param(
            "title: a\nparts:\n  - name: b\n    name: c\n",
            ["a.yaml:4: parts[0].name: expected this key once, got it again"],
            id="a key of an item twice",
        ),
        pytest.param(
            "title: 1\ntitle: b\nnote: {}\nparts: [{name: c, size: 0}]\n",
            [
                "a.yaml:2: title: expected this key once, got it again",
                "a.yaml:4: parts[0].size: expected 1 or more, got 0",
                "a.yaml:3: note: expected one of title, parts, notes, got 'note'; "
                "did you mean notes?",
            ],
            id="all mistakes of all kinds at once",
        ),
        pytest.param(
            "title: !secret a\nnotes: {b: !!python/name:os.system ''}\n",
            [
                "a.yaml:1: title: expected a value without a tag, got !secret",
                "a.yaml:2: notes.b: expected a value without a tag, got !!python/name:os.system",
            ],
            id="tags",
        ),
        pytest.param(
            "title: a\nparts: [{name: b, size: !!int two}]\n",
            ["a.yaml:2: parts[0].size: expected a value without a tag, got !!int"],
            id="a tag that the value does not fit",
        ),
        pytest.param(
            f"title: a\nparts: [{{name: b, size: {'9' * 5000}}}]\n",
            ["a.yaml:2: parts[0].size: expected a number of at most 18 digits, got 5000"],
            id="a number without end",
        ),
        pytest.param(
            "title: a\n? [b, c]\n: d\n? {e: f}\n: g\n",
            [
                "a.yaml:2: expected text as a key, got a list",
                "a.yaml:4: expected text as a key, got a mapping",
            ],
            id="keys that are no text",
        ),
        pytest.param(
            "title: a\nbase: &base {size: 1}\n<<: *base\n",
            [
                "a.yaml:2: base: expected one of title, parts, notes, got 'base'",
                "a.yaml:3: <<: expected one of title, parts, notes, got '<<'",
            ],
            id="a merged mapping",
        ),
        pytest.param(
            "title: a\n'no (such) key: [0]': 1\n'': 2\n",
            [
                "a.yaml:2: no (such) key: [0]: expected one of title, parts, notes, "
                "got 'no (such) key: [0]'",
                "a.yaml:3: expected one of title, parts, notes, got ''",
            ],
            id="keys with signs in them",
        ),
    ],
)
def test_every_mistake_is_said_with_its_line(file: Path, text: str, lines: list[str]) -> None:
    assert mistakes(file, text) == lines


@pytest.mark.parametrize(
    ("make", "line"),
    [
        pytest.param(lambda path: None, "expected this file, got nothing", id="missing"),
        pytest.param(Path.mkdir, "expected a readable file, got 'Is a directory'", id="a folder"),
        pytest.param(
            lambda path: path.symlink_to(path),
            "expected a readable file, got 'Too many levels of symbolic links'",
            id="a link to itself",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(file: Path, make: Any, line: str) -> None:
    make(file)
    with pytest.raises(UsageError) as caught:
        read(file)
    assert caught.value.mistakes == [f"{file}: {line}"]


def test_a_byte_order_mark_is_no_mistake(file: Path) -> None:
    assert document(file, "\ufefftitle: a\n").data == {"title": "a"}


def test_an_alias_stands_for_its_anchor(file: Path) -> None:
    found = document(file, "title: &t a\nparts: [{name: *t}, {name: *t}]\n")
    assert validate(Whole, found) == Whole(title="a", parts=[Part(name="a"), Part(name="a")])


def test_a_right_document_becomes_its_model(file: Path) -> None:
    found = document(file, "title: a\nparts:\n  - {name: b, size: 2}\n")
    assert validate(Whole, found) == Whole(title="a", parts=[Part(name="b", size=2)])


@pytest.mark.parametrize(
    ("location", "place"),
    [
        pytest.param((), "a.yaml:2", id="the whole"),
        pytest.param(("title",), "a.yaml:2", id="a key"),
        pytest.param(("parts",), "a.yaml:3", id="a key whose value begins below it"),
        pytest.param(("parts", 1), "a.yaml:5", id="an item"),
        pytest.param(("parts", 1, "size"), "a.yaml:6", id="a key of an item"),
        pytest.param(("parts", 1, "colour"), "a.yaml:5", id="a key that is not there"),
        pytest.param(("parts", 7, "size"), "a.yaml:3", id="an item that is not there"),
        pytest.param(("other",), "a.yaml:2", id="nothing that is there"),
    ],
)
def test_a_place_is_that_of_the_nearest_part(
    file: Path, location: tuple[int | str, ...], place: str
) -> None:
    text = "# why\ntitle: a\nparts:\n  - name: b\n  - name: c\n    size: 2\n"
    assert document(file, text).place(location) == place


def test_a_layer_replaces_top_level_keys_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "under.yaml").write_text("title: a\nparts:\n  - name: b\nnotes: {x: 1}\n")
    (tmp_path / "over.yaml").write_text("\n\nparts:\n  - size: 0\n")
    whole = read(tmp_path / "under.yaml", "under.yaml")
    whole.overlay(read(tmp_path / "over.yaml", "over.yaml"))
    assert whole.data == {"title": "a", "parts": [{"size": 0}], "notes": {"x": 1}}
    assert whole.place(("notes", "x")) == "under.yaml:4"
    with pytest.raises(UsageError) as caught:
        validate(Whole, whole)
    assert caught.value.mistakes == [
        "over.yaml:4: parts[0].name: expected this key, got nothing",
        "over.yaml:4: parts[0].size: expected 1 or more, got 0",
    ]


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ((), ""),
        (("phases",), "phases"),
        (("phases", 1, "duration"), "phases[1].duration"),
        (("a", "b", 0, 1, "c"), "a.b[0][1].c"),
    ],
)
def test_a_location_is_written_with_dots_and_brackets(
    location: tuple[int | str, ...], text: str
) -> None:
    assert dotted(location) == text
