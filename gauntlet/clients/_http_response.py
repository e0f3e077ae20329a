"""What came back from a call."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson

from gauntlet.clients._http_errors import BadStatus
from gauntlet.clients._http_head import NO_HEADERS, AnswerHead, Headers
from gauntlet.clients._http_plan import Plan
from gauntlet.clients._http_sinks import Sink

_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_NO_HEAD = AnswerHead(0, "", "1.0", [])


class HttpResponse:
    """An answer, or the lack of one: then `status_code` is 0 and `error` says why.

    Reads like a response of requests where the names are the same.
    """

    head: AnswerHead = _NO_HEAD
    status_code: int = 0
    error: Exception | None = None
    body: bytes | bytearray = b""
    length: int = 0
    """Bytes of the body after decoding, whether or not they were kept."""
    sent: int = 0
    """Bytes of the request's body; 0 where its length is not known beforehand."""
    first_byte_s: float | None = None
    elapsed_s: float = 0.0
    """From the start of the call to the last byte; redirects and a second try are inside."""
    encoding: str | None = None
    """Set it to overrule the charset of the answer."""
    trailers: Headers = NO_HEADERS
    sink: Sink | None = None
    history: tuple[int, ...] = ()
    """Statuses of the redirects that were followed."""
    resent: int = 0
    """Times the request was sent again because a kept connection had been closed."""
    pieces: Iterator[bytes] | None = None
    """The body that is still to come, if it is streamed."""
    on_close: Callable[[], None] | None = None

    redirected_to: str | None = None

    def __init__(self, plan: Plan, started: float) -> None:
        self.plan = plan
        """What was asked for first."""
        self.started = started

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status_code}>"

    @property
    def url(self) -> str:
        """Where the answer came from."""
        return self.redirected_to or self.plan.url

    @property
    def headers(self) -> Headers:
        """Header fields; names in any case."""
        return self.head.headers

    @property
    def reason(self) -> str:
        """The server's own words beside the status."""
        return self.head.reason

    @property
    def ok(self) -> bool:
        """Whether there is an answer, it is no error, and no redirect was left unfollowed."""
        return self.error is None and 0 < self.status_code < 400

    @property
    def content(self) -> bytes:
        """The body; empty if it went into a sink."""
        if self.pieces is not None:
            self.body = b"".join(self.pieces)
        if type(self.body) is not bytes:
            self.body = bytes(self.body)
        return self.body

    @property
    def text(self) -> str:
        """The body as text, in its own charset or UTF-8."""
        content = self.content
        try:
            return content.decode(self.encoding or self._charset() or "utf-8", errors="replace")
        except LookupError:
            return content.decode("utf-8", errors="replace")

    @property
    def elapsed(self) -> timedelta:
        """How long the call has taken to the last byte."""
        return timedelta(seconds=self.elapsed_s)

    def json(self) -> Any:
        """The body parsed as JSON; raises json.JSONDecodeError."""
        return orjson.loads(self.content)

    @property
    def problem(self) -> Exception | None:
        """What went wrong, if anything did; a status of 400 or more is wrong."""
        if self.error is None and self.status_code >= 400:
            return BadStatus(self.status_code)
        return self.error

    def raise_for_status(self) -> None:
        """Raise what went wrong, if anything did."""
        problem = self.problem
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Give up a streamed body; the call ends here if it has not ended before."""
        self.pieces = None
        if self.on_close is not None:
            self.on_close()

    def iter_content(self, chunk_size: int = 1 << 16) -> Iterator[bytes]:
        """The body in pieces: as they arrive if it is streamed, else of `chunk_size` bytes."""
        if self.pieces is not None:
            yield from self.pieces
            return
        content = self.content
        for start in range(0, len(content), chunk_size):
            yield content[start : start + chunk_size]

    def _charset(self) -> str | None:
        found = _CHARSET.search(self.headers.get("content-type", ""))
        return found[1] if found else None
