"""How a command of ours ends: with one line per mistake and the exit code that goes with it."""

import sys
from typing import Any, NoReturn

import click

from gauntlet.errors import GauntletError, UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.text import nearest

INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Group(click.Group):
    """Names the nearest command where there is none of that name."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0] if args else ""
        if name and self.get_command(ctx, name) is None and not name.startswith("-"):
            known = self.list_commands(ctx)
            raise UsageError(
                f"{ctx.command_path}: expected one of {', '.join(known)}, "
                f"got {name!r}{nearest(name, known)}"
            )
        return super().resolve_command(ctx, args)


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
