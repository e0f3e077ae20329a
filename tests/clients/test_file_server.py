"""The file server's client: right answers return, all else is told in words of a few kinds."""

import hashlib
import random
import socket
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import gevent
import pytest
from gevent.server import StreamServer
from xxhash import xxh3_64

from gauntlet.clients.file_server import (
    BadResponse,
    ConnectFailed,
    ConnectionLost,
    Deadlines,
    FileClient,
    HandshakeTimeout,
    IdleTimeout,
    TotalTimeout,
    Watch,
    address_of,
)
from gauntlet.clients.file_sources import FileSource
from gauntlet.errors import WrongAnswer
from gauntlet.measure.outcomes import outcome_of
from gauntlet.payloads.files import FilePool
from gauntlet.wire import file_protocol as wire
from tests.e2e.support import free_port
from tests.targets._files import file_server

MIB = 1024 * 1024
PATIENT = Deadlines(30.0, 30.0, 30.0, 120.0)
POOL = FilePool.make([100, MIB, 5 * MIB + 17, 64 * MIB], seed=3)
READY = wire.READY + wire.END


def client(port: int, deadlines: Deadlines = PATIENT, watch: Watch | None = None) -> FileClient:
    return FileClient(("127.0.0.1", port), deadlines, watch)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with file_server("--pool", "8", "--populate", "1,64") as server:
        yield server.port


@contextmanager
def scripted(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does to each connection what a test wants."""

    def handle(peer: socket.socket, _: object) -> None:
        try:
            serve(peer)
        except OSError:
            pass  # the client left, as it should

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    try:
        port = server.server_port
        assert port is not None
        yield port
    finally:
        server.stop(timeout=1)


def answering(*texts: bytes) -> Callable[[socket.socket], None]:
    """Answers one line after the other."""

    def serve(peer: socket.socket) -> None:
        with peer.makefile("rb") as lines:
            for text in texts:
                lines.readline()
                peer.sendall(text)
            lines.readline()

    return serve


@pytest.mark.parametrize("size", [100, MIB, 5 * MIB + 17])
def test_an_upload_comes_back_as_it_was(port: int, size: int) -> None:
    file = POOL.next(size)
    with closing(client(port)) as one:
        name = one.upload(file)
        assert name == file.md5
        assert one.call.connect_s is not None and one.call.wait_s is not None
        assert one.call.sent > size * 4 // 3
        md5, xxh3 = hashlib.md5(), xxh3_64()
        got = bytearray()
        assert one.get(name, got.extend) == size
        md5.update(got)
        xxh3.update(got)
        assert (md5.hexdigest(), xxh3.hexdigest()) == (file.md5, file.xxh3)
        assert one.call.connect_s is None  # the connection was kept
        one.delete(name)
        with pytest.raises(WrongAnswer, match="no file of that name") as caught:
            one.get(name, md5.update)
        assert outcome_of(caught.value) == "not found"
        assert "file_1mb.bin" in one.names()


def test_no_two_uploads_are_alike() -> None:
    other = FilePool.make([100], seed=3, stream=(1,))
    names = {POOL.next(100).md5 for _ in range(50)} | {other.next(100).md5 for _ in range(50)}
    assert len(names) == 100


def test_a_file_of_the_disk_is_uploaded_in_lines_of_the_original(port: int, tmp_path: Path) -> None:
    content = random.Random(1).randbytes(2 * wire.LINE_BYTES + 5)
    path, moved = tmp_path / "file.bin", list[int]()
    path.write_bytes(content)
    source = FileSource(path, moved.append)
    lines = [len(line) for line in FileSource(path).lines()]
    assert lines == [1_048_577, 1_048_577, len(b64encode(content[-5:])) + 1]
    with closing(client(port)) as one:
        assert one.upload(source) == hashlib.md5(content).hexdigest()
        one.delete(source.md5)
    assert sum(moved) == len(content)


def test_an_empty_file_is_a_file(port: int, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with closing(client(port)) as one:
        name = one.upload(FileSource(path))
        assert name == hashlib.md5(b"").hexdigest()
        assert one.get(name, lambda _: None) == 0
        one.delete(name)


def test_memory_is_flat_whatever_the_size(port: int) -> None:
    def measured(operation: Callable[[], object]) -> None:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        operation()
        assert tracemalloc.get_traced_memory()[1] - before < 4 * MIB

    file = POOL.next(64 * MIB)
    tracemalloc.start()
    try:
        with closing(client(port)) as one:
            measured(lambda: one.upload(file))
            measured(lambda: one.get(file.md5, xxh3_64().update))
            one.delete(file.md5)
    finally:
        tracemalloc.stop()


def test_others_go_on_while_a_client_works_on_what_is_there_already(port: int) -> None:
    ticks = pieces = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            gevent.sleep(0.0001)
            ticks += 1

    def busy(data: bytes) -> None:
        """Work for longer than the server needs for the next piece, so that nobody waits."""
        nonlocal pieces
        pieces += 1
        until = time.perf_counter() + 0.003
        while time.perf_counter() < until:
            pass

    other = gevent.spawn(tick)
    with closing(client(port)) as one:
        one.get("file_64mb.bin", busy)
    other.kill()
    assert pieces > 100
    assert ticks >= pieces // 2


def test_answers_may_come_byte_by_byte() -> None:
    content = random.Random(1).randbytes(50)
    whole = wire.file_head("x.bin") + b64encode(content) + wire.FILE_TAIL

    def serve(peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with peer.makefile("rb") as lines:
            for text in (whole, wire.listed(["a.b"])):
                lines.readline()
                for at in range(len(text)):
                    peer.sendall(text[at : at + 1])
                    gevent.sleep(0)

    with scripted(serve) as port, closing(client(port)) as one:
        got = bytearray()
        assert one.get("x.bin", got.extend) == 50
        assert got == content
        assert one.names() == ["a.b"]


@pytest.mark.parametrize("length", range(1, 25))
def test_an_answer_that_ends_too_early_is_lost_wherever_it_ends(length: int) -> None:
    whole = wire.file_head("x") + b64encode(b"content") + wire.FILE_TAIL

    def serve(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(whole[: len(whole) * length // 25])

    with scripted(serve) as port, closing(client(port)) as one:
        with pytest.raises(ConnectionLost, match="inside the answer"):
            one.get("x", lambda _: None)


def test_a_kept_connection_that_the_server_closed_is_made_anew() -> None:
    def serve(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(wire.listed([]))

    with scripted(serve) as port:
        with closing(client(port)) as one:
            for _ in range(3):
                assert one.names() == []
                gevent.sleep(0.05)


OK = b'{"status": "OK"}' + wire.END
MD5 = POOL.next(100).md5


@pytest.mark.parametrize(
    ("texts", "operation", "outcome", "text"),
    [
        pytest.param([OK], "list", "bad shape", "a list of names", id="list without names"),
        pytest.param([OK], "get", "bad shape", "a file in the answer", id="get without a file"),
        pytest.param([OK], "upload", "bad shape", "READY", id="no READY"),
        pytest.param([READY, OK], "upload", "bad shape", "the name of the upload", id="no name"),
        pytest.param(
            [READY, wire.stored("0" * 32)], "upload", "wrong name", "the MD5", id="wrong MD5"
        ),
        pytest.param(
            [READY, wire.stored(f"../{MD5}")], "upload", "wrong name", "the MD5", id="a path"
        ),
        pytest.param(
            [READY, wire.refused("disk of vm7 full")],
            "upload",
            "server error",
            "server answered ERROR",
            id="ERROR after ENDUPLOAD",
        ),
        pytest.param(
            [wire.refused(wire.UNKNOWN)],
            "list",
            "server error",
            "does not know the command",
            id="unknown command",
        ),
        pytest.param(
            [b'{"status": "MAYBE"}' + wire.END], "list", "bad shape", "OK or ERROR", id="status"
        ),
    ],
)
def test_a_wrong_answer_is_told_in_words_of_our_own(
    texts: list[bytes], operation: str, outcome: str, text: str
) -> None:
    def serve(peer: socket.socket) -> None:
        answers = iter(texts)
        while data := peer.recv(1 << 16):
            if b"ENDUPLOAD" in data or b"UPLOAD\n" == data or b"LIST" in data or b"GET" in data:
                peer.sendall(next(answers))

    with scripted(serve) as port, closing(client(port)) as one:
        with pytest.raises(WrongAnswer, match=text) as caught:
            _do(one, operation)
    assert outcome_of(caught.value) == outcome
    assert "vm7" not in str(caught.value)


def _do(one: FileClient, operation: str) -> None:
    if operation == "list":
        one.names()
    elif operation == "get":
        one.get("x.bin", lambda _: None)
    else:
        one.upload(POOL.next(100))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"soon" + wire.END, id="no JSON"),
        pytest.param(b"null" + wire.END, id="null"),
        pytest.param(wire.listed([]) + b"more", id="more than the answer"),
        pytest.param(wire.file_head("x") + b"!!!!" + wire.FILE_TAIL, id="no base64"),
    ],
)
def test_what_is_no_answer_is_a_bad_response(text: bytes) -> None:
    with scripted(answering(text)) as port, closing(client(port)) as one:
        with pytest.raises(BadResponse):
            one.get("x", lambda _: None)


def test_faults_of_a_target_are_told_apart() -> None:
    file = POOL.next(5 * MIB + 17)
    with file_server("--fault-reset", "1") as server, closing(client(server.port)) as one:
        with pytest.raises(ConnectionLost, match="inside the upload"):
            one.upload(file)
    with file_server("--fault-split", "--populate", "1") as server:
        with closing(client(server.port)) as one:
            name = one.upload(file)  # every answer's end comes in two segments
            assert one.get(name, lambda _: None) == file.length
            assert one.names() == ["file_1mb.bin"]
    with file_server("--fault-silent", "1") as server:
        with closing(client(server.port, Deadlines(9.0, 0.3, 9.0, 9.0))) as one:
            with pytest.raises(HandshakeTimeout):
                one.names()
    with file_server("--upload-limit", "1000") as server, closing(client(server.port)) as one:
        with pytest.raises((WrongAnswer, ConnectionLost)):  # RST may outrun the words
            one.upload(file)


def test_a_full_pool_is_told_from_a_server_that_stops() -> None:
    hasty = Deadlines(10.0, 0.3, 10.0, 10.0)
    watch = Watch()
    with file_server("--mode", "thread", "--pool", "1") as server:
        with closing(client(server.port, watch=watch)) as first:
            first.names()
            with closing(client(server.port, hasty, watch)) as second:
                with pytest.raises(HandshakeTimeout, match="no worker was free"):
                    second.names()
        assert (watch.opened, watch.starved, watch.most_open, watch.most_served) == (2, 1, 2, 1)
        assert watch.outnumbered


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "a" * 80 + ".invalid"])
def test_a_host_that_cannot_be_named_is_unknown(host: str) -> None:
    one = FileClient((host, 7000), Deadlines(10.0, 10.0, 10.0, 10.0))
    with closing(one), pytest.raises(ConnectFailed, match="name of the server is unknown"):
        one.names()


def test_each_deadline_has_its_own_error() -> None:
    def stall(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(wire.file_head("x") + b"QUJD")
        gevent.sleep(60)

    def drip(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(wire.file_head("x"))
        while True:
            peer.sendall(b"QUJD")
            gevent.sleep(0.02)

    def sponge(peer: socket.socket) -> None:
        peer.recv(7)
        peer.sendall(READY)
        gevent.sleep(60)  # takes nothing more

    with scripted(stall) as port, closing(client(port, Deadlines(9, 9, 0.2, 60))) as one:
        with pytest.raises(IdleTimeout):
            one.get("x", lambda _: None)
    with scripted(drip) as port, closing(client(port, Deadlines(9, 9, 9, 0.5))) as one:
        with pytest.raises(TotalTimeout):
            one.get("x", lambda _: None)
    with scripted(sponge) as port, closing(client(port, Deadlines(9, 9, 0.3, 60))) as one:
        with pytest.raises(IdleTimeout):
            one.upload(POOL.next(64 * MIB))
    with closing(client(free_port())) as one, pytest.raises(ConnectFailed, match="refused"):
        one.names()
    for error, outcome in ((IdleTimeout(), "timeout"), (ConnectFailed("x"), "refused")):
        assert outcome_of(error) == outcome


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://example.org:81", ("example.org", 81)),
        ("example.org", ("example.org", 7000)),
        ("127.0.0.1:9", ("127.0.0.1", 9)),
        ("tcp://[::1]:9", ("::1", 9)),
    ],
)
def test_an_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "http://x", "x:y", "x:0", "x:70000", "me@x:1", "tcp://:1"])
def test_another_text_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        address_of(text)
