"""`gauntlet suite`: a system's profiles one after the other, as long as each passes."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gauntlet import __version__, command_options, completing, config, scaffold
from gauntlet.addresses import check_address
from gauntlet.commands import INTERRUPTED, figures_console
from gauntlet.errors import UsageError, gathering
from gauntlet.models import EMBEDDED
from gauntlet.options import parse_scale
from gauntlet.report.record import RunRecord
from gauntlet.scaling import scaled
from gauntlet.suite import state as disk
from gauntlet.suite.cooling import Probe, cool_down
from gauntlet.suite.state import Step, SuiteState
from gauntlet.systems import system as find_system
from gauntlet.text import counted
from gauntlet.units import format_duration, parse_duration

COOL_DOWN, COOL_DOWN_MAX = "10s", "2m"


@click.command()
@click.argument("profiles", nargs=-1, metavar="[PROFILE…]", shell_complete=completing.profiles)
@click.option(
    "--system",
    "name",
    metavar="SYSTEM",
    shell_complete=completing.systems,
    help="What to test.",
)
@command_options.environment
@command_options.url
@click.option("--scale", metavar="FACTOR", help="Shorten all durations: 0.1 makes them a tenth.")
@click.option(
    "--cool-down",
    metavar="DURATION",
    help=f"Least pause between two steps. Default: {COOL_DOWN}.",
)
@click.option(
    "--cool-down-max",
    metavar="DURATION",
    help="The suite goes on then, whatever the probe's response time. Default: "
    + COOL_DOWN_MAX
    + ".",
)
@command_options.results
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Go on with an interrupted suite, after its last finished step.",
)
@click.option("--allow-protected", is_flag=True, help="Allow load on a protected environment.")
@click.pass_context
def suite(
    context: click.Context,
    /,
    profiles: tuple[str, ...],
    results_dir: str,
    resume: Path | None,
    allow_protected: bool,
    **given: str | None,
) -> None:
    """Run PROFILEs in turn and stop at the first verdict that is not PASS.

    Without a PROFILE the system's own order: each asks more than the one before. Between two steps
    the target rests until a light call takes as long as before the load. Exit code: the last run's.
    """
    from gauntlet.suite import report

    if resume is not None:
        _alone(profiles, given)
        folder, state = resume, disk.load(resume)
    else:
        state = _planned(profiles, allow_protected, **given)
        folder = _new_folder(Path(results_dir), state)
    told = Progress(state)
    with _interruptible(folder), ExitStack() as stack:
        if state.left:
            told.plan()
            state = _go_on(state, folder, allow_protected, told, stack)
    report.write(state, folder)
    console = figures_console()
    report.table(state, console)
    click.echo(f"Results: {folder}")
    context.exit(state.exit_code)


# -- before ----------------------------------------------------------------------------------------


def _planned(
    profiles: Sequence[str],
    allow_protected: bool,
    name: str | None,
    env: str | None,
    url: str | None,
    scale: str | None,
    cool_down: str | None,
    cool_down_max: str | None,
) -> SuiteState:
    """What is to be done; every mistake at once."""
    if name is None:
        raise UsageError("suite: expected --system NAME or --resume DIR, got neither")
    system = find_system(name)
    mistakes: list[str] = []
    chosen = tuple(profiles) or system.progression
    for one in chosen:
        with gathering(mistakes):
            config.load_profile(one, system)
    if env is not None:
        with gathering(mistakes):
            target = config.load_environment(env).targets.get(system.name, EMBEDDED)
            for address in [target] if isinstance(target, str) else target.values():
                if address != EMBEDDED:
                    check_address(address, system, allow_protected, "--env")
    if url is not None:
        with gathering(mistakes):
            check_address(url, system, allow_protected, "--url")
    factor, least, most = 1.0, 0.0, 0.0
    try:
        factor = parse_scale(scale) if scale else 1.0
    except ValueError as error:
        mistakes.append(f"--scale: {error}")
    try:
        least = parse_duration(cool_down or COOL_DOWN) * (1 if cool_down else factor)
    except ValueError as error:
        mistakes.append(f"--cool-down: {error}")
    try:
        most = parse_duration(cool_down_max or COOL_DOWN_MAX) * (1 if cool_down_max else factor)
    except ValueError as error:
        mistakes.append(f"--cool-down-max: {error}")
    if cool_down and cool_down_max and 0 < most < least:
        mistakes.append(f"--cool-down-max: expected at least --cool-down, got {cool_down_max!r}")
    if mistakes:
        raise UsageError(mistakes)
    return SuiteState(
        gauntlet=__version__,
        system=system.name,
        profiles=chosen,
        environment=env,
        url=url,
        scale=factor,
        cool_down=least,
        cool_down_max=max(least, most),
        started=datetime.now(UTC),
    )


def _alone(profiles: Sequence[str], given: dict[str, str | None]) -> None:
    """A suite that goes on has its settings already."""
    names = [f"--{key.replace('_', '-')}" for key, value in given.items() if value is not None]
    names = [*profiles, *("--system" if name == "--name" else name for name in names)]
    if names:
        raise UsageError(f"--resume: expected no other settings with it, got {', '.join(names)}")


def _new_folder(parent: Path, state: SuiteState) -> Path:
    from gauntlet.report import files

    files.check_writable(str(parent))
    folder = files.new_folder(str(parent), state.started, state.system, "suite")
    disk.save(state, folder)
    return folder


# -- the steps -------------------------------------------------------------------------------------


def _go_on(
    state: SuiteState, folder: Path, allow_protected: bool, told: "Progress", stack: ExitStack
) -> SuiteState:
    """Run what is left, one step after the other."""
    from gauntlet.children import LocustRun, ReferenceTarget

    system, variables = find_system(state.system), dict[str, str]()
    if _is_embedded(state):
        target = stack.enter_context(ReferenceTarget(system))  # one for the whole suite
        variables = target.variables
    locustfile = str(scaffold.find_locustfile(system.locustfile))
    options = _options(state, allow_protected)
    probe = stack.enter_context(Probe(system, locustfile, options, **variables))
    if state.baseline_ms is None or variables:
        state = state.changed(baseline_ms=probe.baseline_ms())
        disk.save(state, folder)
    for profile in state.left:
        told.begins(profile)
        line = ["locust", "-f", locustfile, "--headless", "--load-profile", profile]
        line += ["--scale", f"{state.scale:g}", *options]
        record, place = LocustRun(line, folder, variables, sys.stderr).end()
        state = state.changed(steps=(*state.steps, _step(profile, record, place)))
        disk.save(state, folder)
        told.ends(state.steps[-1])
        if not state.left:
            break
        assert state.baseline_ms is not None
        cooling = cool_down(
            state.baseline_ms, state.cool_down, state.cool_down_max, probe.response_ms
        )
        last = state.steps[-1].model_copy(update={"cooling": cooling})
        state = state.changed(steps=(*state.steps[:-1], last))
        disk.save(state, folder)
        told.cooled(last)
    return state


def _is_embedded(state: SuiteState) -> bool:
    """Whether the runs would start the reference target themselves."""
    if state.url is not None or config.given_addresses(find_system(state.system)):
        return False
    environment = config.load_environment(state.environment or EMBEDDED)
    return environment.targets.get(state.system) == EMBEDDED


def _options(state: SuiteState, allow_protected: bool) -> list[str]:
    """What the runs and the probe are told of the target."""
    options = ["--environment", state.environment] if state.environment else []
    options += ["--host", state.url] if state.url else []
    return options + (["--allow-protected"] if allow_protected else [])


def _step(profile: str, record: RunRecord, place: Path) -> Step:
    total = record.total
    return Step(
        profile=profile,
        folder=place.name,
        verdict=record.outcome.verdict,
        reasons=record.outcome.reasons,
        exit_code=record.outcome.exit_code,
        duration=record.duration,
        requests=total.requests,
        fail_ratio=total.fail_ratio,
        rps=total.rps,
        p50_ms=total.percentiles_ms["p50"],
        p95_ms=total.percentiles_ms["p95"],
        p99_ms=total.percentiles_ms["p99"],
        started=record.started,
    )


@dataclass
class Progress:
    """What runs, how long it takes in all, and how long still; on standard error."""

    state: SuiteState

    def __post_init__(self) -> None:
        system = find_system(self.state.system)
        self._lengths = {
            name: scaled(config.load_profile(name, system), self.state.scale).duration
            for name in self.state.profiles
        }
        self._done = len(self.state.steps)

    def plan(self) -> None:
        """The steps that are left and their time."""
        left = self.state.left
        parts = ", ".join(f"{name} {format_duration(self._lengths[name])}" for name in left)
        click.echo(
            f"{self.state.system}: {counted(len(left), 'step')}, {parts}; about {self._left()} "
            "in all",
            err=True,
        )

    def begins(self, profile: str) -> None:
        """A step begins."""
        at = f"{self._done + 1}/{len(self.state.profiles)}"
        length = format_duration(self._lengths[profile])
        click.echo(f"{at} {profile}: {length}; about {self._left()} left", err=True)

    def ends(self, step: Step) -> None:
        """A step is done."""
        self._done += 1
        took = format_duration(round(step.duration, 1))
        click.echo(f"  {step.verdict} after {took}: {step.folder}", err=True)

    def cooled(self, step: Step) -> None:
        """The target has rested."""
        cooling = step.cooling
        assert cooling is not None
        state = "at rest" if cooling.cooled else "not at rest"
        last = "no right answer" if cooling.last_ms < 0 else f"{cooling.last_ms:.1f} ms"
        click.echo(
            f"  {state} after {format_duration(round(cooling.seconds, 1))}: {last}, "
            f"{cooling.baseline_ms:.1f} ms before the load",
            err=True,
        )

    def _left(self) -> str:
        """Of the load and the least pauses."""
        names = self.state.profiles[self._done :]
        pauses = self.state.cool_down * max(len(names) - 1, 0)
        return format_duration(round(sum(self._lengths[name] for name in names) + pauses))


@contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    """Let SIGTERM end the suite as Ctrl-C does: its run, its target, and a word how to go on."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"interrupted; go on with gauntlet suite --resume {folder}", err=True)
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before)
