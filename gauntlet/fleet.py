"""Who took part in a distributed run, and whether each worker's last report has come.

A worker that stops sends its statistics once more, marked as its last for that run. The master
asks for it at the end of the load, before Locust ends the workers, and waits for it. A worker
whose last report never came is lost: requests that it made are missing from every figure.
"""

import math
import time
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from gauntlet.measure.recorder import RUN

FINISH = "gauntlet_finish"
LAST = "gauntlet_last"
"""In a report that is a worker's last one: the number of the run that it is the last of."""

GRACE_S = 10.0
"""How long a worker may take, after its users were given their time to stop."""


class Ledger:
    """The master's book of workers in the current run."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._joined: dict[str, int] = {}
        self._finished: set[str] = set()
        self._open = False
        environment.events.worker_report.add_listener(self._note)
        environment.events.worker_connect.add_listener(self._join)

    def begin(self) -> None:
        """A run begins with the workers that are connected now."""
        self._finished.clear()
        self._open = True
        self._joined = {client: self._index(client) for client in self._present()}

    def finish(self) -> None:
        """Ask every worker that is still there for its last report and wait for it."""
        self._open = False
        options = self._environment.parsed_options
        data = {"leave": bool(options and options.headless), "run": _run(self._environment)}
        for client in self._missing_reports():
            self._runner.send_message(FINISH, data, client_id=client)
        deadline = time.monotonic() + self._environment.stop_timeout + GRACE_S
        while self._missing_reports() and time.monotonic() < deadline:
            gevent.sleep(0.05)

    @property
    def size(self) -> int:
        """How many workers took part."""
        return len(self._joined)

    @property
    def lost(self) -> list[str]:
        """Workers that took part and left no last report, by Locust's index."""
        gone = [index for client, index in self._joined.items() if client not in self._finished]
        return [f"worker {index}" for index in sorted(gone)]

    @property
    def missing(self) -> list[str]:
        """Workers that took part, left no last report and are not there now, by Locust's index."""
        there = {*self._present(), *self._finished}
        return [
            f"worker {index}"
            for index, client in sorted((index, client) for client, index in self._joined.items())
            if client not in there
        ]

    def _join(self, client_id: str, **_: Any) -> None:
        """A worker that comes during a run takes part in it, whatever becomes of it."""
        if self._open:
            self._joined.setdefault(client_id, self._index(client_id))

    def _note(self, client_id: str, data: dict[str, Any]) -> None:
        run = _run(self._environment)  # a report may come when the next one has begun
        if data.get("user_count") and data.get(RUN) == run:
            self._joined.setdefault(client_id, self._index(client_id))
        if data.get(LAST) == run:
            self._finished.add(client_id)

    def _index(self, client: str) -> int:
        return int(self._runner.get_worker_index(client))

    def _present(self) -> list[str]:
        clients = self._runner.clients
        return [client.id for client in clients.ready + clients.running + clients.spawning]

    def _missing_reports(self) -> list[str]:
        """Those who owe a last report and can still send one."""
        return [
            client
            for client in self._joined
            if client not in self._finished
            and client in self._runner.clients
            and self._runner.clients[client].state != STATE_MISSING
        ]


class LastReport:
    """The worker's part: whatever stops it, its statistics go out once more."""

    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._last: int | None = None
        environment.events.report_to_master.add_listener(self._mark)
        environment.events.test_stop.add_listener(self._send)
        environment.events.quitting.add_listener(self._leave)
        runner.register_message(FINISH, self._finish)

    def _finish(self, msg: Any, **_: Any) -> None:
        if msg.data["leave"]:
            self._leave()
        self._runner.stop()
        self._send(msg.data["run"])

    def _leave(self, **_: Any) -> None:
        """Stop for good: no late order of the master may start users again."""
        self._runner.last_received_spawn_timestamp = math.inf  # type: ignore[assignment]
        self._runner.stop()

    def _send(self, run: int | None = None, **_: Any) -> None:
        self._last = _run(self._environment) if run is None else run
        self._runner._send_stats()  # Locust offers no public way to report now

    def _mark(self, client_id: str, data: dict[str, Any]) -> None:
        data[LAST] = self._last
        self._last = None


def _run(environment: Environment) -> int:
    """The number of the run that goes on."""
    return int(getattr(environment.parsed_options, RUN, 0))
