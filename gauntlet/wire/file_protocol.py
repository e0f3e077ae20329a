r"""The file server's protocol without I/O: what goes over the wire, for both sides.

    client -> server     a line, ended by LF                LIST · GET name · DELETE name · UPLOAD
    server -> client     a JSON object, ended by CR LF CR LF

    UPLOAD LF            -> READY TO RECEIVE FILE CR LF CR LF
    base64 LF …          each line decodable alone; no answer
    ENDUPLOAD LF         -> {"status": "OK", …, "data": {"file_path": "<md5><extension>"}}

`Answer` and `Download` read answers, the second one file contents of any size out of their JSON
line; `Requests` reads what a client sends. All take pieces cut anywhere and keep no more than a
piece of them.
"""

import hashlib
import json
import re
import shlex
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pybase64 import b64decode, b64encode

END = b"\r\n\r\n"
READY = b"READY TO RECEIVE FILE"
UPLOAD = b"UPLOAD\n"
ENDUPLOAD = b"ENDUPLOAD"
LINE_BYTES = 786_432
"""Bytes of the file in a line of an upload; 1,048,576 characters of base64."""

MOST_HEAD = 16 * 1024 * 1024
"""Bytes of an answer that is no file: a list of very many names."""

_FILE = re.compile(rb'"data_file"\s*:\s*"')
_LEAD = 64
"""Bytes that the key before a file's content may reach over from one piece into the next."""


class ProtocolError(ValueError):
    """What came does not follow the protocol; the text is one of a few."""


# -- the client's side -----------------------------------------------------------------------------


def request(command: str, name: str | None = None) -> bytes:
    """The line of a command; ValueError where a name cannot stand in a line."""
    if name is None:
        return f"{command}\n".encode()
    if not name or "\n" in name or "\r" in name or "\0" in name:
        raise ValueError("expected a name of one line, got another")
    return f"{command} {shlex.quote(name)}\n".encode()


class Answer:
    """Reads one answer that is not a file."""

    def __init__(self) -> None:
        self._text = bytearray()
        self.done = False
        self.rest = b""
        """What came behind the end; nobody asked for it."""

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next piece."""
        start = max(0, len(self._text) - len(END) + 1)
        self._text += data
        at = self._text.find(END, start)
        if at >= 0:
            self.rest = bytes(self._text[at + len(END) :])
            del self._text[at:]
            self.done = True
        elif len(self._text) > MOST_HEAD:
            raise ProtocolError("answer is larger than the limit")

    @property
    def is_ready(self) -> bool:
        """Whether it is the text that answers UPLOAD."""
        return self._text == READY

    def content(self) -> dict[str, Any]:
        """The JSON object."""
        return _object(self._text)


class Download:
    """Reads the answer to GET: gives the file's bytes as they come, the rest in the end."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._carry = b""
        self._padded = False
        self._tail: Answer | None = None
        self._begun = False
        self.length = 0
        """Bytes of the file so far."""

    @property
    def done(self) -> bool:
        """Whether the answer is complete."""
        return self._tail is not None and self._tail.done

    @property
    def rest(self) -> bytes:
        """What came behind the end."""
        return self._tail.rest if self._tail is not None else b""

    def feed(self, data: bytes | bytearray, end: int | None = None) -> bytes:
        """Take the first `end` bytes of `data`; give the bytes of the file that are in them."""
        end = len(data) if end is None else end
        if self._tail is not None:
            self._tail.feed(memoryview(data)[:end])
            return b""
        if self._begun:
            return self._body(data, 0, end)
        searched = max(0, len(self._head) - _LEAD)
        self._head += memoryview(data)[:end]
        found = _FILE.search(self._head, searched)
        if found is None:
            self._no_file_yet(max(0, searched - len(END)))
            return b""
        body = bytes(self._head[found.end() :])
        del self._head[found.end() :]
        self._begun = True
        return self._body(body, 0, len(body))

    def content(self) -> dict[str, Any]:
        """The JSON object with an empty file; without one where the answer has none."""
        assert self._tail is not None
        return _object(self._head + self._tail._text)

    @property
    def has_file(self) -> bool:
        """Whether there is a file in the answer."""
        return self._begun

    def _no_file_yet(self, searched: int) -> None:
        at = self._head.find(END, searched)
        if at >= 0:
            self._tail = Answer()
            self._tail.feed(self._head[at:])
            del self._head[at:]
        elif len(self._head) > MOST_HEAD:
            raise ProtocolError("answer is larger than the limit")

    def _body(self, data: bytes | bytearray, start: int, end: int) -> bytes:
        quote = data.find(b'"', start, end)
        stop = end if quote < 0 else quote
        view = memoryview(data)[start:stop]
        got = self._decode(view)
        if quote >= 0:
            if self._carry:
                raise ProtocolError("file is not base64")
            self._tail = Answer()
            self._tail.feed(memoryview(data)[quote:end])
        self.length += len(got)
        return got

    def _decode(self, view: memoryview) -> bytes:
        lead = b""
        if self._carry:
            missing = 4 - len(self._carry)
            lead, view = self._carry + bytes(view[:missing]), view[missing:]
            if len(lead) < 4:
                self._carry = lead
                return b""
        whole = len(view) - len(view) % 4
        self._carry = bytes(view[whole:])
        if not lead and not whole and not self._carry:
            return b""
        if self._padded:
            raise ProtocolError("file is not base64")
        self._padded = (view[whole - 1] == 0x3D) if whole else lead.endswith(b"=")
        try:
            got = b64decode(view[:whole], validate=True)
            if not lead:
                return got
            if whole and lead.endswith(b"="):
                raise ProtocolError("file is not base64")
            return b64decode(lead, validate=True) + got
        except Base64Error as error:
            raise ProtocolError("file is not base64") from error


def _object(text: bytes | bytearray) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ProtocolError("answer is not JSON") from error
    if not isinstance(found, dict):
        raise ProtocolError("answer is no JSON object")
    return found


# -- names -----------------------------------------------------------------------------------------

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpeg"),
    (b"%PDF", ".pdf"),
    (b"GIF87a", ".gif"),
    (b"GIF89a", ".gif"),
    (b"PK\x03\x04", ".zip"),
    (b"ID3", ".mpeg"),
    (b"\xff\xfb", ".mpeg"),
)
MAGIC_BYTES = 8
_STORED = re.compile(r"([0-9a-f]{32})(\.[A-Za-z0-9]+)?")


def extension(first: bytes) -> str:
    """What a server puts behind the MD5, guessed from the first bytes; mostly nothing."""
    return next((suffix for magic, suffix in _MAGIC if first.startswith(magic)), "")


def md5_of(name: object) -> str | None:
    """The MD5 in the name of an uploaded file; None where it is no such name."""
    found = _STORED.fullmatch(name) if isinstance(name, str) else None
    return found[1] if found else None


def encode_line(data: bytes | memoryview) -> bytes:
    """A line of an upload."""
    return b64encode(data) + b"\n"


# -- the server's side -----------------------------------------------------------------------------

UNKNOWN = "request tidak dikenali"  # Indonesian: request not recognised
NO_NAME = "list index out of range"
NOTHING = b"null" + END
FILE_TAIL = b'"}' + END


def listed(names: list[str]) -> bytes:
    """The answer to LIST."""
    return _answer({"status": "OK", "data": names})


def file_head(name: str) -> bytes:
    """What stands before the content of a file."""
    return f'{{"status": "OK", "data_namafile": {json.dumps(name)}, "data_file": "'.encode()


def deleted() -> bytes:
    """The answer to DELETE."""
    return _answer({"status": "OK", "message": "File deleted successfully"})


def stored(name: str) -> bytes:
    """The answer to a whole upload."""
    return _answer(
        {"status": "OK", "message": "File uploaded successfully", "data": {"file_path": name}}
    )


def refused(text: str, bare: bool = False) -> bytes:
    """An error; `bare` without blanks, as the original writes those that close a connection."""
    if bare:
        return f'{{"status":"ERROR","data":{json.dumps(text)}}}'.encode() + END
    return _answer({"status": "ERROR", "data": text})


def _answer(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + END


@dataclass(frozen=True, slots=True)
class Command:
    """`list`, `get`, `delete` or `unknown`, and the name as it was sent."""

    word: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class UploadBegun:
    """The client asks to upload; it is to be told READY."""


@dataclass(frozen=True, slots=True)
class UploadData:
    """Bytes of the file that is uploaded."""

    data: bytes


@dataclass(frozen=True, slots=True)
class UploadEnded:
    """The upload is complete."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What came ends the connection, after an answer with this text."""

    text: str


Event = Command | UploadBegun | UploadData | UploadEnded | Broken


class Requests:
    """Reads what a client sends; `longest_line` in bytes."""

    def __init__(self, longest_line: int = 16 * 1024 * 1024) -> None:
        self._longest: Final = longest_line
        self._text = bytearray()
        self._line: _Base64Line | None = None
        self._length = 0
        self._uploading = False

    def feed(self, data: bytes | bytearray, end: int | None = None) -> Iterator[Event]:
        """What is complete with the first `end` bytes of `data`, in order."""
        end = len(data) if end is None else end
        start = 0
        while start < end:
            newline = data.find(b"\n", start, end)
            stop = end if newline < 0 else newline
            self._length += stop - start
            if self._length > self._longest:
                yield Broken("line is too long")
                return
            piece = memoryview(data)[start:stop]
            try:
                if self._uploading:
                    yield from self._upload_piece(piece, newline >= 0)
                else:
                    self._text += piece
                    if newline >= 0:
                        yield self._command()
            except (UnicodeDecodeError, Base64Error, ValueError) as error:
                yield Broken(str(error))
                return
            if newline >= 0:
                self._length = 0
            start = stop + 1

    def _command(self) -> Event:
        line = bytes(self._text).strip().decode()
        self._text.clear()
        if line.startswith("UPLOAD"):
            self._uploading = True
            return UploadBegun()
        word, *names = shlex.split(line) or [""]
        known = word.lower() if word.lower() in ("list", "get", "delete") else "unknown"
        return Command(known, names[0] if names else None)

    def _upload_piece(self, piece: memoryview, ended: bool) -> Iterator[Event]:
        if self._line is None:
            # The end of an upload is itself a row of base64 characters: look before decoding.
            self._text += piece
            if not ended and self._may_be_the_end():
                return
            text = bytes(self._text)
            if ended and text.strip() == ENDUPLOAD:
                self._text.clear()
                self._uploading = False
                yield UploadEnded()
                return
            self._text.clear()
            self._line = _Base64Line()
            piece = memoryview(text)
        found = self._line.feed(piece)
        if ended:
            found, self._line = found + self._line.end(), None
        if found:
            yield UploadData(found)

    def _may_be_the_end(self) -> bool:
        text = self._text[: len(ENDUPLOAD) + _LEAD].lstrip()
        known = text[: len(ENDUPLOAD)]
        return ENDUPLOAD.startswith(known) and not text[len(ENDUPLOAD) :].strip()


class _Base64Line:
    """A line of base64, decoded as it comes, to what `binascii.a2b_base64` makes of the whole.

    What is plain is decoded at once. From the first piece with padding, or with characters that
    the standard's decoder skips, the rest of the line is kept and left to that decoder.
    """

    __slots__ = ("_carry", "_decoded", "_odd")

    def __init__(self) -> None:
        self._carry = b""
        self._odd: bytearray | None = None
        self._decoded = 0

    def feed(self, view: memoryview) -> bytes:
        if self._odd is not None:
            self._odd += view
            return b""
        lead = b""
        if self._carry:
            missing = 4 - len(self._carry)
            lead = self._carry + bytes(view[:missing])
            view = view[missing:]
        whole = len(view) - len(view) % 4
        if len(lead) % 4:
            self._carry = lead
            return b""
        try:
            found = b64decode(view[:whole], validate=True)
            if lead:
                found = b64decode(lead, validate=True) + found
            plain = not lead.endswith(b"=") and (not whole or view[whole - 1] != 0x3D)
        except Base64Error:
            plain = False
        if not plain:
            self._odd = bytearray(lead + bytes(view))
            self._carry = b""
            return b""
        self._carry = bytes(view[whole:])
        self._decoded += whole + len(lead)
        return found

    def end(self) -> bytes:
        rest = bytes(self._odd) if self._odd is not None else self._carry
        try:
            return a2b_base64(rest)
        except Base64Error as error:
            raise Base64Error(self._told(str(error))) from None

    def _told(self, text: str) -> str:
        """The decoder's words, with the characters of the whole line counted."""
        return re.sub(r"\((\d+)\)", lambda found: f"({int(found[1]) + self._decoded})", text)


class Naming:
    """Makes the name of an upload out of its bytes as they come."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._first = b""
        self.length = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._md5.update(data)
        if len(self._first) < MAGIC_BYTES:
            self._first += data[: MAGIC_BYTES - len(self._first)]
        self.length += len(data)

    @property
    def name(self) -> str:
        """The MD5 and the extension."""
        return self._md5.hexdigest() + extension(self._first)
