"""How a command of ours ends: with one line per mistake and the exit code that goes with it."""

import re
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gauntlet.errors import GauntletError, UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.text import nearest

if TYPE_CHECKING:  # read by commands that print tables
    from rich.console import Console

_SURPLUS = re.compile(r"Got unexpected extra arguments? \((.*)\)")
_NUMBER = re.compile(r"'?(.*?)'? is not (?:a valid|in the) (?:integer|range)")
INTERRUPTED = 130  # 128 + SIGINT, as shells count


_COLUMNS = 140


def figures_console() -> "Console":
    """Standard output for tables; a narrow terminal wraps their lines rather than lose figures."""
    from rich.console import Console

    return Console(highlight=False, width=max(Console().width, _COLUMNS))


class Group(click.Group):
    """Names the nearest command where there is none of that name; tells whole sentences of each.

    `places` are commands that are read when somebody asks for them, as `module:name`.
    """

    def __init__(self, *args: Any, places: Mapping[str, str] | None = None, **settings: Any):
        super().__init__(*args, **settings)
        self._places = places or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._places])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._places[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, each with its first sentence, which click would cut short."""
        known = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, one.get_short_help_str(1000)) for name, one in known.items() if one]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

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
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else name
        _end([f"{where}: {_line(error, context)}"], ExitCode.USAGE)
    sys.exit(code if isinstance(code, int) else ExitCode.PASS)


def _line(error: click.ClickException, context: click.Context | None) -> str:
    """What click says, in our form: what was expected, what was got, the nearest name."""
    match error:
        case click.MissingParameter():
            return f"expected {_name(error)}, got nothing"
        case click.BadParameter():
            return f"{_name(error)}: {_expected(error)}"
        case click.NoSuchOption():
            known = [one for p in context.command.params for one in p.opts] if context else []
            options = [one for one in known if one.startswith("-")]
            hint = nearest(error.option_name, options)
            return f"expected an option that there is, got {error.option_name!r}{hint}"
        case click.BadOptionUsage():
            return f"{error.option_name}: expected a value, got nothing"
    text = " ".join(error.format_message().split()).rstrip(".")
    if surplus := _SURPLUS.fullmatch(text):
        return f"expected no further argument, got {surplus[1]!r}"
    return text[:1].lower() + text[1:]


def _name(error: click.BadParameter) -> str:
    """The parameter as it is typed."""
    parameter = error.param
    if parameter is None:
        return "a value"
    return (
        parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.human_readable_name
    )


def _expected(error: click.BadParameter) -> str:
    """Of a sentence that is not in our form, click's on numbers: in it."""
    kind, said = getattr(error.param, "type", None), _NUMBER.match(error.message)
    if said is None or not isinstance(kind, click.types.IntParamType):
        return error.message
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    bounds = f" from {low}" if low is not None else ""
    bounds += f" to {high}" if high is not None else ""
    return f"expected a whole number{bounds}, got {said[1]!r}"


def _end(mistakes: list[str], code: ExitCode) -> NoReturn:
    for mistake in mistakes:
        click.echo(mistake, err=True)
    sys.exit(int(code))
