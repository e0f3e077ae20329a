"""A Locust master of a matrix and its workers: they share the clients of each cell.

    python -m gauntlet.matrix.fleet           started by the matrix, not by hand
    python -m gauntlet.matrix.fleet PORT      started by that, for each core

The master reads and answers what `gauntlet.matrix.client` does. Locust's own messages start and
stop the users, these of ours say the rest; the master and its workers live on from cell to cell:

    order     to all     the cell, before its users
    standing  to master  how many users of a worker stand at the start; none when it is ready
    go        to each    the addresses of its users: all begin
    results   to master  what became of them
"""

import json
import os
import sys
from itertools import islice
from typing import Any

import gevent
from gevent import subprocess
from gevent.event import Event
from locust import runners
from locust.env import Environment
from locust.runners import MasterRunner

from gauntlet.matrix.client import Client, Order, read_lines, say
from gauntlet.payloads.files import FilePool

ORDER, STANDING, GO, RESULTS = (
    f"gauntlet_{word}" for word in ("order", "standing", "go", "results")
)
HOST = "127.0.0.1"
PATIENCE = 3600
"""Heartbeats that a worker may miss: on a busy machine its users must not start again elsewhere.

That a worker is gone is seen by the end of its process.
"""


class Master:
    """The master, with a worker for each core."""

    def __init__(self, sizes: list[int]) -> None:
        runners.HEARTBEAT_LIVENESS = PATIENCE
        environment = Environment(user_classes=[Client])
        self._runner: MasterRunner = environment.create_master_runner(HOST, 0)
        self._standing: dict[str, int] = {}
        self._results: list[dict[str, Any]] = []
        self._changed = Event()
        self._runner.register_message(STANDING, self._stand)
        self._runner.register_message(RESULTS, self._end)
        port = self._runner.server.port
        count = len(os.sched_getaffinity(0))
        self._workers = [_start(port, sizes) for _ in range(count)]
        for worker in self._workers:
            gevent.spawn(_end_with, worker)
        self._wait(lambda: len(self._standing) == count)

    def run(self, content: dict[str, Any], lines: Any) -> None:
        """One cell, from its order to its results."""
        addresses = content.pop("addresses")
        users = len(addresses)
        self._standing, self._results = {}, []
        self._runner.send_message(ORDER, content)
        self._runner.start(users, spawn_rate=users)
        self._wait(lambda: sum(self._standing.values()) == users)
        say("ready")
        lines.get()  # go
        left = iter(addresses)
        for worker, count in self._standing.items():
            self._runner.send_message(GO, {"addresses": [*islice(left, count)]}, worker)
        self._wait(lambda: len(self._results) == users)
        say(json.dumps(self._results))
        self._runner.stop()

    def _stand(self, msg: Any, **_: Any) -> None:
        self._standing[msg.node_id] = msg.data["count"]
        self._changed.set()

    def _end(self, msg: Any, **_: Any) -> None:
        self._results += msg.data["results"]
        self._changed.set()

    def _wait(self, condition: Any) -> None:
        while not condition():
            self._changed.wait()
            self._changed.clear()


def work(port: int) -> None:
    """A worker: the users that the master gives it."""
    sizes = json.loads(read_lines().get())
    pool = FilePool.make([int(size) for size in sizes], seed=os.getpid())
    runner = Environment(user_classes=[Client]).create_worker_runner(HOST, port)

    def take(msg: Any, **_: Any) -> None:
        Client.order = Order(
            {**msg.data, "addresses": []},
            pool,
            lambda count: runner.send_message(STANDING, {"count": count}),
        )

    def go(msg: Any, **_: Any) -> None:
        order = Client.order
        order.addresses = msg.data["addresses"]
        order.go.set()
        order.done.wait()
        runner.send_message(RESULTS, {"results": order.results})

    runner.register_message(ORDER, take)
    runner.register_message(GO, go, concurrent=True)
    runner.send_message(STANDING, {"count": 0})  # before it heard, an order would be lost
    runner.greenlet.join()


def _start(port: int, sizes: list[int]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "gauntlet.matrix.fleet", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(sizes).encode() + b"\n")
    process.stdin.flush()
    return process


def _end_with(worker: "subprocess.Popen[bytes]") -> None:
    """Without a worker no cell can be whole: the matrix sees the master end."""
    worker.wait()
    os._exit(1)


def main() -> None:
    """The master; with a port, one of its workers."""
    if len(sys.argv) > 1:
        work(int(sys.argv[1]))
        return
    lines = read_lines()
    master = Master(json.loads(lines.get()))
    while True:
        master.run(json.loads(lines.get()), lines)


if __name__ == "__main__":
    main()
