"""A server that does to a client whatever a server can do; every path is one misdeed.

    with Torture() as server:
        client = HttpClient(server.url)

    python -m tests.clients.torture

Runs on the hub of the test. `/ok?token` is well behaved and echoes its query; `server.open` counts
the connections that are open, `server.accepted` all that ever were.
"""

import resource
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.fileobject import FileObjectThread
from gevent.server import StreamServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
PATIENCE_S = 60.0

Handler = Callable[["Peer"], bool]
MISDEEDS: dict[str, Handler] = {}


class Peer:
    """One connection, seen from the server."""

    def __init__(self, connection: Any) -> None:
        self.socket = connection
        self._buffer = b""
        self.method = self.path = ""
        self.head = b""
        self.body = b""

    def read_request(self, *, body: bool = True) -> bool:
        """Read the next request; False at the end of the stream."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return False
        self.head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        self.method, self.path, _ = self.head.split(b"\r\n")[0].decode("ascii").split(" ")
        if body:
            self.body = self.read_body()
        return True

    def field(self, name: str) -> str | None:
        """A header field of the request."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b": ")
            if key.decode().lower() == name.lower():
                return value.decode("latin-1")
        return None

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send it byte by byte, each in a segment of its own."""
        for value in data:
            self.socket.sendall(bytes([value]))
            gevent.sleep(0)

    def answer(self, body: bytes, status: str = "200 OK", fields: str = "") -> bool:
        """Send a whole answer and go on."""
        head = f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
        self.send(head.encode() + body)
        return True

    def reset(self) -> bool:
        """Close with a reset instead of a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def hold(self) -> bool:
        """Stay silent until the client goes away."""
        with gevent.Timeout(PATIENCE_S):
            while self._more():
                pass
        return False

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 18)
        except OSError:
            return False
        self._buffer += data
        return bool(data)

    def read_body(self) -> bytes:
        length = self.field("content-length")
        if (self.field("transfer-encoding") or "") == "chunked":
            return self._read_chunks()
        body = bytearray()
        while len(body) < int(length or 0):
            if not self._buffer and not self._more():
                break
            wanted = int(length or 0) - len(body)
            body += self._buffer[:wanted]
            self._buffer = self._buffer[wanted:]
        return bytes(body)

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            size = int(self._line(), 16)
            while len(self._buffer) < size + 2 and self._more():
                pass
            body += self._buffer[:size]
            self._buffer = self._buffer[size + 2 :]
            if not size:
                return body

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer and self._more():
            pass
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line


class Torture:
    """The server; `extra` are handlers of one test."""

    def __init__(
        self,
        extra: Mapping[str, Callable[["Peer"], bool]] | None = None,
        *,
        context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.handlers: dict[str, Handler] = {**MISDEEDS, **(extra or {})}
        self.accepted = self.open = 0
        self.requests: list[str] = []
        options: Any = {"ssl_context": context} if context else {}
        self._server = StreamServer((host, 0), self._serve, backlog=4096, **options)
        self._scheme = "https" if context else "http"

    def __enter__(self) -> "Torture":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(timeout=1)

    @property
    def port(self) -> int:
        """The port that the kernel chose."""
        return int(self._server.server_port or 0)

    @property
    def url(self) -> str:
        """Its address."""
        host = self._server.server_host or ""
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def await_closed(self, open_: int = 0) -> None:
        """Wait until no more than `open_` connections are open."""
        with gevent.Timeout(PATIENCE_S):
            while self.open > open_:
                gevent.sleep(0.002)

    def _serve(self, connection: Any, _: object) -> None:
        self.accepted += 1
        self.open += 1
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(connection)
        try:
            while self._answer(peer):
                pass
        except OSError:
            pass  # the client went away, as it should
        finally:
            self.open -= 1

    def _answer(self, peer: Peer) -> bool:
        early = {"/early-ok", "/early-refusal", "/early-close"}
        if not peer.read_request(body=False):
            return False
        path, _, query = peer.path.partition("?")
        self.requests.append(f"{peer.method} {peer.path}")
        if path not in early:
            peer.body = peer.read_body()
        if path == "/ok":
            return peer.answer(query.encode() if peer.method != "HEAD" else b"")
        return self.handlers[path](peer)


def misdeed(handler: Handler) -> Handler:
    """Serve a function under its own name."""
    MISDEEDS["/" + handler.__name__.replace("_", "-")] = handler
    return handler


@misdeed
def head_byte_by_byte(peer: Peer) -> bool:
    """Slow, and right."""
    peer.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    return True


@misdeed
def silent(peer: Peer) -> bool:
    """Takes the request and says nothing."""
    return peer.hold()


@misdeed
def slow_head(peer: Peer) -> bool:
    """Half a head, then nothing."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-")
    return peer.hold()


@misdeed
def slow_body(peer: Peer) -> bool:
    """Half a body, then nothing."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    return peer.hold()


@misdeed
def dripping_body(peer: Peer) -> bool:
    """A body that never stops coming."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(10_000):
        peer.send(b"x")
        gevent.sleep(0.005)
    return False


@misdeed
def reset_in_head(peer: Peer) -> bool:
    """Gone in the middle of the head."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-")
    gevent.sleep(0.02)
    return peer.reset()


@misdeed
def reset_in_body(peer: Peer) -> bool:
    """Gone in the middle of the body."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    gevent.sleep(0.02)
    return peer.reset()


@misdeed
def reset_in_chunks(peer: Peer) -> bool:
    """Gone in the middle of a chunk."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf")
    gevent.sleep(0.02)
    return peer.reset()


@misdeed
def closed_in_head(peer: Peer) -> bool:
    """Half a head, then a goodbye."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-")
    return False


@misdeed
def length_too_large(peer: Peer) -> bool:
    """Announces more than it has."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    return False


@misdeed
def length_too_small(peer: Peer) -> bool:
    """Announces less than it sends."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n")
    return peer.hold()


@misdeed
def length_twice(peer: Peer) -> bool:
    """Two lengths."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!")
    return peer.hold()


@misdeed
def length_not_a_number(peer: Peer) -> bool:
    """A length that is none."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok")
    return peer.hold()


@misdeed
def length_and_chunks(peer: Peer) -> bool:
    """Two framings, as for smuggling."""
    peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    return peer.hold()


@misdeed
def unknown_coding(peer: Peer) -> bool:
    """A transfer coding that was not asked for."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
    return peer.hold()


@misdeed
def folded_field(peer: Peer) -> bool:
    """A field over two lines."""
    peer.send(b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok")
    return peer.hold()


@misdeed
def bare_line_feeds(peer: Peer) -> bool:
    """Lines without carriage returns: the end of the head would never be found."""
    peer.send(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
    return peer.hold()


@misdeed
def endless_head(peer: Peer) -> bool:
    """Fields without end."""
    peer.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.send(b"X-More: " + b"x" * 8000 + b"\r\n")


@misdeed
def endless_interim(peer: Peer) -> bool:
    """Interim answers without end."""
    while True:
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


@misdeed
def huge_body(peer: Peer) -> bool:
    """One gibibyte announced."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    while True:
        peer.send(b"x" * 100_000)


@misdeed
def endless_chunks(peer: Peer) -> bool:
    """Chunks without end."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        peer.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")


@misdeed
def endless_trailers(peer: Peer) -> bool:
    """Trailers without end."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    while True:
        peer.send(b"X-More: " + b"x" * 8000 + b"\r\n")


@misdeed
def chunk_size_overflow(peer: Peer) -> bool:
    """A chunk of more than 2**64 bytes."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\nx")
    return peer.hold()


@misdeed
def chunk_size_negative(peer: Peer) -> bool:
    """A chunk of less than nothing."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx")
    return peer.hold()


@misdeed
def garbage_after_answer(peer: Peer) -> bool:
    """Something follows the answer at once."""
    peer.send(OK % (2, b"ok") + b"garbage")
    return peer.hold()


@misdeed
def garbage_after_chunks(peer: Peer) -> bool:
    """An answer that nobody asked for follows the last chunk."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    peer.send(OK % (5, b"wrong"))
    return peer.hold()


@misdeed
def garbage_later(peer: Peer) -> bool:
    """An answer that nobody asked for follows when all seemed well."""
    peer.send(OK % (2, b"ok"))
    gevent.sleep(0.02)
    peer.send(OK % (5, b"wrong"))
    return peer.hold()


@misdeed
def garbage_only(peer: Peer) -> bool:
    """Not HTTP at all."""
    peer.send(b"220 ready for mail")
    return peer.hold()


@misdeed
def no_answer(peer: Peer) -> bool:
    """A goodbye instead of an answer."""
    return False


@misdeed
def switching(peer: Peer) -> bool:
    """Another protocol, unasked."""
    peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
    return peer.hold()


@misdeed
def early_ok(peer: Peer) -> bool:
    """Says yes without having listened."""
    peer.send(OK % (2, b"ok"))
    return peer.hold()


@misdeed
def early_refusal(peer: Peer) -> bool:
    """Says no without having listened, and closes."""
    peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
    return peer.hold()


@misdeed
def early_close(peer: Peer) -> bool:
    """Hangs up in the middle of an upload."""
    return peer.reset()


def main() -> None:
    """Run as a process of its own until standard input ends; prints the address first."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Torture() as server:
        print(server.url, flush=True)
        FileObjectThread(sys.stdin.fileno()).read()


if __name__ == "__main__":
    main()
