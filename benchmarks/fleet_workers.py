"""Many simulated workers in one process, who speak Locust's protocol and make no load.

    python -m benchmarks.fleet_workers PORT WORKERS SERIES REQUESTS

What they report is what a worker reports that makes REQUESTS requests per second to SERIES
endpoints, made by the recorder and by Locust's own table. Prints one JSON object at the end.
"""

import json
import statistics
import sys
import time
from argparse import Namespace
from random import Random
from typing import Any

import locust
import msgpack  # type: ignore[import-untyped]  # ships no types
import zmq
from locust import User
from locust.env import Environment
from locust.stats import setup_distributed_stats_event_listeners

from gauntlet.fleet import FINISH, LAST, TOLD
from gauntlet.measure.recorder import FIELD, RUN, Recorder
from gauntlet.preparing import PREPARE, PREPARED

REPORT_S = 3.0
HEARTBEAT_S = 1.0


class Visitor(User):
    """The class that the master sends users of."""

    abstract = True


class Reports:
    """What one worker would report every three seconds; all workers report the same."""

    def __init__(self, series: int, requests: int) -> None:
        self._names = [f"/endpoint/{number}" for number in range(series)]
        self._requests = requests
        self._random = Random(5)
        self._environment = Environment(user_classes=[Visitor], parsed_options=Namespace())
        self._environment.create_local_runner()
        self._recorder = Recorder(self._environment)
        setup_distributed_stats_event_listeners(self._environment.events, self._environment.stats)
        self.held = 0

    def make(self, run: int, users: int) -> dict[str, Any]:
        """The report of the last three seconds."""
        now = time.time()
        self.held = int(self._requests * REPORT_S)
        for number in range(self.held):
            self._environment.events.request.fire(
                request_type="GET",
                name=self._names[number % len(self._names)],
                response_time=self._random.lognormvariate(3, 1),
                response_length=1000,
                exception=None,
                context={"time_to_first_byte": 5.0},
                start_time=now - self._random.random() * REPORT_S,
                response=None,
                url=None,
            )
        setattr(self._environment.parsed_options, RUN, run)
        data: dict[str, Any] = {"user_classes_count": {"Visitor": users}, "user_count": users}
        self._environment.events.report_to_master.fire(client_id="any", data=data)
        self._recorder._hand_over("any", data)
        return data


class Worker:
    """One connection."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", port: str, number: int) -> None:
        self.name = f"simulated_{number}"
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, self.name.encode())
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self.users, self.told, self.state = 0, 0, "ready"
        self.beat: float | None = None
        self.finished = False

    def send(self, kind: str, data: Any) -> None:
        """Send a message as Locust packs it."""
        self.socket.send(msgpack.packb((kind, data, self.name)))

    def report(self, data: dict[str, Any], held: int, last: int | None = None) -> int:
        """Send a report; its size in bytes."""
        self.told += held
        message: bytes = msgpack.packb(("stats", {**data, TOLD: self.told, LAST: last}, self.name))
        self.socket.send(message)
        return len(message)


class Crowd:
    """All workers and what they saw."""

    def __init__(self, port: str, workers: int, series: int, requests: int) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._workers = [Worker(context, port, number) for number in range(workers)]
        self._by_socket = {worker.socket: worker for worker in self._workers}
        self._reports = Reports(series, requests)
        self._run = 0
        self._echoes: list[float] = []
        self._turns: list[float] = []
        self._sizes: list[int] = []
        self._asked: float | None = None

    def live(self) -> dict[str, float]:
        """Live until the master has asked for the last reports of all."""
        poller = zmq.Poller()
        for worker in self._workers:
            poller.register(worker.socket, zmq.POLLIN)
            worker.send("client_ready", locust.__version__)
        beat = report = turned = time.monotonic()
        while not all(worker.finished for worker in self._workers):
            for socket, _ in poller.poll(20):
                kind, data, _ = msgpack.unpackb(socket.recv(), strict_map_key=False)
                self._hear(self._by_socket[socket], kind, data)
            now = time.monotonic()
            self._turns.append(now - turned)
            turned = now
            if now >= beat:
                beat = now + HEARTBEAT_S
                self._beat(now)
            if self._run and self._asked is None and now >= report:
                report = now + REPORT_S
                self._report()
        time.sleep(1.0)  # what was sent last has to leave
        ordered = sorted(self._echoes) or [0.0]
        return {
            "asked": self._asked or 0.0,
            "bytes": statistics.fmean(self._sizes),
            "echo_ms": 1000 * statistics.median(ordered),
            "turn_ms": 1000 * max(self._turns),
            "echo_p99_ms": 1000 * ordered[int(len(ordered) * 0.99)],
        }

    def _beat(self, now: float) -> None:
        state = {"current_cpu_usage": 50.0, "current_memory_usage": 100_000_000}
        for worker in self._workers:
            worker.beat = worker.beat or now
            worker.send("heartbeat", {"state": worker.state, **state})

    def _report(self) -> None:
        data = self._reports.make(self._run, self._workers[0].users)
        self._sizes += [worker.report(data, self._reports.held) for worker in self._workers]

    def _hear(self, worker: Worker, kind: str, data: Any) -> None:
        if kind == "heartbeat" and worker.beat is not None:
            if self._run:
                self._echoes.append(time.monotonic() - worker.beat)
            worker.beat = None
        elif kind == PREPARE:
            worker.send(PREPARED, data["round"])
        elif kind == "spawn":
            self._run = data["parsed_options"][RUN]
            worker.users = sum(data["user_classes_count"].values())
            worker.state = "running"
            count = {"user_classes_count": {"Visitor": worker.users}, "user_count": worker.users}
            worker.send("spawning_complete", count)
        elif kind == FINISH and not worker.finished:
            self._asked = self._asked or time.time()
            worker.finished = True
            empty = {"stats": [], "errors": {}, FIELD: [], RUN: self._run}
            empty |= {"user_classes_count": {}, "user_count": 0}
            total = self._reports._environment.stats.total.get_stripped_report()
            worker.report({**empty, "stats_total": total}, 0, data["run"])


if __name__ == "__main__":
    port, *numbers = sys.argv[1:]
    workers, series, requests = map(int, numbers)
    print(json.dumps(Crowd(port, workers, series, requests).live()))
