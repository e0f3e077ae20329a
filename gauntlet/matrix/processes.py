"""The processes of a matrix: the target of one cell, and the Locust processes of all.

Each ends when its standard input ends, so none outlives the matrix, not even one that was killed.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from gauntlet.children import START_S, Broken, Child

GRACE_S = 30.0
"""How much longer than its limit a cell may take until its end is told."""

_WORKER = re.compile(r"worker \d+ connections (\d+) served (\d+) failed (\d+)")


class Served(NamedTuple):
    """What the workers of a target say of themselves, summed up."""

    used: int
    connections: int
    served: int
    failed: int


class Target:
    """The reference target of one cell."""

    def __init__(self, mode: str, pool: int, storage: str, shared_port: bool) -> None:
        options = ["--mode", mode, "--pool", str(pool), "--base-port", "0", "--storage", storage]
        shared = mode == "process" and shared_port
        options += ["--shared-port"] if shared else []
        arguments = ["gauntlet.targets", "file-server", "--exit-with-parent", *options]
        self._child = Child("the reference target", *arguments)
        self.addresses: list[tuple[str, int]] = []
        try:
            for _ in range(pool if mode == "process" and not shared else 1):
                address = self._child.line(START_S).removeprefix("ready tcp://")
                host, _, port = address.rpartition(":")
                self.addresses.append((host.strip("[]"), int(port)))
        except BaseException:
            self._child.end()
            raise

    def end(self) -> Served:
        """End it; what its workers served."""
        rows = [tuple(map(int, found)) for found in _WORKER.findall(self._child.end())]
        used = sum(row[0] > 0 for row in rows)
        return Served(used, *(sum(row[column] for row in rows) for column in range(3)))


class Clients:
    """The Locust processes; they are started when a cell first needs them, and live on."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = list(sizes)
        self._children: dict[str, Child] = {}

    def run(self, mode: str, order: dict[str, Any], addresses: Sequence[Any]) -> list[Any]:
        """Run a client for every address; what became of each.

        In the mode thread one process runs them all, in the mode process a master's workers do.
        """
        child = self._children.get(mode)
        if child is None:
            module = "gauntlet.matrix.client" if mode == "thread" else "gauntlet.matrix.fleet"
            child = self._children[mode] = Child("a Locust process", module)
            child.say(json.dumps(self._sizes))
        child.say(json.dumps({**order, "addresses": addresses}))
        if child.line(START_S) != "ready":
            raise Broken("a Locust process: expected the word ready, got another")
        child.say("go")
        found: list[Any] = json.loads(child.line(order["limit"] + GRACE_S))
        return found

    def end(self) -> None:
        """End them all."""
        for child in self._children.values():
            child.end()
