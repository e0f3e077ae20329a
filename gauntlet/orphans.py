"""What a worker does without its master, and the exit code with which it ends.

Locust's worker goes on at full load for a minute after its master was last heard, with nobody
who records it, and then ends with 0. Here it stops its users after ten seconds, as they finish
what they are about. It keeps its process: a master that comes back gives it users again, and one
that was started anew may take it. After that minute Locust ends it, and its exit code says so.
"""

import logging
import signal
import time
from typing import Any

import gevent
from locust import __version__
from locust.env import Environment
from locust.runners import STATE_CLEANUP, STATE_INIT, STATE_RUNNING, WorkerRunner

from gauntlet import signals
from gauntlet.balance import HEAR, HEARD, ORPHAN, REJOIN
from gauntlet.exitcodes import ExitCode

logger = logging.getLogger(__name__)

SILENCE_S = 10.0
"""How long the load goes on without a word from the master."""

LOOK_S = 0.5
CALL_S = 2.0
"""How often a worker without users calls for its master."""


class Orphan:
    """Listens for the master, in a worker."""

    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._heard = time.monotonic()
        self._alone = False
        self._spawned: float | None = None
        self._signal: int | None = None
        environment.events.heartbeat_received.add_listener(self._hear)
        # Fired last, after the master was told: it decides nothing but the code.
        environment.events.quitting._handlers.insert(0, self._say)
        runner.register_message(REJOIN, self._rejoin, concurrent=True)
        runner.register_message(HEAR, lambda **_: runner.send_message(HEARD))
        runner.greenlet.spawn(self._watch)
        signals.end_in_order(self._interruption)

    def _hear(self, **_: Any) -> None:
        self._heard = time.monotonic()

    @property
    def _silent(self) -> bool:
        return time.monotonic() - self._heard > SILENCE_S

    def _watch(self) -> None:
        called = 0.0
        while True:
            gevent.sleep(LOOK_S)
            if self._runner.state == STATE_CLEANUP and not self._alone:
                self._hear()  # while users finish at a stop, Locust reads no message
            if self._silent and not self._alone:
                self._alone, self._spawned = True, None
                self._runner.greenlet.spawn(self._stop_users)
            if self._alone and time.monotonic() > called + CALL_S:
                called = time.monotonic()
                self._call()

    def _call(self) -> None:
        """Ask for users until they come; a master that knows of no run has none to give."""
        runner = self._runner
        given = self._spawned is not None and runner.last_received_spawn_timestamp > self._spawned
        if not self._silent and (given or runner.worker_state != STATE_RUNNING):
            self._alone = False
        else:
            runner.send_message(ORPHAN)

    def _stop_users(self) -> None:
        runner = self._runner
        logger.warning("No word from the master for %g s: users stop until it is back", SILENCE_S)
        if runner.spawning_greenlet is not None:
            runner.spawning_greenlet.kill()
        runner.stop_users(runner.user_classes_count)
        # Users that come from now on are those that the master gives back.
        self._spawned = runner.last_received_spawn_timestamp

    def _rejoin(self, **_: Any) -> None:
        """Join a master that knows nothing of this worker, as a new one."""
        runner = self._runner
        if not self._alone:
            return
        self._alone = False
        logger.info("Joining a master that was started anew")
        runner.stop()
        runner.worker_state = STATE_INIT
        runner.last_heartbeat_timestamp = time.time()
        self._hear()
        runner.send_message("client_ready", __version__)  # type: ignore[arg-type]  # as Locust does

    def _interruption(self, number: int) -> BaseException | None:
        if self._signal is not None:
            signals.hurry(self._environment, number)
            return None
        self._signal = number
        return KeyboardInterrupt()

    def _say(self, environment: Environment, **_: Any) -> None:
        forked = getattr(environment.parsed_options, "processes", None)
        if self._signal == signal.SIGINT and forked:
            return  # Ctrl-C of a terminal reaches the master as well, which has the say
        if self._signal == signal.SIGINT:
            environment.process_exit_code = ExitCode.INTERRUPTED
        elif len(self._runner.greenlet):  # else the master, or its silence, ended this worker
            environment.process_exit_code = ExitCode.TERMINATED
        elif self._silent:
            environment.process_exit_code = ExitCode.ORPHANED
