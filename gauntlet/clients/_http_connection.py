"""One TCP or TLS connection: a non-blocking socket with a read watcher that stays armed.

gevent's own sockets start and stop a watcher for every wait and a timer for every deadline. Here
the watcher is started once; when bytes arrive it switches straight to the greenlet that waits, and
while nobody waits it notices that a kept connection was closed or talked out of turn.
"""

import errno
import ssl
from _socket import (
    IPPROTO_TCP,
    SO_ERROR,
    SO_SNDBUF,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
)
from _socket import socket as RawSocket
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gevent
import gevent.socket
import gevent.ssl
from greenlet import getcurrent, greenlet

from gauntlet.clients._http_deadlines import IDLE, reactor
from gauntlet.clients._http_errors import (
    ConnectTimeout,
    DeadlineExceeded,
    connect_failed,
    tls_failed,
)
from gauntlet.clients._http_places import addresses

Buffer = bytes | bytearray | memoryview

SEND_BUFFER_BYTES = 1 << 20
"""What the kernel may hold of a request: an ordinary upload then leaves in one call."""

TLS_SLICE_BYTES = 1 << 16
PARTS_PER_CALL = 512
"""Linux takes 1024; the rest goes with the next call."""

READ, WRITE = 1, 2
AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
EXPIRED = object()


class Origin(NamedTuple):
    """Where a connection leads to."""

    scheme: str
    host: str
    port: int


class Connection:
    """A connection in the hands of one greenlet at a time; made by `open`, ended by `close`."""

    __slots__ = (
        "__weakref__",
        "_send",
        "_socket",
        "_watcher",
        "armed",
        "closed",
        "deadline",
        "expiry",
        "origin",
        "reactor",
        "receive_now",
        "reusable",
        "send_now",
        "tls",
        "used",
        "waiter",
    )

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.reactor = reactor()
        self.deadline = IDLE
        self.expiry: type[DeadlineExceeded] = ConnectTimeout
        self.closed = False
        self.tls = False
        self.reusable = False
        """Whether the last exchange ended where both sides know it did."""
        self.used = False
        """Whether it has carried a whole answer."""
        self.armed = False
        """Whether the watcher is started."""
        self.receive_now: Callable[[Buffer], int] = _nothing
        """The socket's own: receives without waiting, or raises one of `AGAIN`."""
        self.send_now: Callable[[bytes], int] = _nothing
        """The socket's own: sends what the kernel takes, or raises one of `AGAIN`."""
        self.waiter: greenlet | None = None
        """Who is switched to when bytes arrive."""
        self._send: Callable[[Sequence[Buffer]], int] = _nothing
        self._socket: Any = None
        self._watcher: Any = None

    @classmethod
    def open(cls, origin: Origin, context: ssl.SSLContext | None, deadline: float) -> "Connection":
        """Connect before the `perf_counter` time `deadline`, with TLS if there is a context."""
        connection = cls(origin)
        connection.deadline = deadline
        connection.reactor.add(connection)
        try:
            connection._connect()
            if context is not None:
                connection._secure(context)
            connection._arm()
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Give everything back; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        self.deadline = IDLE
        self.reactor.discard(self)
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
        if self._socket is not None:
            self._socket.close()
        # Bound methods of the socket, and of this object, would keep both alive.
        self._socket = self._watcher = None
        self.receive_now = self._send = self.send_now = _nothing

    def park(self) -> bool:
        """Put the connection aside between two exchanges; False if it cannot be used again."""
        self.used = True
        if not self.armed and not self._quiet():
            self.close()
            return False
        self.deadline = IDLE
        return True

    def expire(self) -> None:
        """Called by the sweep when the deadline has passed."""
        if self.waiter is not None:
            self.waiter.switch(EXPIRED)

    # -- bytes -----------------------------------------------------------------------------------

    def fill(self, into: Buffer) -> int:
        """Wait for bytes and receive some into `into`; 0 is the end of the stream."""
        if self.tls:  # bytes may wait inside the TLS layer, where no watcher sees them
            try:
                return self.receive_now(into)
            except AGAIN:
                pass
        while True:
            # `_wait`, in line: every piece of a body comes through here.
            if not self.armed:
                self._arm()
            self.waiter = getcurrent()
            try:
                if self.reactor.switch() is EXPIRED:
                    raise self.expiry
            finally:
                self.waiter = None
            try:
                return self.receive_now(into)
            except AGAIN:
                continue

    def peek(self, into: Buffer) -> int | None:
        """What `fill` gives if it need not wait, else None."""
        try:
            return self.receive_now(into)
        except AGAIN:
            return None

    def send(self, parts: Sequence[Buffer]) -> int:
        """Send what the kernel takes at once; how many bytes that were."""
        if len(parts) > PARTS_PER_CALL:
            parts = parts[:PARTS_PER_CALL]
        try:
            return self._send(parts)
        except AGAIN:
            return 0

    def wait_to_send(self) -> None:
        """Wait until the kernel takes bytes again, or until something arrives."""
        watcher = self.reactor.loop.io(self._socket.fileno(), WRITE)
        watcher.start(self._wake)
        try:
            self._wait()
        finally:
            watcher.stop()
            watcher.close()

    def _wait(self) -> None:
        if not self.armed and self._watcher is not None:
            self._arm()
        self.waiter = getcurrent()
        try:
            if self.reactor.switch() is EXPIRED:
                raise self.expiry
        finally:
            self.waiter = None

    # -- events ----------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._watcher is None:
            self._watcher = self.reactor.loop.io(self._socket.fileno(), READ)
        self._watcher.start(self._wake)
        self.armed = True

    def _wake(self) -> None:
        waiter = self.waiter
        if waiter is not None:
            waiter.switch()
        elif not self.closed:
            # Level-triggered: it would fire for ever.
            self._watcher.stop()
            self.armed = False
            if self.deadline == IDLE and not self._quiet():
                self.close()

    def _quiet(self) -> bool:
        """Whether a connection that nobody uses is open and silent; then it is armed again.

        Under TLS a readable socket may only hold a session ticket.
        """
        try:
            self.receive_now(self.reactor.scratch)
        except AGAIN:
            self._arm()
            return True
        except OSError:
            pass
        return False

    # -- opening ---------------------------------------------------------------------------------

    def _connect(self) -> None:
        error = OSError()
        for family, address in addresses(self.origin.host, self.origin.port, self.deadline):
            try:
                self._connect_to(family, address)
                return
            except OSError as failed:
                error = failed
        raise connect_failed(error)

    def _connect_to(self, family: int, address: Any) -> None:
        raw = RawSocket(family, SOCK_STREAM)
        self._socket = raw
        try:
            raw.setblocking(False)
            raw.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            raw.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES)
            code = raw.connect_ex(address)
            if code == errno.EINPROGRESS:
                self.wait_to_send()
                code = raw.getsockopt(SOL_SOCKET, SO_ERROR)
            if code:
                raise OSError(code, "")
        except OSError:
            self._socket = None
            raw.close()
            raise
        self.receive_now = raw.recv_into
        self._send = raw.sendmsg
        self.send_now = raw.send

    def _secure(self, context: ssl.SSLContext) -> None:
        raw = self._socket
        plain = gevent.socket.socket(raw.family, raw.type, raw.proto, fileno=raw.detach())
        self._socket = plain
        secure = self._socket = context.wrap_socket(
            plain,
            server_hostname=self.origin.host,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        secure.settimeout(0.0)
        self.tls = True
        self.receive_now = secure.recv_into
        self._send = self._send_securely
        self.send_now = secure.send
        self._arm()
        while True:
            try:
                secure.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._wait()
            except ssl.SSLWantWriteError:
                self.wait_to_send()
            except OSError as error:
                raise tls_failed(error) from None

    def _send_securely(self, parts: Sequence[Buffer]) -> int:
        # A call that could not finish must be repeated with the same bytes: the choice depends on
        # the parts alone.
        first = parts[0]
        if len(parts) > 1 and sum(map(len, parts)) <= TLS_SLICE_BYTES:
            first = b"".join(parts)
        return int(self._socket.send(memoryview(first)[:TLS_SLICE_BYTES]))


def _nothing(_: object) -> int:
    """What a connection that is closed receives and sends."""
    raise OSError(errno.ENOTCONN, "closed")
