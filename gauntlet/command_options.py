"""Options that several commands have alike: which target to test, where the results go."""

from collections.abc import Callable
from typing import Any

import click

from gauntlet import completing

system = click.argument("system", shell_complete=completing.systems)


def profile(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A profile by its name."""
    return click.option(
        "-p", "--profile", metavar="NAME", shell_complete=completing.profiles, help=help
    )


environment = click.option(
    "-e",
    "--env",
    metavar="NAME",
    shell_complete=completing.environments,
    help="Environment to test. Default: embedded.",
)
url = click.option("--url", metavar="URL", help="Address to test; outranks the environment.")
results = click.option(
    "--results-dir",
    metavar="FOLDER",
    default="results",
    envvar="LOCUST_RESULTS_DIR",
    help="Where the results' folder is made. Default: results.",
)
