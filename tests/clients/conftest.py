"""A server, a client that talks to it, and an end to every wait."""

from collections.abc import Iterator

import gevent
import pytest

from gauntlet.clients.http import HttpClient
from tests.clients.handlers import blob, chunked, echo, until_close
from tests.clients.torture import PATIENCE_S, Torture


@pytest.fixture
def patience() -> Iterator[None]:
    with gevent.Timeout(PATIENCE_S):
        yield


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
