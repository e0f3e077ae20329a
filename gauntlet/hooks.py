"""Wires the suite into Locust's events; nothing happens at import.

    events                    here
    init_command_line_parser  options; the mix is laid on the user classes
    init                      targets, shapes, preflight, the web page's tab
    test_start                payloads; a new judged run (not on workers)
    test_stop                 verdict and reports (not on workers)
    quitting, quit            exit code; the console block

A wrong input ends the process here with one line per mistake: an exception that left a listener
would only be logged, and the load would run.
"""

import logging
import random
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import gevent
from gevent.event import Event
from locust import events, log
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from gauntlet import config, options
from gauntlet.addresses import Target, check_address, resolve, targets
from gauntlet.embedded import EmbeddedTarget
from gauntlet.errors import GauntletError, UsageError, gathering
from gauntlet.exitcodes import ExitCode
from gauntlet.extras import Extras
from gauntlet.fleet import LastReport, Ledger
from gauntlet.iterating import Iterations
from gauntlet.measure import rounding
from gauntlet.measure.outcomes import closed_list
from gauntlet.measure.recorder import RUN, Recorder
from gauntlet.models import Model
from gauntlet.phases import Phases
from gauntlet.preflight import preflight
from gauntlet.preparing import Preparing, settle_memory
from gauntlet.report import console, files, webtab
from gauntlet.report.record import RunRecord
from gauntlet.run import Plan, Run
from gauntlet.shape import ProfileShape, shape_for
from gauntlet.systems import System
from gauntlet.systems import system as find_system
from gauntlet.thresholds import Threshold, override
from gauntlet.user import Preparation, SuiteUser, choose, concrete_users

logger = logging.getLogger(__name__)

_MIX = "gauntlet_mix"
"""The mix on its way to the workers, among the parsed options that Locust forwards."""

_ADDRESSES = "gauntlet_addresses"
"""All addresses by name, of a system that has several; on the same way."""

_CURVE = {"num_users": "-u", "spawn_rate": "-r", "run_time": "-t"}
"""Options of Locust that a profile makes meaningless."""

_FORWARDED = ("seed", _MIX, _ADDRESSES)
"""What workers need to make their payloads."""

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


def fail(error: GauntletError) -> NoReturn:
    """Print an error's lines and leave with its exit code."""
    for mistake in error.mistakes:
        print(mistake, file=sys.stderr)
    raise SystemExit(int(error.exit_code))


def no_run() -> ExitCode:
    """Say that a process which was to make load ends without any; gives back its exit code."""
    print("no request was made: stopped before the load began", file=sys.stderr)
    return ExitCode.INVALID


class Suite:
    """The suite in one Locust process: what was asked for, and the run that is going on."""

    def __init__(self, system: System | None) -> None:
        self.system = system
        self.run: Run | None = None
        self.record: RunRecord | None = None
        self.folder: Path | None = None
        self._parsed: Any = None
        self._label: str | None = None
        self._code: int | None = None
        self._mix: Model | None = None
        self._embedded: EmbeddedTarget | None = None
        self._preflight: list[str] = []
        self._ready = Event()

    def add_options(self, parser: LocustArgumentParser) -> None:
        """Add our options and lay the mix on the classes that the locustfile made."""
        options.add(parser)
        try:
            if self.system:
                self._mix, defaults = config.load_settings(self.system)
                parser.set_defaults(**defaults)
        except GauntletError as error:
            fail(error)
        self._configure()

    def set_up(self, environment: Environment, **_: Any) -> None:
        """Prepare this process for its part: judge, worker, or both in one."""
        self.environment = environment
        assert environment.runner is not None and environment.parsed_options is not None
        self._parsed = environment.parsed_options
        name = self.system.name if self.system else None
        self.recorder = Recorder(environment, closed_list(name))
        rounding.install()
        self.extras = Extras(environment)
        environment.events.test_start.add_listener(self._number)
        self.phases = Phases(environment, self.recorder)
        self.iterations = Iterations(environment)
        self.preparing = Preparing(environment, self._prepare_worker)
        environment.events.test_start.add_listener(self._start)
        # What came so far took long, and gevent's timers count from its last look at the clock.
        gevent.get_hub().loop.update_now()
        if isinstance(environment.runner, WorkerRunner):
            LastReport(environment, environment.runner)
            self._listen_to_signals()
            self._ready.set()
            return
        try:
            self._set_up_judge()
        except GauntletError as error:
            fail(error)
        self._ready.set()

    def catch_up(self, environment: Environment, **_: Any) -> None:
        """Let users wait until `set_up` is done, and do what it then wants done at a start.

        Locust takes a worker for ready before its `init`: one that comes late gets users at once.
        """
        if self._ready.is_set():
            return
        listeners = events.test_start._handlers
        known = len(listeners)
        self._ready.wait()
        for listener in listeners[known:]:
            listener(environment=environment)

    def get_ready(self, host: str | None) -> None:
        """Prepare a run against `host` before its clock starts; raise what speaks against it.

        The payloads are made here, so that a missing folder of pictures ends nothing half-way.
        """
        address = host or self.target.address
        addresses = self.target.named(self.system, address) if self.system and address else {}
        mistakes: list[str] = []
        for where, one, system in self._addresses(address, addresses):
            with gathering(mistakes):
                check_address(one, system, self.options.allow_protected, where)
        if mistakes:
            raise UsageError(mistakes)
        setattr(self._parsed, _ADDRESSES, addresses)
        given = self.options.seed
        self._parsed.seed = random.getrandbits(63) if given is None else given
        self._prepare()
        self._preflight = preflight(self.environment, address, self.options.preflight)

    # -- the judging process ---------------------------------------------------------------------

    def _set_up_judge(self) -> None:
        environment, runner = self.environment, self.environment.runner
        self.options = options.read(self._parsed)
        if self.options.wait is not None and self._mix is not None:
            self._mix = self._mix.model_copy(update={"wait": self.options.wait})
        self._configure()
        files.check_writable(self.options.results)
        self._choose_shape()
        self.target = resolve(self.system, environment, self.options.environment)
        if self.target.embedded:
            assert self.system is not None
            names = self.system.addresses
            self._embedded = EmbeddedTarget(
                self.system.target, self.system.target_options, max(len(names), 1)
            )
            self.target = Target(self._embedded.addresses[0], "embedded")
            if names:
                found = dict(zip(names, self._embedded.addresses, strict=True))
                self.target = targets(self.system, found, "embedded")
        if self.target.address and not environment.host:
            environment.host = self.target.address
        self.ledger = Ledger(environment, runner) if isinstance(runner, MasterRunner) else None
        setattr(self._parsed, _MIX, self._mix.model_dump(mode="json") if self._mix else None)
        if environment.web_ui is not None:
            webtab.install(environment.web_ui, self)
        if environment.web_ui is None or self._parsed.autostart:
            self.get_ready(environment.host)
        environment.events.test_stopping.add_listener(self._stopping)
        environment.events.test_stop.add_listener(self._stop)
        environment.events.quitting.add_listener(self._quit)
        # Fired last: a locustfile's own listener may set another code, but not turn red to green.
        environment.events.quitting._handlers.insert(0, self._insist)
        environment.events.quit.add_listener(self._last_words)
        self._listen_to_signals()

    def _addresses(
        self, address: str | None, named: Mapping[str, str]
    ) -> Iterator[tuple[str, str, System | None]]:
        """Where it was given and what load will go to; without any, those of the user classes."""
        if address:
            given = config.given_addresses(self.system)
            for name, one in named.items():
                # One variable may stand for all addresses.
                by = [other for other in (name, *given) if given.get(other) == one]
                yield config.variable_of(by[0]) if by else "host", one, self.system
            if not named:
                yield "host", address, self.system
            return
        for user in self.environment.user_classes:
            if user.host:
                yield "host", user.host, self.system if issubclass(user, SuiteUser) else None

    def _choose_shape(self) -> None:
        environment = self.environment
        shapes = {name: shape_for(name, self.system) for name in config.profile_names(self.system)}
        if isinstance(environment.shape_class, ProfileShape):
            environment.shape_class.system = self.system
        if self.options.profile:
            chosen = shapes.get(self.options.profile) or shape_for(
                self.options.profile, self.system
            )
            environment.shape_class = chosen
            self._warn_of_curve_options()
        if isinstance(environment.shape_class, ProfileShape):
            environment.shape_class.runner = environment.runner
            _ = environment.shape_class.plan  # read now: a mistake in it ends the process here
        environment.available_shape_classes = {
            **(environment.available_shape_classes or {}),
            **shapes,
        }

    def _warn_of_curve_options(self) -> None:
        given = [option for name, option in _CURVE.items() if getattr(self._parsed, name)]
        if given:
            outranked = ", ".join(given)
            logger.warning("%s: the profile %s outranks it", outranked, self.options.profile)

    @property
    def shape(self) -> ProfileShape | None:
        """The profile's shape that drives the users, if one does."""
        shape = self.environment.shape_class
        return shape if isinstance(shape, ProfileShape) else None

    def rules(self) -> list[Threshold]:
        """The profile's thresholds with those given by hand over them."""
        profile = self.shape.plan if self.shape else None
        return override(list(profile.thresholds) if profile else [], list(self.options.rules))

    def _plan(self) -> Plan:
        shape, environment = self.shape, self.environment
        given = environment.host == self.target.address
        return Plan(
            system=self.system.name if self.system else None,
            profile_name=shape.profile if shape else None,
            profile=shape.plan if shape else None,
            environment=self.target.environment if given else None,
            target=environment.host or "by user class",
            rules=self.rules(),
            planned=shape.plan.duration if shape else self._run_time(),
            results=self.options.results,
            seed=self._parsed.seed,
            mix=self._mix,
            preflight=self._preflight,
            addresses=getattr(self._parsed, _ADDRESSES, {}),
        )

    def _run_time(self) -> float | None:
        """Seconds of `-t`; None where another shape decides or the load goes on until stopped."""
        seconds = self._parsed.run_time
        return float(seconds) if seconds and self.environment.shape_class is None else None

    # -- events ----------------------------------------------------------------------------------

    def _start(self, **_: Any) -> None:
        runner = self.environment.runner
        judging = not isinstance(runner, WorkerRunner)
        if judging:
            if self.shape:
                self.shape.hold()
            self._fill_in()
        self.recorder.clear()
        self.extras.clear()
        if judging:
            self.record = None
            self.run = Run(
                self.environment,
                self._plan(),
                self.recorder,
                self.ledger,
                self.iterations,
                self.extras,
            )
        if isinstance(runner, WorkerRunner):
            self._prepare_worker()
        if isinstance(runner, MasterRunner):
            self.preparing.ask({name: getattr(self._parsed, name, None) for name in _FORWARDED})
        if self.run is not None:
            self.run.start_clock()
        if judging and self.shape:
            self.shape.release()
        if judging:
            self.phases.begin(self.shape)

    def _number(self, **_: Any) -> None:
        """Give the run a number that goes to the workers: what comes late is told apart by it."""
        if not isinstance(self.environment.runner, WorkerRunner):
            setattr(self._parsed, RUN, getattr(self._parsed, RUN, 0) + 1)

    def _fill_in(self) -> None:
        """Fill what the web form left empty: the host, and Locust's label with the profile."""
        environment, profile = self.environment, self.shape.profile if self.shape else None
        environment.host = environment.host or self.target.address
        if environment.profile in (None, "", self._label):
            environment.profile = profile
        self._label = profile

    def _prepare_worker(self) -> None:
        """Take over the master's mix and make the payloads."""
        forwarded = getattr(self._parsed, _MIX, None)
        try:
            if forwarded and self.system:
                self._mix = self.system.mix.model_validate(forwarded, strict=False)
                self._configure()
            self._prepare()
        except GauntletError as error:
            fail(error)

    def _prepare(self) -> None:
        """Make the payloads that users will send; on a master that proves that they can be made."""
        worker = getattr(self.environment.runner, "worker_index", 0)
        addresses = getattr(self._parsed, _ADDRESSES, None) or {}
        preparation = Preparation(
            int(self._parsed.seed), worker, lambda: gevent.sleep(0), addresses
        )
        for user in self.environment.user_classes:
            if issubclass(user, SuiteUser):
                user.prepare(preparation)
        settle_memory()

    def _configure(self) -> None:
        for user in concrete_users():
            if self._mix is not None and issubclass(user, SuiteUser):
                user.configure(self._mix)
                if self._parsed is not None:
                    choose(user, self._parsed.tags, self._parsed.exclude_tags)

    def _stopping(self, **_: Any) -> None:
        if self.run is not None:
            self.run.stop_clock()

    def _insist(self, **_: Any) -> None:
        if self._code and not self.environment.process_exit_code:
            self.environment.process_exit_code = self._code

    def _stop(self, **_: Any) -> None:
        run = self.run
        if run is None or run.ended:
            return
        self.phases.end()
        iterated = self.iterations.complete or getattr(
            self.environment.runner, "iteration_target_reached", False
        )
        try:
            self.record = run.finish(stopped_early=not iterated)
        finally:
            self.folder, self.run = run.folder, None
        if self.environment.web_ui is not None:
            console.write(self.record, str(self.folder))
        elif isinstance(self.environment.runner, MasterRunner):
            # Locust goes on waiting where the last worker was lost; twice does no harm.
            quit_runner = self.environment.runner.quit
            gevent.spawn(lambda: quit_runner())

    def _quit(self, **_: Any) -> None:
        runner = self.environment.runner
        if self.run is not None and not self.run.ended and runner is not None:
            runner.stop()
            self._stop()  # a runner that still prepares its start tells nobody of its stop
        while self.run is not None:
            gevent.sleep(0.05)  # another greenlet judges it
        if self._embedded is not None:
            self._embedded.stop()
        if self.record is None:
            if self.environment.web_ui is None:
                self._code = no_run() if self.folder is None else ExitCode.INVALID
                self.environment.process_exit_code = self._code
            return
        code, judged = self.record.outcome.exit_code, bool(self.record.thresholds)
        if code == ExitCode.PASS and log.unhandled_greenlet_exception:
            return  # something broke on the way; Locust's own code for that stands
        if judged or code == ExitCode.INVALID:
            self.environment.process_exit_code = self._code = code

    def _listen_to_signals(self) -> None:
        """Let SIGTERM and Ctrl-C end this process in order, whatever Locust is about.

        Locust hears SIGTERM only after a headless profile has ended, and neither in order while a
        master waits for its workers. Python would raise the exception of Ctrl-C in any greenlet,
        so that a user might lose a request.
        """
        main, loop = gevent.getcurrent(), gevent.get_hub().loop

        def interrupt(*_: object) -> None:
            if self.run is None or not self.run.ended:  # else its judgement comes first
                loop.run_callback(main.throw, self._interruption())

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, interrupt)

    def _interruption(self) -> BaseException:
        environment = self.environment
        begun = self.run is not None or self.record is not None
        if begun or environment.web_ui is not None or isinstance(environment.runner, WorkerRunner):
            return KeyboardInterrupt()
        return SystemExit(no_run())

    def _last_words(self, **_: Any) -> None:
        if self.record is not None and self.environment.web_ui is None:
            stream = sys.stderr if self._parsed.json else sys.stdout
            console.write(self.record, str(self.folder), stream)
