"""Where to connect to, and whom to trust there."""

import os.path
import ssl
from _socket import AI_NUMERICHOST, SOCK_STREAM, gaierror
from _socket import getaddrinfo as getaddrinfo_now
from time import perf_counter
from typing import Any

import gevent
import gevent.socket
import gevent.ssl

from gauntlet.clients._http_deadlines import FOR_EVER
from gauntlet.clients._http_errors import ConnectFailed, ConnectTimeout

NAME_TTL_S = 30.0
_KEPT = 64

Address = tuple[int, Any]

_names: dict[tuple[str, int], tuple[float, list[Address]]] = {}


def addresses(host: str, port: int, deadline: float) -> list[Address]:
    """Addresses of a name, looked up without holding up others, kept for half a minute."""
    now = perf_counter()
    until, found = _names.get((host, port), (0.0, []))
    if now < until:
        return found
    try:
        infos: Any = getaddrinfo_now(host, port, 0, SOCK_STREAM, 0, AI_NUMERICHOST)
    except (gaierror, UnicodeError):
        infos = _look_up(host, port, deadline - now)
    found = [(info[0], info[4]) for info in infos]
    if len(_names) >= _KEPT:
        _names.clear()
    _names[host, port] = now + NAME_TTL_S, found
    return found


def _look_up(host: str, port: int, seconds: float) -> Any:
    limit = max(seconds, 0.001) if seconds < FOR_EVER / 2 else None
    try:
        with gevent.Timeout(limit, ConnectTimeout()):
            return gevent.socket.getaddrinfo(host, port, 0, SOCK_STREAM)
    except (gaierror, UnicodeError):
        raise ConnectFailed("name of the server is unknown") from None


_contexts: dict[bool | str, ssl.SSLContext] = {}


def secure_context(verify: bool | str) -> ssl.SSLContext:
    """A client context: verified by the system's authorities, by a file's or folder's, or not."""
    found = _contexts.get(verify)
    if found is None:
        if isinstance(verify, str):
            kind: Any = {"capath" if os.path.isdir(verify) else "cafile": verify}
            found = gevent.ssl.create_default_context(**kind)
        else:
            found = gevent.ssl.create_default_context()
        if not verify:
            found.check_hostname = False
            found.verify_mode = ssl.CERT_NONE
        if len(_contexts) >= _KEPT:
            _contexts.clear()
        _contexts[verify] = found
    return found
