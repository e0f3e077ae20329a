"""What Walrus users ask of an answer, and the calls before the load."""

from collections.abc import Callable, Iterator, Mapping

from gauntlet.clients import walrus as api
from gauntlet.clients.http import HttpClient, HttpError, HttpResponse
from gauntlet.errors import WrongAnswer
from gauntlet.payloads.blobs import Blob

from ._walrus_ask import Asked, Manners, ask


def services(host: str, addresses: Mapping[str, str]) -> tuple[str, str]:
    """The publisher's address and the aggregator's."""
    return host.rstrip("/"), addresses.get("aggregator", host).rstrip("/")


def checked(answer: HttpResponse) -> tuple[int, str | None, bytes]:
    """What came; raises HttpError where nothing did."""
    if isinstance(answer.error, HttpError):
        raise answer.error
    return answer.status_code, answer.headers.get("content-type"), answer.content


def checks_stored(found: list[api.Stored], length: int) -> Callable[[HttpResponse], None]:
    """A check of an upload that keeps what it found."""
    return lambda answer: found.append(api.check_stored(*checked(answer), length))


def check_read(answer: HttpResponse) -> None:
    """A whole blob, or a part as an answer of its own, of which the sink found every byte right."""
    _check_read(answer, 200)


def check_part(answer: HttpResponse) -> None:
    """A part of a blob."""
    _check_read(answer, 206)


def check_head(length: int) -> Callable[[HttpResponse], None]:
    """A check of a HEAD request for a blob so long."""

    def check(answer: HttpResponse) -> None:
        status, _, _ = checked(answer)
        api.check_head(status, answer.headers, length)

    return check


def preflight(
    put: Callable[[HttpClient], HttpResponse],
    publisher: HttpClient,
    aggregator: HttpClient,
    blob: Blob,
    manners: Manners,
    reads: bool,
) -> Iterator[str]:
    """Store a blob and, with `reads`, read it back; a sentence for each that fails."""
    found: list[api.Stored] = []

    def get() -> HttpResponse:
        path = api.blob_path(found[-1].blob_id)
        return aggregator.request("GET", path, sink=api.Compare(blob.runs()))

    stored = ask(lambda: put(publisher), checks_stored(found, blob.length), manners, None)
    yield from _said("PUT /v1/blobs of the publisher", stored)
    if found and reads:
        read = ask(get, check_read, manners, stored.ended)
        yield from _said("GET /v1/blobs/{id} of the aggregator", read)


def _check_read(answer: HttpResponse, expected: int) -> None:
    if answer.error is None and answer.status_code == expected:
        return
    api.check_read(*checked(answer), expected)
    if answer.error is not None:
        raise answer.error  # what the sink found


def _said(name: str, asked: Asked[HttpResponse]) -> Iterator[str]:
    if isinstance(asked.problem, WrongAnswer):
        yield f"{name} answered wrongly: {asked.problem}"
    elif asked.problem is not None:
        yield f"{name} got no answer: {asked.problem}"
