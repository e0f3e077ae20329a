"""Runs the reference file server for the tests, and speaks to it over plain sockets."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.targets.conftest import DEADLINE_S, Ended, end, ended, read_lines, start

END = b"\r\n\r\n"


@dataclass
class FileServer:
    """A running target."""

    process: subprocess.Popen[str]
    ports: list[int]

    @property
    def port(self) -> int:
        return self.ports[0]

    def connect(self, port: int | None = None) -> "Peer":
        address = ("127.0.0.1", port or self.port)
        return Peer(socket.create_connection(address, timeout=DEADLINE_S))

    def ask(self, request: bytes) -> bytes:
        """One exchange on a connection of its own."""
        with self.connect() as peer:
            return peer.ask(request)

    def stop(self) -> Ended:
        """End it as its parent's end does; its last lines."""
        return end(self.process)


class Peer:
    """One connection to a target."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._read = b""

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: bytes) -> bytes:
        """Send something; the next answer, without its end."""
        self.socket.sendall(request)
        return self.answer()

    def answer(self) -> bytes:
        """The next answer; what was there where the connection ended before."""
        while END not in self._read:
            piece = self.socket.recv(1 << 20)
            if not piece:
                break
            self._read += piece
        answer, _, self._read = self._read.partition(END)
        return answer

    def content(self, request: bytes) -> Any:
        """The object that answers."""
        return json.loads(self.ask(request))

    @property
    def closed(self) -> bool:
        """Whether the target closed the connection, and sent nothing more."""
        try:
            return not self._read and not self.socket.recv(1)
        except ConnectionResetError:
            return True


def launch(*options: str) -> subprocess.Popen[str]:
    """The process of a file server."""
    return start("file-server", "--base-port", "0", *options)


@contextmanager
def file_server(*options: str, ports: int = 1) -> Iterator[FileServer]:
    """A target that runs for a block; whatever it did, it must have printed no error."""
    with ended(launch("--exit-with-parent", *options)) as process:
        lines = read_lines(process, ports)
        assert all(line.startswith("ready tcp://127.0.0.1:") for line in lines), lines
        yield FileServer(process, [int(line.rpartition(":")[2]) for line in lines])
        if process.poll() is None:
            code, _, errors = end(process)
            assert (code, errors) == (0, "")


def worker_lines(output: str) -> list[tuple[int, ...]]:
    """Connections, served and failed operations of each worker, as it is told in the end."""
    lines = [line.split() for line in output.splitlines() if line.startswith("worker ")]
    assert [int(line[1]) for line in lines] == list(range(1, len(lines) + 1))
    return [(int(line[3]), int(line[5]), int(line[7])) for line in lines]
