"""One request and its answer over one connection.

    exchange(connection, response, plan, body, sink, rules)

An ordinary answer (head and a body of known length, found in one receive) is handled in line;
chunks go through llhttp. Whatever leaves the connection in doubt leaves `connection.reusable`
False: bytes after the answer, an answer to half a request, a body that ends with the connection.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast

from greenlet import getcurrent

from gauntlet.clients._http_body import Body
from gauntlet.clients._http_connection import AGAIN, EXPIRED, Buffer, Connection
from gauntlet.clients._http_deadlines import Deadlines
from gauntlet.clients._http_errors import (
    IN_BODY,
    IN_HEAD,
    UNANSWERED,
    UNSENT,
    BadResponse,
    EarlyAnswer,
    LimitExceeded,
    TotalTimeout,
    lost,
)
from gauntlet.clients._http_head import KEPT_HEAD_BYTES, AnswerHead, answer_head, known_heads
from gauntlet.clients._http_pieces import body_pieces, fill
from gauntlet.clients._http_plan import Plan
from gauntlet.clients._http_response import HttpResponse
from gauntlet.clients._http_send import END_OF_HEAD, Outcome, Unsent, last_words, send_rest
from gauntlet.clients._http_sinks import Decode, Keep, Sink

MAX_INTERIM = 16
"""Interim (1xx) answers before a final one."""

_BEGINNING = b"HTTP/1."
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")


@dataclass(frozen=True)
class Limits:
    """Bytes that an answer may have."""

    head: int = 1 << 16
    kept: int = 1 << 26
    """Of a body that is kept in memory; sinks are not limited."""


@dataclass(frozen=True)
class Rules:
    """What holds for an exchange."""

    deadlines: Deadlines = field(default_factory=Deadlines)
    limits: Limits = field(default_factory=Limits)


def exchange(
    connection: Connection,
    response: HttpResponse,
    plan: Plan,
    body: Body | None,
    sink: Sink | None,
    rules: Rules,
    stream: bool = False,
) -> None:
    """Send a request and read its answer into `response`.

    Raises HttpError where that fails, WrongAnswer where a sink finds the body wrong. With `stream`
    the body is left to be read through `response.pieces`.
    """
    # The ordinary way is written out: each function on it would cost every request 0.1 µs.
    connection.reusable = False
    deadlines = rules.deadlines
    total = response.started + deadlines.total_s
    whole, early = True, b""
    # What `_allow_silence` does, in line.
    silence = perf_counter() + deadlines.silence_s
    if silence < total:
        connection.deadline = silence
        connection.expiry = deadlines.silence
    else:
        connection.deadline = total
        connection.expiry = TotalTimeout
    if body is None:
        try:
            sent = connection.send_now(plan.head)
        except AGAIN:
            whole, early = _send_slowly(connection, (plan.head,), 0, None, rules, total)
        except OSError as error:
            whole, early = _unsent(connection, error, rules)
        else:
            if sent != len(plan.head):
                whole, early = _send_slowly(connection, (plan.head,), sent, None, rules, total)
    else:
        whole, early = _send(connection, plan.head_for(body), body, rules, total)
    reactor = connection.reactor
    if early:
        got = 0
    else:
        try:
            if connection.armed and not connection.tls:
                # What `fill` does at first, in line: every answer comes through here.
                connection.waiter = getcurrent()
                try:
                    if reactor.switch() is EXPIRED:
                        raise connection.expiry
                finally:
                    connection.waiter = None
                try:
                    got = connection.receive_now(reactor.scratch)
                except AGAIN:
                    got = connection.fill(reactor.scratch)
            else:
                got = connection.fill(reactor.scratch)
        except OSError as error:
            raise lost(error, UNANSWERED) from None
        if not got:
            raise lost(None, UNANSWERED)
    response.first_byte_s = perf_counter() - response.started
    connection.deadline = total
    connection.expiry = TotalTimeout
    head, limit = plan.likely, rules.limits.head
    if head is None or not reactor.scratch.startswith(head.raw, 0, got) or len(head.raw) > limit:
        head = _head(plan, reactor.scratch, got, limit)
    if head is None:
        head, rest = _read_head(connection, early or reactor.view[:got], limit)
    else:
        rest = reactor.view[len(head.raw) : got]
    response.head = head
    response.status_code = head.status
    length = 0 if plan.bodiless else head.length
    if len(rest) == length and sink is None and not stream and not plan.decodes:
        response.body = bytes(rest)
        response.length = length
        connection.reusable = whole and head.keep_alive
    else:
        _read_body(connection, response, plan, length, rest, sink, rules.limits, stream)
    if not whole:
        connection.reusable = False
        if head.status < 400:
            raise EarlyAnswer


def _head(plan: Plan, received: bytearray, got: int, limit: int) -> AnswerHead | None:
    """The head of the final answer, if it came whole, within the limit and as the first."""
    end = received.find(END_OF_HEAD, 0, got) + 4
    if not 4 <= end <= limit:
        return None
    raw = bytes(memoryview(received)[:end])
    head = known_heads.get(raw) or answer_head(raw)
    if head.status < 200:
        return None
    if end <= KEPT_HEAD_BYTES:
        plan.likely = head
    return head


def _send(connection: Connection, head: bytes, body: Body, rules: Rules, total: float) -> Outcome:
    """Send a request with a body; in one call if it is in memory and the kernel takes it."""
    size = len(head)
    parts: Sequence[Any] = (head,)
    if body.plain:
        parts = (head, *body.parts)
        size += body.length
    try:
        sent = connection.send(parts)
    except OSError as error:
        return _unsent(connection, error, rules)
    if body.plain and sent == size:
        return True, b""
    return _send_slowly(connection, parts, sent, None if body.plain else body, rules, total)


def _unsent(connection: Connection, error: OSError, rules: Rules) -> Outcome:
    """Nothing could be sent: an old connection may be replaced, a new one has its reasons."""
    if connection.used:
        raise lost(error, UNSENT) from None
    words = bytearray()
    last_words(connection, words, rules.limits.head, error)
    return False, bytes(words)


def _send_slowly(
    connection: Connection,
    parts: Sequence[Buffer],
    sent: int,
    streamed: Body | None,
    rules: Rules,
    total: float,
) -> Outcome:
    connection.deadline = total
    connection.expiry = TotalTimeout
    outcome = send_rest(connection, Unsent(parts, sent), streamed, rules.limits.head)
    _allow_silence(connection, rules.deadlines, total)
    return outcome


def _allow_silence(connection: Connection, deadlines: Deadlines, total: float) -> None:
    silence = perf_counter() + deadlines.silence_s
    if silence < total:
        connection.deadline = silence
        connection.expiry = deadlines.silence
    else:
        connection.deadline = total
        connection.expiry = TotalTimeout


def _read_head(
    connection: Connection, received: Buffer, limit: int
) -> tuple[AnswerHead, memoryview]:
    """The head of the final answer, however it is cut, and what came after it."""
    data = bytearray(received)
    interim = looked = 0
    while True:
        end = data.find(END_OF_HEAD, max(0, looked - 3)) + 4
        if (end if end >= 4 else len(data)) > limit:
            raise LimitExceeded("head is larger than the limit")
        if end < 4:
            if not _plausible(data, looked):
                raise BadResponse("head is not valid HTTP/1.1")
            looked = len(data)
            got = fill(connection, connection.reactor.scratch, IN_HEAD)
            if not got:
                raise lost(None, IN_HEAD)
            data += connection.reactor.view[:got]
            continue
        head = answer_head(bytes(data[:end]))
        if head.status >= 200:
            return head, memoryview(data)[end:]
        interim += 1
        if interim > MAX_INTERIM:
            raise LimitExceeded("too many interim answers")
        del data[:end]
        looked = 0


def _plausible(data: bytearray, looked: int) -> bool:
    """Whether a head that has not ended may still be one; else its end would be waited for."""
    start = bytes(data[: len(_BEGINNING)])
    return _BEGINNING.startswith(start) and not _BARE_LINE_FEED.search(data, max(0, looked - 1))


def _read_body(
    connection: Connection,
    response: HttpResponse,
    plan: Plan,
    length: int,
    rest: memoryview,
    sink: Sink | None,
    limits: Limits,
    stream: bool,
) -> None:
    """Bring the body to where it belongs."""
    if response.status_code >= 300:  # sinks and streams are for good answers
        sink, stream = None, False
    kept = Keep(limits.kept) if sink is None else None
    if kept and length > limits.kept and not stream:
        raise LimitExceeded("body is larger than the limit")
    coding = response.headers.get("content-encoding", "") if plan.decodes else ""
    if kept and length > 0 and len(rest) <= length and not coding and not stream:
        _receive_into(connection, response, length, rest)
        return
    pieces = body_pieces(connection, response, length, rest, limits.head)
    target: Sink = kept or cast(Sink, sink)
    if coding and coding.lower() != "identity":
        target = Decode(coding.lower(), target)
    if stream and kept:
        response.pieces = _streamed(response, pieces, target, kept)
        return
    for piece in pieces:
        response.length += len(piece)
        target.write(piece)
    if isinstance(target, Decode):
        response.length = target.length
    if kept:
        response.body = kept.content
    target.finish()


def _receive_into(
    connection: Connection, response: HttpResponse, length: int, rest: memoryview
) -> None:
    """Receive a body of known length straight to where it stays."""
    # One byte more than announced: if it comes, something follows the answer.
    body = bytearray(length + 1)
    at = len(rest)
    body[:at] = rest
    with memoryview(body) as view:
        while at < length:
            got = fill(connection, view[at:], IN_BODY)
            if not got:
                raise lost(None, IN_BODY)
            at += got
    del body[length:]
    response.body = body
    response.length = length
    connection.reusable = response.head.keep_alive and at == length


def _streamed(
    response: HttpResponse, pieces: Iterator[Buffer], target: Sink, kept: Keep
) -> Iterator[bytes]:
    """The body for a task that reads it itself; each piece is the task's own."""
    for piece in pieces:
        target.write(piece)
        if kept.content:
            copy = bytes(kept.content)
            kept.content.clear()
            response.length += len(copy)
            yield copy
    target.finish()
