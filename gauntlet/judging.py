"""The judge: the part of a single process, or of the master, that plans runs and ends them.

test_start    payloads are made, a new judged run begins
test_stop     verdict and reports
quitting      the exit code, before and after all other listeners
quit          the console block, after Locust's own tables
"""

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from gauntlet.arriving import LAST_S, Arriving
from gauntlet.balance import Balance
from gauntlet.ending import Ending
from gauntlet.extras import Extras
from gauntlet.fleet import Ledger
from gauntlet.iterating import Iterations
from gauntlet.measure.recorder import RUN, Recorder
from gauntlet.metrics.server import serve
from gauntlet.phases import Phases
from gauntlet.planning import Planner
from gauntlet.preflight import preflight
from gauntlet.preparing import Preparing
from gauntlet.pulse import Pulse
from gauntlet.report import console, weblogin, webtab
from gauntlet.report.record import RunRecord
from gauntlet.run import Run
from gauntlet.stopping import in_turn
from gauntlet.thresholds import Threshold
from gauntlet.worker import COMING, FORWARDED, Worker

START_S = 1.0
"""From the start of the timer of `-t` to when a run hears of its start: a busy process."""


@dataclass(frozen=True)
class Instruments:
    """What measures in this process."""

    recorder: Recorder
    extras: Extras
    phases: Phases
    iterations: Iterations
    arriving: Arriving
    preparing: Preparing
    pulse: Pulse


class Judge:
    """The run that goes on, or the record of the last one."""

    def __init__(self, environment: Environment, worker: Worker, instruments: Instruments) -> None:
        self.run: Run | None = None
        self.record: RunRecord | None = None
        self.folder: Path | None = None
        self._environment = environment
        assert environment.parsed_options is not None
        self._parsed = environment.parsed_options
        self._worker = worker
        self._instruments = instruments
        self._preflight: list[str] = []
        self.beginning = False
        """Whether a run waits for its workers' payloads."""
        self._since = self._preparation = 0.0
        """When Locust started the run, and the seconds from then to its first moment."""
        self._beginner: gevent.Greenlet[..., Any] | None = None
        ending = Ending(environment, self)
        self._planner = Planner(environment, worker)
        runner, self._ledger = environment.runner, None
        if isinstance(runner, MasterRunner):
            self._ledger = Ledger(environment, runner)
            Balance(environment, runner)
            in_turn(runner)
        if self._planner.options.metrics is not None:
            serve(self._planner.options.metrics, environment, self, instruments.recorder)
        if environment.web_ui is not None:
            password, base = self._planner.options.web_password, self._parsed.web_base_path
            weblogin.install(environment.web_ui, password, base)
            webtab.install(environment.web_ui, self)
        if environment.web_ui is None or self._parsed.autostart:
            self.get_ready(environment.host)
        environment.events.test_stopping._handlers.insert(0, self._serve_to_the_end)
        environment.events.test_stop.add_listener(self.stop)
        ending.connect()

    def rules(self) -> list[Threshold]:
        """The rules that judge the next run."""
        return self._planner.rules()

    def get_ready(self, host: str | None) -> None:
        """Prepare a run against `host` before its clock starts; raise what speaks against it.

        The payloads are made here, so that a missing folder of pictures ends nothing half-way.
        """
        address, options = self._planner.aim(host), self._planner.options
        self._parsed.seed = random.getrandbits(63) if options.seed is None else options.seed
        setattr(self._parsed, COMING, getattr(self._parsed, RUN, 0) + 1)
        self._worker.prepare()
        self._preflight = preflight(self._environment, address, options.preflight)

    def count_iterations(self) -> None:
        """Let the run end after as many iterations as its options or its profile say."""
        self._parsed.total_iterations = self._planner.total_iterations

    def hold(self, since: float) -> None:
        """A run is about to begin: no user comes before its payloads are made.

        Locust started it, and the timer of `-t`, at `since` by `perf_counter`.
        """
        self._since = since
        if shape := self._planner.shape:
            shape.hold()
        self._planner.fill_in()

    def begin(self) -> None:
        """Begin a judged run; its clock starts when all workers are ready."""
        parts, shape = self._instruments, self._planner.shape
        self.record = None
        self.run = Run(
            self._environment,
            self._planner.plan(self._preflight),
            parts.recorder,
            self._ledger,
            parts.iterations,
            parts.extras,
            parts.pulse,
            parts.arriving,
        )
        if isinstance(self._environment.runner, MasterRunner):
            self._wait_for_payloads()
        if self.run is not None:
            self.run.start_clock()
        schedule = self._planner.schedule()
        lead = parts.arriving.lead if schedule is not None else 0.0
        if shape:
            shape.release(lead)
        parts.phases.begin(shape)
        parts.arriving.begin(schedule, -lead, self._planner.max_users)
        self._preparation = time.perf_counter() + lead - self._since

    def close(self) -> None:
        """End the targets that were started for the runs."""
        self._planner.close()

    def give_up(self) -> None:
        """End a run that waits for payloads: Locust stops only what it has begun."""
        if self.beginning and self._beginner is not None:
            self._beginner.kill()

    def _wait_for_payloads(self) -> None:
        current = gevent.getcurrent()
        # The main greenlet, where a start came with the process, is never killed.
        self._beginner = current if isinstance(current, gevent.Greenlet) else None
        self.beginning = True
        try:
            self._instruments.preparing.ask(
                {name: getattr(self._parsed, name, None) for name in FORWARDED}
            )
        except gevent.GreenletExit:
            self.stop()
            raise
        finally:
            self.beginning = False

    def _serve_to_the_end(self, **_: Any) -> None:
        """Let the last arrivals come, also where a worker hears of them a little late.

        The timer of `-t` ran while the load was prepared; a profile's clock waited for that.
        Whoever stops by hand waits for nothing.
        """
        left, run = self._instruments.arriving.left, self.run
        if run is None:
            return
        early = 0.0 if self._planner.shape else self._preparation + START_S
        if -LAST_S < left <= early and not (run.interrupted or run.aborted):
            gevent.sleep(left + LAST_S)
        run.stop_clock()  # what begins late, or is in flight, ends after it

    def stop(self, **_: Any) -> None:
        """End the run with its verdict and its reports."""
        run, runner = self.run, self._environment.runner
        if run is None or run.ended:
            return
        self._instruments.phases.end()
        self._instruments.arriving.end()
        iterated = self._instruments.iterations.complete
        iterated = iterated or getattr(runner, "iteration_target_reached", False)
        try:
            self.record = run.finish(stopped_early=not iterated)
        finally:
            self.folder, self.run = run.folder, None
        if self._environment.web_ui is not None:
            console.write(self.record, str(self.folder))
        elif isinstance(runner, MasterRunner):
            # Locust goes on waiting where the last worker was lost; twice does no harm.
            quit_runner = runner.quit
            gevent.spawn(lambda: quit_runner())
