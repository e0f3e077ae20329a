"""`gauntlet list`: environments, profiles with their numbers, systems."""

import json
from collections.abc import Mapping

import click
from rich.console import Console
from rich.table import Table

from gauntlet import config, curves
from gauntlet.commands import figures_console
from gauntlet.systems import SYSTEMS
from gauntlet.systems import system as find_system
from gauntlet.units import format_duration


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--system", "name", metavar="SYSTEM", default="predict", help="Whose profiles.")
def list_all(as_json: bool, name: str) -> None:
    """Show environments, profiles with their numbers, and systems."""
    system = find_system(name)
    profiles = {one: config.load_profile(one, system) for one in config.profile_names(system)}
    environments = {one: config.load_environment(one) for one in config.environment_names()}
    if as_json:
        click.echo(
            json.dumps(
                {
                    "systems": list(SYSTEMS),
                    "environments": {n: e.model_dump() for n, e in environments.items()},
                    "profiles": {n: p.model_dump(mode="json") for n, p in profiles.items()},
                }
            )
        )
        return
    console = figures_console()
    _print(
        console,
        "Systems",
        ["name", "locustfile"],
        [[s.name, s.locustfile] for s in SYSTEMS.values()],
    )
    _print(
        console,
        "Environments",
        ["name", "target", "description"],
        [
            [n, _told(e.targets.get(system.name, "—")), e.description]
            for n, e in environments.items()
        ],
    )
    _print(
        console,
        f"Profiles of {system.name}",
        ["name", "load", "spawn rate", "duration", "phases", "description"],
        [
            [
                n,
                p.numbers,
                f"{p.spawn_rate:g}/s" if p.spawn_rate else "—",
                format_duration(p.duration),
                ", ".join(stretch.name for stretch in curves.stretches(p.curve)),
                p.description,
            ]
            for n, p in profiles.items()
        ],
    )


def _told(target: str | Mapping[str, str]) -> str:
    """An address, or several by name."""
    if isinstance(target, str):
        return target
    return ", ".join(f"{name} {address}" for name, address in target.items())


def _print(console: Console, title: str, heads: list[str], rows: list[list[str]]) -> None:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()
