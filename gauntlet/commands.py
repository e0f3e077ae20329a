"""How a command of ours ends: with one line per mistake and the exit code that goes with it."""

import sys
from typing import NoReturn

import click

from gauntlet.errors import GauntletError
from gauntlet.exitcodes import ExitCode

INTERRUPTED = 130  # 128 + SIGINT, as shells count


def enter(command: click.Command, name: str) -> NoReturn:
    """Run a command line and leave the process; `name` is how the command is called."""
    try:
        code = command.main(prog_name=name, standalone_mode=False)
    except GauntletError as error:
        _end(error.mistakes, error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        _end([f"{context.command_path if context else name}: {_line(error)}"], ExitCode.USAGE)
    sys.exit(code if isinstance(code, int) else ExitCode.PASS)


def _line(error: click.ClickException) -> str:
    """Click's sentence in our form: one line, lower case, no full stop."""
    text = " ".join(error.format_message().split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _end(mistakes: list[str], code: ExitCode) -> NoReturn:
    for mistake in mistakes:
        click.echo(mistake, err=True)
    sys.exit(int(code))
