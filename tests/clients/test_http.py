"""The HTTP client against a server that does as it is told."""

import hashlib
import io
import json
import socket
import ssl
import zlib
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]  # has no types
import gevent
import gevent.ssl
import pytest
import trustme
import xxhash

from gauntlet.clients.http import (
    BadResponse,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    Deadlines,
    Digest,
    Drop,
    FirstByteTimeout,
    HttpClient,
    HttpError,
    LimitExceeded,
    Limits,
    Redirected,
    Rules,
    Save,
    TlsFailed,
)
from gauntlet.errors import WrongAnswer
from tests.clients.torture import PATIENCE_S, Handler, Peer, Torture

BLOB = bytes(range(256)) * 4000


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with gevent.Timeout(PATIENCE_S):
        yield


def echo(peer: Peer) -> bool:
    """Answer with what was asked, as JSON."""
    fields = [line.decode("latin-1") for line in peer.head.split(b"\r\n")]
    said = {"lines": fields, "body": peer.body.decode("latin-1")}
    return peer.answer(json.dumps(said).encode(), fields="Content-Type: application/json\r\n")


def raw(answer: bytes, *, keep: bool = True) -> Handler:
    """A handler that sends these bytes."""

    def handler(peer: Peer) -> bool:
        peer.send(answer)
        return keep

    return handler


def blob(peer: Peer) -> bool:
    """A large answer."""
    return peer.answer(BLOB)


def chunked(peer: Peer) -> bool:
    """The same in chunks, with a trailer."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, len(BLOB), 70_000):
        piece = BLOB[at : at + 70_000]
        peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    peer.send(b"0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n")
    return True


def until_close(peer: Peer) -> bool:
    """The same, ended by the end of the connection."""
    peer.send(b"HTTP/1.0 200 OK\r\n\r\n" + BLOB)
    return False


@pytest.fixture
def server() -> Iterator[Torture]:
    handlers = {"/echo": echo, "/blob": blob, "/chunked": chunked, "/until-close": until_close}
    with Torture(handlers) as torture:
        yield torture


@pytest.fixture
def client(server: Torture) -> Iterator[HttpClient]:
    http = HttpClient(server.url)
    yield http
    http.close()
    server.await_closed()


def asked(client: HttpClient, method: str = "GET", url: str = "/echo", **options: Any) -> Any:
    response = client.request(method, url, **options)
    assert response.error is None
    return response.json()


# -- requests ------------------------------------------------------------------------------------


def test_a_request_says_who_it_is_and_nothing_else(client: HttpClient, server: Torture) -> None:
    assert asked(client)["lines"] == [
        "GET /echo HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: gauntlet/0.1.0",
        "Accept: */*",
    ]


def test_fields_of_a_call_outrank_the_defaults_in_any_case(server: Torture) -> None:
    client = HttpClient(server.url, headers={"X-Team": "a", "user-agent": "b"})
    lines = asked(client, headers={"x-team": "c", "Accept": None, "X-Bytes": b"\xff"})["lines"]
    assert lines[2:] == ["user-agent: b", "x-team: c", "X-Bytes: \xff"]
    client.close()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"headers": {"X": "a\r\nY: b"}}, "headers: expected one line for X"),
        ({"headers": {"X: a\r\nY": "b"}}, "headers: expected a field name"),
        ({"headers": {"Content-Length": "1"}}, "headers: Content-Length is set by the client"),
        ({"cookies": {"a": "b\r\nX: y"}}, "headers: expected one line for Cookie"),
    ],
    ids=["a value of two lines", "a name of two lines", "a length", "a cookie of two lines"],
)
def test_nothing_can_be_smuggled_into_a_head(
    client: HttpClient, options: dict[str, Any], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        client.request("GET", "/echo", **options)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/echo", "/echo"),
        ("/echo?a=1&b=%20", "/echo?a=1&b=%20"),
        ("/echo?a b\r\nX: y", "/echo?a%20b%0D%0AX:%20y"),
        ("/echo?ü#part", "/echo?%C3%BC"),
        ("/echo?a/b?c", "/echo?a/b?c"),
    ],
    ids=["plain", "with a query", "with line breaks", "beyond ASCII", "with odd marks"],
)
def test_a_path_is_sent_in_one_line(client: HttpClient, path: str, sent: str) -> None:
    assert asked(client, url=path)["lines"][0] == f"GET {sent} HTTP/1.1"


def test_params_are_added_to_the_query(client: HttpClient) -> None:
    found = asked(client, url="/echo?a=1", params={"b": [1, 2], "c": None, "d": "x y"})
    assert found["lines"][0] == "GET /echo?a=1&b=1&b=2&d=x+y HTTP/1.1"
    assert asked(client, params=[("a", 1)])["lines"][0] == "GET /echo?a=1 HTTP/1.1"


def test_credentials_go_as_basic(client: HttpClient, server: Torture) -> None:
    assert "Authorization: Basic YTpi" in asked(client, auth=("a", "b"))["lines"]
    own = HttpClient(server.url.replace("//", "//u%40x:p@"))
    assert "Authorization: Basic dUB4OnA=" in asked(own)["lines"]
    assert "p@" not in own.base_url
    own.close()


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"bytes", 5),
        (bytearray(b"bytes"), 5),
        (memoryview(b"xbytes")[1:], 5),
        ((b"by", memoryview(b"te"), b"s"), 5),
        ("bytes", 5),
        (io.BytesIO(b"bytes"), 5),
        (iter([b"by", "te", b"", memoryview(b"s")]), None),
    ],
    ids=["bytes", "a bytearray", "a view", "parts", "text", "a file", "a generator"],
)
def test_a_body_arrives_as_it_was_given(client: HttpClient, data: Any, length: int | None) -> None:
    found = asked(client, "POST", data=data)
    assert found["body"] == "bytes"
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    assert framing in found["lines"]


def test_a_file_is_sent_from_where_it_stands(client: HttpClient, tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(BLOB)
    with path.open("rb") as file:
        file.seek(1000)
        assert asked(client, "PUT", data=file)["body"].encode("latin-1") == BLOB[1000:]


def test_a_file_that_became_shorter_is_an_error_of_the_caller(
    client: HttpClient, server: Torture, tmp_path: Path
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(BLOB * 20)
    with path.open("r+b") as file:

        def shrink(peer: Peer) -> bool:
            file.truncate(0)
            return peer.hold()

        server.handlers["/early-ok"] = shrink
        with pytest.raises(ValueError, match="became shorter"):
            client.request("POST", "/early-ok", data=file)


def test_forms_and_json_name_their_type(client: HttpClient) -> None:
    found = asked(client, "POST", data={"a": "1", "b": ["x y", "&"]})
    assert found["body"] == "a=1&b=x+y&b=%26"
    assert "Content-Type: application/x-www-form-urlencoded" in found["lines"]
    found = asked(client, "POST", json={"a": 1})
    assert found["body"] == '{"a":1}'
    assert "Content-Type: application/json" in found["lines"]


def test_files_are_sent_as_multipart(client: HttpClient, tmp_path: Path) -> None:
    path = tmp_path / "b.bin"
    path.write_bytes(b"from disk")
    with path.open("rb") as file:
        found = asked(
            client,
            "POST",
            data={"field": "value"},
            files={"a": ('n"a.jpg', (b"by", b"tes"), "image/jpeg"), "b": file},
        )
    boundary = next(line for line in found["lines"] if "boundary=" in line).partition("=")[2]
    assert found["body"] == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="a"; filename="n%22a.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\nbytes\r\n"
        f'--{boundary}\r\nContent-Disposition: form-data; name="b"; filename="b.bin"\r\n\r\n'
        f"from disk\r\n--{boundary}--\r\n"
    )


def test_a_request_without_a_body_says_so_where_one_is_usual(client: HttpClient) -> None:
    assert "Content-Length: 0" in asked(client, "POST")["lines"]
    assert not any("Content-Length" in line for line in asked(client, "GET")["lines"])


# -- answers -------------------------------------------------------------------------------------


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


# -- content codings -----------------------------------------------------------------------------

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


# -- connections ---------------------------------------------------------------------------------


def test_a_kept_connection_is_used_again(client: HttpClient, server: Torture) -> None:
    for number in range(5):
        assert client.request("GET", f"/ok?{number}").content == b"%d" % number
    assert (server.accepted, server.open) == (1, 1)


def test_greenlets_of_one_client_do_not_share_a_connection(
    client: HttpClient, server: Torture
) -> None:
    def call(number: int) -> bool:
        return client.request("GET", f"/ok?{number}").content == b"%d" % number

    jobs = [gevent.spawn(call, number) for number in range(50)]
    gevent.joinall(jobs, timeout=PATIENCE_S, raise_error=True)
    assert all(job.value for job in jobs)
    server.await_closed(10)


def _closing(after: int) -> Handler:
    """Close instead of answering every request but the first `after` of a server's life."""
    count = 0

    def handler(peer: Peer) -> bool:
        nonlocal count
        count += 1
        return peer.answer(b"fine") if count <= after or count == after + 2 else False

    return handler


def test_a_request_on_a_closed_connection_is_sent_again_once(
    client: HttpClient, server: Torture
) -> None:
    server.handlers["/flaky"] = _closing(1)
    assert client.request("GET", "/flaky").resent == 0
    again = client.request("GET", "/flaky")
    assert (again.content, again.resent, again.error) == (b"fine", 1, None)


def test_a_new_connection_is_not_tried_twice(client: HttpClient, server: Torture) -> None:
    response = client.request("GET", "/no-answer")
    assert (str(response.error), response.resent) == ("connection closed before any answer", 0)
    assert server.requests == ["GET /no-answer"]


@pytest.mark.parametrize(
    ("method", "data"),
    [("POST", b"body"), ("POST", None), ("PUT", b"body")],
    ids=["a body", "not to be repeated", "a body that could be"],
)
def test_what_may_have_been_done_is_not_sent_again(
    client: HttpClient, server: Torture, method: str, data: bytes | None
) -> None:
    server.handlers["/flaky"] = _closing(1)
    assert client.request("GET", "/flaky").error is None
    response = client.request(method, "/flaky", data=data)
    assert isinstance(response.error, ConnectionLost) and response.resent == 0
    assert server.requests == ["GET /flaky", f"{method} /flaky"]


def test_a_connection_closed_while_idle_costs_nothing(client: HttpClient, server: Torture) -> None:
    def goodbye(peer: Peer) -> bool:
        peer.answer(b"bye")
        return False

    server.handlers["/goodbye"] = goodbye
    client.request("GET", "/goodbye")
    server.await_closed()
    gevent.sleep(0.01)  # let the client's watcher see it
    response = client.request("POST", "/echo", data=b"body")
    assert (response.error, response.resent) == (None, 0)


def test_a_call_that_is_killed_closes_its_connection(client: HttpClient, server: Torture) -> None:
    job = gevent.spawn(client.request, "GET", "/silent")
    while server.open == 0 or not server.requests:
        gevent.sleep(0.001)
    job.kill()
    server.await_closed()


def test_a_generator_that_fails_closes_its_connection(client: HttpClient, server: Torture) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        client.request("POST", "/echo", data=broken())
    server.await_closed()


def test_a_client_that_is_forgotten_leaves_no_socket(server: Torture) -> None:
    client = HttpClient(server.url)
    client.request("GET", "/ok?x")
    assert server.open == 1
    del client
    server.await_closed()


def test_no_server_is_connection_refused() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        client = HttpClient(f"http://127.0.0.1:{probe.getsockname()[1]}")
        response = client.request("GET", "/")
    assert (type(response.error), str(response.error)) == (ConnectFailed, "connection refused")


def test_an_unknown_name_is_said_to_be_one() -> None:
    response = HttpClient("http://no-such-host.invalid").request("GET", "/")
    assert str(response.error) == "name of the server is unknown"


def test_a_server_that_does_not_accept_runs_into_the_connect_deadline() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        clients = [
            HttpClient(
                f"http://127.0.0.1:{full.getsockname()[1]}", rules=Rules(Deadlines(0.3, 0.5, 5))
            )
            for _ in range(6)
        ]
        jobs = [gevent.spawn(client.request, "GET", "/") for client in clients]
        gevent.joinall(jobs, raise_error=True)
        kinds = {type(job.value.error) for job in jobs if job.value}
    assert ConnectTimeout in kinds and kinds <= {ConnectTimeout, FirstByteTimeout}


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (0.2, "answer not complete within the total deadline"),
        ((5, 0.2), "no answer within the first-byte deadline"),
        (Deadlines(None, 0.2, None), "no answer within the first-byte deadline"),
    ],
    ids=["total", "connect and first byte", "deadlines"],
)
def test_a_call_may_have_its_own_deadlines(client: HttpClient, timeout: Any, error: str) -> None:
    response = client.request("GET", "/silent", timeout=timeout)
    assert str(response.error) == error
    assert 0.2 <= response.elapsed_s


def test_deadlines_are_above_zero() -> None:
    with pytest.raises(ValueError, match="total: expected seconds above 0 or None, got 0"):
        Deadlines(total=0)


def test_a_slow_generator_runs_into_the_total_deadline(client: HttpClient) -> None:
    def slow() -> Iterator[bytes]:
        while True:
            yield b"x"
            gevent.sleep(0.05)

    response = client.request("POST", "/echo", data=slow(), timeout=0.3)
    assert str(response.error) == "answer not complete within the total deadline"


def _has_ip_6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ip_6(), reason="this machine has no IPv6")
def test_an_ip_6_address_is_spoken_to() -> None:
    with Torture({"/echo": echo}, host="::1") as server:
        client = HttpClient(server.url)
        assert f"Host: [::1]:{server.port}" in asked(client)["lines"]
        client.close()


def test_a_name_with_two_addresses_is_tried_to_the_end(server: Torture) -> None:
    client = HttpClient(f"http://localhost:{server.port}")  # ::1 may come first
    assert client.request("GET", "/ok?x").content == b"x"
    client.close()


# -- redirects and cookies -----------------------------------------------------------------------


def _redirect(status: int, location: str) -> Handler:
    def handler(peer: Peer) -> bool:
        return peer.answer(b"moved", f"{status} Moved", f"Location: {location}\r\n")

    return handler


def test_a_redirect_is_a_failure_unless_allowed(client: HttpClient, server: Torture) -> None:
    server.handlers["/old"] = _redirect(302, "/ok?new")
    refused = client.request("GET", "/old")
    assert str(refused.error) == "redirect 302 was not allowed"
    assert (refused.status_code, refused.ok) == (302, False)
    followed = client.request("GET", "/old", allow_redirects=True)
    assert (followed.content, followed.history) == (b"new", (302,))
    assert followed.url == f"{server.url}/ok?new"
    assert server.accepted == 1


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "b"), (308, "POST", "b")],
)
def test_a_redirected_post_follows_the_rules(
    client: HttpClient, server: Torture, status: int, method: str, body: str
) -> None:
    server.handlers["/old"] = _redirect(status, "/echo")
    found = asked(client, "POST", "/old", data=b"b", allow_redirects=True)
    assert (found["lines"][0], found["body"]) == (f"{method} /echo HTTP/1.1", body)


def test_redirects_come_to_an_end(client: HttpClient, server: Torture) -> None:
    server.handlers["/round"] = _redirect(307, "/round")
    response = client.request("GET", "/round", allow_redirects=True)
    assert str(response.error) == "too many redirects"
    assert len(server.requests) == 31


@pytest.mark.parametrize(
    ("location", "data", "text"),
    [
        ("ftp://x/", None, "redirect 307 leads to no web address"),
        ("http://[", None, "redirect 307 leads to no web address"),
        ("/ok", iter([b"x"]), "redirect 307 needs a generated body again"),
    ],
    ids=["another protocol", "half an address", "a generated body"],
)
def test_some_redirects_cannot_be_followed(
    client: HttpClient, server: Torture, location: str, data: Any, text: str
) -> None:
    server.handlers["/old"] = _redirect(307, location)
    response = client.request("POST", "/old", data=data, allow_redirects=True)
    assert isinstance(response.error, Redirected) and str(response.error) == text


def test_secrets_stay_behind_when_a_redirect_leaves(server: Torture) -> None:
    with Torture({"/echo": echo}) as other:
        server.handlers["/away"] = _redirect(307, f"{other.url}/echo")
        client = HttpClient(server.url.replace("//", "//u:p@"))
        response = client.request(
            "GET",
            "/away",
            headers={"Authorization": "Bearer t", "X-Keep": "1"},
            cookies={"a": "b"},
            allow_redirects=True,
        )
        lines = response.json()["lines"]
        assert not [line for line in lines if line.startswith(("Authorization", "Cookie"))]
        assert "X-Keep: 1" in lines and f"Host: 127.0.0.1:{other.port}" in lines
        client.close()


def test_cookies_are_kept_only_if_asked_for(server: Torture, client: HttpClient) -> None:
    server.handlers["/login"] = raw(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    )
    client.request("GET", "/login")
    assert not [line for line in asked(client)["lines"] if line.startswith("Cookie")]
    assert "Cookie: a=b" in asked(client, cookies={"a": "b"})["lines"]
    keeper = HttpClient(server.url, cookies=CookieJar())
    keeper.request("GET", "/login")
    assert "Cookie: sid=1; a=b" in asked(keeper, cookies={"a": "b"})["lines"]
    keeper.close()


# -- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _secure(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def test_tls_is_verified_and_carries_everything(authority: trustme.CA, trusted: str) -> None:
    handlers = {"/echo": echo, "/blob": blob, "/chunked": chunked}
    with Torture(handlers, context=_secure(authority, "127.0.0.1")) as server:
        client = HttpClient(server.url, verify=trusted)
        for _ in range(3):
            assert asked(client, "POST", data=(b"a", BLOB))["body"] == "a" + BLOB.decode("latin-1")
            assert client.request("GET", "/blob", expect=BLOB).error is None
            assert client.request("GET", "/chunked").content == BLOB
            gevent.sleep(0.01)
        assert asked(client, "POST", data=iter([b"a", b"b"]))["body"] == "ab"
        assert server.accepted == 1
        client.close()
        server.await_closed()


def test_a_certificate_that_is_not_trusted_is_refused(authority: trustme.CA) -> None:
    with Torture({"/echo": echo}, context=_secure(authority, "127.0.0.1")) as server:
        client = HttpClient(server.url)
        response = client.request("GET", "/ok?x")
        assert (type(response.error), str(response.error)) == (
            TlsFailed,
            "certificate is not trusted",
        )
        assert client.request("GET", "/ok?x", verify=False).content == b"x"
        assert HttpClient(server.url, verify=False).request("GET", "/ok?x").content == b"x"
        server.await_closed(2)
        client.close()


def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, trusted: str) -> None:
    with Torture(context=_secure(authority, "another.test")) as server:
        client = HttpClient(server.url, verify=trusted)
        for url, text in (
            ("", "certificate is for another address"),
            (f"https://localhost:{server.port}", "certificate is for another name"),
        ):
            response = client.request("GET", f"{url}/ok?x")
            assert (type(response.error), str(response.error)) == (TlsFailed, text)
        server.await_closed()


def test_a_server_without_tls_fails_the_handshake(server: Torture) -> None:
    client = HttpClient(server.url.replace("http:", "https:"), verify=False)
    response = client.request("GET", "/ok?x", timeout=0.3)
    assert isinstance(response.error, HttpError)
    server.await_closed()
