"""Reads what a file server answers, in pieces cut anywhere; the protocol is in `file_protocol`.

`Answer` keeps the little that an answer is, `Download` gives a file of any size out of its JSON
line and keeps no more than a piece of it.
"""

import re
from binascii import Error as Base64Error
from typing import Any

import orjson
from pybase64 import b64decode

from gauntlet.wire.file_protocol import END, READY

MOST_HEAD = 16 * 1024 * 1024
"""Bytes of an answer that is no file: a list of very many names."""

_FILE = re.compile(rb'"data_file"\s*:\s*"')
_LEAD = 64
"""Bytes that the key before a file's content may reach over from one piece into the next."""


class ProtocolError(ValueError):
    """What came does not follow the protocol; the text is one of a few."""


class Answer:
    """Reads one answer that is not a file."""

    def __init__(self) -> None:
        self._text = bytearray()
        self.done = False
        self.rest = b""
        """What came behind the end; nobody asked for it."""

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next piece; ProtocolError beyond MOST_HEAD bytes."""
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
        """The JSON object; ProtocolError where it is none."""
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
        """Take the first `end` bytes of `data`; give the bytes of the file that are in them.

        ProtocolError where the file is not base64, or an answer without one exceeds MOST_HEAD.
        """
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
