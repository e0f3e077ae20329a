"""Commands that hand options on to Locust, and what they refuse to."""

from collections.abc import Mapping, Sequence

import click

from gauntlet.errors import UsageError

SETTINGS = {"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]}
"""Of such a command."""

locust_options = click.argument("locust_options", nargs=-1, type=click.UNPROCESSED)

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
