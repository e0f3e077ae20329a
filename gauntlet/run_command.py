"""`gauntlet run SYSTEM` and `gauntlet bench SYSTEM`: one run, by the equivalent locust command."""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console

from gauntlet import bench as quick
from gauntlet import command_options, config, handing_on, image_commands, scaffold
from gauntlet.addresses import check_form
from gauntlet.errors import UsageError
from gauntlet.systems import System
from gauntlet.systems import system as find_system
from gauntlet.text import nearest

_HAS_USER = re.compile(r"://[^/]*@")
"""In an address: a user, perhaps with a password."""


@click.command(context_settings=handing_on.SETTINGS)
@command_options.system
@command_options.environment
@command_options.profile("Load profile, such as smoke or spike.")
@command_options.url
@click.option(
    "-m",
    "--mode",
    metavar="MODE",
    default="headless",
    help="headless (default) or web, which opens Locust's page on port 8089.",
)
@click.option("--config", "settings", metavar="FILE", help="image-cloud: a config.json.")
@click.option(
    "--only-process", type=click.IntRange(1), metavar="N", help="image-cloud: run this one alone."
)
@click.option("--full", is_flag=True, help="image-cloud: clean, load, verify and analyse.")
@handing_on.locust_options
@click.pass_context
def run(
    context: click.Context,
    system: str,
    env: str | None,
    profile: str | None,
    url: str | None,
    mode: str,
    settings: str | None,
    only_process: int | None,
    full: bool,
    locust_options: tuple[str, ...],
) -> None:
    """Run SYSTEM with Locust. Other options are handed on to locust as they are."""
    chosen = find_system(system)
    given: dict[str, str] = {}
    if chosen.settings:
        given = image_commands.variables(settings, only_process, full)
        os.environ.update(given)
        locust_options += tuple(image_commands.processes(settings, only_process, locust_options))
    elif only_process is not None or full:
        raise UsageError(f"--only-process, --full: expected image-cloud, got {chosen.name}")
    elif settings is not None:
        locust_options += ("--config", settings)  # a file of Locust's own options
    if full and mode != "headless":
        raise UsageError("--full: expected --mode headless with it, got another")
    if mode not in ("headless", "web"):
        hint = nearest(mode, ["headless", "web"])
        raise UsageError(f"--mode: expected headless or web, got {mode!r}{hint}")
    ours = {"--env": env, "--url": url, "--profile": profile, "--mode web": mode == "web"}
    handing_on.check_once(ours, locust_options)
    if env:
        config.load_environment(env)
    if profile:
        config.load_profile(profile, chosen)
    elif mode == "headless" and not _planned(locust_options, chosen):
        raise UsageError(
            "run: expected --profile NAME or -t TIME with --mode headless, got neither"
        )
    command = ["locust", "-f", _shown(scaffold.find_locustfile(chosen.locustfile))]
    command += ["--headless"] if mode == "headless" else []
    command += ["--load-profile", profile] if profile else []
    command += ["--environment", env] if env else []
    command += ["--host", url] if url else []
    command += locust_options
    _say(command, chosen, url, err="--json" in locust_options, variables=given)
    sys.stdout.flush()
    if full:
        context.exit(image_commands.run_fully(command))
    os.execv(sys.executable, [sys.executable, "-m", "gauntlet.start", *command])


@click.command(context_settings=handing_on.SETTINGS)
@command_options.system
@click.option(
    "-c",
    "--concurrent",
    metavar="N",
    type=click.IntRange(1),
    help="Users at once. Default: the profile's, else 10.",
)
@click.option(
    "-n",
    "--requests",
    metavar="N",
    type=click.IntRange(1),
    help="Iterations in all. Default: ten per user of the profile, else 100.",
)
@command_options.environment
@command_options.profile("Whose users and thresholds to take.")
@command_options.url
@click.option("--json", "as_json", is_flag=True, help="Print the run record, not the table.")
@handing_on.locust_options
@click.pass_context
def bench(
    context: click.Context,
    system: str,
    concurrent: int | None,
    requests: int | None,
    env: str | None,
    profile: str | None,
    url: str | None,
    as_json: bool,
    locust_options: tuple[str, ...],
) -> None:
    """Benchmark SYSTEM quickly: so many users, so many requests, the mix shuffled, one table."""
    chosen = find_system(system)
    ours = {"--env": env, "--url": url, "--concurrent": concurrent, "--requests": requests}
    handing_on.check_once(ours, locust_options)
    given = config.load_profile(profile, chosen) if profile else None
    rules = (given or config.load_profile("quick", chosen)).thresholds
    users = concurrent or (given.users if given else None) or 10
    options = [*(["--environment", env] if env else []), *(["--host", url] if url else [])]
    number = requests or (users * 10 if given else 100)
    line = quick.command(
        _shown(scaffold.find_locustfile(chosen.locustfile)),
        users,
        number,
        # It has no phases, and a percentile of too few requests would judge nothing.
        [rule.text for rule in rules if not (rule.phase or rule.inner) and rule.needs <= number],
        [*options, *locust_options],
    )
    _say(line, chosen, url, err=as_json)
    record, folder, _ = quick.run(line)
    if as_json:
        click.echo(record.model_dump_json(exclude={"histograms", "timeline", "slices"}))
    else:
        quick.table(record, Console(highlight=False, width=quick.WIDTH))
        click.echo(f"Results: {folder}")
    context.exit(record.outcome.exit_code)


def _say(
    command: list[str],
    system: System,
    url: str | None,
    err: bool,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Print a command line; one with a password in an address is refused, not shown."""
    if url is not None:
        check_form(url, system, "--url")
    for word in command:
        if _HAS_USER.search(word):
            check_form(word, None)
    given = [f"{name}={shlex.quote(text)}" for name, text in (variables or {}).items()]
    click.echo(" ".join([*given, shlex.join(command)]), err=err)


def _planned(options: tuple[str, ...], system: System) -> bool:
    """Whether options for locust, or the system's variables, give the run an end."""
    ends = ("-t", "--run-time", "-i", "--iterations", "--total-iterations")
    by_variable = "total_iterations" in config.option_defaults(system)
    return by_variable or any(one.startswith(ends) for one in options)


def _shown(path: Path) -> str:
    """A path below the working folder without it."""
    here = Path.cwd()
    return (
        str(path.relative_to(here))
        if path.is_absolute() and path.is_relative_to(here)
        else str(path)
    )
