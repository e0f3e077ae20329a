"""Reads what a client of the file server sends; the protocol is in `file_protocol`.

`Requests` takes pieces cut anywhere and keeps no more than a piece of an upload.
"""

import re
import shlex
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pybase64 import b64decode

from gauntlet.wire.file_protocol import ENDUPLOAD

_BLANKS = 64
"""Bytes that may stand around the end of an upload."""


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
        text = self._text[: len(ENDUPLOAD) + _BLANKS].lstrip()
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
