"""`gauntlet capacity SYSTEM`: the highest load under which every threshold holds.

Each step is an ordinary headless run with a folder and a record of its own, all of them against one
target. After every step the table in the search's folder is written anew.
"""

import csv
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from gauntlet import command_options, config, handing_on, scaffold, thresholds
from gauntlet.addresses import check_form, joined
from gauntlet.capacity.result import MEASURE, SETTLE, Capacity, Step, lines, shown, summary
from gauntlet.capacity.search import Bounds, Finding, search
from gauntlet.capacity.steps import Interrupted, Plan, run
from gauntlet.commands import INTERRUPTED, figures_console
from gauntlet.embedded import EmbeddedTarget
from gauntlet.errors import GauntletError, TargetUnreachable, UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.models import EMBEDDED
from gauntlet.report import files
from gauntlet.systems import System
from gauntlet.systems import system as find_system
from gauntlet.targets._options import duration_option
from gauntlet.text import nearest
from gauntlet.thresholds import Threshold
from gauntlet.units import format_duration, parse_number, parse_ratio

PAUSE_S = 2.0
"""After a step that did not hold: what still waits in the target is done before the next one."""


@click.command(context_settings=handing_on.SETTINGS)
@command_options.system
@click.option(
    "--threshold",
    "rules",
    multiple=True,
    metavar="RULE",
    help="What must hold, such as 'p95 < 500ms'; repeatable.",
)
@click.option("--arrivals", is_flag=True, help="Step arrivals per second: default.")
@click.option("--users", is_flag=True, help="Step users instead.")
@click.option("--from", "start", metavar="LOAD", default="5", help="First load. Default: 5.")
@click.option("--to", "most", metavar="LOAD", help="Highest load to try. Default: no limit.")
@click.option(
    "--expect", "expected", metavar="LOAD", help="The load that is expected: headroom over it."
)
@duration_option("--step", "step_s", default="20s", help="How long a load is measured. [20s]")
@duration_option("--settle", "settle_s", default="5s", help="How long it settles before. [5s]")
@click.option(
    "--precision",
    metavar="SHARE",
    default="5%",
    help="How near the load that broke may be to the one that held. Default: 5%.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1, 100),
    default=3,
    metavar="COUNT",
    help="How often the load found must hold. Default: 3.",
)
@command_options.environment
@command_options.url
@command_options.results
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, no table.")
@handing_on.locust_options
@click.pass_context
def capacity(
    context: click.Context,
    /,
    system: str,
    rules: tuple[str, ...],
    arrivals: bool,
    users: bool,
    step_s: float,
    settle_s: float,
    env: str | None,
    url: str | None,
    results_dir: str,
    as_json: bool,
    locust_options: tuple[str, ...],
    **numbers: str | int | None,
) -> None:
    """Find the highest load under which SYSTEM holds every threshold.

    The load doubles until something breaks, then the gap is halved; what is found is repeated. A
    step that melts the target is ended at once, and no load beyond it is tried. Other options are
    handed on to locust as they are.
    """
    chosen = find_system(system)
    if arrivals and users:
        raise UsageError("--arrivals, --users: expected one of them, got both")
    _check_handed_on(locust_options)
    parsed, bounds, expected = _read(rules, users, settle_s, step_s, numbers)
    if url is not None:
        check_form(url, chosen, "--url")
    if env is not None:
        config.load_environment(env)
    files.check_writable(results_dir)
    folder = files.new_folder(results_dir, datetime.now(UTC), chosen.name, "capacity")
    with _target(chosen, env, url) as (options, variables):
        plan = Plan(
            [
                *("locust", "-f", str(scaffold.find_locustfile(chosen.locustfile))),
                *("--headless", "--only-summary", *options, *locust_options),
            ],
            parsed,
            users,
            settle_s,
            step_s,
            folder,
            variables,
            _first(locust_options),
        )
        outcome = _hunt(plan, chosen, bounds, expected, Console(stderr=True, highlight=False))
    (folder / "capacity.json").write_text(outcome.model_dump_json(indent=2) + "\n")
    if as_json:
        click.echo(outcome.model_dump_json())
    else:
        _print(outcome, figures_console())
        click.echo(f"Results: {folder}")
    context.exit(_code(outcome))


def _first(handed_on: Sequence[str]) -> list[str]:
    """What the first step is told alone: a dead target is none to search on, unless somebody says.

    Not the others: a target that fails a share that is allowed may fail a call of the preflight.
    """
    said = handing_on.has(handed_on, "--preflight") or os.environ.get("LOCUST_PREFLIGHT")
    return [] if said else ["--preflight", "strict"]


def _check_handed_on(options: Sequence[str]) -> None:
    """Refuse options for locust that each step outranks: they would change nothing."""
    instead = {
        "--environment": "--env NAME",
        "--host": "--url URL",
        "-H": "--url URL",
        "--load-profile": "no profile, because each step has its own",
        "--profile": "no profile, because each step has its own",
    }
    mistakes = [
        f"capacity: expected {expected}, got {name}"
        for name, expected in instead.items()
        if handing_on.has(options, name)
    ]
    if options and options[0][:1].isdigit():  # what stands behind --arrivals, most likely
        mistakes.append(f"capacity: expected --from LOAD for the first load, got {options[0]!r}")
    if mistakes:
        raise UsageError(mistakes)


def _code(outcome: Capacity) -> int:
    if outcome.interrupted:
        return INTERRUPTED
    if outcome.load is not None:
        return ExitCode.PASS
    spoiled = all(step.verdict == "INVALID" for step in outcome.steps)
    return ExitCode.INVALID if spoiled else ExitCode.THRESHOLD


def _read(
    rules: Sequence[str],
    users: bool,
    settle_s: float,
    step_s: float,
    numbers: dict[str, str | int | None],
) -> tuple[list[Threshold], Bounds, float | None]:
    """Rules, bounds and the expected load; UsageError with a line per mistake."""
    mistakes: list[str] = []
    parsed: list[Threshold] = []
    for text in rules:
        try:
            parsed.append(thresholds.parse(text))
        except ValueError as error:
            mistakes.append(f"--threshold: {error}")
    if not rules:
        mistakes.append("capacity: expected at least one --threshold RULE, got none")
    known = [name for name, lasts in ((SETTLE, settle_s), (MEASURE, step_s)) if lasts]
    for phase in dict.fromkeys(rule.phase for rule in parsed if rule.phase not in (None, *known)):
        mistakes.append(
            f"--threshold: expected a phase ({', '.join(known)}) behind in, got {phase!r}"
            f"{nearest(str(phase), known)}"
        )
    if step_s < 1:
        mistakes.append(f"--step: expected at least 1s, got {format_duration(step_s)}")
    start, most, expected = (
        _load(option, numbers[name], users, mistakes)
        for option, name in (("--from", "start"), ("--to", "most"), ("--expect", "expected"))
    )
    precision = 0.05
    try:
        precision = parse_ratio(str(numbers["precision"]))
        if not 0.001 <= precision <= 1:
            raise ValueError(f"expected a share from 0.1% to 100%, got {numbers['precision']!r}")
    except ValueError as error:
        mistakes.append(f"--precision: {error}")
    if start and most and most < start:
        mistakes.append(f"--to: expected at least {start:g}, what --from says, got {most:g}")
    if mistakes:
        raise UsageError(mistakes)
    assert start is not None
    bounds = Bounds(
        start,
        most or (1_000_000.0 if users else 100_000.0),
        1.0 if users else 0.01,
        precision=precision,
        repeats=int(numbers["repeats"] or 1),
    )
    return parsed, bounds, expected


def _load(option: str, text: str | int | None, users: bool, mistakes: list[str]) -> float | None:
    """A load above 0: whole users, or arrivals per second."""
    if text is None:
        return None
    try:
        load = parse_number(str(text), "" if users else "/s")
        if not 0 < load <= 1_000_000 or (users and load != int(load)):
            raise ValueError
    except ValueError:
        expected = "a number of users such as 10" if users else "a rate such as 10/s"
        mistakes.append(f"{option}: expected {expected}, got {text!r}")
        return None
    return load


@contextmanager
def _target(
    system: System, env: str | None, url: str | None
) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Options and variables that lead every step to one target, started here if it is embedded."""
    if url is not None:
        yield ["--host", url], {}
        return
    given = config.load_environment(env).targets.get(system.name) if env else EMBEDDED
    if given != EMBEDDED or (not env and config.given_addresses(system)):
        yield (["--environment", env] if env else []), {}
        return
    names = system.addresses
    embedded = EmbeddedTarget(system.target, system.target_options, system.embedded)
    try:
        variables = {
            config.variable_of(name): address
            for name, address in zip(names, embedded.addresses, strict=False)
        }
        metrics = embedded.metrics if len(embedded.metrics) == 1 else []
        options = ["--target-metrics", *metrics] if metrics else []
        if not names:
            options += ["--host", joined(system, embedded.addresses)]
        yield options, variables
    finally:
        embedded.stop()


def _hunt(
    plan: Plan, system: System, bounds: Bounds, expected: float | None, console: Console
) -> Capacity:
    """Make step after step; what they say, also when interrupted."""
    unit = "users" if plan.users else "arrivals/s"
    rules = [rule.text for rule in plan.rules]
    steps: list[Step] = []
    target, finding = "", None
    hunt = search(bounds, plan.users)
    try:
        load = next(hunt)
        while True:
            # A line of its own: the progress of the run takes the terminal's last one.
            console.print(f"step {len(steps) + 1}: {shown(load, unit)}")
            step, target = run(plan, len(steps) + 1, load)
            steps.append(step)
            console.print(f"  {_told(step)}")
            _write(plan.folder / "capacity.csv", steps)
            if not step.holds:
                time.sleep(PAUSE_S)
            if step.verdict == "INVALID" and not any(one.holds for one in steps):
                finding = Finding(None, load)  # less load would not make it trustworthy
                break
            load = hunt.send(step.holds)
    except StopIteration as end:
        finding = end.value
        assert isinstance(finding, Finding)
    except (Interrupted, KeyboardInterrupt, click.Abort):
        console.print("interrupted")
    except GauntletError as error:
        if not steps:
            shutil.rmtree(plan.folder)
        if error.exit_code == ExitCode.UNREACHABLE:
            raise TargetUnreachable(
                "capacity: expected a right answer before the first load, got none; "
                "--preflight warn searches all the same"
            ) from error
        raise
    return summary(system.name, unit, rules, target, steps, finding, expected)


def _told(step: Step) -> str:
    why = f": {step.reasons[0]}" if step.reasons else ""
    melted = ", ended early" if step.melted else ""
    return f"{step.verdict}{melted}{why}"


def _write(path: Path, steps: Sequence[Step]) -> None:
    """The table, as it is after a step."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([name for name in Step.model_fields if name != "reasons"] + ["reason"])
        for step in steps:
            values = step.model_dump()
            reasons = values.pop("reasons")
            rows.writerow([*values.values(), reasons[0] if reasons else ""])


def _print(outcome: Capacity, console: Console) -> None:
    grid = Table(box=None, pad_edge=False)
    for column in ("load", "verdict", "requests/s", "P50", "P95", "P99", "failed", "CPU"):
        grid.add_column(column, justify="left" if column == "verdict" else "right")
    for step in sorted(outcome.steps, key=lambda one: (one.load, one.number)):
        times = (step.p50_ms, step.p95_ms, step.p99_ms)
        cpu = "—" if step.generator_cpu is None else f"{step.generator_cpu:.0f}%"
        grid.add_row(
            shown(step.load, outcome.unit),
            step.verdict + (", ended early" if step.melted else ""),
            f"{step.rps:.2f}",
            *(format_duration(ms / 1000) for ms in times),
            f"{step.fail_ratio:.1%}",
            cpu,
        )
    console.print(grid)
    for line in lines(outcome):
        console.print(line, soft_wrap=True)
