"""What the HTTP client sends."""

import io
from pathlib import Path
from typing import Any

import pytest

from gauntlet.clients.http import (
    HttpClient,
)
from tests.clients.handlers import BLOB, asked
from tests.clients.torture import Peer, Torture

pytestmark = pytest.mark.usefixtures("patience")


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
        ((b"by", memoryview(b"t"), b"es"), 5),
        ("bytes", 5),
        (io.BytesIO(b"bytes"), 5),
        (iter([b"by", "t", b"", memoryview(b"es")]), None),
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
