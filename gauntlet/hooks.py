"""Wires the suite into Locust's events; nothing happens at import.

    events                    here
    init_command_line_parser  options; the mix is laid on the user classes
    init                      what measures; then a judge, or what a worker owes its master
    test_start                a worker makes its payloads; the judge begins a run

A wrong input ends the process here with one line per mistake: an exception that left a listener
would only be logged, and the load would run.
"""

import random
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

import gevent
import psutil
from gevent.event import Event
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

from gauntlet import listening, option_group, spawning, tasks
from gauntlet.arriving import Arriving
from gauntlet.errors import GauntletError, UsageError
from gauntlet.extras import Extras
from gauntlet.fleet import LastReport
from gauntlet.iterating import Iterations
from gauntlet.judging import Instruments, Judge
from gauntlet.measure import recent, rounding, table
from gauntlet.measure.outcomes import closed_list
from gauntlet.measure.recorder import RUN, Recorder
from gauntlet.orphans import Orphan
from gauntlet.phases import Phases
from gauntlet.preparing import Preparing
from gauntlet.pulse import Pulse
from gauntlet.systems import System
from gauntlet.systems import system as find_system
from gauntlet.worker import Worker

_suite: "Suite | None" = None


def register(name: str | None) -> None:
    """Wire the suite for a system, once per process."""
    global _suite
    try:
        system = find_system(name) if name is not None else None
        if _suite is not None and _suite.system is not system:
            known = _suite.system.name if _suite.system else "no system"
            raise UsageError(f"register: expected one system per run, got {name!r} after {known}")
    except GauntletError as error:
        fail(error)
    if _suite is None:
        _suite = Suite(system)
        events.init_command_line_parser.add_listener(_suite.add_options)
        events.init.add_listener(_suite.set_up)
        events.test_start.add_listener(_suite.catch_up)
        listening.install(_refuse)


def fail(error: GauntletError) -> NoReturn:
    """Print an error's lines and leave with its exit code."""
    for mistake in error.mistakes:
        print(mistake, file=sys.stderr)
    raise SystemExit(int(error.exit_code))


def _end_forks() -> None:
    """End the workers of `--processes`: Locust made them before any input was looked at.

    It leaves them behind otherwise, and for a minute they would join the next master.
    """
    own = psutil.Process()
    for child in own.children():
        with suppress(psutil.NoSuchProcess):
            if child.cmdline() == own.cmdline():
                child.kill()


def _refuse(environment: Environment, error: GauntletError) -> NoReturn:
    """Leave before any load, with the workers that Locust made already."""
    if getattr(environment.parsed_options, "processes", None):
        _end_forks()
    fail(error)


def _look_at_the_clock() -> None:
    """After long work: gevent's timers, Locust's for `-t` too, count from its last look."""
    gevent.get_hub().loop.update_now()


class Suite:
    """The suite in one Locust process, whatever its part is."""

    def __init__(self, system: System | None) -> None:
        self.system = system
        self._worker = Worker(system)
        self._judge: Judge | None = None
        self._ready = Event()
        self._since = 0.0
        """When Locust last started a run: this is the first of its listeners."""

    def add_options(self, parser: LocustArgumentParser) -> None:
        """Add our options and lay the mix on the classes that the locustfile made."""
        option_group.add(parser)
        try:
            self._worker.read_mix(parser)
        except GauntletError as error:
            fail(error)
        self._worker.configure()

    def set_up(self, environment: Environment, **_: Any) -> None:
        """Prepare this process for its part: judge, worker, or both in one."""
        runner = environment.runner
        assert runner is not None and environment.parsed_options is not None
        self._parsed: Any = environment.parsed_options
        self._worker.join(environment)
        self._instruments = self._measure(environment)
        arriving = self._instruments.arriving
        environment.events.test_start.add_listener(self._start)
        environment.events.test_start.add_listener(arriving.ready)
        _look_at_the_clock()
        if isinstance(runner, WorkerRunner):
            LastReport(environment, runner, self._instruments.iterations)
            environment.events.quitting.add_listener(arriving.leave)  # fired before the last report
            Orphan(environment, runner)
        else:
            # Not from one: a worker that another master started has that master's numbers.
            setattr(self._parsed, RUN, random.getrandbits(48))
            try:
                listening.check_page(environment)
                self._judge = Judge(environment, self._worker, self._instruments)
            except GauntletError as error:
                _refuse(environment, error)
        _look_at_the_clock()
        self._ready.set()

    def catch_up(self, environment: Environment, **_: Any) -> None:
        """Let users wait until `set_up` is done, and do what it then wants done at a start.

        Locust takes a worker for ready before its `init`: one that comes late gets users at once.
        """
        self._since = time.perf_counter()
        if self._ready.is_set():
            return
        listeners = events.test_start._handlers
        known = len(listeners)
        self._ready.wait()
        for listener in listeners[known:]:
            listener(environment=environment)

    def _measure(self, environment: Environment) -> Instruments:
        name = self.system.name if self.system else None
        recorder = Recorder(environment, closed_list(name))
        rounding.install()
        recent.install(environment)
        table.install(environment)
        spawning.install()
        extras = Extras(environment)
        if not isinstance(environment.runner, WorkerRunner):
            environment.events.test_start.add_listener(self._number)
        phases, iterations = Phases(environment, recorder), Iterations(environment)
        arriving = Arriving(environment, recorder, lambda: iterations.wanted)
        tasks.pass_through(iterations, arriving)
        preparing = Preparing(environment, self._make_payloads)
        pulse = Pulse(environment)
        return Instruments(recorder, extras, phases, iterations, arriving, preparing, pulse)

    def _number(self, **_: Any) -> None:
        """Give the run a number that goes to the workers: what comes late is told apart by it."""
        setattr(self._parsed, RUN, getattr(self._parsed, RUN, 0) + 1)
        if self._judge is not None:
            self._judge.count_iterations()

    def _start(self, **_: Any) -> None:
        if self._judge is not None:
            self._judge.hold(self._since)
        self._instruments.recorder.clear()
        self._instruments.extras.clear()
        self._instruments.pulse.clear()
        if self._judge is not None:
            self._judge.begin()
        else:
            self._make_payloads()

    def _make_payloads(self) -> None:
        try:
            self._worker.take_over()
        except GauntletError as error:
            fail(error)
