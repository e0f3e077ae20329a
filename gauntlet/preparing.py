"""Has every worker make its payloads before the clock of a run starts.

The master asks the workers that are there when a run starts and waits for their word. A worker
that joins later makes its payloads before its first user.
"""

import gc
import logging
import time
from collections.abc import Callable
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

logger = logging.getLogger(__name__)

PREPARE = "gauntlet_prepare"
PREPARED = "gauntlet_prepared"
PATIENCE_S = 120.0
"""How long workers may take; then the run starts, and its first seconds show who was not ready."""
AGAIN_S = 1.0
"""Who has not answered is asked again: Locust counts a worker as ready before it listens to us."""


def settle_memory() -> None:
    """Take all objects that are there now out of garbage collection.

    Else a full collection in the middle of the load walks over everything that was imported: for
    0.1 s and more no user moves, and that is measured as the target's time.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Preparing:
    """One process's part; `make` makes the payloads from the parsed options."""

    def __init__(self, environment: Environment, make: Callable[[], None]) -> None:
        self._environment = environment
        self._make = make
        self._waiting: set[str] = set()
        self._round = 0
        self._making = False
        runner = environment.runner
        if isinstance(runner, MasterRunner):
            runner.register_message(PREPARED, self._note)
        elif isinstance(runner, WorkerRunner):
            # Concurrent: heartbeats and messages go on while pictures are drawn.
            runner.register_message(PREPARE, self._prepare, concurrent=True)

    def ask(self, options: dict[str, Any]) -> None:
        """Hand `options` to all workers and wait until each is ready or gone."""
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner):
            return
        clients = runner.clients
        self._round += 1
        data = {"round": self._round, "options": options}
        self._waiting = {one.id for one in clients.ready + clients.running + clients.spawning}
        again = time.monotonic()
        deadline = again + PATIENCE_S
        while (waiting := self._still_there(runner)) and time.monotonic() < deadline:
            if time.monotonic() >= again:
                again += AGAIN_S
                for client in waiting:
                    runner.send_message(PREPARE, data, client_id=client)
            gevent.sleep(0.02)
        if self._still_there(runner):
            logger.warning("workers still make their payloads; the load starts all the same")

    def _still_there(self, runner: MasterRunner) -> set[str]:
        present = {one.id for one in runner.clients.all if one.state != STATE_MISSING}
        return self._waiting & present

    def _note(self, msg: Any, **_: Any) -> None:
        if msg.data == self._round:  # else of a run that was given up
            self._waiting.discard(msg.node_id)

    def _prepare(self, environment: Environment, msg: Any, **_: Any) -> None:
        if self._making:
            return
        vars(environment.parsed_options).update(msg.data["options"])
        self._making = True
        try:
            self._make()
        finally:
            self._making = False
        assert isinstance(environment.runner, WorkerRunner)
        environment.runner.send_message(PREPARED, msg.data["round"])
