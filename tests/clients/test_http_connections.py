"""When the HTTP client keeps, drops and replaces connections, and how long it waits."""

import socket
from collections.abc import Iterator
from typing import Any

import gevent
import gevent.ssl
import pytest

from gauntlet.clients.http import (
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    Deadlines,
    FirstByteTimeout,
    HttpClient,
    Rules,
)
from tests.clients.handlers import asked, echo
from tests.clients.torture import PATIENCE_S, Handler, Peer, Torture

pytestmark = pytest.mark.usefixtures("patience")


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
