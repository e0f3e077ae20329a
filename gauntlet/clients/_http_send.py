"""Requests that do not leave in one call: large bodies, files, generators.

While such a request is on its way the server may answer. Interim answers are dropped; a final one
ends the sending, and is an `EarlyAnswer` unless its status says why.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from time import perf_counter

from gauntlet.clients._http_body import Body
from gauntlet.clients._http_connection import PARTS_PER_CALL, Buffer, Connection
from gauntlet.clients._http_errors import SENDING, LimitExceeded, TotalTimeout, lost
from gauntlet.clients._http_head import answer_head

YIELD_BYTES = 1 << 22
"""A sender that never has to wait still lets others run after this many bytes."""

END_OF_HEAD = b"\r\n\r\n"

Outcome = tuple[bool, bytes]
"""Whether the whole request went out, and the bytes of an answer that came meanwhile."""


class Unsent:
    """The rest of a request on its way out: views of its parts, never copies."""

    def __init__(self, parts: Sequence[Buffer], sent: int = 0) -> None:
        self._views = deque(memoryview(part).cast("B") for part in parts if len(part))
        self.size = sum(map(len, self._views)) - sent
        self.drop(sent)

    def __bool__(self) -> bool:
        return bool(self._views)

    def next(self) -> list[memoryview]:
        """What to hand to `Connection.send` now."""
        return [self._views[index] for index in range(min(len(self._views), PARTS_PER_CALL))]

    def drop(self, sent: int) -> None:
        """Take away what has been sent."""
        views = self._views
        while views and sent >= len(views[0]):
            sent -= len(views.popleft())
        if sent:
            views[0] = views[0][sent:]


def send_rest(connection: Connection, unsent: Unsent, body: Body | None, limit: int) -> Outcome:
    """Send what the first call left over, then `body` if it is read or generated on the way.

    `limit` is for the head of an answer that comes meanwhile.
    """
    early = bytearray()
    whole = _push(connection, unsent, early, limit)
    if whole and body is not None:
        whole = _stream(connection, body, early, limit)
    return whole, bytes(early)


def _stream(connection: Connection, body: Body, early: bytearray, limit: int) -> bool:
    unwaited = 0
    for parts in _frames(body):
        if perf_counter() > connection.deadline:
            raise TotalTimeout
        unsent = Unsent(parts)
        unwaited += unsent.size
        if unwaited > YIELD_BYTES:
            unwaited = 0
            connection.wait_to_send()
        if _answered(connection, early, limit):
            return False
        try:
            unsent.drop(connection.send(unsent.next()))
        except OSError as error:
            last_words(connection, early, limit, error)
            return False
        if unsent and not _push(connection, unsent, early, limit):
            return False
    return True


def _frames(body: Body) -> Iterator[tuple[Buffer, ...]]:
    if body.chunks is None:
        yield from ((block,) for block in body.blocks())
        return
    for chunk in body.chunks:
        view = memoryview(chunk.encode() if isinstance(chunk, str) else chunk).cast("B")
        if len(view):  # an empty chunk would be the last one
            yield b"%x\r\n" % len(view), view, b"\r\n"
    yield (b"0\r\n\r\n",)


def _push(connection: Connection, unsent: Unsent, early: bytearray, limit: int) -> bool:
    while unsent:
        connection.wait_to_send()
        if _answered(connection, early, limit):
            return False
        try:
            unsent.drop(connection.send(unsent.next()))
        except OSError as error:
            last_words(connection, early, limit, error)
            return False
    return True


def _answered(connection: Connection, early: bytearray, limit: int) -> bool:
    """Whether a final answer is there; collects what has come of it."""
    try:
        got = connection.peek(connection.reactor.scratch)
    except OSError as error:
        raise lost(error, SENDING) from None
    if got is None:
        return False
    if not got:
        raise lost(None, SENDING)
    early += connection.reactor.view[:got]
    while (end := early.find(END_OF_HEAD) + 4) >= 4:
        if answer_head(bytes(early[:end])).status >= 200:
            return True
        del early[:end]
    if len(early) > limit:
        raise LimitExceeded("head is larger than the limit")
    return False


def last_words(connection: Connection, early: bytearray, limit: int, error: OSError) -> None:
    """A server that refuses a request may answer and close; raises unless there is an answer."""
    before = -1
    while before != len(early):
        before = len(early)
        if _answered(connection, early, limit):
            return
    raise lost(error, SENDING) from None
