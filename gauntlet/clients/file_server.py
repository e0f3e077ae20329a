"""A client of the file server over one TCP connection: LIST, GET, UPLOAD, DELETE.

    client = FileClient(("127.0.0.1", 7000))
    names = client.names()
    length = client.get(names[0], sink=print)          # the sink gets the file piece by piece
    name = client.upload(FileSource(Path("file.bin")))
    client.delete(name)
    client.close()                                     # else the connection is kept

Memory is a few pieces whatever the size of a file. Between pieces other greenlets get their turn.
`client.call` tells of the last operation, also where it raised. Right answers alone return: others
raise FileServerError, or WrongAnswer.
"""

import errno
import os
import socket as plain
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import gevent
from gevent import select, socket

from gauntlet.clients._file_errors import (
    BadResponse,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    DeadlineExceeded,
    FileServerError,
    HandshakeTimeout,
    IdleTimeout,
    TotalTimeout,
)
from gauntlet.clients._file_refusals import WRONG_NAME, checked
from gauntlet.clients._file_watch import Watch, Watched
from gauntlet.clients.file_sources import Source
from gauntlet.errors import WrongAnswer
from gauntlet.wire import file_protocol as wire
from gauntlet.wire.file_answers import Answer, Download, ProtocolError

__all__ = [
    "BadResponse",
    "Call",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionLost",
    "DeadlineExceeded",
    "Deadlines",
    "FileClient",
    "FileServerError",
    "HandshakeTimeout",
    "IdleTimeout",
    "TotalTimeout",
    "Watch",
    "address_of",
]

T = TypeVar("T")

PORT = 7000
PIECE_BYTES = 256 * 1024
"""Received at once; small enough to stay in a core's cache until it is decoded and hashed."""
TURN_S = 0.001
"""A client that works for so long lets the others on."""
ROUND_S = 1e-6
"""Pauses end after a round of the loop. Those of 0 s take turns fifty times before it goes on to
timers and sockets, which would be late by fifty turns."""
FAREWELL_S = 1.0
"""How long to look for the reason of a connection that broke while it was written to."""


@dataclass(frozen=True)
class Deadlines:
    """Seconds until a connection stands, until the first answer begins, between moves, in all."""

    connect: float = 10.0
    handshake: float = 60.0
    idle: float = 60.0
    total: float = 300.0


@dataclass(slots=True)
class Call:
    """One operation: times in seconds, `began` and `ended` by `perf_counter`; bytes on the wire."""

    began: float
    ended: float = 0.0
    connect_s: float | None = None
    """None where the connection was kept."""
    wait_s: float | None = None
    """From the request to the first byte of the first answer; None where none came."""
    sent: int = 0
    received: int = 0

    @property
    def elapsed(self) -> float:
        """From the call to the verified result."""
        return self.ended - self.began

    @property
    def first_byte_s(self) -> float | None:
        """From the call to the first byte; None where none came."""
        return None if self.wait_s is None else (self.connect_s or 0.0) + self.wait_s


class FileClient:
    """One client; not for several greenlets at a time."""

    def __init__(
        self,
        address: tuple[str, int],
        deadlines: Deadlines = Deadlines(),  # frozen
        watch: Watch | None = None,
    ) -> None:
        self._address, self._deadlines = address, deadlines
        self._watch = watch or Watch()
        self._watched: Watched | None = None
        self._socket: Any = None
        self._turn = 0.0
        self.call = Call(0.0)

    # -- operations ------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The names that the server shows."""
        return self._do(self._names)

    def get(self, name: str, sink: Callable[[bytes], object]) -> int:
        """Give the file to `sink` piece by piece; its length."""
        return self._do(lambda: self._get(name, sink))

    def upload(self, source: Source) -> str:
        """Store a file; the name that it got, which holds the right MD5."""
        return self._do(lambda: self._upload(source))

    def delete(self, name: str) -> None:
        """Remove a file."""
        self._do(lambda: self._delete(name))

    def close(self) -> None:
        """Give the connection up; the next operation makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._watched is not None:
            self._watched.closed()
            self._watched = None

    def _do(self, operation: Callable[[], T]) -> T:
        self._turn = began = time.perf_counter()
        self.call = Call(began)
        self._ends = began + self._deadlines.total
        whole = False
        try:
            self._connect()
            result = operation()
            whole = True
            return result
        except ProtocolError as error:
            raise BadResponse(str(error)) from None
        except WrongAnswer:
            whole = True
            raise
        finally:
            self.call.ended = time.perf_counter()
            if not whole:
                self.close()  # what may still come belongs to nobody

    def _names(self) -> list[str]:
        names = self._ask(wire.request("LIST")).get("data")
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise WrongAnswer("bad shape", "expected a list of names, got another value")
        return names

    def _delete(self, name: str) -> None:
        self._ask(wire.request("DELETE", name))

    def _get(self, name: str, sink: Callable[[bytes], object]) -> int:
        self._send(wire.request("GET", name))
        download, buffer = Download(), _pieces()
        self._limit = self._deadlines.handshake
        while not download.done:
            self._feed(download, buffer, sink)
        self._nothing_behind(download.rest)
        checked(download.content())
        if not download.has_file:
            raise WrongAnswer("bad shape", "expected a file in the answer, got none")
        return download.length

    def _feed(self, download: Download, buffer: bytearray, sink: Callable[[bytes], object]) -> None:
        """Receive a piece and give it on; nobody holds it while the next one is waited for."""
        data = download.feed(buffer, self._receive(buffer))
        if data:
            sink(data)

    def _upload(self, source: Source) -> str:
        self._send(wire.UPLOAD)
        ready = self._answer(self._deadlines.handshake)
        if not ready.is_ready:
            checked(ready.content())
            raise WrongAnswer("bad shape", "expected READY, got another answer")
        try:
            for line in source.lines():
                self._send(line)
            self._send(wire.ENDUPLOAD + b"\n")
        except ConnectionLost:
            self._look_for_the_reason()
            raise
        content = checked(self._answer(self._deadlines.idle).content())
        data = content.get("data")
        name = data.get("file_path") if isinstance(data, dict) else content.get("data_namafile")
        if not isinstance(name, str):
            raise WrongAnswer("bad shape", "expected the name of the upload, got none")
        if wire.md5_of(name) != source.md5:
            raise WrongAnswer(WRONG_NAME, "expected the MD5 of the upload as its name, got another")
        return name

    # -- exchange --------------------------------------------------------------------------------

    def _ask(self, line: bytes) -> dict[str, Any]:
        self._send(line)
        return checked(self._answer(self._deadlines.handshake).content())

    def _answer(self, limit: float) -> Answer:
        answer, buffer = Answer(), _pieces()
        self._limit = limit
        while not answer.done:
            received = self._receive(buffer)
            answer.feed(memoryview(buffer)[:received])
        self._nothing_behind(answer.rest)
        return answer

    def _nothing_behind(self, rest: bytes) -> None:
        if rest:
            self.close()
            raise BadResponse("more came than the answer")

    def _look_for_the_reason(self) -> None:
        """A server that tells a client off closes at once: its words may still be there."""
        self._ends = min(self._ends, time.perf_counter() + FAREWELL_S)
        with suppress(FileServerError, ProtocolError):
            checked(self._answer(FAREWELL_S).content())

    # -- connection ------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()  # closed by the server while nobody asked
        if self._socket is None:
            self._socket = self._connected()
            self._watched = self._watch.connect()
            self.call.connect_s = time.perf_counter() - self.call.began
        self._limit = self._deadlines.handshake

    def _connected(self) -> Any:
        limit = min(self._deadlines.connect, self._deadlines.total)
        try:
            found = socket.create_connection(self._address, timeout=limit)
        except TimeoutError:
            raise ConnectTimeout from None
        except (plain.gaierror, UnicodeError):  # the latter for a label too long or empty
            raise ConnectFailed("name of the server is unknown") from None
        except ConnectionRefusedError:
            raise ConnectFailed("connection refused") from None
        except OSError as error:
            raise ConnectFailed(f"connection failed ({_symbol(error)})") from None
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found

    def _receive(self, buffer: bytearray) -> int:
        """Fill the buffer; it is the caller's until another greenlet has its turn."""
        self._breathe()
        try:
            self._socket.settimeout(self._patience())
            received: int = self._socket.recv_into(buffer)
        except TimeoutError:
            self._too_late()
        except OSError as error:
            raise ConnectionLost(f"connection {_broken(error)} {self._stage()}") from None
        if not received:
            raise ConnectionLost(f"connection closed {self._stage()}")
        call = self.call
        if call.wait_s is None:
            call.wait_s = time.perf_counter() - call.began - (call.connect_s or 0.0)
            if self._watched is not None:
                self._watched.answered()
            self._limit = self._deadlines.idle
        call.received += received
        return received

    def _send(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            try:
                self._socket.settimeout(self._patience())
                sent: int = self._socket.send(view)
            except TimeoutError:
                self._too_late()
            except OSError as error:
                raise ConnectionLost(f"connection {_broken(error)} {self._stage()}") from None
            self.call.sent += sent
            view = view[sent:]
            self._breathe()

    def _patience(self) -> float:
        left = self._ends - time.perf_counter()
        if left <= 0:
            raise TotalTimeout
        return min(self._limit, left)

    def _too_late(self) -> None:
        if time.perf_counter() >= self._ends:
            raise TotalTimeout from None
        raise (HandshakeTimeout if self.call.wait_s is None else IdleTimeout) from None

    def _stage(self) -> str:
        if self.call.wait_s is None:
            return "before any answer"
        return "inside the upload" if self.call.sent > PIECE_BYTES else "inside the answer"

    def _breathe(self) -> None:
        """Let the other greenlets on, unless this one has only just begun."""
        now = time.perf_counter()
        if now - self._turn >= TURN_S:
            gevent.sleep(ROUND_S)
            self._turn = time.perf_counter()


_buffers: WeakKeyDictionary[Any, bytearray] = WeakKeyDictionary()


def _pieces() -> bytearray:
    """Where all clients of a thread receive: what is in it is used before another has its turn."""
    hub = gevent.get_hub()
    if hub not in _buffers:
        _buffers[hub] = bytearray(PIECE_BYTES)
    return _buffers[hub]


def address_of(text: str) -> tuple[str, int]:
    """Host and port of `tcp://HOST:PORT`, `HOST:PORT` or `HOST`; ValueError where it is none."""
    parts = urlsplit(text if "//" in text else f"//{text}")
    if parts.scheme not in ("", "tcp") or not parts.hostname or parts.port == 0 or "@" in text:
        raise ValueError("expected HOST:PORT")
    return parts.hostname, parts.port or PORT


def _broken(error: OSError) -> str:
    return "reset" if error.errno in (errno.ECONNRESET, errno.EPIPE) else "broken"


def _symbol(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, os.strerror(error.errno or 0))
