"""Whatever a server does, a call ends with one bounded text, and the next call is clean."""

from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from gauntlet.clients.http import (
    BadResponse,
    BadStatus,
    ConnectionLost,
    Deadlines,
    EarlyAnswer,
    FirstByteTimeout,
    HttpClient,
    HttpError,
    LimitExceeded,
    Limits,
    Rules,
    TotalTimeout,
    Truncated,
)
from tests.clients.torture import MISDEEDS, PATIENCE_S, Torture

LIMITS = Limits(kept=1 << 20)
HASTY = Rules(Deadlines(connect=5, first_byte=0.3, total=0.6), LIMITS)
PATIENT = Rules(Deadlines(total=PATIENCE_S), LIMITS)
"""Of all cases but those of the deadlines: a busy machine takes its time."""
INVALID = "head is not valid HTTP/1.1"
CASES: dict[str, tuple[type[HttpError], str] | None] = {
    "head-byte-by-byte": None,
    "silent": (FirstByteTimeout, "no answer within the first-byte deadline"),
    "slow-head": (TotalTimeout, "answer not complete within the total deadline"),
    "slow-body": (TotalTimeout, "answer not complete within the total deadline"),
    "dripping-body": (TotalTimeout, "answer not complete within the total deadline"),
    "reset-in-head": (ConnectionLost, "connection reset inside the head"),
    "reset-in-body": (Truncated, "connection reset inside the body"),
    "reset-in-chunks": (Truncated, "connection reset inside the body"),
    "closed-in-head": (ConnectionLost, "connection closed inside the head"),
    "length-too-large": (Truncated, "connection closed inside the body"),
    "length-too-small": None,
    "length-twice": (BadResponse, INVALID),
    "length-not-a-number": (BadResponse, INVALID),
    "length-and-chunks": (BadResponse, INVALID),
    "unknown-coding": (BadResponse, "transfer encoding is not chunked"),
    "folded-field": (BadResponse, INVALID),
    "bare-line-feeds": (BadResponse, INVALID),
    "endless-head": (LimitExceeded, "head is larger than the limit"),
    "endless-interim": (LimitExceeded, "too many interim answers"),
    "huge-body": (LimitExceeded, "body is larger than the limit"),
    "endless-chunks": (LimitExceeded, "body is larger than the limit"),
    "endless-trailers": (LimitExceeded, "chunks hold too little or trailers too much"),
    "chunk-size-overflow": (BadResponse, "chunk is not valid"),
    "chunk-size-negative": (BadResponse, "chunk is not valid"),
    "garbage-after-answer": None,
    "garbage-after-chunks": None,
    "garbage-only": (BadResponse, INVALID),
    "no-answer": (ConnectionLost, "connection closed before any answer"),
    "switching": (BadResponse, "answer switches protocols unasked"),
}
UPLOADS: dict[str, tuple[type[Exception], str]] = {
    "early-ok": (EarlyAnswer, "answered before the request was fully sent"),
    "early-refusal": (BadStatus, "status 413 Request Entity Too Large"),
    "early-close": (ConnectionLost, "connection reset while the request was sent"),
}
UPLOAD_BYTES = 64 << 20


@pytest.fixture
def server() -> Iterator[Torture]:
    with Torture() as torture:
        yield torture


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with gevent.Timeout(PATIENCE_S):
        yield


def test_the_document_names_every_text() -> None:
    page = (Path(__file__).parents[2] / "docs" / "http-client.md").read_text()
    for kind, text in [case for case in [*CASES.values(), *UPLOADS.values()] if case]:
        assert f"`{kind.__name__}`" in page
        if not issubclass(kind, ConnectionLost | BadStatus):
            assert text in page


def test_every_misdeed_has_its_case() -> None:
    assert {path[1:] for path in MISDEEDS} == CASES.keys() | UPLOADS.keys() | {"garbage-later"}


@pytest.mark.parametrize("misdeed", CASES)
@pytest.mark.parametrize("kept", [False, True], ids=["on a new connection", "on a kept one"])
def test_a_misdeed_ends_in_one_text_and_the_next_call_is_clean(
    server: Torture, misdeed: str, kept: bool
) -> None:
    expected = CASES[misdeed]
    late = expected is not None and issubclass(expected[0], FirstByteTimeout | TotalTimeout)
    client = HttpClient(server.url, rules=HASTY if late else PATIENT)
    if kept:
        assert client.request("GET", "/ok?before", timeout=PATIENCE_S).content == b"before"
    response = client.request("POST", f"/{misdeed}", data=b"body")

    if expected is None:
        assert response.error is None and response.content == b"ok"
    else:
        assert (type(response.error), str(response.error)) == expected
    _is_clean(client, server)


@pytest.mark.parametrize("misdeed", UPLOADS)
@pytest.mark.parametrize("generated", [False, True], ids=["from memory", "generated"])
def test_an_upload_that_is_cut_short_ends_in_one_text(
    server: Torture, misdeed: str, generated: bool
) -> None:
    client = HttpClient(server.url, rules=PATIENT)
    block = bytes(1 << 20)
    blocks = (block for _ in range(UPLOAD_BYTES >> 20))
    response = client.request(
        "POST", f"/{misdeed}", data=blocks if generated else bytes(UPLOAD_BYTES)
    )

    kind, text = UPLOADS[misdeed]
    assert (type(response.problem), str(response.problem)) == (kind, text)
    _is_clean(client, server)


def test_a_kept_connection_notices_garbage_while_it_waits(server: Torture) -> None:
    client = HttpClient(server.url, rules=PATIENT)
    assert client.request("GET", "/garbage-later").content == b"ok"
    server.await_closed()  # the client closed it, nobody called
    _is_clean(client, server)


def _is_clean(client: HttpClient, server: Torture) -> None:
    response = client.request("GET", "/ok?after", timeout=PATIENCE_S)
    assert response.error is None and response.content == b"after"
    server.await_closed(1)
    client.close()
    server.await_closed()
