"""A client of the image cloud: one unconnected UDP socket, paced sends, deadlines, retries.

    client = ImageCloudClient(servers, Rule(), pacing_s=0.002)
    reply = client.encrypt(server, Request("P01_I001", "worker_1", array, names, 5))
    reply.error is None and reply.answer.message.picture()

An answer may come from any port; it belongs to a request by its id. Beyond the last attempt a reply
tells what is wrong with its `error`; nothing is raised. Times are seconds, clocks `perf_counter`.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter, time
from typing import Any, NamedTuple

import gevent
from gevent import monkey, socket

from gauntlet.clients._image_cloud_judging import judge_decrypted, judge_encrypted
from gauntlet.errors import WrongAnswer
from gauntlet.wire import chunks, cloud
from gauntlet.wire.chunks import LARGEST_DATAGRAM
from gauntlet.wire.mailbox import (
    Answer,
    Mailbox,
    NothingCame,
    PiecesMissing,
    Rule,
    TotalExceeded,
)

_plain_socket = monkey.get_original("socket", "socket")

RECEIVE_BUFFER = 8 << 20
"""Asked for; the kernel grants what it allows."""
LONGEST_ANSWER = 32 << 20
PACING_S = 0.002
"""Between two datagrams of a request: a node with the usual small buffer loses none of them."""
BREATH = 64
"""Datagrams taken in a row before other users of the process get their turn."""


class NoAnswer(TimeoutError):
    """Nothing came, or not all of it in time."""


class NotSent(ConnectionError):
    """The kernel refused a datagram."""


class PacketLoss(WrongAnswer):
    """Pieces of an answer stayed away; how many is told beside the text, which is bounded."""

    def __init__(self, missing: int, total: int, rounds: int) -> None:
        self.missing, self.total, self.rounds = missing, total, rounds
        super().__init__("packet loss", f"chunks missing after {rounds} retries")


class Request(NamedTuple):
    """What is asked of a server; `array` is the picture's array of numbers, in parts."""

    request_id: str
    client: str
    array: Sequence[bytes]
    usernames: Sequence[str]
    quota: int


@dataclass(slots=True)
class Reply:
    """What became of a request, all of its attempts together."""

    server: str
    request_id: str
    """Of the last attempt."""
    began: float
    """By the wall clock."""
    started: float
    elapsed: float = 0.0
    """From the first datagram of the first attempt to the last one of the answer."""
    latency: float = 0.0
    """Of the last attempt alone."""
    first_byte: float | None = None
    """From the start to the first piece of the answer."""
    sent: int = 0
    sent_datagrams: int = 0
    attempts: int = 0
    rounds: int = 0
    recovered: int = 0
    pieces: int = 0
    missing: int = 0
    answer: Answer | None = None
    size: int | None = None
    """Bytes of the picture in the answer."""
    error: BaseException | None = None
    troubles: list[str] = field(default_factory=list)
    """What went wrong in each attempt that was not the last, by class."""


class ImageCloudClient:
    """One socket of one user; a request at a time."""

    def __init__(
        self,
        servers: Sequence[str],
        rule: Rule,
        *,
        pacing_s: float = PACING_S,
        attempts: int = 3,
        pause_s: float = 1.0,
        longest: int = LONGEST_ANSWER,
        receive_buffer: int = RECEIVE_BUFFER,
    ) -> None:
        """`servers` are written as HOST:PORT; their names are resolved here, once.

        `pacing_s` lies between two datagrams, `pause_s` between two attempts. An answer may have
        `longest` bytes; `receive_buffer` bytes are asked of the kernel. OSError where a name is
        unknown.
        """
        family, self._addresses = resolved(servers)
        self._pacing_s, self._attempts, self._pause_s = pacing_s, attempts, pause_s
        # The plain socket with a watcher of our own: gevent's would set a timer for each datagram.
        self._socket = _plain_socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._hub = gevent.get_hub()
        self._readable = self._hub.loop.io(self._socket.fileno(), 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._mailbox = Mailbox(rule, longest)

    @property
    def tally(self) -> Any:
        """Counts of this socket's life."""
        return self._mailbox.tally

    @property
    def held(self) -> int:
        """Bytes of incomplete answers that are kept."""
        return self._mailbox.held

    @property
    def receive_buffer(self) -> int:
        """Bytes that the kernel granted, its own bookkeeping included."""
        return int(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))

    def close(self) -> None:
        """Give the socket back."""
        self._readable.close()
        self._socket.close()

    def encrypt(self, server: str, request: Request) -> Reply:
        """Have a picture encrypted; the answer is a PNG, whole to its end."""
        return self._ask(server, request, cloud.ENCRYPTED, _encryption, judge_encrypted)

    def decrypt(self, server: str, request: Request) -> Reply:
        """Have a picture decrypted, a PNG or JPEG; `array` is that of the encrypted one."""
        return self._ask(server, request, cloud.DECRYPTED, _decryption, judge_decrypted)

    # -- attempts --------------------------------------------------------------------------------

    def _ask(
        self,
        server: str,
        request: Request,
        kind: str,
        write: Callable[[Request], bytes],
        judge: Callable[[Answer], int],
    ) -> Reply:
        reply = Reply(server, request.request_id, time(), perf_counter())
        while True:
            reply.attempts += 1
            if reply.attempts > 1:
                # Of its own, so that a late answer to the last attempt is not taken for this one.
                own = f"{request.request_id}_{reply.attempts}"
                reply.request_id = own
                self._attempt(reply, request._replace(request_id=own), kind, write, judge)
            else:
                self._attempt(reply, request, kind, write, judge)
            if reply.error is None or reply.attempts >= self._attempts:
                return reply
            reply.troubles.append(type(reply.error).__name__)
            gevent.sleep(self._pause_s)

    def _attempt(
        self,
        reply: Reply,
        request: Request,
        kind: str,
        write: Callable[[Request], bytes],
        judge: Callable[[Answer], int],
    ) -> None:
        started = perf_counter()
        reply.error, reply.answer, reply.size, reply.missing = None, None, None, 0
        try:
            text = write(request)
            self._mailbox.begin(request.request_id, kind, started)
            self._send(reply, text)
            answer = self._receive()
            reply.first_byte = answer.first_at - reply.started
            reply.rounds += answer.rounds
            reply.recovered += answer.recovered
            reply.pieces = answer.pieces
            reply.answer = answer
            reply.size = judge(answer)
        except (WrongAnswer, NoAnswer, NotSent) as error:
            if isinstance(error, PacketLoss):
                reply.missing, reply.pieces = error.missing, error.total
                reply.rounds += self._mailbox.rounds
            # Only the error: its trail of frames would hold the answer.
            error.__context__ = error.__cause__ = None
            reply.error = error.with_traceback(None)
        finally:
            self._mailbox.end()
        now = perf_counter() if reply.answer is None else reply.answer.last_at
        reply.elapsed, reply.latency = now - reply.started, now - started

    def _send(self, reply: Reply, text: bytes) -> None:
        address = self._addresses[reply.server]
        chunk_id = _uuid()
        for number, datagram in enumerate(chunks.split(text, chunk_id)):
            if number and self._pacing_s:
                gevent.sleep(self._pacing_s)
            self._sendto(datagram, address)
            reply.sent += len(datagram)
            reply.sent_datagrams += 1

    def _sendto(self, datagram: bytes, address: Any) -> None:
        while True:
            try:
                self._socket.sendto(datagram, address)
                return
            except BlockingIOError:
                gevent.sleep(self._pacing_s)  # the send buffer is full for a moment
            except OSError as error:
                raise NotSent(f"the kernel refused a datagram: {error.strerror}") from error

    def _receive(self) -> Answer:
        """Wait for the answer; ask again for what lacks. Raises what it ended with."""
        mailbox = self._mailbox
        while True:
            now = perf_counter()
            if now < mailbox.deadline:
                answer = self._take_until(mailbox.deadline, now)
                if answer is not None:
                    return answer
                continue
            try:
                wishes = mailbox.silence(now)
            except NothingCame:
                raise NoAnswer("nothing came before the first-byte deadline") from None
            except TotalExceeded:
                raise NoAnswer("the answer was not whole before the total deadline") from None
            except PiecesMissing as error:
                raise PacketLoss(error.missing, error.total, error.rounds) from None
            for wish, sender in wishes:
                self._sendto(wish, sender)

    def _take_until(self, deadline: float, now: float) -> Answer | None:
        """Take datagrams in, with one timer for all of them; the answer once it is whole.

        None at the deadline, or as soon as another one comes before it.
        """
        mailbox, receive, taken = self._mailbox, self._socket.recvfrom, 0
        with gevent.Timeout(deadline - now, False):  # type: ignore[arg-type]  # False: no exception
            while True:
                try:
                    datagram, sender = receive(LARGEST_DATAGRAM)
                except BlockingIOError:
                    self._hub.wait(self._readable)
                    continue
                except OSError:
                    continue  # what an earlier send met on its way
                answer = mailbox.take(datagram, sender, perf_counter())
                if answer is not None:
                    return answer
                if mailbox.deadline < deadline:
                    return None
                taken += 1
                if taken % BREATH == 0:
                    gevent.sleep(0)
        return None


def resolved(servers: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """The family that reaches all servers, and the address of each; OSError where one has none."""
    split = {one: one.rpartition(":") for one in servers}
    found = {
        one: socket.getaddrinfo(host.strip("[]"), int(port), 0, socket.SOCK_DGRAM)
        for one, (host, _, port) in split.items()
    }
    four = {one: _first(infos, socket.AF_INET) for one, infos in found.items()}
    if all(four.values()):
        return socket.AF_INET, four
    six = {one: _first(infos, socket.AF_INET6) for one, infos in found.items()}
    return socket.AF_INET6, {
        one: six[one] or (f"::ffff:{four[one][0]}", four[one][1]) for one in servers
    }


def _first(infos: Sequence[Any], family: int) -> Any:
    """The first address of that family; None where there is none."""
    return next((info[4] for info in infos if info[0] == family), None)


def _encryption(request: Request) -> bytes:
    return cloud.encryption_request(*request)


def _decryption(request: Request) -> bytes:
    return cloud.decryption_request(*request)


def _uuid() -> str:
    """A random id in the form of a UUID of version 4, at a tenth of the library's cost."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
