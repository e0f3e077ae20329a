"""Runs the reference file server for the tests, and speaks to it over plain sockets."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.targets.conftest import DEADLINE_S, ROOT, Ended, end

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


def start(*options: str) -> subprocess.Popen[str]:
    """The process of a target, with all three standard streams as pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "gauntlet.targets", "file-server", "--base-port", "0", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The first lines of standard output. Fails at the deadline."""
    assert process.stdout is not None
    output, descriptor = b"", process.stdout.fileno()
    while output.count(b"\n") < count:
        readable, _, _ = select.select([descriptor], [], [], DEADLINE_S)
        assert readable, "the process printed nothing in time"
        piece = os.read(descriptor, 4096)
        assert piece, end(process)
        output += piece
    return output.decode().splitlines()


@contextmanager
def file_server(*options: str, ports: int = 1) -> Iterator[FileServer]:
    """A target that runs for a block; whatever it did, it must have printed no error."""
    process = start("--exit-with-parent", *options)
    try:
        lines = read_lines(process, ports)
        assert all(line.startswith("ready tcp://127.0.0.1:") for line in lines), lines
        yield FileServer(process, [int(line.rpartition(":")[2]) for line in lines])
        if process.poll() is None:
            code, _, errors = end(process)
            assert (code, errors) == (0, "")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=DEADLINE_S)


def worker_lines(output: str) -> list[tuple[int, ...]]:
    """Connections, served and failed operations of each worker, as it is told in the end."""
    lines = [line.split() for line in output.splitlines() if line.startswith("worker ")]
    assert [int(line[1]) for line in lines] == list(range(1, len(lines) + 1))
    return [(int(line[3]), int(line[5]), int(line[7])) for line in lines]
