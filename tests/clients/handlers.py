"""What servers of the tests do besides, and what the tests ask of them.

`handlers` of `Torture` take a request and answer it; they return whether the connection goes on.
"""

import json
from typing import Any

from gauntlet.clients.http import HttpClient
from tests.clients.torture import Handler, Peer

BLOB = bytes(range(256)) * 4000


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


def asked(client: HttpClient, method: str = "GET", url: str = "/echo", **options: Any) -> Any:
    response = client.request(method, url, **options)
    assert response.error is None
    return response.json()
