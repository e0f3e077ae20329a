"""Redirects and cookies: only if asked for."""

from http.cookiejar import CookieJar
from typing import Any

import pytest

from gauntlet.clients.http import (
    HttpClient,
    Redirected,
)
from tests.clients.handlers import asked, echo, raw
from tests.clients.torture import Handler, Peer, Torture

pytestmark = pytest.mark.usefixtures("patience")


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
