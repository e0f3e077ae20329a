"""Runs real reference targets on ports of the kernel's choice, and ends every one of them."""

import http.client
import io
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"

StartTarget = Callable[..., AbstractContextManager["Target"]]


class Answer(NamedTuple):
    """One response, read to its last byte."""

    status: int
    content_type: str
    body: bytes
    seconds: float

    @property
    def content(self) -> Any:
        return json.loads(self.body)


class Ended(NamedTuple):
    """What a process left behind."""

    code: int
    output: str
    errors: str


@dataclass
class Target:
    """A running reference target of predict."""

    process: subprocess.Popen[str]
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)

    def ask(self, method: str, path: str, body: bytes = b"", content_type: str = "") -> Answer:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            return ask(connection, method, path, body, content_type)
        finally:
            connection.close()

    def predict(self, picture: bytes, query: str = "", name: str = "picture.jpg") -> Answer:
        """Upload a picture under a file name."""
        return self.ask("POST", f"/predict{query}", form(picture, name), FORM)

    def counts(self) -> dict[str, dict[str, int]]:
        """What the target says it answered, without the columns that are zero."""
        content = self.ask("GET", "/__count").content
        return {
            endpoint: {column: count for column, count in columns.items() if count}
            for endpoint, columns in content.items()
        }

    def processes(self) -> list[psutil.Process]:
        """The supervisor and its workers."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def stop(self, number: int = signal.SIGTERM) -> Ended:
        """Send a signal, wait for the end."""
        self.process.send_signal(number)
        return end(self.process)


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes = b"",
    content_type: str = "",
) -> Answer:
    """One request on an open connection."""
    begin = time.perf_counter()
    headers = {"Content-Type": content_type} if content_type else {}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    seconds = time.perf_counter() - begin
    return Answer(response.status, response.headers["content-type"], content, seconds)


def form(content: bytes, name: str | None = "picture.jpg", field: str = "file") -> bytes:
    """A form with one part; without a name it is a text field."""
    file_name = "" if name is None else f'; filename="{name}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"{file_name}\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


class Picture(NamedTuple):
    """An encoded picture and how it is uploaded."""

    data: bytes

    def request(self) -> tuple[bytes, dict[str, str]]:
        """Body and headers, as http.client takes them."""
        return form(self.data), {"Content-Type": FORM}

    def raw(self) -> bytes:
        """The whole request as it goes over the wire."""
        body = form(self.data)
        head = f"POST /predict HTTP/1.1\r\nHost: target\r\nContent-Type: {FORM}\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def picture(
    width: int = 64, height: int = 48, seed: int = 1, format: str = "JPEG", mode: str = "RGB"
) -> Picture:
    """Noise, so that every seed gives other pixels."""
    image = Image.new(mode, (width, height))
    image.frombytes(random.Random(seed).randbytes(len(image.tobytes())))
    encoded = io.BytesIO()
    image.save(encoded, format)
    return Picture(encoded.getvalue())


def start(*command: str, variables: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """The process of a target, with all three standard streams as pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "gauntlet.targets", *command],
        cwd=ROOT,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is gone behind the block, whatever happens in it."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=DEADLINE_S)


def launch(*options: str) -> subprocess.Popen[str]:
    """The process of a target of predict."""
    return start("predict", "--port", "0", *options)


def read_line(process: subprocess.Popen[str]) -> str:
    """The first line of standard output. Fails at the deadline."""
    return read_lines(process, 1)[0]


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


def end(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a process."""
    output, errors = process.communicate(timeout=DEADLINE_S)
    return Ended(process.returncode, output, errors)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until the condition holds; fails at the deadline."""
    deadline = time.perf_counter() + DEADLINE_S
    while not condition():
        assert time.perf_counter() < deadline, f"not in time: {what}"
        time.sleep(0.02)


def in_one_of_five(attempt: Callable[[], bool]) -> bool:
    """Whether something about times is so; a busy machine may spoil some of the attempts."""
    return any(attempt() for _ in range(5))


def wait_until_gone(processes: list[psutil.Process]) -> None:
    """Fails if one of the processes still runs at the deadline."""
    _, alive = psutil.wait_procs(processes, timeout=DEADLINE_S)
    assert not alive


@contextmanager
def running(*options: str) -> Iterator[Target]:
    """A target that runs for a block; at its end it must end in order and have printed nothing."""
    with ended(launch("--exit-with-parent", *options)) as process:
        line = read_line(process)
        assert line.startswith("ready http://127.0.0.1:"), line
        target = Target(process, int(line.rpartition(":")[2]))
        yield target
        if process.poll() is None:
            assert target.stop() == (0, "", "")


@pytest.fixture(name="start_target")
def _start_target() -> StartTarget:
    """Start a target with options: `with start_target("--workers", "2") as target:`."""
    return running


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """A target with a service time of nothing that the tests of a module share."""
    with running("--service-time", "0s") as shared:
        yield shared
