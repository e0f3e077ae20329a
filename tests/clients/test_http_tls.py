"""TLS: verified unless said otherwise."""

import ssl
from pathlib import Path

import gevent
import gevent.ssl
import pytest
import trustme

from gauntlet.clients.http import (
    HttpClient,
    HttpError,
    TlsFailed,
)
from tests.clients.handlers import BLOB, asked, blob, chunked, echo
from tests.clients.torture import Torture

pytestmark = pytest.mark.usefixtures("patience")


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
