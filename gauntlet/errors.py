"""The suite's exceptions.

    GauntletError                 something a person can act on; carries an exit code
    ├── UsageError                bad option, variable, file or address (2)
    │   └── MissingExtra          an optional dependency is not installed (2)
    └── TargetUnreachable         a strict preflight got no right answer (5)

    WrongAnswer                   one response that is not what it should be

`WrongAnswer` stands apart on purpose: it is a result of the load, counted in the statistics, and
never ends a run.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from gauntlet.exitcodes import ExitCode


class GauntletError(Exception):
    """Base of all errors that end a command; `mistakes` holds one line each."""

    exit_code = ExitCode.USAGE

    def __init__(self, mistakes: str | Iterable[str]) -> None:
        self.mistakes = [mistakes] if isinstance(mistakes, str) else list(mistakes)
        super().__init__("\n".join(self.mistakes))


class UsageError(GauntletError):
    """What was asked for cannot be done as written."""


@contextmanager
def gathering(mistakes: list[str]) -> Iterator[None]:
    """Add what a UsageError says to `mistakes`, so that the next thing is looked at as well."""
    try:
        yield
    except UsageError as error:
        mistakes += [one for one in error.mistakes if one not in mistakes]


class MissingExtra(UsageError):
    """A feature needs an extra of the distribution that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs more packages: pip install 'locust-gauntlet[{extra}]'")


class TargetUnreachable(GauntletError):
    """The target did not give one right answer before the load."""

    exit_code = ExitCode.UNREACHABLE


class WrongAnswer(Exception):
    """A response that arrived but is not right.

    `outcome` is a class from a closed list of the system (such as "status" or "bad shape"), the
    text says what was expected and got. Texts are bounded in number: no ids, addresses or bodies.
    """

    def __init__(self, outcome: str, text: str) -> None:
        self.outcome = outcome
        super().__init__(f"{outcome}: {text}")
