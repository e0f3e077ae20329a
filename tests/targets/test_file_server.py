"""The reference file server answers as the original does, and gives nothing outside its folder."""

import json
import os
import random
import select
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from gauntlet.targets import _file_store
from tests.targets._files import FileServer, Peer, file_server, launch, worker_lines
from tests.targets.conftest import end

UNKNOWN = {"status": "ERROR", "data": "request tidak dikenali"}
SECRET = b"not to be served"
DELETED = {"status": "OK", "message": "File deleted successfully"}


def noise(length: int, seed: int = 1) -> bytes:
    return b"\0" + random.Random(seed).randbytes(length - 1)


def upload(content: bytes, line: int = 750) -> bytes:
    """All that a client sends to store a file."""
    lines = [b64encode(content[at : at + line]) + b"\n" for at in range(0, len(content), line)]
    return b"UPLOAD\n" + b"".join(lines) + b"ENDUPLOAD\n"


def store(peer: Peer, content: bytes) -> str:
    """Store a file; its name."""
    assert peer.ask(upload(content)) == b"READY TO RECEIVE FILE"
    answer = json.loads(peer.answer())
    assert answer["status"] == "OK"
    return str(answer["data"]["file_path"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve, beside a file that is not served."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_bytes(SECRET)
    served = outside / "served"
    served.mkdir()
    (served / "a.txt").write_bytes(b"content of a")
    (served / "Big.BIN").write_bytes(noise(3_000_001))
    (served / "no-dot").write_bytes(b"x")
    (served / ".hidden.txt").write_bytes(SECRET)
    (served / "folder.d").mkdir()
    (served / "link.txt").symlink_to(outside / "secret.txt")
    return served


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[FileServer]:
    with file_server("--storage", str(folder), "--pool", "4") as running:
        yield running


def test_a_list_has_names_with_a_dot_that_do_not_begin_with_one(server: FileServer) -> None:
    answer = json.loads(server.ask(b"LIST\n"))
    assert answer["status"] == "OK"
    assert {"a.txt", "Big.BIN", "folder.d"} <= set(answer["data"])
    assert not {"no-dot", ".hidden.txt"} & set(answer["data"])


@pytest.mark.parametrize("name", ["big.bin", "BIG.BIN", "Big.bin"])
def test_a_file_is_found_whatever_its_capitals(server: FileServer, name: str) -> None:
    answer = json.loads(server.ask(f"GET {name}\n".encode()))
    assert list(answer) == ["status", "data_namafile", "data_file"]
    assert (answer["status"], answer["data_namafile"]) == ("OK", "big.bin")
    assert b64decode(answer["data_file"]) == noise(3_000_001)


ENOENT = "[Errno 2] No such file or directory: "


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        pytest.param(b"foo\n", "request tidak dikenali", id="unknown command"),
        pytest.param(b"\n", "request tidak dikenali", id="empty line"),
        pytest.param(b"GET x\n", f"{ENOENT}'x'", id="get a missing file"),
        pytest.param(b"DELETE X\n", f"{ENOENT}'x'", id="delete a missing file"),
        pytest.param(b"GET\n", "list index out of range", id="get without a name"),
        pytest.param(b"DELETE\n", "list index out of range", id="delete without a name"),
        pytest.param(b"GET .\n", "[Errno 21] Is a directory: '.'", id="get the folder"),
        pytest.param(b"GET folder.d\n", "[Errno 21] Is a directory: 'folder.d'", id="a folder"),
    ],
)
def test_an_error_leaves_the_connection_open(
    server: FileServer, request_: bytes, text: str
) -> None:
    with server.connect() as peer:
        assert peer.content(request_) == {"status": "ERROR", "data": text}
        assert peer.content(b"LIST\n")["status"] == "OK"


def test_a_get_of_an_empty_name_is_null(server: FileServer) -> None:
    with server.connect() as peer:
        assert peer.ask(b'GET ""\n') == b"null"
        assert peer.content(b"LIST\n")["status"] == "OK"


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        pytest.param(b'GET "a\n', b'{"status":"ERROR","data":"No closing quotation"}', id="quote"),
        pytest.param(b"GET \xff\n", b"'utf-8' codec can't decode byte 0xff", id="no UTF-8"),
        pytest.param(b"UPLOAD\nQU\n", b'"Incorrect padding"', id="padding"),
        pytest.param(b"UPLOAD\nQUJDQ\n", b"number of data characters (5) cannot", id="one more"),
    ],
)
def test_an_error_that_closes_the_connection(
    server: FileServer, request_: bytes, text: bytes
) -> None:
    with server.connect() as peer:
        answer = peer.ask(request_)
        if request_.startswith(b"UPLOAD"):
            assert answer == b"READY TO RECEIVE FILE"
            answer = peer.answer()
        assert text in answer
        assert peer.closed


HOSTILE = {
    "a folder above": "../secret.txt",
    "a folder above, deep": "folder.d/../../secret.txt",
    "an absolute path": "{outside}/secret.txt",
    "another absolute path": "/etc/hostname",
    "backslashes": "'..\\secret.txt'",
    "a NUL": "'secret.txt\0.bin'",
    "4 kB": "x" * 4096,
    "4 kB of folders": "../" * 1365 + "etc/hostname",
    "another alphabet": "ﬁle․․∕secret.txt",
    "the folder above": "..",
    "a hidden file": ".hidden.txt",
    "a link that leads out": "link.txt",
    "capitals": "../SECRET.TXT",
}


@pytest.mark.parametrize("command", ["GET", "DELETE", "upload"])
@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_no_name_leads_out_of_the_folder(
    server: FileServer, folder: Path, command: str, name: str
) -> None:
    written = name.replace("{outside}", str(folder.parent))
    before = sorted(folder.rglob("*"))
    with server.connect() as peer:
        answer = peer.content(f"{command} {written}\n".encode())
        assert peer.content(b"LIST\n")["status"] == "OK"
    assert answer == UNKNOWN if command == "upload" else answer["status"] == "ERROR"
    assert (folder.parent / "secret.txt").read_bytes() == SECRET
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("content", "suffix"), [(noise(2_000), ""), (b"%PDF-1.7 and more", ".pdf")], ids=["none", "PDF"]
)
def test_an_upload_is_named_by_its_md5_and_can_be_read_and_deleted(
    server: FileServer, folder: Path, content: bytes, suffix: str
) -> None:
    with server.connect() as peer:
        name = store(peer, content)
        assert name == md5(content).hexdigest() + suffix
        assert store(peer, content) == name  # the same content, the same file
        assert b64decode(peer.content(f"GET {name}\n".encode())["data_file"]) == content
        assert (name in peer.content(b"LIST\n")["data"]) is bool(suffix)
        assert peer.content(f"DELETE {name}\n".encode()) == DELETED
        assert peer.content(f"GET {name}\n".encode())["status"] == "ERROR"
    assert not [path for path in folder.iterdir() if path.name.startswith(".upload")]


def test_commands_may_be_sent_ahead_and_are_answered_in_order(server: FileServer) -> None:
    content = noise(100)
    with server.connect() as peer:
        peer.socket.sendall(b"LIST\r\n" + upload(content, 3) + b"nothing\nLIST\n")
        assert b'"data": [' in peer.answer()
        assert peer.answer() == b"READY TO RECEIVE FILE"
        assert md5(content).hexdigest().encode() in peer.answer()
        assert json.loads(peer.answer()) == UNKNOWN
        assert b'"data": [' in peer.answer()


def test_an_upload_that_breaks_off_leaves_nothing(folder: Path) -> None:
    with file_server("--storage", str(folder), "--pool", "1") as server:
        with server.connect() as peer:
            assert peer.ask(upload(noise(5_000))[:-12]) == b"READY TO RECEIVE FILE"
        with server.connect() as peer:  # the only worker is free again: it has seen the end
            assert peer.content(b"LIST\n")["status"] == "OK"
        assert not [path for path in folder.iterdir() if path.name.startswith(".upload")]
        ended = server.stop()
    assert worker_lines(ended.output) == [(2, 1, 1)]


def test_a_worker_thread_stays_with_its_connection() -> None:
    with file_server("--mode", "thread", "--pool", "2") as server:
        first, second, third = server.connect(), server.connect(), server.connect()
        with first, second, third:
            assert first.content(b"LIST\n") == second.content(b"LIST\n")
            third.socket.sendall(b"LIST\n")
            assert not select.select([third.socket], [], [], 0.3)[0]
            first.socket.close()
            assert json.loads(third.answer())["status"] == "OK"
        ended = server.stop()
    lines = worker_lines(ended.output)
    assert sorted(lines) == [(1, 1, 0), (2, 2, 0)]


def test_processes_have_a_port_each_and_share_the_folder() -> None:
    options = "--mode", "process", "--pool", "3", "--populate", "1,2"
    with file_server(*options, ports=3) as server:
        assert len(set(server.ports)) == 3
        peers = [server.connect(port) for port in server.ports for _ in range(2)]
        names = [set(peer.content(b"LIST\n")["data"]) for peer in peers]  # nobody waits
        assert names == [{"file_1mb.bin", "file_2mb.bin"}] * 6
        name = store(peers[0], noise(300))
        assert peers[-1].content(f"DELETE {name}\n".encode()) == DELETED
        found = b64decode(peers[0].content(b"GET file_2MB.bin\n")["data_file"])
        assert len(found) == 2 * 1024 * 1024 and found.count(0) < 20_000
        for peer in peers:
            peer.socket.close()
        ended = server.stop()
    assert worker_lines(ended.output) == [(2, 4, 0), (2, 2, 0), (2, 3, 0)]


def test_processes_may_share_a_port() -> None:
    with file_server("--mode", "process", "--pool", "3", "--shared-port") as server:
        for _ in range(12):
            assert json.loads(server.ask(b"LIST\n"))["status"] == "OK"
        ended = server.stop()
    lines = worker_lines(ended.output)
    assert len(lines) == 3 and sum(line[0] for line in lines) == 12
    assert sum(line[0] > 0 for line in lines) > 1


def test_what_is_too_much_is_refused() -> None:
    limits = "--upload-limit", "1000", "--line-limit", "800", "--idle-timeout", "200ms"
    with file_server(*limits) as server:
        with server.connect() as peer:
            assert peer.ask(upload(noise(1_200), 300)) == b"READY TO RECEIVE FILE"
            assert b"file is too large" in peer.answer()
        with server.connect() as peer:
            assert b"line is too long" in peer.ask(b"GET " + b"x" * 900)
        with server.connect() as peer:
            assert peer.closed  # by itself, when nothing comes


def test_faults_strike_where_they_should() -> None:
    content = noise(400_000)
    with file_server("--fault-error", "1", "--fault-split") as server:
        with server.connect() as peer:
            assert peer.ask(upload(content)) == b"READY TO RECEIVE FILE"
            assert json.loads(peer.answer())["status"] == "ERROR"
    with file_server("--fault-wrong-name", "1") as server, server.connect() as peer:
        assert store(peer, content) == "0" * 32
    with file_server("--fault-corrupt", "1", "--populate", "1") as server:
        with server.connect() as peer:
            one, two = (peer.content(b"GET file_1mb.bin\n")["data_file"] for _ in range(2))
        assert len(one) == len(two) and b64decode(one) == b64decode(two)
    with file_server("--fault-silent", "1", "--idle-timeout", "300ms") as server:
        assert server.ask(b"LIST\n") == b""


def test_a_folder_that_nobody_holds_any_more_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_file_store, "MEMORY", tmp_path)
    monkeypatch.setattr(_file_store, "SPARE_BYTES", 0)
    left = tmp_path / f"{_file_store.PREFIX}left"
    left.mkdir()
    (left / "file_1mb.bin").write_bytes(b"x")
    with _file_store.folder_of(None, [1]) as held:
        for folder in (left, held):
            os.utime(folder, (0, 0))
        with _file_store.folder_of(None, []) as other:
            assert (left.exists(), held.exists()) == (False, True)
            assert held.parent == other.parent == tmp_path
            assert (held / "file_1mb.bin").stat().st_size == 1024 * 1024
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--mode", "fork"], "'fork' is not one of", id="mode"),
        pytest.param(["--pool", "0"], "--pool", id="pool"),
        pytest.param(["--populate", "10,x"], "sizes in MB", id="populate"),
        pytest.param(["--shared-port"], "--mode process", id="a shared port of threads"),
        pytest.param(["--storage", "/proc/nothing"], "a folder to write to", id="storage"),
        pytest.param(["--host", "203.0.113.1"], "a free address", id="host"),
        pytest.param(
            ["--mode", "process", "--base-port", "65535", "--pool", "2"], "65535", id="ports"
        ),
    ],
)
def test_a_wrong_option_is_told_in_one_line(options: list[str], words: str) -> None:
    ended = end(launch(*options))
    assert ended.code == 2
    assert words in ended.errors and len(ended.errors.splitlines()) == 1
    assert "ready" not in ended.output
