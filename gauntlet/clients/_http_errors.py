"""What can go wrong in an HTTP exchange, as one tree with a closed list of texts.

    HttpError                     base; its text is one of few, fit for a statistics table
    ├── ConnectFailed             refused, unreachable, or the name is unknown
    │   └── TlsFailed             the handshake failed or the certificate is not trusted
    ├── DeadlineExceeded
    │   ├── ConnectTimeout        no connection (TLS included) in time
    │   ├── FirstByteTimeout      nothing of the answer in time, counted from the sent request
    │   └── TotalTimeout          the last byte did not come in time, counted from the start
    ├── ConnectionLost            closed or reset; the text says at which stage
    │   └── Truncated             lost inside a body whose length was known
    ├── BadResponse               what arrived is not an HTTP/1.1 answer that can be trusted
    ├── LimitExceeded             head, body, interim answers or redirects beyond the limit
    ├── EarlyAnswer               a good answer before the request was fully sent
    ├── BadStatus                 a status of 400 or more
    └── Redirected                a redirect that was not allowed or cannot be followed

No text holds an address, an id or a byte that a server wrote, except the three digits of a status.
"""

import errno
import ssl
from http import HTTPStatus

# Stages of an exchange at which a connection can be lost.
UNSENT = "before the request was sent"
SENDING = "while the request was sent"
UNANSWERED = "before any answer"
IN_HEAD = "inside the head"
IN_BODY = "inside the body"


class HttpError(Exception):
    """An exchange that did not end in a good answer."""


class ConnectFailed(HttpError):
    """No connection could be made."""


class TlsFailed(ConnectFailed):
    """The connection was made, the secure channel was not."""


class DeadlineExceeded(HttpError):
    """Something took longer than allowed."""

    text = "deadline exceeded"

    def __init__(self) -> None:
        super().__init__(self.text)


class ConnectTimeout(DeadlineExceeded):
    """The connection was not ready in time."""

    text = "no connection within the deadline"


class FirstByteTimeout(DeadlineExceeded):
    """The server was silent for too long after the request."""

    text = "no answer within the first-byte deadline"


class TotalTimeout(DeadlineExceeded):
    """The whole exchange took too long."""

    text = "answer not complete within the total deadline"


class ConnectionLost(HttpError):
    """The peer closed or reset the connection."""

    def __init__(self, what: str, stage: str) -> None:
        self.stage = stage
        super().__init__(f"connection {what} {stage}")


class Truncated(ConnectionLost):
    """The body ended before its announced end."""


class BadResponse(HttpError):
    """The bytes are not an answer, or an answer that contradicts itself."""


class LimitExceeded(HttpError):
    """More than the client is willing to take."""


class EarlyAnswer(HttpError):
    """The server answered well without having read the request to its end."""

    def __init__(self) -> None:
        super().__init__("answered before the request was fully sent")


class BadStatus(HttpError):
    """The server answered with an error."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"status {status}{_phrase(status)}")


class Redirected(HttpError):
    """The server answered with a redirect where none was wanted."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(f"redirect {status} {why}")


def connect_failed(error: OSError) -> ConnectFailed:
    """Say in bounded words why no connection came about."""
    if error.errno == errno.ECONNREFUSED:
        return ConnectFailed("connection refused")
    name = errno.errorcode.get(error.errno or 0)
    return ConnectFailed(f"connection failed ({name})" if name else "connection failed")


def tls_failed(error: OSError) -> TlsFailed:
    """Say in bounded words why the handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFailed(_VERIFY_ERRORS.get(error.verify_code, "certificate could not be verified"))
    return TlsFailed("TLS handshake failed")


def lost(error: OSError | None, stage: str) -> ConnectionLost:
    """Name what happened to a connection (`None`: it was closed) and at which stage."""
    kind = Truncated if stage == IN_BODY else ConnectionLost
    return kind("closed" if error is None else _loss(error), stage)


def _loss(error: OSError) -> str:
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    return "closed without a TLS goodbye" if isinstance(error, ssl.SSLEOFError) else "broken"


def _phrase(status: int) -> str:
    # The standard's own words: a server may send any.
    return f" {HTTPStatus(status).phrase}" if status in _KNOWN else ""


_KNOWN = frozenset(status.value for status in HTTPStatus)

# X509_V_ERR_* of OpenSSL, which the ssl module gives as bare numbers.
_VERIFY_ERRORS = {
    9: "certificate is not valid yet",
    10: "certificate has expired",
    18: "certificate is self-signed",
    19: "certificate is not trusted",
    20: "certificate is not trusted",
    21: "certificate is not trusted",
    62: "certificate is for another name",
    64: "certificate is for another address",
}
