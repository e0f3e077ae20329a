"""Who coordinates a cluster of nodes, and which node gets a request. No I/O: times are arguments.

Nodes tell each other their load in heartbeats. The first node that lives, by number, holds the
elections and tells all others the outcome, so that all agree: the node with the least load
coordinates. The coordinator gives a request to the node with the least of 0.7 times its load and
30 times its share of all that was done so far.
"""

from collections import Counter
from dataclasses import dataclass


@dataclass(slots=True)
class Peer:
    """What a node said of itself last."""

    heard: float
    load: float = 0.0
    processed: int = 0


class Cluster:
    """What node `own` of `count` knows of the others; nodes count from 1."""

    def __init__(self, own: int, count: int, now: float, timeout_s: float) -> None:
        self._own = own
        self._timeout_s = timeout_s
        self._peers = {node: Peer(now) for node in range(1, count + 1) if node != own}
        self._out: Counter[int] = Counter()
        self.load = 0.0
        self.processed = 0
        self.coordinator = 1
        """All nodes are there when the cluster begins, and none has any load."""

    def hear(self, node: int, load: float, processed: int, now: float) -> None:
        """A node said something of itself."""
        if node in self._peers:
            self._peers[node] = Peer(now, load, processed)

    def alive(self, now: float) -> list[int]:
        """The nodes that live, this one included."""
        others = (node for node, peer in self._peers.items() if now - peer.heard < self._timeout_s)
        return sorted([self._own, *others])

    def holds_elections(self, now: float) -> bool:
        """Whether this node is the one that holds them."""
        return self.alive(now)[0] == self._own

    def has_coordinator(self, now: float) -> bool:
        """Whether the coordinator lives."""
        return self.coordinator in self.alive(now)

    def elect(self, now: float) -> int:
        """Let the node with the least load coordinate; of several the first."""
        self.coordinator = min(self.alive(now), key=lambda node: (self._load(node), node))
        return self.coordinator

    def choose(self, now: float) -> int:
        """The node that is to do the next request; of several this one, then the first."""
        alive = self.alive(now)
        done = {node: self._processed(node) for node in alive}
        total = sum(done.values()) or 1

        def rank(node: int) -> tuple[float, bool, int]:
            score = 0.7 * self._load(node) + 0.3 * 100 * done[node] / total
            return score, node != self._own, node

        return min(alive, key=rank)

    def sent(self, node: int, count: int = 1) -> None:
        """A request went to a node, or (-1) came back: its heartbeats tell of it only later."""
        self._out[node] += count

    def _load(self, node: int) -> float:
        if node == self._own:
            return self.load
        return max(self._peers[node].load, self._out[node])

    def _processed(self, node: int) -> int:
        return self.processed if node == self._own else self._peers[node].processed
