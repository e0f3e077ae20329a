"""The `gauntlet` command.

gauntlet run SYSTEM      build the equivalent locust command, print it and become it
gauntlet list            environments, profiles with their numbers, systems
gauntlet check           validate every YAML file
gauntlet target NAME     a reference target, with faults that can be switched on
gauntlet make-images     the image cloud's test pictures; verify-images DIR, analyze-images DIR
gauntlet init DIR        a locustfile and the profiles, to make your own
gauntlet file-server …   the file server's client as a command
gauntlet capacity SYSTEM the highest load that holds all thresholds
gauntlet matrix …        many runs over all combinations of dimensions
gauntlet suite           profiles in turn, as long as each passes
gauntlet prove           whether each threshold would notice what it is there for
gauntlet compare A B     what changed between runs, and whether it got worse
gauntlet history         the runs under results/, and where they tend to
gauntlet k8s …           manifests from an overlay, and a run of them in a cluster
gauntlet report RUN…     the reports of finished runs again, several merged or over each other
"""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console

from gauntlet import __version__, command_options, completing, config, image_commands, scaffold
from gauntlet import bench as quick
from gauntlet.addresses import check_form
from gauntlet.capacity.command import capacity
from gauntlet.commands import Group, enter
from gauntlet.compare.command import compare
from gauntlet.compare.history import history
from gauntlet.errors import UsageError
from gauntlet.file_command import file_server
from gauntlet.k8s.command import k8s
from gauntlet.list_command import list_all
from gauntlet.matrix.command import matrix
from gauntlet.report_command import report
from gauntlet.suite.command import suite
from gauntlet.suite.prove_command import prove
from gauntlet.systems import SYSTEMS, System
from gauntlet.systems import system as find_system
from gauntlet.targets.cli import target
from gauntlet.text import nearest

_HAS_USER = re.compile(r"://[^/]*@")
"""In an address: a user, perhaps with a password."""


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"""\b
    SYSTEM  {", ".join(SYSTEMS)}
    Begin   gauntlet run predict --profile smoke
    Tab     eval "$(_GAUNTLET_COMPLETE=bash_source gauntlet)"
    """,
)
@click.version_option(__version__, "-V", "--version", prog_name="gauntlet")
def gauntlet() -> None:
    """Load-test five kinds of system on Locust, with verdicts one can defend."""


gauntlet.add_command(target)
for _command in (
    capacity,
    file_server,
    matrix,
    suite,
    prove,
    compare,
    history,
    k8s,
    report,
    list_all,
    image_commands.make_images,
    image_commands.verify_images,
    image_commands.analyze_images,
):
    gauntlet.add_command(_command)


@gauntlet.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}
)
@click.argument("system", shell_complete=completing.systems)
@command_options.environment
@click.option(
    "-p",
    "--profile",
    metavar="NAME",
    shell_complete=completing.profiles,
    help="Load profile, such as smoke or spike.",
)
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
@click.argument("locust_options", nargs=-1, type=click.UNPROCESSED)
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
    command_options.check_once(ours, locust_options)
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


@gauntlet.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}
)
@click.argument("system", shell_complete=completing.systems)
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
@click.option(
    "-p",
    "--profile",
    metavar="NAME",
    shell_complete=completing.profiles,
    help="Whose users and thresholds to take.",
)
@command_options.url
@click.option("--json", "as_json", is_flag=True, help="Print the run record, not the table.")
@click.argument("locust_options", nargs=-1, type=click.UNPROCESSED)
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
    command_options.check_once(ours, locust_options)
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


@gauntlet.command()
def check() -> None:
    """Validate every profile, mix and environment; exit 2 with a line per mistake."""
    checked, mistakes = config.check_all()
    for label in checked:
        click.echo(f"ok  {label}")
    if mistakes:
        raise UsageError(mistakes)


@gauntlet.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write the locustfiles and profiles into FOLDER, to make them your own."""
    if folder.is_file():
        raise UsageError(f"init: expected a folder to write to, got the file {str(folder)!r}")
    try:
        written = scaffold.lay_out(
            folder, [system.locustfile for system in SYSTEMS.values()], config.roots()[-1]
        )
    except FileExistsError as error:
        raise UsageError(f"init: expected a folder without {error}, got one with it") from error
    except OSError as error:
        raise UsageError(f"init: expected a folder to write to, got {error.strerror}") from error
    click.echo(f"{len(written)} files in {folder}; start with:")
    first = next(iter(SYSTEMS.values())).locustfile
    click.echo(
        f"  cd {shlex.quote(str(folder))} && locust -f {first} --headless --load-profile smoke"
    )


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


def main() -> None:
    """Run the command line."""
    enter(gauntlet, "gauntlet")


if __name__ == "__main__":
    main()
