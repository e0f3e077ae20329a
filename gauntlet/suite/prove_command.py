"""`gauntlet prove`: whether each threshold would notice what it is there to notice."""

import json
import signal
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gauntlet import completing, config
from gauntlet.commands import figures_console
from gauntlet.errors import UsageError, gathering
from gauntlet.exitcodes import ExitCode
from gauntlet.options import parse_scale
from gauntlet.suite.proof import CLEAN, Cell, Matrix, mistakes
from gauntlet.systems import SYSTEMS
from gauntlet.systems import system as find_system
from gauntlet.text import counted

_MARKS = {"green": "✓", "red": "✗", "none": "·"}


@click.command()
@click.argument("names", nargs=-1, metavar="[SYSTEM…]", shell_complete=completing.systems)
@click.option(
    "-p",
    "--profile",
    metavar="NAME",
    default="smoke",
    shell_complete=completing.profiles,
    help="Whose thresholds. Default: smoke.",
)
@click.option(
    "--scale",
    metavar="FACTOR",
    help="Factor on the profile's durations. Default: what leaves a few seconds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--results-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the results of all runs there.",
)
@click.pass_context
def prove(
    context: click.Context,
    /,
    names: tuple[str, ...],
    profile: str,
    scale: str | None,
    as_json: bool,
    results_dir: Path | None,
) -> None:
    """Prove that SYSTEM's thresholds hold where all is well and break where it is not.

    The profile runs briefly against the reference target, once clean and once per fault. Without a
    SYSTEM: all of them. Exit code 3 where a threshold is red when clean, or green where a fault
    must make it red, or green under every fault.
    """
    systems = [find_system(name) for name in names] or list(SYSTEMS.values())
    wrong: list[str] = []
    for system in systems:
        with gathering(wrong):
            config.load_profile(profile, system)
    try:
        factor = parse_scale(scale) if scale else None
    except ValueError as error:
        wrong.append(f"--scale: {error}")
    if wrong:
        raise UsageError(wrong)
    from gauntlet.suite.proving import prove as run_all

    with ExitStack() as stack:
        results = results_dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
        stack.callback(signal.signal, signal.SIGTERM, before)
        found = run_all(systems, profile, factor, results, lambda line: click.echo(line, err=True))
    lines = [line for one in found for line in mistakes(one)]
    if as_json:
        click.echo(json.dumps({"systems": [_told(one) for one in found], "mistakes": lines}))
    else:
        _print(found, lines, figures_console())
    context.exit(int(ExitCode.THRESHOLD if lines else ExitCode.PASS))


def _told(found: Matrix) -> dict[str, Any]:
    return {
        "system": found.system,
        "thresholds": {
            rule: {name: cell._asdict() for name, cell in cells.items()}
            for rule, cells in found.rows.items()
        },
    }


def _print(found: Sequence[Matrix], lines: Sequence[str], console: Console) -> None:
    for one in found:
        grid = Table(title=one.system, title_justify="left", title_style="bold")
        grid.add_column("threshold")
        for column in one.columns:
            grid.add_column(column)
        for rule, cells in one.rows.items():
            grid.add_row(Text(rule), *(_shown(name, cells[name]) for name in one.columns))
        console.print(grid)
    for line in lines:
        console.print(Text(line, "red"), soft_wrap=True)
    if not lines:
        rules = sum(len(one.rows) for one in found)
        console.print(
            f"✓ {counted(rules, 'threshold')}: green when clean, red under the faults that they "
            "are there for"
        )


def _shown(name: str, cell: Cell) -> Text:
    """Colour by what the threshold said; what was not expected stands out."""
    style: str = "dim" if cell.colour == "none" else cell.colour
    if not cell.right:
        style = f"bold reverse {style}" if name != CLEAN else "bold reverse red"
    elif cell.expected is None:
        style = "dim"
    return Text(f"{_MARKS[cell.colour]} {cell.shown}", style)
