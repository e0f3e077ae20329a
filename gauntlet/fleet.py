"""Who took part in a distributed run, and whether each worker's last report has come.

A worker that stops sends its statistics once more, marked as its last for that run. The master
asks for it at the end of the load, before Locust ends the workers, and waits for it. A worker
whose last report never came is lost: requests that it made are missing from every figure.
"""

import time
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

FINISH = "gauntlet_finish"
LAST = "gauntlet_last"
GRACE_S = 10.0
"""How long a worker may take, after its users were given their time to stop."""


class Ledger:
    """The master's book of workers in the current run."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._joined: dict[str, int] = {}
        self._finished: set[str] = set()
        environment.events.worker_report.add_listener(self._note)

    def begin(self) -> None:
        """A run begins with the workers that are connected now."""
        self._finished.clear()
        self._joined = {client: self._index(client) for client in self._present()}

    def finish(self) -> None:
        """Ask every worker that is still there for its last report and wait for it."""
        for client in self._missing_reports():
            self._runner.send_message(FINISH, client_id=client)
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

    def _note(self, client_id: str, data: dict[str, Any]) -> None:
        if data.get("user_count"):
            self._joined.setdefault(client_id, self._index(client_id))
        if data.get(LAST):
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
        self._runner = runner
        self._last = False
        environment.events.report_to_master.add_listener(self._mark)
        environment.events.test_stop.add_listener(self._send)
        environment.events.quitting.add_listener(lambda **_: runner.stop())
        runner.register_message(FINISH, self._finish)

    def _finish(self, **_: Any) -> None:
        self._runner.stop()
        self._send()

    def _send(self, **_: Any) -> None:
        self._last = True
        self._runner._send_stats()  # Locust offers no public way to report now

    def _mark(self, client_id: str, data: dict[str, Any]) -> None:
        data[LAST] = self._last
        self._last = False
