"""Request heads, rendered once and sent many times.

    plan = planner("http://host:80/api").plan("GET", "/orders", {"Accept": "a/b"})
    plan.head            # b"GET /api/orders HTTP/1.1\\r\\nHost: host\\r\\n…"

All users of a process share the plans of one base address. Whatever a caller gives as path, name or
value ends up as one line: line breaks are encoded in a path and refused in a header field.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from gauntlet import __version__
from gauntlet.clients._http_body import Body
from gauntlet.clients._http_connection import Origin
from gauntlet.clients._http_head import AnswerHead

Fields = Mapping[str, str | bytes | None]
Auth = tuple[str | bytes, str | bytes]

_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_PATH_SAFE = "/%:@!$&'()*+,;=~[]|"
_QUERY_SAFE = _PATH_SAFE + "?"
_PORTS = {"http": 80, "https": 443}
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_WITHOUT_LENGTH = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "PUT"})
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._~-]*")
"""Paths that are sent as they are written."""
_KEPT_PLANS = 4096
_KEPT_FIELDS = 256
_KEPT_PLANNERS = 64


class Plan:
    """The head of one kind of request."""

    __slots__ = (
        "_prefix",
        "_sized",
        "bodiless",
        "decodes",
        "fields",
        "head",
        "idempotent",
        "likely",
        "method",
        "origin",
        "path_url",
        "url",
    )

    def __init__(
        self,
        method: str,
        url: str,
        origin: Origin,
        path_url: str,
        fields: list[bytes],
        *,
        decodes: bool,
    ) -> None:
        self.method = method
        self.url = url
        self.origin = origin
        self.fields = fields
        self.path_url = path_url
        """Path and query as they are sent."""
        self.bodiless = method == "HEAD"
        """The answer has no body whatever its fields say."""
        self.decodes = decodes
        """A content coding is asked for."""
        self.idempotent = method in _IDEMPOTENT
        self.likely: AnswerHead | None = None
        """The head of the last answer; the next one often is the same."""
        start = f"{method} {path_url} HTTP/1.1".encode("ascii")
        self._prefix = b"\r\n".join([start, *fields, b""])
        empty = b"" if method in _WITHOUT_LENGTH else b"Content-Length: 0\r\n"
        self.head = self._prefix + empty + b"\r\n"
        """Complete, for a request without a body."""
        self._sized = (-1, b"")
        """The last length of a body and the head for it; the next one often is as long."""

    def head_for(self, body: Body) -> bytes:
        """The head of a request with this body."""
        if body.chunks is not None:
            return self._prefix + b"Transfer-Encoding: chunked\r\n\r\n"
        length, head = self._sized
        if length != body.length:
            head = self._prefix + b"Content-Length: %d\r\n\r\n" % body.length
            self._sized = (body.length, head)
        return head


class Planner:
    """Makes and keeps the plans of one base address and its default header fields."""

    def __init__(self, base_url: str, defaults: tuple[tuple[str, str | bytes | None], ...]) -> None:
        parts = urlsplit(base_url)
        self.origin = origin_of(base_url)
        host = parts.netloc.rpartition("@")[2]
        self.base_url = f"{parts.scheme}://{host}{parts.path}"
        self._path = _path(self.base_url) if parts.path else ""
        self._defaults: dict[str, str | bytes | None] = {
            "User-Agent": f"gauntlet/{__version__}",
            "Accept": "*/*",
        }
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            self._defaults["Authorization"] = basic(user, password)
        self._defaults.update(defaults)
        self.known: dict[Any, Plan] = {}
        """Plans by method and address, and by fields and content type where there are any."""
        self._fields: dict[Any, tuple[list[bytes], bool]] = {}

    def plan(
        self,
        method: str,
        url: str,
        headers: Fields | None = None,
        content_type: str | None = None,
    ) -> Plan:
        """The plan for a path below the base address, or for a whole address."""
        key: Any = (method, url)
        if headers or content_type:
            key = (method, url, content_type, tuple(headers.items()) if headers else None)
        found = self.known.get(key)
        if found is None:
            found = self._alike(method, url, key[2:]) or self.make(
                method, url, headers or {}, content_type
            )
            if url.startswith("/") and key[2:] not in self._fields:
                if len(self._fields) >= _KEPT_FIELDS:
                    self._fields.clear()
                self._fields[key[2:]] = found.fields, found.decodes
            if len(self.known) >= _KEPT_PLANS:
                self.known.clear()
            self.known[key] = found
        return found

    def _alike(self, method: str, url: str, fields_key: Any) -> Plan | None:
        """A plan whose path alone is new, as with ids in paths: about a third of the work."""
        known = self._fields.get(fields_key)
        if known is None or not _PLAIN_PATH.fullmatch(url) or not _TOKEN.fullmatch(method):
            return None
        fields, decodes = known
        path = self._path + url
        return Plan(method, self.base_url + url, self.origin, path, fields, decodes=decodes)

    def absolute(self, url: str) -> str:
        """The whole address of what may be a path below the base address."""
        return url if _ABSOLUTE.match(url) else self.base_url + url

    def make(self, method: str, url: str, headers: Fields, content_type: str | None) -> Plan:
        """A plan that is not kept."""
        if not _TOKEN.fullmatch(method):
            raise ValueError(f"method: expected a word such as GET, got {method!r}")
        whole = self.absolute(url)
        origin = origin_of(whole)
        fields: dict[str, tuple[str, str | bytes | None]] = {"host": ("Host", _host(origin))}
        given = list(self._defaults.items())
        if origin != self.origin:  # the credentials of the base address are for it alone
            given = [item for item in given if item[0].lower() not in ("authorization", "cookie")]
        if content_type is not None:
            given.append(("Content-Type", content_type))
        for name, value in [*given, *headers.items()]:
            if name.lower() in _FRAMING:
                raise ValueError(f"headers: {name} is set by the client, expected none")
            fields[name.lower()] = (name, value)
        lines = [_line(name, value) for name, value in fields.values() if value is not None]
        accepted = fields.get("accept-encoding", ("", None))[1]
        own = self.origin if origin == self.origin else origin
        return Plan(
            method,
            whole.partition("#")[0],
            own,
            _path(whole),
            lines,
            decodes=accepted not in (None, "", "identity", b"", b"identity"),
        )


def basic(user: str | bytes, password: str | bytes) -> str:
    """The Authorization field of Basic authentication."""
    both = b":".join(p if isinstance(p, bytes) else p.encode() for p in (user, password))
    return "Basic " + b64encode(both).decode("ascii")


def with_params(url: str, params: Any) -> str:
    """`url` with `params` (a mapping, pairs or a text) added to its query."""
    if isinstance(params, Mapping):
        params = params.items()
    if not isinstance(params, str | bytes):
        params = urlencode([(k, v) for k, v in params if v is not None], doseq=True)
    text = params.decode() if isinstance(params, bytes) else params
    before, mark, fragment = url.partition("#")
    if not text:
        return url
    return f"{before}{'&' if '?' in before else '?'}{text}{mark}{fragment}"


def _line(name: str, value: str | bytes) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"headers: expected a field name, got {name!r}")
    raw = value if isinstance(value, bytes) else _encoded(value, name)
    if _BAD_VALUE.search(raw):
        raise ValueError(f"headers: expected one line for {name}")
    return name.encode("ascii") + b": " + raw.strip(b" \t")


def _encoded(value: str, name: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"headers: expected text or bytes for {name}, got {type(value).__name__}")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def origin_of(url: str) -> Origin:
    """Scheme, host and port of a whole address; ValueError where it has none."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError("address: expected http://… or https://… with a host")
    return Origin(scheme, _ascii(parts.hostname), parts.port or _PORTS[scheme])


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _host(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == _PORTS[origin.scheme] else f"{host}:{origin.port}"


def _path(url: str) -> str:
    # Not urlsplit: it strips what it thinks harmless, and ";" belongs to a path.
    rest = url.partition("#")[0].partition("://")[2]
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    path, mark, query = rest[cut:].partition("?")
    return (quote(path, safe=_PATH_SAFE) or "/") + mark + quote(query, safe=_QUERY_SAFE)


_planners: dict[Any, Planner] = {}


def planner(base_url: str, defaults: Fields | None = None) -> Planner:
    """The planner of a base address, shared by all who ask for the same."""
    key = (base_url, tuple((defaults or {}).items()))
    found = _planners.get(key)
    if found is None:
        found = Planner(*key)
        if len(_planners) >= _KEPT_PLANNERS:
            _planners.clear()
        _planners[key] = found
    return found
