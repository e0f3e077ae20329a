"""The closed list of outcomes that a request can have, and which one an exception means."""

from requests import exceptions as requests_errors

from gauntlet.clients import http
from gauntlet.errors import WrongAnswer

OTHER = "other"
OUTCOMES = (
    "status",
    "redirect",
    "content type",
    "bad shape",
    "missing image",
    "unasked image",
    "wrong image",
    "wrong bytes",
    "wrong length",
    "not found",
    "overloaded",
    "unavailable",
    "unconfirmed",
    "token used",
    "token expired",
    "token refused",
    "too large",
    "forbidden",
    "truncated",
    "timeout",
    "refused",
    "tls",
    "lost",
    "bad response",
    "limit",
    OTHER,
)
"""What failed; a class beside the text, bounded in number whatever a target answers."""

_BY_TYPE: tuple[tuple[type[BaseException], str], ...] = (
    (http.DeadlineExceeded, "timeout"),
    (http.TlsFailed, "tls"),
    (http.ConnectFailed, "refused"),
    (http.Truncated, "truncated"),
    (http.BadStatus, "status"),
    (http.Redirected, "redirect"),
    (http.LimitExceeded, "limit"),
    (http.BadResponse, "bad response"),
    (http.EarlyAnswer, "bad response"),
    (http.HttpError, "lost"),
    (requests_errors.Timeout, "timeout"),
    (requests_errors.HTTPError, "status"),
    (requests_errors.ConnectionError, "refused"),
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "lost"),
)


def outcome_of(error: BaseException) -> str:
    """The outcome that an exception of a failed request stands for."""
    if isinstance(error, WrongAnswer):
        return error.outcome if error.outcome in OUTCOMES else OTHER
    return next((outcome for kind, outcome in _BY_TYPE if isinstance(error, kind)), OTHER)
