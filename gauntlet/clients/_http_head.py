"""Heads of HTTP/1.1 answers: parsed once by llhttp (through httptools), kept while they repeat.

    head = answer_head(raw)         # raw ends with its empty line
    head.status, head.length, head.keep_alive, head.headers["content-type"]

A server repeats its head byte for byte for as long as its clock shows the same second, so most
answers cost one dictionary look-up. llhttp runs in its strict mode: folded lines, bare line feeds,
doubled or contradicting lengths and a length beside Transfer-Encoding are all refused.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gauntlet.clients._http_errors import BadResponse

CHUNKED = -1
UNTIL_CLOSE = -2

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_KEPT_HEADS = 64
KEPT_HEAD_BYTES = 2048


class Headers(Mapping[str, str]):
    """Header fields; names in any case, several of one name joined by a comma."""

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self._fields = fields
        self._joined: dict[str, str] = {}
        for name, value in fields:
            key, text = name.decode("ascii").lower(), value.decode("latin-1")
            self._joined[key] = f"{self._joined[key]}, {text}" if key in self._joined else text

    def __getitem__(self, name: str) -> str:
        return self._joined[name.lower()]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field; quicker than what a mapping brings along."""
        return self._joined.get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined)

    def __len__(self) -> int:
        return len(self._joined)

    def __repr__(self) -> str:
        return f"Headers({self._joined!r})"

    def all(self, name: str) -> list[str]:
        """Every value of one name, in the order they arrived (Set-Cookie cannot be joined)."""
        key = name.lower().encode("ascii")
        return [value.decode("latin-1") for field, value in self._fields if field.lower() == key]


NO_HEADERS = Headers([])


class AnswerHead:
    """Status line and header fields, and what they say about the body."""

    __slots__ = ("_headers", "fields", "keep_alive", "length", "raw", "reason", "status")

    def __init__(
        self,
        status: int,
        reason: str,
        version: str,
        fields: list[tuple[bytes, bytes]],
        raw: bytes = b"",
    ) -> None:
        self.raw = raw
        """The bytes that say all this."""
        self.status = status
        self.reason = reason
        self.fields = fields
        self._headers: Headers | None = None
        headers = self.headers
        self.length = _body_length(headers)
        """Bytes of the body; or CHUNKED, or UNTIL_CLOSE."""
        self.keep_alive = self.length != UNTIL_CLOSE and _keeps_alive(headers, version)
        if status < 200 or status in (204, 304):
            self.length = 0  # whatever the fields say, RFC 9112, 6.3
            self.keep_alive = _keeps_alive(headers, version)

    @property
    def headers(self) -> Headers:
        """The fields as a mapping, made when first asked for."""
        if self._headers is None:
            self._headers = Headers(self.fields)
        return self._headers


known_heads: dict[bytes, AnswerHead] = {}
"""What has been parsed before; `answer_head` adds to it."""


def answer_head(raw: bytes) -> AnswerHead:
    """Parse a whole head; raises BadResponse where it is not one."""
    head = known_heads.get(raw)
    if head is None:
        head = _parse(raw)
        if len(raw) <= KEPT_HEAD_BYTES:
            if len(known_heads) >= _KEPT_HEADS:
                known_heads.clear()
            known_heads[raw] = head
    return head


class _Collector:
    """The callbacks that llhttp makes while it reads one head."""

    def __init__(self) -> None:
        self.reason = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def _parse(raw: bytes) -> AnswerHead:
    if not raw.startswith(b"HTTP/1."):  # llhttp would skip empty lines and take other protocols
        raise BadResponse("head is not valid HTTP/1.1")
    collector = _Collector()
    parser = HttpResponseParser(collector)
    try:
        parser.feed_data(raw)
    except HttpParserUpgrade:
        raise BadResponse("answer switches protocols unasked") from None
    except HttpParserError:
        raise BadResponse("head is not valid HTTP/1.1") from None
    if _CONTROL.search(collector.reason):  # the one place where llhttp lets them pass
        raise BadResponse("head is not valid HTTP/1.1")
    status, version = parser.get_status_code(), parser.get_http_version()
    if not collector.complete or version not in ("1.0", "1.1") or not 100 <= status <= 999:
        raise BadResponse("head is not valid HTTP/1.1")
    if status == 101:
        raise BadResponse("answer switches protocols unasked")
    return AnswerHead(status, collector.reason.decode("latin-1"), version, collector.fields, raw)


def _body_length(headers: Headers) -> int:
    """RFC 9112, 6.3, after llhttp has refused lengths that are doubled or not numbers."""
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise BadResponse("transfer encoding is not chunked")
        return CHUNKED
    length = headers.get("content-length")
    return UNTIL_CLOSE if length is None else int(length)


def _keeps_alive(headers: Headers, version: str) -> bool:
    said = {option.strip().lower() for option in headers.get("connection", "").split(",")}
    return "close" not in said and (version == "1.1" or "keep-alive" in said)
