"""How a process that judges ends: by itself, or by a signal at any moment of its life.

SIGTERM, Ctrl-C   end what goes on in order, with its verdict
quitting          the exit code, before and after all other listeners
quit              the console block, after Locust's own tables
"""

import atexit
import logging
import signal
import sys
from pathlib import Path
from typing import Any, Protocol

import gevent
from locust import log
from locust.env import Environment
from locust.runners import MasterRunner

from gauntlet import signals
from gauntlet.exitcodes import ExitCode
from gauntlet.report import console
from gauntlet.report.record import RunRecord
from gauntlet.run import Run

logger = logging.getLogger(__name__)


class Judging(Protocol):
    """The run that goes on, or the record of the last one."""

    run: Run | None
    record: RunRecord | None
    folder: Path | None

    def stop(self) -> None: ...
    def close(self) -> None: ...


class Ending:
    """The end of a judging process; signals count from the first moment on."""

    def __init__(self, environment: Environment, judge: Judging) -> None:
        assert environment.parsed_options is not None
        self._environment = environment
        self._parsed = environment.parsed_options
        self._judge = judge
        self._code: int | None = None
        self._interrupted: Run | None = None
        """The run that a signal is ending."""
        self._connected = self._by_hand = self._terminated = self._quitting = False
        self._interrupt_main = signals.end_in_order(
            self._interruption, shared=not self._parsed.headless
        )

    def connect(self) -> None:
        """Listen to Locust's events, now that all is set up."""
        events = self._environment.events
        events.quitting.add_listener(self._quit)
        # Fired last: a locustfile's own listener may set another code, but not turn red to green.
        events.quitting._handlers.insert(0, self._insist)
        events.quit.add_listener(self._last_words)
        self._connected = True

    def _quit(self, **_: Any) -> None:
        self._quitting = True
        environment, run = self._environment, self._judge.run
        if run is not None and not run.ended and environment.runner is not None:
            # Locust may hear SIGTERM before we do, or somebody else have it quit.
            run.interrupt(terminated=not self._by_hand)
            self._terminated = run.terminated
            environment.runner.stop()
            self._judge.stop()  # a runner that still prepares its start tells nobody of its stop
        while self._judge.run is not None:
            gevent.sleep(0.05)  # another greenlet judges it
        self._judge.close()
        record = self._judge.record
        if record is None:
            if environment.web_ui is None:
                self._code = _no_run() if self._judge.folder is None else ExitCode.INVALID
                environment.process_exit_code = self._code
            return
        code, judged = record.outcome.exit_code, bool(record.thresholds)
        if code == ExitCode.PASS and self._terminated and self._leads:
            environment.process_exit_code = self._code = ExitCode.TERMINATED
            return
        if code == ExitCode.PASS and log.unhandled_greenlet_exception:
            return  # something broke on the way; Locust's own code for that stands
        if code == ExitCode.REQUESTS_FAILED:
            return  # Locust's own meaning, and --exit-code-on-error says which
        if judged or code == ExitCode.INVALID:
            environment.process_exit_code = self._code = code

    @property
    def _leads(self) -> bool:
        """Whether workers make the load: their Jobs go by the master's exit code."""
        return isinstance(self._environment.runner, MasterRunner)

    def _insist(self, **_: Any) -> None:
        if self._code and not self._environment.process_exit_code:
            self._environment.process_exit_code = self._code

    def _last_words(self, **_: Any) -> None:
        if self._judge.record is not None and self._environment.web_ui is None:
            stream = sys.stderr if self._parsed.json else sys.stdout
            console.write(self._judge.record, str(self._judge.folder), stream)

    def _interruption(self, number: int) -> BaseException | None:
        run = self._judge.run
        if self._quitting or (run is not None and run is self._interrupted):
            signals.hurry(self._environment, number)
            return None
        if number == signal.SIGTERM and self._started_with_the_page():
            gevent.spawn(self._interrupt_again)
        if run is not None and run.ended:
            return None  # its judgement comes first
        self._interrupted, self._by_hand = run, number == signal.SIGINT
        if run is not None:
            run.interrupt(terminated=not self._by_hand)
        if run is not None and self._by_hand and not self._leads:
            told = "What is in flight may finish; a second Ctrl-C cuts it"
            gevent.spawn(logger.info, told)  # no log from inside of a signal's handler
        begun = run is not None or self._judge.record is not None
        if begun or (self._connected and self._environment.web_ui is not None):
            return KeyboardInterrupt()
        self._quitting = True
        runner = self._environment.runner
        if isinstance(runner, MasterRunner):
            atexit.register(runner.quit)  # else its workers wait a minute for the next master
        return SystemExit(_no_run())

    def _started_with_the_page(self) -> bool:
        """Whether Locust takes an interruption for the end of the run alone and serves on."""
        environment = self._environment
        with_page = environment.web_ui is not None and self._parsed.autostart
        return bool(with_page and environment.shape_class and self._judge.run is not None)

    def _interrupt_again(self) -> None:
        """End the page, too, when its run is judged and Locust no longer waits for the shape."""
        runner = self._environment.runner
        while self._judge.run is not None or (runner is not None and runner.shape_greenlet):
            gevent.sleep(0.05)
        self._interrupt_main(KeyboardInterrupt())


def _no_run() -> ExitCode:
    """Say that a process which was to make load ends without any; gives back its exit code."""
    print("no request was made: stopped before the load began", file=sys.stderr)
    return ExitCode.INVALID
