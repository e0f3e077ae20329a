"""Where the body of an answer goes: each sink takes it piece by piece, in constant memory.

    client.get("/blob", expect=blob)              # compared with known bytes
    client.get("/blob", sink=Digest())            # hashed: response.sink.hexdigest()
    client.get("/blob", sink=Save("blob.bin"))    # written to a file
    client.get("/blob", sink=Drop())              # counted, nothing else

Without any of them the body is kept (`Keep`), up to a limit. A piece is a view of a buffer that is
used again: a sink of your own takes what it needs before it returns. Sinks get the bodies of good
answers only; that of an error is kept, so that a task can read it.
"""

import os
import zlib
from typing import IO, Any, Protocol

import xxhash

from gauntlet.clients._http_errors import BadResponse, LimitExceeded
from gauntlet.errors import WrongAnswer

Buffer = bytes | bytearray | memoryview

_DECODED_BYTES = 1 << 18


class Sink(Protocol):
    """Takes a body."""

    def write(self, piece: Buffer) -> object:
        """Take the next piece."""

    def finish(self) -> None:
        """Called after the last byte; raises WrongAnswer where the body is not right."""


class Drop:
    """Forgets the body."""

    def write(self, piece: Buffer) -> None:
        """Forget it."""

    def finish(self) -> None:
        """Nothing to judge."""


class Keep:
    """Keeps the body, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.content = bytearray()

    def write(self, piece: Buffer) -> None:
        """Append it."""
        self.content += piece
        if len(self.content) > self._limit:
            raise LimitExceeded("body is larger than the limit")

    def finish(self) -> None:
        """Nothing to judge."""


class Expect:
    """Compares the body with the bytes it should be, at the speed of memcmp."""

    def __init__(self, expected: bytes | bytearray) -> None:
        self._expected = expected
        self._at = 0
        self._same = True

    def write(self, piece: Buffer) -> None:
        """Compare it; after the first difference the rest is only counted."""
        # A memoryview compares item by item; startswith does not, and copies nothing.
        if self._same:
            self._same = self._expected.startswith(piece, self._at)
        self._at += len(piece)

    def finish(self) -> None:
        """Raise unless all bytes came and were right."""
        if self._at != len(self._expected):
            raise WrongAnswer("body", "not as long as the expected one")
        if not self._same:
            raise WrongAnswer("body", "differs from the expected one")


class Digest:
    """Hashes the body: xxh3 with 128 bits, or what `hashlib.new` gave."""

    def __init__(self, algorithm: Any = None, expected: str | None = None) -> None:
        self._hash = xxhash.xxh3_128() if algorithm is None else algorithm
        self._expected = expected

    def write(self, piece: Buffer) -> None:
        """Add it to the hash."""
        self._hash.update(piece)

    def finish(self) -> None:
        """Raise if a digest was expected and this is another."""
        if self._expected is not None and self.hexdigest() != self._expected:
            raise WrongAnswer("body", "its hash differs from the expected one")

    def hexdigest(self) -> str:
        """The hash so far, in hexadecimal digits."""
        return str(self._hash.hexdigest())


class Save:
    """Writes the body to a path, which is replaced, or to an open file, which stays open."""

    def __init__(self, target: str | os.PathLike[str] | IO[bytes]) -> None:
        self._target = target
        self._file: IO[bytes] | None = None

    def write(self, piece: Buffer) -> None:
        """Write it."""
        self._opened().write(piece)

    def finish(self) -> None:
        """Close what was opened here."""
        file = self._opened()  # an empty body makes an empty file
        if file is not self._target:
            file.close()

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            target = self._target
            self._file = open(target, "wb") if isinstance(target, str | os.PathLike) else target
        return self._file


class Decode:
    """Undoes a content coding on the way to another sink; never more at once than a block."""

    def __init__(self, coding: str, sink: Sink) -> None:
        self._sink = sink
        self._coding = coding
        self._decoder: Any = None
        self.length = 0
        if coding not in ("gzip", "x-gzip", "deflate", "br"):
            raise BadResponse("content coding was not asked for")

    def write(self, piece: Buffer) -> None:
        """Decode it and pass it on."""
        if not len(piece):
            return
        if self._decoder is None:
            self._decoder = _brotli() if self._coding == "br" else _Inflate(self._coding, piece[0])
        try:
            for decoded in self._decoder.feed(piece):
                self.length += len(decoded)
                self._sink.write(decoded)
        except (zlib.error, ValueError) as error:
            raise BadResponse("body does not follow its content coding") from error

    def finish(self) -> None:
        """Raise if the coded stream has no end."""
        if self._decoder is not None and not self._decoder.complete:
            raise BadResponse("body does not follow its content coding")
        self._sink.finish()


class _Inflate:
    def __init__(self, coding: str, first: int) -> None:
        # "deflate" should be zlib's format; what many servers send is the bare stream.
        bare = coding == "deflate" and first & 0x0F != 8
        self._bits = 31 if coding != "deflate" else -15 if bare else 15
        self._stream = zlib.decompressobj(self._bits)

    def feed(self, piece: Buffer) -> Any:
        rest, full = piece, False
        while len(rest) or full:
            if self._stream.eof:  # gzip files may be several, one after the other
                if self._bits != 31:
                    raise ValueError("bytes after the end")
                self._stream = zlib.decompressobj(self._bits)
            decoded = self._stream.decompress(rest, _DECODED_BYTES)
            yield decoded
            rest = self._stream.unconsumed_tail or self._stream.unused_data
            full = len(decoded) == _DECODED_BYTES and not self._stream.eof

    @property
    def complete(self) -> bool:
        return self._stream.eof


class _Brotli:
    def __init__(self, stream: Any, error: type[Exception]) -> None:
        self._stream = stream
        self._error = error

    def feed(self, piece: Buffer) -> Any:
        rest, full = bytes(piece), True
        while full:
            try:
                decoded = self._stream.process(rest, output_buffer_limit=_DECODED_BYTES)
            except self._error as error:
                raise ValueError("not brotli") from error
            yield decoded
            # The limit is rounded up to the decoder's own blocks.
            full = len(decoded) >= _DECODED_BYTES and not self._stream.is_finished()
            rest = b""

    @property
    def complete(self) -> bool:
        return bool(self._stream.is_finished())


def _brotli() -> _Brotli:
    # Late: it comes with Locust's own client, and hardly anybody asks for it.
    import brotli  # type: ignore[import-untyped]  # has no types

    return _Brotli(brotli.Decompressor(), brotli.error)
