"""Memory stays flat over many requests and over bodies larger than it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent.server import StreamServer

ROOT = Path(__file__).resolve().parents[2]
GIB = 1 << 30
MIB = 1 << 20
BLOCK = bytes(256 << 10)

_PREAMBLE = """
import locust, gevent, json, resource, sys
from gauntlet.clients.http import Digest, Drop, HttpClient
from users.http import Session
from locust.event import EventHook

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

url = sys.argv[1]
"""


def _tiny(connection: Any, _: object) -> None:
    """Answer every request with its number, as if each had been served at another second."""
    number = 0
    while connection.recv(65536):
        number += 1
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nX-Id: %d\r\nContent-Length: 2\r\n\r\nok" % number
            if number % 1000
            else b"HTTP/1.1 200 OK\r\nContent-Length: broken\r\n\r\n"
        )


def _huge(connection: Any, _: object) -> None:
    """Swallow an upload, or send a gibibyte."""
    head = connection.recv(65536)
    while b"\r\n\r\n" not in head:
        more = connection.recv(65536)
        if not more:
            return
        head += more
    if head.startswith(b"GET"):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
        for _ in range(GIB // len(BLOCK)):
            connection.sendall(BLOCK)
        return
    buffer = bytearray(1 << 20)
    fields, _, begun = head.partition(b"\r\n\r\n")
    chunked = b"Transfer-Encoding" in fields
    left, end = GIB - len(begun), begun[-5:]
    # The framing of chunks comes on top; their content is zeros, so the last chunk is told apart.
    while end != b"0\r\n\r\n" if chunked else left > 0:
        got = connection.recv_into(buffer)
        if not got:
            return
        left -= got
        end = (end + buffer[max(got - 5, 0) : got])[-5:]
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    while connection.recv_into(buffer):
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[..., None]], str]]:
    servers: list[StreamServer] = []

    def start(handler: Callable[..., None]) -> str:
        server = StreamServer(("127.0.0.1", 0), handler)
        server.start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.stop(timeout=1)


def _run(script: str, *arguments: str) -> dict[str, float]:
    """What a client in a process of its own says of its memory."""
    done = subprocess.run(
        [sys.executable, "-c", _PREAMBLE + script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(300)
def test_memory_is_flat_over_200_000_requests(serve: Callable[[Any], str]) -> None:
    found = _run(
        """
def live(user, requests):
    return sum(
        session.get(f"/some/{user}/{number}", name="/some/[id]").error is not None
        for session in [sessions[user]] for number in range(requests)
    )

def load(requests):
    jobs = [gevent.spawn(live, user, requests // len(sessions)) for user in range(len(sessions))]
    gevent.joinall(jobs, raise_error=True)
    return sum(job.value for job in jobs)

sessions = [Session(url, EventHook()) for _ in range(20)]
load(20_000)
before = resident()
errors = load(200_000)
print(json.dumps({"grown": resident() - before, "errors": errors}))
""",
        serve(_tiny),
    )
    assert found["errors"] == 200
    assert found["grown"] < 8 * MIB


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "call",
    [
        'client.request("GET", "/", sink=Drop())',
        'client.request("GET", "/", sink=Digest())',
        'client.request("GET", "/", stream=True)',
        'client.request("POST", "/", data=open(sys.argv[2], "rb"))',
        'client.request("POST", "/", data=(block for _ in range(4096)))',
        'client.request("POST", "/", data=(block,) * 4096)',
    ],
    ids=["dropped", "hashed", "streamed", "a file", "a generator", "many parts"],
)
def test_memory_is_flat_over_a_gibibyte(
    serve: Callable[[Any], str], call: str, tmp_path: Path
) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(GIB)
    found = _run(
        f"""
client = HttpClient(url)
block = bytes(256 << 10)
before = peak()
response = {call}
length = sum(map(len, response.iter_content())) if response.pieces else response.length
assert response.error is None, response.error
print(json.dumps({{"grown": peak() - before, "length": length}}))
""",
        serve(_huge),
        str(sparse),
    )
    assert found["length"] == (GIB if "GET" in call else 2)
    assert found["grown"] < 16 * MIB
