"""Runs the reference target of Walrus for the tests, and speaks to it in plain HTTP."""

import http.client
import json
import random
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import psutil

from tests.targets.conftest import DEADLINE_S, Ended, end, ended, read_lines, start

MIB = 1024 * 1024
UNKNOWN = "A" * 42 + "E"
"""A well-formed id of a blob that nobody stored."""
CORS = {
    "access-control-allow-origin": "*",
    "vary": "origin, access-control-request-method, access-control-request-headers",
}
QUICK = ("--first-read", "0s")

Headers = Mapping[str, str]


class Answer(NamedTuple):
    """One response, read to its last byte."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The reason of an error object, whose other parts must agree with it."""
        assert self.headers["content-type"] == "application/json"
        error = self.content["error"]
        assert error["code"] == self.status and error["message"]
        return str(error["details"][0]["reason"])


@dataclass
class Service:
    """One address of a running target."""

    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        headers: Headers | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            return ask(connection, method, path, body, headers)
        finally:
            connection.close()

    def get(self, path: str, headers: Headers | None = None) -> Answer:
        return self.ask("GET", path, headers=headers)

    def read(self, blob: str) -> Answer:
        return self.get(f"/v1/blobs/{blob}")

    def put(self, body: bytes, query: str = "", headers: Headers | None = None) -> Answer:
        """Upload a blob."""
        return self.ask("PUT", f"/v1/blobs{query}", body, headers)

    def store(self, body: bytes, query: str = "") -> str:
        """Upload a blob that is new or not; returns its id."""
        return blob_of(self.put(body, query))

    def put_quilt(
        self, files: Mapping[str, bytes], query: str = "", metadata: object = None
    ) -> Answer:
        """Upload several files as a quilt."""
        parts: list[tuple[str, bytes]] = list(files.items())
        if metadata is not None:
            parts.append(("_metadata", json.dumps(metadata).encode()))
        return self.put_form(form(parts), query)

    def put_form(self, body: bytes, query: str = "", kind: str = "") -> Answer:
        return self.ask("PUT", f"/v1/quilts{query}", body, {"content-type": kind or FORM})


@dataclass
class Walrus(Service):
    """A running target; `reader` is its second address, if it has one."""

    process: subprocess.Popen[str]
    reader: Service

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> Ended:
        """End the target as its parent's end does: at once."""
        return end(self.process)


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] = b"",
    headers: Headers | None = None,
) -> Answer:
    """One request on an open connection."""
    begin = time.perf_counter()
    connection.request(method, path, body, dict(headers or {}))
    response = connection.getresponse()
    content = response.read()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, content, time.perf_counter() - begin)


BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def form(parts: Iterable[tuple[str, bytes]]) -> bytes:
    """A multipart body; the names of the fields are the identifiers."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"; filename="x"\r\n\r\n'
    pieces = (head.format(name).encode() + content + b"\r\n" for name, content in parts)
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def blob_of(answer: Answer) -> str:
    """The id in the answer to an upload."""
    assert answer.status == 200, answer
    ((kind, content),) = answer.content.items()
    found = content["blobObject"] if kind == "newlyCreated" else content
    return str(found["blobId"])


def noise(length: int, seed: int = 1) -> bytes:
    """Content that every seed gives another of."""
    return random.Random(seed).randbytes(length)


def launch(*options: str) -> subprocess.Popen[str]:
    """The process of a target of Walrus."""
    return start("walrus", "--port", "0", *options)


def read_ports(process: subprocess.Popen[str], count: int) -> list[int]:
    """The ports of the lines that say an address is ready. Fails at the deadline."""
    lines = read_lines(process, count)
    assert all(line.startswith("ready http://127.0.0.1:") for line in lines), lines
    return [int(line.rpartition(":")[2]) for line in lines]


@contextmanager
def walrus(*options: str) -> Iterator[Walrus]:
    """A target that runs for a block; at its end it must end in order and have printed nothing."""
    with ended(launch("--exit-with-parent", *options)) as process:
        ports = read_ports(process, 1 + ("--aggregator-port" in options))
        target = Walrus(ports[0], process, Service(ports[-1]))
        yield target
        if process.poll() is None:
            assert target.stop() == (0, "", "")


def end_of(*options: str) -> Ended:
    """How a target ends that cannot start."""
    return end(launch(*options))
