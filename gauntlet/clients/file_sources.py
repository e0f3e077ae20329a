"""What a client uploads to the file server: anything that gives its lines, such as a file."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from gauntlet.wire.file_protocol import LINE_BYTES, encode_line


class Source(Protocol):
    """Something to upload; its MD5 must be known when the last line was taken."""

    length: int

    @property
    def md5(self) -> str:
        """In hexadecimal digits."""

    def lines(self) -> Iterator[bytes | memoryview]:
        """The content in base64, as it goes over the wire."""


class FileSource:
    """A file of the disk, encoded and hashed as it is read."""

    def __init__(self, path: Path, tell: Callable[[int], object] = lambda _: None) -> None:
        self._path, self._tell = path, tell
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.length = path.stat().st_size

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()

    def lines(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            yield from self._read(file)

    def _read(self, file: BinaryIO) -> Iterator[bytes]:
        while block := file.read(LINE_BYTES):
            self._md5.update(block)
            line, length = encode_line(block), len(block)
            del block  # else each of many uploads holds it while its line is on the way
            yield line
            self._tell(length)
