"""Options that several commands have alike, such as which target to test, and Locust's for them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from gauntlet import completing
from gauntlet.errors import UsageError

Command = Callable[..., Any]

HANDS_ON = {"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}
"""Settings of a command that hands other options on to Locust, as `handed_on`."""

handed_on = click.argument("locust_options", nargs=-1, type=click.UNPROCESSED)
system = click.argument("system", shell_complete=completing.systems)
environment = click.option(
    "-e",
    "--env",
    metavar="NAME",
    shell_complete=completing.environments,
    help="Environment to test. Default: embedded.",
)
url = click.option("--url", metavar="URL", help="Address to test; outranks the environment.")


def profile(help: str) -> Callable[[Command], Command]:
    """A profile by its name."""
    return click.option(
        "-p", "--profile", metavar="NAME", shell_complete=completing.profiles, help=help
    )


_LOCUSTS = {
    "--env": ("--environment",),
    "--url": ("--host", "-H"),
    "--profile": ("--load-profile",),
    "--mode web": ("--headless",),
    "--concurrent": ("--users", "-u"),
    "--requests": ("--total-iterations",),
}


def check_once(given: Mapping[str, object], handed_on: Sequence[str]) -> None:
    """Refuse what is said by an option of ours and by Locust's for the same: one would win.

    `given` has the values of ours, None or False where one was not given.
    """
    mistakes = [
        f"{option}, {name}: expected one of them, got both"
        for option, value in given.items()
        for name in _LOCUSTS[option]
        if value and has(handed_on, name)
    ]
    if mistakes:
        raise UsageError(mistakes)


def has(words: Sequence[str], name: str) -> bool:
    """Whether an option is among the words of a command line; a short one may hold its value."""
    if name.startswith("--"):
        return any(word.partition("=")[0] == name for word in words)
    return any(word.startswith(name) for word in words)
