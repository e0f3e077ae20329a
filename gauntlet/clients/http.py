"""An HTTP/1.1 client for one user: own connections, nothing done behind the caller's back.

    client = HttpClient("http://127.0.0.1:8000")
    response = client.request("GET", "/blob", expect=blob, timeout=5)
    response.error or response.elapsed_s
    client.close()

A call returns a response whatever happens; `response.error` is an `HttpError`, or a `WrongAnswer`
where a body is not the expected one. Redirects, cookies and content codings are used only if asked
for. A request is sent a second time only if a kept connection turned out to be closed, nothing was
answered, and either nothing had been sent or the request has no body and may be repeated.

Runs on gevent's hub and never blocks it. One client may be used by several greenlets at once: each
call has a connection of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from http.cookiejar import CookieJar
from ssl import SSLContext
from time import perf_counter
from typing import Any

from gauntlet.clients._http_body import Body, encode
from gauntlet.clients._http_connection import Connection, Origin
from gauntlet.clients._http_deadlines import IDLE, Deadlines
from gauntlet.clients._http_errors import (
    UNANSWERED,
    UNSENT,
    BadResponse,
    BadStatus,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    DeadlineExceeded,
    EarlyAnswer,
    FirstByteTimeout,
    HttpError,
    LimitExceeded,
    Redirected,
    TlsFailed,
    TotalTimeout,
    Truncated,
)
from gauntlet.clients._http_exchange import Limits, Rules, exchange
from gauntlet.clients._http_follow import REDIRECTS, Call, run
from gauntlet.clients._http_head import Headers
from gauntlet.clients._http_places import secure_context
from gauntlet.clients._http_plan import Auth, Fields, Plan, basic, planner, with_params
from gauntlet.clients._http_response import HttpResponse
from gauntlet.clients._http_sinks import Digest, Drop, Expect, Save, Sink
from gauntlet.errors import WrongAnswer

__all__ = [
    "BadResponse",
    "BadStatus",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionLost",
    "Deadlines",
    "DeadlineExceeded",
    "Digest",
    "Drop",
    "EarlyAnswer",
    "Expect",
    "FirstByteTimeout",
    "Headers",
    "HttpClient",
    "HttpError",
    "HttpResponse",
    "LimitExceeded",
    "Limits",
    "Redirected",
    "Rules",
    "Save",
    "Sink",
    "TlsFailed",
    "TotalTimeout",
    "Truncated",
]

Timeout = float | tuple[float | None, float | None] | Deadlines

IDLE_PER_ORIGIN = 10
ORIGINS = 16
"""Addresses to which connections are kept; a load test that follows links may meet many."""


class HttpClient:
    """Calls below `base_url`, with `headers` in each; ValueError where that is no address.

    `rules` are deadlines in seconds and limits in bytes. `verify` is whether certificates are
    checked, or the file of an authority to check them against; `ssl_context` outranks it where a
    call does not say otherwise. `cookies` are kept there between calls, None keeps none.
    """

    response_type: type[HttpResponse] = HttpResponse

    def __init__(
        self,
        base_url: str,
        *,
        headers: Fields | None = None,
        rules: Rules | None = None,
        verify: bool | str = True,
        ssl_context: SSLContext | None = None,
        max_redirects: int = 30,
        cookies: CookieJar | None = None,
    ) -> None:
        self._idle = _Idle()
        self._others: dict[tuple[Origin, bool | str], _Idle] = {}
        self._planner = planner(base_url, headers)
        self.base_url = self._planner.base_url
        self.rules = rules or _DEFAULTS
        self.verify = verify
        self.cookies = cookies
        """Where cookies are kept between calls; None keeps none."""
        self._ssl_context = ssl_context
        self._max_redirects = max_redirects
        self._own: Origin = self._planner.origin

    def request(
        self,
        method: str,
        url: str,
        # Not `*`: Python takes twice as long to fill in defaults that are keywords only.
        params: Any = None,
        data: Any = None,
        json: Any = None,
        headers: Fields | None = None,
        files: Any = None,
        auth: Auth | None = None,
        cookies: Mapping[str, str] | None = None,
        allow_redirects: bool = False,
        verify: bool | str | None = None,
        timeout: Timeout | None = None,
        expect: bytes | bytearray | None = None,
        sink: Sink | None = None,
        stream: bool = False,
    ) -> HttpResponse:
        """Make a call; `url` is a path below the base address, or a whole address.

        `timeout` is the total in seconds, or (connect, first byte), or `Deadlines`. The clock runs
        from here on, once the body is encoded.
        """
        body = None
        if data is not None or json is not None or files is not None:
            body = encode(data=data, json=json, files=files)
        if params:
            url = with_params(url, params)
        if auth is not None:
            headers = {**(headers or {}), "Authorization": basic(*auth)}
        plan = self._planner.plan(method, url, headers, body.content_type if body else None)
        if expect is not None:
            sink = Expect(expect)
        if stream and sink is not None:
            raise TypeError("request: expected stream or a sink, got both")
        rules = self.rules if timeout is None else _rules(self.rules, timeout)
        response = self.response_type(plan, perf_counter())
        if sink is not None:
            response.sink = sink
        if body is not None:
            response.sent = body.length
        if cookies is None and self.cookies is None and not allow_redirects:
            self._perform(response, plan, body, sink, rules, verify, stream)
            if response.status_code in REDIRECTS and response.error is None:
                response.error = Redirected(response.status_code, "was not allowed")
        else:
            call = Call(method, url, {**(headers or {})}, cookies, body)
            perform = partial(self._perform, sink=sink, rules=rules, verify=verify, stream=stream)
            redirects = self._max_redirects if allow_redirects else 0
            run(call, response, self._planner, self.cookies, redirects, perform)
        response.elapsed_s = perf_counter() - response.started
        return response

    def request_plainly(self, method: str, url: str) -> HttpResponse:
        """`request` without options; the shorter way for the most frequent kind of call."""
        if self.cookies is not None:
            return HttpClient.request(self, method, url)
        plan = self._planner.known.get((method, url)) or self._planner.plan(method, url)
        response = self.response_type(plan, perf_counter())
        self._perform(response, plan, None, None, self.rules, None, False)
        if response.status_code in REDIRECTS and response.error is None:
            response.error = Redirected(response.status_code, "was not allowed")
        response.elapsed_s = perf_counter() - response.started
        return response

    def close(self) -> None:
        """Close the connections that are kept; the client can be used again."""
        for idle in (self._idle, *self._others.values()):
            idle.clear_out()
        self._others.clear()

    def __del__(self) -> None:
        self.close()

    def _perform(
        self,
        response: HttpResponse,
        plan: Plan,
        body: Body | None,
        sink: Sink | None,
        rules: Rules,
        verify: bool | str | None,
        stream: bool,
    ) -> None:
        """One exchange, two if the first found its connection closed; errors go to `response`."""
        if plan.origin is self._own and verify is None:
            idle = self._idle
        else:
            idle = self._idle_for(plan.origin, self.verify if verify is None else verify)
        connection = None
        while idle:
            connection = idle.pop()
            if not connection.closed:
                break
            connection = None
        try:
            if connection is None:
                connection = self._open(plan.origin, verify, rules, response)
            try:
                exchange(connection, response, plan, body, sink, rules, stream)
            except ConnectionLost as lost:
                if not _may_repeat(connection, lost, plan, body):
                    raise
                connection.close()
                response.resent += 1
                connection = self._open(plan.origin, verify, rules, response)
                exchange(connection, response, plan, body, sink, rules, stream)
        except (HttpError, WrongAnswer) as error:
            # Only the error: its trail of frames would hold the response that holds it.
            error.__context__ = None
            response.error = error.with_traceback(None)
        finally:
            if connection is not None:
                if response.pieces is not None:
                    response.on_close = partial(_end_stream, connection, response, idle)
                    response.pieces = _until_end(response.pieces, response)
                elif connection.reusable and connection.armed and not idle and idle.kept:
                    # What `put_back` and `park` do for a connection that is in order, in line.
                    connection.used = True
                    connection.deadline = IDLE
                    idle.append(connection)
                else:
                    idle.put_back(connection)

    def _open(
        self, origin: Origin, verify: bool | str | None, rules: Rules, response: HttpResponse
    ) -> Connection:
        context = None
        if origin.scheme == "https":
            context = self._ssl_context if verify is None else None
            context = context or secure_context(self.verify if verify is None else verify)
        deadlines = rules.deadlines
        deadline = min(perf_counter() + deadlines.connect_s, response.started + deadlines.total_s)
        return Connection.open(origin, context, deadline)

    def _idle_for(self, origin: Origin, verify: bool | str) -> "_Idle":
        if origin == self._own and (origin.scheme == "http" or verify == self.verify):
            return self._idle
        if (origin, verify) not in self._others and len(self._others) >= ORIGINS:
            self._others.pop(next(iter(self._others))).give_up()
        return self._others.setdefault((origin, verify), _Idle())


class _Idle(list[Connection]):
    """Connections to one place that wait for their next exchange."""

    kept = True

    def put_back(self, connection: Connection) -> None:
        """Take over a connection after an exchange, or close it."""
        if connection.reusable and self.kept and len(self) < IDLE_PER_ORIGIN and connection.park():
            self.append(connection)
        else:
            connection.close()

    def give_up(self) -> None:
        """Close what is here and what comes back later."""
        self.kept = False
        self.clear_out()

    def clear_out(self) -> None:
        """Close what is here."""
        while self:
            self.pop().close()


def _may_repeat(
    connection: Connection, lost: ConnectionLost, plan: Plan, body: Body | None
) -> bool:
    """Whether a kept connection was lost before it could matter."""
    if not connection.used:
        return False
    if lost.stage == UNSENT:
        return True
    return lost.stage == UNANSWERED and body is None and plan.idempotent


def _until_end(pieces: Iterator[bytes], response: HttpResponse) -> Iterator[bytes]:
    try:
        yield from pieces
    except (HttpError, WrongAnswer) as error:
        response.error = error
        raise
    finally:
        response.close()


def _end_stream(connection: Connection, response: HttpResponse, idle: _Idle) -> None:
    response.on_close = None
    response.elapsed_s = perf_counter() - response.started
    idle.put_back(connection)


@lru_cache(maxsize=256)
def _rules(rules: Rules, timeout: Timeout) -> Rules:
    """The rules of a client with the deadlines of one call."""
    if isinstance(timeout, Deadlines):
        return replace(rules, deadlines=timeout)
    if isinstance(timeout, tuple):
        connect, first_byte = timeout
        deadlines = replace(rules.deadlines, connect=connect, first_byte=first_byte)
    else:
        deadlines = Deadlines(connect=timeout, first_byte=timeout, total=timeout)
    return replace(rules, deadlines=deadlines)


_DEFAULTS = Rules()
