"""One request and its answer over one connection.

    exchange(connection, response, plan, body, sink, rules)

An ordinary answer (head and a body of known length, found in one receive) is handled in line;
chunks go through llhttp. Whatever leaves the connection in doubt leaves `connection.reusable`
False: bytes after the answer, an answer to half a request, a body that ends with the connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol, cast

from gauntlet.clients._http_body import Body
from gauntlet.clients._http_connection import Buffer, Connection, Unsent
from gauntlet.clients._http_deadlines import Deadlines
from gauntlet.clients._http_errors import (
    BadResponse,
    ConnectionLost,
    EarlyAnswer,
    LimitExceeded,
    TotalTimeout,
    lost,
)
from gauntlet.clients._http_head import answer_head
from gauntlet.clients._http_pieces import IN_BODY, body_pieces, fill
from gauntlet.clients._http_response import HttpResponse
from gauntlet.clients._http_send import END_OF_HEAD, SENDING, send_rest, send_streamed
from gauntlet.clients._http_sinks import Decode, Keep, Sink

MAX_INTERIM = 16
"""Interim (1xx) answers before a final one."""

BEFORE = "before any answer"
IN_HEAD = "inside the head"


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


class Plan(Protocol):
    """A rendered request head, as far as an exchange needs it."""

    head: bytes
    """Complete, where there is no body."""
    bodiless: bool
    """The answer has no body whatever its fields say (HEAD)."""
    decodes: bool
    """A content coding was asked for."""

    def head_for(self, body: Body) -> bytes:
        """The head of a request with this body."""


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
    connection.reusable = False
    deadlines = rules.deadlines
    total = response.started + deadlines.total_s
    _allow_silence(connection, deadlines, total)
    early = _send(connection, plan, body, rules, total)
    scratch = connection.reactor.scratch
    if early is None:
        try:
            got = connection.fill(scratch)
        except OSError as error:
            raise lost(error, BEFORE) from None
        if not got:
            raise lost(None, BEFORE)
    else:
        got = len(early)
        scratch[:got] = early
    response.first_byte_s = perf_counter() - response.started
    connection.deadline = total
    connection.expiry = TotalTimeout
    view = connection.reactor.view
    end = scratch.find(END_OF_HEAD, 0, got) + 4
    if end >= 4 and (head := answer_head(bytes(view[:end]))).status >= 200:
        rest = view[end:got]
    ...
