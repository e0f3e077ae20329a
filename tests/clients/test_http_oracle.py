"""Generated answers, cut at every byte: the client reads what h11 reads, or both refuse.

Where the client is stricter on purpose, `STRICTER` says so: each is something that RFC 9112 lets a
recipient refuse and that has been used to smuggle answers.
"""

import re
import socket
from collections.abc import Iterator
from typing import Any

import gevent
import h11
import pytest
from gevent.server import StreamServer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gauntlet.clients.http import Deadlines, HttpClient, HttpError, Rules

Answer = tuple[int, list[tuple[str, str]], bytes, list[tuple[str, str]]]
REFUSED = "refused"

STRICTER = {
    "a line that ends without a carriage return": rb"(?<!\r)\n",
    "a folded field": rb"\r\n[ \t]",
    "a control character": rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]",
    "a carriage return on its own": rb"\r(?!\n)",
    "two lengths, even if equal": rb"(?is)content-length:.*content-length:",
    "a list of lengths": rb"(?i)content-length:[^\r\n]*,",
    "a length beside chunks": rb"(?is)content-length:.*transfer-encoding:",
    "chunks beside a length": rb"(?is)transfer-encoding:.*content-length:",
    "a version other than 1.0 and 1.1": rb"(?m)^HTTP/(?!1\.[01])",
    "space around a chunk's size": rb"\r\n[0-9a-fA-F]*[ \t]",
    "a chunk size of more than 64 bits": rb"\r\n[0-9a-fA-F]{17,}",
}

_token = st.sampled_from(["X-A", "server", "Via", "x-b!", "ETag", "Set-Cookie"])
_value = st.text(st.sampled_from('ab 1,;"=\t\xe9'), max_size=8)
_fields = st.lists(st.tuples(_token, _value), max_size=3)
_line_end = st.sampled_from(["\r\n"] * 30 + ["\n"])
_body = st.binary(max_size=12)


@st.composite
def _framing(draw: st.DrawFn, body: bytes) -> tuple[list[tuple[str, str]], bytes]:
    kind = draw(st.sampled_from(["length", "length", "chunks", "chunks", "close", "odd"]))
    if kind == "length":
        length = len(body) + draw(st.sampled_from([0] * 8 + [-1, 1]))
        return [("Content-Length", str(length))], body
    if kind == "chunks":
        return [("Transfer-Encoding", "chunked")], draw(_chunks(body))
    if kind == "close":
        return [], body
    odd = st.sampled_from(
        [
            [("Content-Length", "2"), ("Content-Length", "2")],
            [("Content-Length", "2"), ("Content-Length", "3")],
            [("Content-Length", "2, 2")],
            [("Content-Length", "+2")],
            [("Content-Length", "")],
            [("Content-Length", "9" * 25)],
            [("Content-Length", "2"), ("Transfer-Encoding", "chunked")],
            [("Transfer-Encoding", "gzip")],
            [("Transfer-Encoding", "gzip, chunked")],
            [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
            [("Transfer-Encoding", "CHUNKED")],
        ]
    )
    return draw(odd), draw(_chunks(body)) if draw(st.booleans()) else body


@st.composite
def _chunks(draw: st.DrawFn, body: bytes) -> bytes:
    coded = b""
    while body:
        size = draw(st.integers(1, len(body)))
        extension = draw(st.sampled_from([b""] * 4 + [b";a=b", b';a="b"']))
        coded += b"%x%s\r\n%s\r\n" % (size, extension, body[:size])
        body = body[size:]
    trailers = b"".join(f"{n}: {v}\r\n".encode("latin-1") for n, v in draw(_fields))
    return coded + draw(st.sampled_from([b"0", b"0", b"00"])) + b"\r\n" + trailers + b"\r\n"


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    body = draw(_body)
    framing, coded = draw(_framing(body))
    status = draw(st.sampled_from([200] * 6 + [204, 304, 404, 500, 999, 99, 1000]))
    version = draw(st.sampled_from(["1.1"] * 6 + ["1.0", "1.2", "2.0"]))
    reason = draw(st.sampled_from([" OK", " ", "", " Not at all"]))
    fields = draw(_fields) + framing + draw(_fields)
    if draw(st.booleans()):
        fields.append(("Connection", draw(st.sampled_from(["close", "keep-alive", "x, close"]))))
    interim = "".join(
        draw(st.lists(st.sampled_from(["HTTP/1.1 100 Continue\r\n\r\n"]), max_size=2))
    )
    end = draw(_line_end)
    head = f"HTTP/{version} {status}{reason}{end}"
    head += "".join(f"{name}:{value}{end}" for name, value in fields) + end
    data = interim.encode() + head.encode("latin-1") + coded
    return draw(_mutations(data)) if draw(st.integers(0, 2)) == 0 else data


@st.composite
def _mutations(draw: st.DrawFn, data: bytes) -> bytes:
    at = draw(st.integers(0, len(data) - 1))
    new = draw(
        st.sampled_from([b"", b" ", b"\r", b"\n", b":", b"0", b"\x00", b"\x01", b"\x7f", b"z"])
    )
    return data[:at] + new + data[at + draw(st.integers(0, 1)) :]


class _Script:
    """A server that sends the next answer in two pieces and closes."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.client = HttpClient(
            f"http://127.0.0.1:{self._server.server_port}", rules=Rules(Deadlines(5, 5, 5))
        )

    def stop(self) -> None:
        self._server.stop(timeout=1)

    def read(self, method: str, pieces: list[bytes]) -> Answer | str:
        self.pieces = pieces
        response = self.client.request(method, "/")
        if isinstance(response.error, HttpError):
            if type(response.error).__name__.endswith(("Timeout", "Failed")):
                raise AssertionError(f"{response.error} for {pieces}")
            if response.error.args[0].startswith("redirect"):
                response.error = None
            else:
                return REFUSED
        fields = [(name.lower(), value) for name, value in response.head.fields]
        trailers = list(response.trailers.items())
        return response.status_code, _text(fields), response.content, trailers

    def _serve(self, connection: Any, _: object) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096)
        for piece in self.pieces:
            connection.sendall(piece)
            gevent.sleep(0)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)  # until the client has closed


def _oracle(method: str, data: bytes) -> Answer | str:
    """What h11 makes of an answer after which the connection ends."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    head: h11.Response | None = None
    body = b""
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return head.status_code, _text(head.headers), body, _text(event.headers)
            elif isinstance(event, h11.ConnectionClosed):
                return REFUSED
    except h11.RemoteProtocolError:
        return REFUSED


def _text(fields: Any) -> list[tuple[str, str]]:
    # h11 puts a transfer coding into lower case.
    return [
        (
            name.decode(),
            (value.lower() if name == b"transfer-encoding" else value).decode("latin-1"),
        )
        for name, value in fields
    ]


def _joined(trailers: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in trailers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


@pytest.fixture(scope="module")
def script() -> Iterator[_Script]:
    server = _Script()
    yield server
    server.stop()


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=_answers(), method=st.sampled_from(["GET", "GET", "GET", "HEAD"]))
@example(data=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", method="GET")
@example(
    data=b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;x=y\r\nok\r\n3\r\nay!\r\n0\r\nX-Sum: 1\r\n\r\n",
    method="GET",
)
@example(data=b"HTTP/1.0 200 OK\r\n\r\nuntil the end", method="GET")
@pytest.mark.timeout(300)
def test_an_answer_reads_as_h11_reads_it_wherever_it_is_cut(
    script: _Script, data: bytes, method: str
) -> None:
    expected = _oracle(method, data)
    readings = {repr(script.read(method, [data[:at], data[at:]])) for at in range(1, len(data))}
    assert len(readings) == 1, readings
    found = script.read(method, [data])
    assert repr(found) in readings
    if found == REFUSED and expected != REFUSED:
        assert any(re.search(cause, data) for cause in STRICTER.values()), (data, expected)
    elif isinstance(found, str) or isinstance(expected, str):
        assert found == expected, data
    else:
        assert found[:3] == expected[:3]
        assert dict(found[3]) == _joined(expected[3])
