"""Several files as one blob: the multipart body of PUT /v1/quilts on its way into the store.

The stand-in for the network's encoding: the bytes of the files in the order of their arrival, then
an index as JSON. Columns are counted as there: the index takes column 0, every file one or more.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gauntlet.targets._walrus_answers import Refused, refused
from gauntlet.targets._walrus_chain import Patch

MAX_FILES = 666
MAX_IDENTIFIER_BYTES = 65_535
MAX_METADATA_BYTES = 16 * 1024 * 1024
_METADATA = "_metadata"
_DISPOSITION = b"content-disposition"
_IDENTIFIER = re.compile(r"[^\W_].*\S|[^\W_]", re.DOTALL)


class _File(NamedTuple):
    identifier: str
    offset: int
    length: int


class QuiltReader:
    """Takes a multipart body in pieces and hands the bytes of its files on."""

    def __init__(self, content_type: str | None, write: Callable[[bytes], None]) -> None:
        kind, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise _malformed("expected multipart/form-data with a boundary")
        self._write = write
        self._parser = _parser(boundary, self)
        self._files: list[_File] = []
        self._metadata: bytearray | None = None
        self._name = ""
        self._offset = 0
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = ""
        self._complete = False

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body. Raises Refused."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed("the body is no multipart form") from error

    def finish(self) -> list[Patch]:
        """Write the index; returns the files, sorted by identifier. Raises Refused."""
        if not self._complete:
            raise _malformed("the multipart form has no end")
        if not self._files:
            raise _malformed("there are no files")
        tags = _parse_metadata(bytes(self._metadata)) if self._metadata is not None else {}
        columns = _columns([file.length for file in self._files])
        patches = [
            Patch(file.identifier, *span, file.offset, file.length, tags.get(file.identifier, {}))
            for file, span in zip(self._files, columns, strict=True)
        ]
        self._write(orjson.dumps([[item.identifier, item.length, item.tags] for item in patches]))
        return sorted(patches, key=lambda item: item.identifier)

    def on_part_begin(self) -> None:
        self._disposition = ""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def on_header_end(self) -> None:
        name, value = self._header
        if name.lower() == _DISPOSITION:
            self._disposition = value.decode("latin-1")
        self._header = (bytearray(), bytearray())

    def on_headers_finished(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        try:
            self._name = parameters[b"name"].decode()
        except (KeyError, UnicodeDecodeError) as error:
            raise _malformed("a part has no name") from error
        if self._name == _METADATA:
            self._metadata = bytearray()
            return
        _check_identifier(self._name)
        if any(file.identifier == self._name for file in self._files):
            raise _malformed("an identifier comes twice")
        if len(self._files) == MAX_FILES:
            raise _malformed(f"there are more than {MAX_FILES} files")
        self._files.append(_File(self._name, self._offset, 0))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == _METADATA and self._metadata is not None:
            self._metadata += data[start:end]
            if len(self._metadata) > MAX_METADATA_BYTES:
                raise _malformed("the metadata is too long")
            return
        self._write(data[start:end])
        self._offset += end - start

    def on_part_end(self) -> None:
        if self._name != _METADATA:
            file = self._files[-1]
            self._files[-1] = file._replace(length=self._offset - file.offset)

    def on_end(self) -> None:
        self._complete = True


def _parser(boundary: bytes, reader: QuiltReader) -> MultipartParser:
    return MultipartParser(
        boundary,
        {
            "on_part_begin": reader.on_part_begin,
            "on_part_data": reader.on_part_data,
            "on_part_end": reader.on_part_end,
            "on_header_field": reader.on_header_field,
            "on_header_value": reader.on_header_value,
            "on_header_end": reader.on_header_end,
            "on_headers_finished": reader.on_headers_finished,
            "on_end": reader.on_end,
        },
        max_header_size=2 * MAX_IDENTIFIER_BYTES,
    )


def _check_identifier(text: str) -> None:
    if len(text.encode()) > MAX_IDENTIFIER_BYTES or not _IDENTIFIER.fullmatch(text):
        raise _malformed("an identifier must begin with a letter or digit and not end with a blank")


def _parse_metadata(raw: bytes) -> dict[str, dict[str, str]]:
    """Tags by identifier; values that are no texts are kept as their JSON."""
    try:
        entries = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _malformed("the metadata is no JSON") from error
    found: dict[str, dict[str, str]] = {}
    for entry in entries if isinstance(entries, list) else [None]:
        identifier = entry.get("identifier") if isinstance(entry, dict) else None
        tags = entry.get("tags", {}) if isinstance(entry, dict) else None
        if not isinstance(identifier, str) or not isinstance(tags, dict):
            raise _malformed("the metadata is no array of objects with identifier and tags")
        if identifier in found:
            raise _malformed("an identifier comes twice in the metadata")
        found[identifier] = {
            key: value if isinstance(value, str) else orjson.dumps(value).decode()
            for key, value in tags.items()
        }
    return found


def _columns(lengths: list[int]) -> list[tuple[int, int]]:
    """First column and column after the last one of every file, in columns as short as possible."""
    low, high = 1, max(1, *lengths)
    while low < high:
        middle = (low + high) // 2
        if sum(_count(length, middle) for length in lengths) <= MAX_FILES:
            high = middle
        else:
            low = middle + 1
    spans, first = [], 1
    for length in lengths:
        after = first + _count(length, low)
        spans.append((first, after))
        first = after
    return spans


def _count(length: int, column: int) -> int:
    return max(1, -(-length // column))


def _malformed(what: str) -> Refused:
    return refused("MALFORMED_REQUEST", what)
