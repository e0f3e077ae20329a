"""The body of an answer as it comes in, piece by piece, whatever frames it.

    for piece in body_pieces(connection, response, length, rest):
        sink.write(piece)

A piece may be a view of the hub's shared buffer: it is gone as soon as anybody waits. The last
piece decides whether the connection can be used again, and says so in `connection.reusable`.
"""

from collections.abc import Iterator

from httptools import HttpParserError, HttpResponseParser

from gauntlet.clients._http_connection import Buffer, Connection
from gauntlet.clients._http_errors import IN_BODY, BadResponse, LimitExceeded, lost
from gauntlet.clients._http_head import CHUNKED, Headers
from gauntlet.clients._http_response import HttpResponse

_PREFIX = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_KEPT_READERS = 64


def fill(connection: Connection, into: Buffer, stage: str) -> int:
    """Receive some bytes; a lost connection is an error of this stage."""
    try:
        return connection.fill(into)
    except OSError as error:
        raise lost(error, stage) from None


def body_pieces(
    connection: Connection, response: HttpResponse, length: int, rest: memoryview, limit: int
) -> Iterator[Buffer]:
    """The body whose first bytes are `rest`; `limit` is for what is not body, such as trailers."""
    if length >= 0:
        return _sized(connection, response, length, rest)
    if length == CHUNKED:
        return _chunked(connection, response, rest, limit)
    return _until_close(connection, rest)


def _sized(
    connection: Connection, response: HttpResponse, left: int, rest: memoryview
) -> Iterator[Buffer]:
    view = connection.reactor.view
    piece = rest
    while len(piece) < left:
        left -= len(piece)
        yield piece
        got = fill(connection, connection.reactor.scratch, IN_BODY)
        if not got:
            raise lost(None, IN_BODY)
        piece = view[:got]
    connection.reusable = response.head.keep_alive and len(piece) == left
    yield piece[:left]


def _until_close(connection: Connection, rest: memoryview) -> Iterator[Buffer]:
    yield rest
    while got := fill(connection, connection.reactor.scratch, IN_BODY):
        yield connection.reactor.view[:got]


def _chunked(
    connection: Connection, response: HttpResponse, rest: memoryview, limit: int
) -> Iterator[Buffer]:
    reader = _readers.pop() if _readers else _ChunkReader()
    reader.start()
    framing = body = 0
    piece = rest
    while True:
        received = len(piece)
        ended = piece[-6:].tobytes() if received else b""
        yield from (pieces := reader.feed(piece))
        taken = sum(map(len, pieces))
        body += taken
        framing += received - taken
        if framing > limit + 16 * body:
            raise LimitExceeded("chunks hold too little or trailers too much")
        if reader.complete:
            break
        got = fill(connection, connection.reactor.scratch, IN_BODY)
        if not got:
            raise lost(None, IN_BODY)
        piece = connection.reactor.view[:got]
    response.trailers = Headers(reader.trailers)
    if not reader.dirty:
        # llhttp skips empty lines before a next answer; there must not be any.
        connection.reusable = response.head.keep_alive and not ended.endswith(b"\n\r\n\r\n")
        if len(_readers) < _KEPT_READERS:
            _readers.append(reader)


class _ChunkReader:
    """llhttp set to read chunks, and the callbacks it makes; used again for the next body."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)

    def start(self) -> None:
        """Forget the last body."""
        self._begun = 0
        self.complete = False
        self.dirty = False
        """Whether something followed the last chunk; then the reader is spent."""
        self.trailers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._parser.feed_data(_PREFIX)
        self.trailers.clear()

    def feed(self, data: memoryview) -> list[bytes]:
        """The content of the chunks in `data`."""
        self._pieces = []
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            if not self.complete:
                raise BadResponse("chunk is not valid") from None
            self.dirty = True
        self.dirty = self.dirty or self._begun > 1
        return self._pieces

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self.trailers.append((name, value.rstrip(b" \t")))

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        self.complete = True


_readers: list[_ChunkReader] = []
