r"""The file server's protocol without I/O: what both sides write, and how files are named.

    client -> server     a line, ended by LF                LIST · GET name · DELETE name · UPLOAD
    server -> client     a JSON object, ended by CR LF CR LF

    UPLOAD LF            -> READY TO RECEIVE FILE CR LF CR LF
    base64 LF …          each line decodable alone; no answer
    ENDUPLOAD LF         -> {"status": "OK", …, "data": {"file_path": "<md5><extension>"}}

`gauntlet.wire.file_answers` reads what a server writes, `gauntlet.wire.file_requests` what a
client does.
"""

import hashlib
import json
import re
import shlex
from typing import Any

from pybase64 import b64encode

END = b"\r\n\r\n"
READY = b"READY TO RECEIVE FILE"
UPLOAD = b"UPLOAD\n"
ENDUPLOAD = b"ENDUPLOAD"
LINE_BYTES = 786_432
"""Bytes of the file in a line of an upload; 1,048,576 characters of base64."""

UNKNOWN = "request tidak dikenali"  # Indonesian: request not recognised
NO_NAME = "list index out of range"
NOTHING = b"null" + END
FILE_TAIL = b'"}' + END


# -- what a client writes --------------------------------------------------------------------------


def request(command: str, name: str | None = None) -> bytes:
    """The line of a command; ValueError where a name cannot stand in a line."""
    if name is None:
        return f"{command}\n".encode()
    if not name or "\n" in name or "\r" in name or "\0" in name:
        raise ValueError("expected a name of one line, got another")
    return f"{command} {shlex.quote(name)}\n".encode()


def encode_line(data: bytes | memoryview) -> bytes:
    """A line of an upload."""
    return b64encode(data) + b"\n"


# -- what a server writes --------------------------------------------------------------------------


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
