"""Request bodies: what a task gives, as parts that are sent as they are.

    body = encode(data=b"…")                          # or a memoryview, a tuple of parts, a text
    body = encode(data=open("film.mkv", "rb"))        # read in blocks while it is sent
    body = encode(data=blocks())                      # a generator: chunked, never sent twice
    body = encode(data={"a": "1"}, files={"file": ("x.jpg", picture, "image/jpeg")})
    body = encode(json={"a": 1})

Nothing is joined or copied. A file inside `files` may be bytes, a tuple of parts or a file object.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from secrets import token_hex
from typing import IO, Any
from urllib.parse import urlencode

import orjson

Buffer = bytes | bytearray | memoryview
_MAPPINGS = (dict, Mapping)  # the first is found without a look into its bases
_BUFFERS = (bytes, bytearray, memoryview)  # a union is slower to check against

BLOCK_BYTES = 1 << 18

# Chosen once: request heads stay the same and are rendered once. A body cannot hold 32 random hex
# digits that it does not know.
BOUNDARY = f"gauntlet-{token_hex(16)}"
_FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
_END = f"\r\n--{BOUNDARY}--\r\n".encode()
_KEPT_PART_HEADS = 256
_part_heads: dict[tuple[str, str | None, str | None], bytes] = {}


class SizedFile:
    """The rest of a file object, from where it stands."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()
        self.length = file.seek(0, os.SEEK_END) - self._start
        file.seek(self._start)

    def blocks(self) -> Iterator[bytes]:
        """The bytes, read anew from the start each time; exactly as many as announced."""
        self._file.seek(self._start)
        left = self.length
        while left:
            block = self._file.read(min(BLOCK_BYTES, left))
            if not block:
                raise ValueError("request body: the file became shorter while it was sent")
            left -= len(block)
            yield block


class Body:
    """A body: parts in order with a known length, or chunks of an unknown one."""

    __slots__ = ("chunks", "content_type", "length", "parts", "plain")

    def __init__(
        self,
        parts: tuple[Buffer | SizedFile, ...],
        content_type: str | None = None,
        chunks: Iterable[Buffer | str] | None = None,
    ) -> None:
        self.parts = parts
        self.content_type = content_type
        self.chunks = chunks
        """Set instead of `parts` when the length is unknown."""
        self.plain = chunks is None
        """Whether all parts are in memory."""
        length = 0
        for part in parts:
            if type(part) is bytes:
                length += len(part)
            elif isinstance(part, SizedFile):
                self.plain = False
                length += part.length
            else:
                length += memoryview(part).nbytes
        self.length = length

    def blocks(self) -> Iterator[Buffer]:
        """The parts, files among them in blocks."""
        for part in self.parts:
            if isinstance(part, SizedFile):
                yield from part.blocks()
            else:
                yield part


def encode(*, data: Any = None, json: Any = None, files: Any = None) -> Body | None:
    """The body for what a call was given; None where there is none."""
    if type(data) is bytes and files is None and json is None:
        return Body((data,)) if data else None
    if files:
        if json is not None:
            raise TypeError("request body: expected json or files, got both")
        return Body(_multipart(data, files), _FORM_TYPE)
    if data is None or data == "":
        return None if json is None else Body((orjson.dumps(json),), "application/json")
    if json is not None:
        raise TypeError("request body: expected data or json, got both")
    if isinstance(data, _BUFFERS):
        return Body((data,))
    if isinstance(data, str):
        return Body((data.encode(),))
    if isinstance(data, tuple) and all(isinstance(part, _BUFFERS) for part in data):
        return Body(data)
    if isinstance(data, (Mapping, list, tuple)):
        form = urlencode(list(_pairs(data)), doseq=True).encode()
        return Body((form,), "application/x-www-form-urlencoded")
    if hasattr(data, "read"):
        return Body((SizedFile(data),)) if _seekable(data) else Body((), chunks=_read(data))
    if isinstance(data, Iterable):
        return Body((), chunks=data)
    raise TypeError(
        f"request body: expected bytes, text, a form, a file or an iterable, got {type(data)}"
    )


def _pairs(fields: Any) -> Iterable[tuple[str, Any]]:
    return fields.items() if isinstance(fields, _MAPPINGS) else fields


def _seekable(file: Any) -> bool:
    return bool(getattr(file, "seekable", lambda: False)())


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _multipart(data: Any, files: Any) -> tuple[Buffer | SizedFile, ...]:
    parts: list[Buffer | SizedFile] = []
    start = b""  # a delimiter belongs to the line break before it
    for name, value in _pairs(data) if data else ():
        for each in value if isinstance(value, list | tuple) else (value,):
            parts.append(start + _part_head(name, None, None))
            parts.append(each if isinstance(each, _BUFFERS) else str(each).encode())
            start = b"\r\n"
    for name, value in _pairs(files):
        filename, content, content_type = _file(name, value)
        parts.append(start + _part_head(name, filename, content_type))
        if isinstance(content, _BUFFERS):
            parts.append(content)
        elif isinstance(content, tuple):
            parts.extend(content)
        elif isinstance(content, str):
            parts.append(content.encode())
        else:
            parts.append(SizedFile(content) if _seekable(content) else content.read())
        start = b"\r\n"
    parts.append(_END)
    return tuple(parts)


def _file(name: str, value: Any) -> tuple[str | None, Any, str | None]:
    """Name, content and type of a file given as content or as (name, content[, type])."""
    if isinstance(value, tuple) and value and not isinstance(value[0], _BUFFERS):
        if len(value) == 3:
            return value
        if len(value) == 2:
            return value[0], value[1], None
        raise TypeError("files: expected (name, content) or (name, content, type)")
    path = getattr(value, "name", None)
    return os.path.basename(path) if isinstance(path, str) else name, value, None


def _part_head(name: str, filename: str | None, content_type: str | None) -> bytes:
    key = (name, filename, content_type)
    head = _part_heads.get(key)
    if head is None:
        head = _render_part_head(name, filename, content_type)
        if len(_part_heads) >= _KEPT_PART_HEADS:
            _part_heads.clear()
        _part_heads[key] = head
    return head


def _render_part_head(name: str, filename: str | None, content_type: str | None) -> bytes:
    lines = [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{_quoted(name)}"']
    if filename is not None:
        lines[1] += f'; filename="{_quoted(filename)}"'
    if content_type is not None:
        if not content_type.isprintable():
            raise ValueError("files: expected a content type in one line")
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode()


def _quoted(text: str) -> str:
    # The HTML standard's way, "multipart/form-data encoding algorithm".
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
