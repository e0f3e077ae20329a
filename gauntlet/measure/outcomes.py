"""The closed list of outcomes of each system, and which one an exception means."""

from collections.abc import Collection

from requests import exceptions as requests_errors

from gauntlet.clients import http
from gauntlet.errors import WrongAnswer

OTHER = "other"
BODY = "wrong bytes"
GENERAL = (
    "status",
    "redirect",
    "content type",
    "bad shape",
    BODY,
    "wrong length",
    "truncated",
    "timeout",
    "refused",
    "tls",
    "lost",
    "bad response",
    "limit",
    OTHER,
)
"""What can fail everywhere: classes beside the text, bounded in number whatever is answered."""

OWN: dict[str, tuple[str, ...]] = {
    "image_cloud": (
        "packet loss",
        "server error",
        "metadata unreadable",
        "wrong metadata",
        "wrong pixels",
    ),
    "predict": ("missing image", "unasked image", "wrong image"),
    "walrus": (
        "not found",
        "overloaded",
        "unavailable",
        "unconfirmed",
        "token used",
        "token expired",
        "token refused",
        "too large",
        "forbidden",
    ),
    "chater": (
        "token missing",
        "token format",
        "token expired",
        "token refused",
        "no identity",
        "daily limit",
        "no food",
        "bad request",
        "worker timeout",
        "unavailable",
        "server error",
        "failed with 200",
        "empty message",
        "unsuccessful",
        "dish missing",
        "not changed",
        "still there",
        "weight lost",
        "totals differ",
        "wrong user",
        "wrong token",
    ),
    "file_server": ("not found", "server error", "wrong name"),
}
"""What can fail besides, by system."""

OUTCOMES = frozenset((*GENERAL, *(one for own in OWN.values() for one in own)))

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


def closed_list(system: str | None) -> frozenset[str]:
    """Every outcome that a system's requests can have; of all systems where none is named."""
    return OUTCOMES if system is None else frozenset((*GENERAL, *OWN.get(system, ())))


def outcome_of(error: BaseException, known: Collection[str] = OUTCOMES) -> str:
    """The outcome that an exception of a failed request stands for, one of `known`."""
    if isinstance(error, WrongAnswer):
        if error.outcome in known:
            return error.outcome
        return BODY if error.outcome == "body" else OTHER  # of `expect=` and the like
    return next((outcome for kind, outcome in _BY_TYPE if isinstance(error, kind)), OTHER)
