"""What the commands of reference targets share: forms of options, and whole sets of them.

Durations are written as `20ms`, `1.5s` or `2m`, shares as `0.05` or `5%`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from gauntlet.targets.faults import Faults, parse_share
from gauntlet.units import parse_duration

Command = Callable[..., None]


def _parse_delay(text: str) -> tuple[float, float]:
    duration, colon, share = text.partition(":")
    return parse_duration(duration), parse_share(share) if colon else 1.0


def _parse_stall(text: str) -> tuple[float, float]:
    after, colon, duration = text.partition(":")
    if not colon:
        raise ValueError(f'expected AFTER:FOR such as "10s:5s", got {text!r}')
    return parse_duration(after), parse_duration(duration)


def text_option(
    *names: str, default: str, form: str, parse: Callable[[str], Any], help: str
) -> Callable[[Command], Command]:
    """An option written in a form of its own; a ValueError of `parse` becomes a usage error."""

    def convert(context: click.Context, parameter: click.Parameter, text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    shown = None if default else False  # an empty one reads as if something were to be typed
    return click.option(
        *names, default=default, metavar=form, callback=convert, help=help, show_default=shown
    )


duration_option = partial(text_option, form="DURATION", parse=parse_duration)
share_option = partial(text_option, form="SHARE", default="0", parse=parse_share)


def options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order of the help text."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def serving(port: int) -> Callable[[Command], Command]:
    """Options of every target that listens on a TCP port, by default this one."""
    return options(
        click.option("--host", default="127.0.0.1", help="Address to listen on."),
        click.option(
            "--port",
            default=port,
            type=click.IntRange(0, 65535),
            metavar="PORT",
            help="TCP port to listen on; 0 lets the kernel choose.",
        ),
        click.option(
            "--workers",
            default=1,
            type=click.IntRange(1, 64),
            metavar="COUNT",
            help="Number of processes that share the port.",
        ),
        click.option(
            "--exit-with-parent",
            is_flag=True,
            help="End as soon as standard input ends, as it does when the parent is killed.",
        ),
    )


metrics_port = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Tell Prometheus of itself at this TCP port, /metrics; 0 lets the kernel choose. "
    "Default: not at all.",
)
"""Of targets that speak no HTTP; the others tell it at their own port."""

seeded = click.option("--seed", default=0, help="Seed of all draws, a whole number.")

http_faults = options(
    text_option(
        "--fault-delay",
        default="0s",
        form="DURATION[:SHARE]",
        parse=_parse_delay,
        help="Hold answers back this long, or only a share of them, such as 200ms:10%.",
    ),
    text_option(
        "--fault-stall",
        default="0s:0s",
        form="AFTER:FOR",
        parse=_parse_stall,
        help="Let everything wait once, such as 10s:5s: 10 s after the first request, for 5 s.",
    ),
    share_option("--fault-5xx", "error_share", help="Share answered with 503."),
    share_option(
        "--fault-corrupt",
        "corrupt_share",
        help="Share whose body has the right length and wrong bytes.",
    ),
    share_option(
        "--fault-cut",
        "cut_share",
        help="Share whose connection closes in the middle of the body.",
    ),
)
"""Options of every HTTP target; `make_faults` takes what they give."""


def make_faults(options: dict[str, Any]) -> Faults:
    """The model of the options of `http_faults` and `seeded`; takes all but the seed out."""
    delay_s, delay_share = options.pop("fault_delay")
    stall_after_s, stall_for_s = options.pop("fault_stall")
    return Faults(
        delay_s=delay_s,
        delay_share=delay_share,
        stall_after_s=stall_after_s,
        stall_for_s=stall_for_s,
        error_share=options.pop("error_share"),
        corrupt_share=options.pop("corrupt_share"),
        cut_share=options.pop("cut_share"),
        seed=options["seed"],
    )
