"""What the HTTP client makes of answers: bodies, framing, content codings."""

import hashlib
import io
import zlib
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # has no types
import gevent
import gevent.ssl
import pytest
import xxhash

from gauntlet.clients.http import (
    BadResponse,
    ConnectionLost,
    Digest,
    Drop,
    HttpClient,
    LimitExceeded,
    Limits,
    Rules,
    Save,
)
from gauntlet.errors import WrongAnswer
from tests.clients.handlers import BLOB, raw
from tests.clients.torture import Peer, Torture

pytestmark = pytest.mark.usefixtures("patience")


@pytest.mark.parametrize("path", ["/blob", "/chunked", "/until-close"])
def test_a_body_may_be_kept_compared_hashed_saved_streamed_or_dropped(
    client: HttpClient, path: str, tmp_path: Path
) -> None:
    kept = client.request("GET", path)
    assert kept.error is None and kept.content == BLOB and kept.length == len(BLOB)

    compared = client.request("GET", path, expect=BLOB)
    assert compared.error is None and compared.length == len(BLOB) and compared.content == b""
    for wrong, text in (
        (BLOB[:-1] + b"x", "body: differs from the expected one"),
        (BLOB[:-1], "body: not as long as the expected one"),
    ):
        differing = client.request("GET", path, expect=wrong)
        assert isinstance(differing.error, WrongAnswer) and str(differing.error) == text

    digest = Digest()
    assert client.request("GET", path, sink=digest).error is None
    assert digest.hexdigest() == xxhash.xxh3_128(BLOB).hexdigest()
    expected = hashlib.sha256(BLOB).hexdigest()
    assert client.request("GET", path, sink=Digest(hashlib.sha256(), expected)).error is None
    other = client.request("GET", path, sink=Digest(hashlib.sha256(), "0"))
    assert str(other.error) == "body: its hash differs from the expected one"

    assert client.request("GET", path, sink=Save(tmp_path / "saved")).error is None
    assert (tmp_path / "saved").read_bytes() == BLOB
    file = io.BytesIO()
    assert client.request("GET", path, sink=Save(file)).error is None
    assert file.getvalue() == BLOB

    assert client.request("GET", path, sink=Drop()).length == len(BLOB)

    streamed = client.request("GET", path, stream=True)
    assert b"".join(streamed.iter_content()) == BLOB
    assert streamed.length == len(BLOB)


def test_the_body_of_an_error_is_kept_whatever_was_wanted(
    client: HttpClient, server: Torture, tmp_path: Path
) -> None:
    server.handlers["/sorry"] = raw(b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nwhy")
    for options in ({"expect": b"x"}, {"sink": Save(tmp_path / "no")}, {"stream": True}):
        response = client.request("GET", "/sorry", **options)
        assert (response.status_code, response.content) == (500, b"why")
        assert str(response.problem) == "status 500 Internal Server Error"
    assert not (tmp_path / "no").exists()


def test_a_stream_that_is_given_up_gives_its_connection_up(
    client: HttpClient, server: Torture
) -> None:
    response = client.request("GET", "/blob", stream=True)
    next(response.iter_content())
    response.close()
    unread = client.request("GET", "/blob", stream=True)
    unread.close()
    server.await_closed()
    assert client.request("GET", "/ok?next").content == b"next"


@pytest.mark.parametrize(
    ("method", "answer", "status"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
    ],
    ids=["HEAD with a length", "HEAD with chunks", "204", "304", "an empty body"],
)
def test_an_answer_without_a_body_leaves_the_connection_usable(
    client: HttpClient, server: Torture, method: str, answer: bytes, status: int
) -> None:
    server.handlers["/empty"] = raw(answer)
    for _ in range(2):
        response = client.request(method, "/empty")
        assert (response.status_code, response.content, response.error) == (status, b"", None)
    assert server.accepted == 1


def test_interim_answers_are_passed_over(client: HttpClient, server: Torture) -> None:
    def hints(peer: Peer) -> bool:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP")
        gevent.sleep(0.01)
        peer.send(b"/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True

    server.handlers["/hints"] = hints
    response = client.request("GET", "/hints")
    assert (response.status_code, response.content) == (200, b"ok")
    assert "link" not in response.headers


def test_an_interim_answer_does_not_end_an_upload(client: HttpClient, server: Torture) -> None:
    def patient(peer: Peer) -> bool:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        gevent.sleep(0.01)
        peer.body = peer.read_body()
        return peer.answer(b"%d" % len(peer.body))

    server.handlers["/early-ok"] = patient
    response = client.request("POST", "/early-ok", data=bytes(8 << 20))
    assert (response.error, response.content) == (None, b"%d" % (8 << 20))
    assert client.request("GET", "/ok?x").content == b"x"
    assert server.accepted == 1


def test_trailers_are_there(client: HttpClient) -> None:
    assert dict(client.request("GET", "/chunked").trailers) == {"x-sum": "1, 2"}


@pytest.mark.parametrize(
    ("fields", "connections"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close", 3),
        (b"HTTP/1.1 200 OK\r\nConnection: x, Close", 3),
        (b"HTTP/1.0 200 OK", 3),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive", 1),
        (b"HTTP/1.1 200 OK", 1),
    ],
    ids=["close", "close among others", "1.0", "1.0 kept alive", "1.1"],
)
def test_a_connection_is_kept_as_the_answer_says(
    client: HttpClient, server: Torture, fields: bytes, connections: int
) -> None:
    server.handlers["/some"] = raw(fields + b"\r\nContent-Length: 2\r\n\r\nok")
    for _ in range(3):
        assert client.request("GET", "/some").content == b"ok"
    assert server.accepted == connections


def test_an_answer_reads_like_one_of_requests(client: HttpClient, server: Torture) -> None:
    server.handlers["/text"] = raw(
        b"HTTP/1.1 200 Fine\r\nContent-Type: text/plain; charset=latin-1\r\nSet-Cookie: a=b\r\n"
        b"Set-Cookie: c=d\r\nContent-Length: 1\r\n\r\n\xfc"
    )
    response = client.request("GET", "/text")
    assert (response.ok, response.reason, response.text) == (True, "Fine", "ü")
    assert response.headers["CONTENT-TYPE"].startswith("text/plain")
    assert response.headers.all("set-cookie") == ["a=b", "c=d"]
    assert response.url == f"{server.url}/text"
    assert response.elapsed.total_seconds() >= (response.first_byte_s or 1) > 0
    assert list(response.iter_content(1)) == [b"\xfc"]
    response.encoding = "utf-8"
    assert response.text == "\N{REPLACEMENT CHARACTER}"
    assert client.request("GET", "/echo").json()["body"] == ""


def test_no_answer_has_status_0(client: HttpClient) -> None:
    response = client.request("GET", "/no-answer")
    assert (response.status_code, response.ok, response.content, response.text) == (
        0,
        False,
        b"",
        "",
    )
    with pytest.raises(ConnectionLost):
        response.raise_for_status()


_bare = zlib.compressobj(wbits=-15)
_gzip = zlib.compressobj(wbits=31)
CODED = {
    "gzip": _gzip.compress(BLOB) + _gzip.flush(),
    "deflate": zlib.compress(BLOB),
    "bare deflate": _bare.compress(BLOB) + _bare.flush(),
    "br": brotli.compress(BLOB),
}


@pytest.mark.parametrize("coding", CODED)
def test_a_coding_is_undone_if_it_was_asked_for(
    client: HttpClient, server: Torture, coding: str
) -> None:
    name = coding.removeprefix("bare ")

    def handler(peer: Peer) -> bool:
        return peer.answer(CODED[coding], fields=f"Content-Encoding: {name}\r\n")

    server.handlers["/coded"] = handler
    assert client.request("GET", "/coded").content == CODED[coding]
    wanted = {"Accept-Encoding": name}
    response = client.request("GET", "/coded", headers=wanted)
    assert (response.error, response.content, response.length) == (None, BLOB, len(BLOB))
    assert client.request("GET", "/coded", headers=wanted, expect=BLOB).error is None
    streamed = client.request("GET", "/coded", headers=wanted, stream=True)
    assert b"".join(streamed.iter_content()) == BLOB


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_coding_that_lies_is_refused(client: HttpClient, server: Torture, coding: str) -> None:
    for body in (b"not coded at all", CODED.get(coding, b"")[:-20]):
        server.handlers["/coded"] = lambda peer, body=body: peer.answer(  # type: ignore[misc]
            body, fields=f"Content-Encoding: {coding}\r\n"
        )
        response = client.request("GET", "/coded", headers={"Accept-Encoding": coding})
        assert isinstance(response.error, BadResponse)


def test_a_bomb_does_not_go_off(server: Torture) -> None:
    bomb = zlib.compressobj(wbits=31)
    coded = bomb.compress(bytes(64 << 20)) + bomb.flush()
    server.handlers["/bomb"] = lambda peer: peer.answer(coded, fields="Content-Encoding: gzip\r\n")
    client = HttpClient(server.url, rules=Rules(limits=Limits(kept=1 << 20)))
    response = client.request("GET", "/bomb", headers={"Accept-Encoding": "gzip"})
    assert isinstance(response.error, LimitExceeded)
    client.close()
