"""The Locust process of a matrix that runs a cell's clients, cell after cell.

    python -m gauntlet.matrix.client          started by the matrix, not by hand
    python -m gauntlet.matrix.fleet           the same for a master with workers

It reads JSON objects from standard input, a line each: the sizes of the uploads first, then an
order per cell. It answers `ready` when all users of the order stand at the start, runs them at the
line `go`, and answers with one line that tells of each. It ends when its standard input ends.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from gevent.event import Event
from gevent.fileobject import FileObjectPosix
from gevent.queue import Queue
from locust import User, constant, task
from locust.env import Environment

from gauntlet.clients.file_server import Call, Deadlines, FileClient, FileServerError
from gauntlet.errors import WrongAnswer
from gauntlet.measure.outcomes import outcome_of
from gauntlet.payloads import manifest
from gauntlet.payloads.files import FilePool

MEGABYTE = 1024 * 1024


class Order:
    """A cell as it was ordered, and what has become of its clients."""

    def __init__(
        self,
        content: dict[str, Any],
        pool: FilePool,
        stand: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.operation: str = content["operation"]
        self.size = content["volume"] * MEGABYTE
        self.name = content["name"]
        self.hash: str = content["hash"] or ""
        self.deadlines = Deadlines(*[float(content["limit"])] * 4)
        self.addresses: list[list[Any]] = content["addresses"]
        self.pool = pool
        self.go, self.done = Event(), Event()
        self.at_start = 0
        self._stand = stand
        self.results: list[dict[str, Any]] = []

    def take_place(self) -> int:
        """A user stands at the start; its number."""
        self.at_start += 1
        self._stand(self.at_start)
        return self.at_start - 1

    def run(self, number: int) -> None:
        """One client: the operation once, timed from the connect to the verified result."""
        host, port = self.addresses[number]
        client = FileClient((host, port), self.deadlines)
        outcome = cleaned = None
        try:
            uploaded = self._do(client)
        except (FileServerError, WrongAnswer) as error:
            outcome, uploaded = outcome_of(error), None
        call = client.call
        if uploaded is not None:
            cleaned = self._clean(client, uploaded)
        client.close()
        self.results.append(_told(call, outcome, cleaned))
        if len(self.results) == len(self.addresses):
            self.done.set()

    def _do(self, client: FileClient) -> str | None:
        if self.operation == "list":
            client.names()
        elif self.operation == "upload":
            return client.upload(self.pool.next(self.size))
        else:
            digest = manifest.new(self.hash)
            if client.get(self.name, digest.update) != self.size:
                raise WrongAnswer("wrong length", "the file is not as long as its name says")
            found = digest.hexdigest()
            if self.hash and found != self.hash:
                raise WrongAnswer("wrong bytes", "the file differs from its source")
            self.hash = found  # the first download, where nobody knew it
        return None

    def _clean(self, client: FileClient, name: str) -> str | None:
        """Delete the upload, by the same connection: another might wait for a worker."""
        try:
            client.delete(name)
        except (FileServerError, WrongAnswer) as error:
            return outcome_of(error)
        return None


class Client(User):
    """One client of the pool."""

    wait_time = constant(0)
    order: Order

    @task
    def once(self) -> None:
        """Wait for the start, do the operation once, and rest until the cell is over."""
        order = type(self).order
        number = order.take_place()
        order.go.wait()
        order.run(number)
        Event().wait()


def main() -> None:
    """Serve orders until standard input ends."""
    lines = read_lines()
    environment = Environment(user_classes=[Client])
    runner = environment.create_local_runner()
    pool = FilePool.make([int(size) for size in json.loads(lines.get())], seed=os.getpid())
    for order in _orders(lines, pool):
        Client.order = order
        users = len(order.addresses)
        runner.start(users, spawn_rate=users)
        while order.at_start < users:
            gevent.sleep(0.002)
        say("ready")
        lines.get()  # go
        order.go.set()
        order.done.wait()
        runner.stop()
        say(json.dumps(order.results))


def _orders(lines: "Queue[bytes]", pool: FilePool) -> Iterator[Order]:
    while True:
        yield Order(json.loads(lines.get()), pool)


def read_lines() -> "Queue[bytes]":
    """The lines of standard input as they come; the process ends with it."""
    lines: Queue[bytes] = Queue()
    gevent.spawn(_read, lines)
    return lines


def _read(lines: "Queue[bytes]") -> None:
    with FileObjectPosix(os.dup(0), "rb") as source:
        while line := source.readline():
            lines.put(line)
    os._exit(0)  # the matrix is gone, whatever is under way here


def say(text: str) -> None:
    """Write a line for the matrix."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _told(call: Call, outcome: str | None, cleaned: str | None) -> dict[str, Any]:
    return {
        "began": call.began,
        "ended": call.ended or time.perf_counter(),
        "connect": call.connect_s,
        "wait": call.wait_s,
        "received": call.received,
        "outcome": outcome,
        "cleaned": cleaned,
    }


if __name__ == "__main__":
    main()
