"""The commands that run reference targets: `gauntlet target NAME`, one per system.

    gauntlet target predict --port 0 --fault-5xx 5%
    python -m gauntlet.targets predict --port 0 --exit-with-parent

The address is told on standard output: `ready http://127.0.0.1:34567`. What only a running
target needs is imported inside its command. Durations are written as `20ms`, `1.5s` or `2m`,
shares as `0.05` or `5%`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from gauntlet.targets.faults import Faults, parse_share
from gauntlet.units import parse_duration

_Command = Callable[..., None]


def _parse_delay(text: str) -> tuple[float, float]:
    duration, colon, share = text.partition(":")
    return parse_duration(duration), parse_share(share) if colon else 1.0


def _parse_stall(text: str) -> tuple[float, float]:
    after, colon, duration = text.partition(":")
    if not colon:
        raise ValueError(f'expected AFTER:FOR such as "10s:5s", got {text!r}')
    return parse_duration(after), parse_duration(duration)


def _text(
    *names: str, default: str, form: str, parse: Callable[[str], Any], help: str
) -> Callable[[_Command], _Command]:
    """An option written in a form of its own; a ValueError of `parse` becomes a usage error."""

    def convert(context: click.Context, parameter: click.Parameter, text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return click.option(*names, default=default, metavar=form, callback=convert, help=help)


_duration = partial(_text, form="DURATION", parse=parse_duration)
_share = partial(_text, form="SHARE", default="0", parse=parse_share)


def _options(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Several options as one decorator, in the order of the help text."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


serving = _options(
    click.option("--host", default="127.0.0.1", help="Address to listen on."),
    click.option(
        "--port",
        default=8000,
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
"""Options of every target that listens on one TCP port."""

seeded = click.option("--seed", default=0, help="Seed of all draws, a whole number.")

http_faults = _options(
    _text(
        "--fault-delay",
        default="0s",
        form="DURATION[:SHARE]",
        parse=_parse_delay,
        help="Hold answers back this long, or only a share of them, such as 200ms:10%.",
    ),
    _text(
        "--fault-stall",
        default="0s:0s",
        form="AFTER:FOR",
        parse=_parse_stall,
        help="Let everything wait once, such as 10s:5s: 10 s after the first request, for 5 s.",
    ),
    _share("--fault-5xx", "error_share", help="Share answered with 503."),
    _share(
        "--fault-corrupt",
        "corrupt_share",
        help="Share whose body has the right length and wrong bytes.",
    ),
    _share(
        "--fault-cut",
        "cut_share",
        help="Share whose connection closes in the middle of the body.",
    ),
)
"""Options of every HTTP target; `_make_faults` takes what they give."""


def _make_faults(options: dict[str, Any]) -> Faults:
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


@click.group(context_settings={"show_default": True})
def target() -> None:
    """Run the reference target of a system, with faults if wanted.

    Durations are written as 20ms, 1.5s or 2m, shares as 0.05 or 5%. The address is told on
    standard output.
    """


@target.command()
@serving
@_duration(
    "--service-time",
    "service_time_s",
    default="10ms",
    help="Time a prediction blocks its worker per megapixel, on top of decoding and encoding.",
)
@_duration(
    "--slow-first",
    "slow_first_s",
    default="0s",
    help="Extra time of the first prediction of each worker, as if a model were loaded.",
)
@click.option(
    "--body-limit",
    default=32 * 1024 * 1024,
    type=click.IntRange(1),
    metavar="BYTES",
    help="Longest request body; a longer one gets 413.",
)
@click.option(
    "--concurrent-health",
    is_flag=True,
    help="Answer /health while a prediction runs; the original makes it wait.",
)
@click.option(
    "--instant",
    is_flag=True,
    help="Neither decode nor wait, and return a blank image: for benchmarks.",
)
@http_faults
@_share(
    "--fault-missing-image",
    "missing_image_share",
    help="Share of predictions with image that come without it, as if drawing had failed.",
)
@_share(
    "--fault-runtime-error",
    "runtime_error_share",
    help="Share of predictions answered with 500 and a message, as if the model had failed.",
)
@seeded
def predict(host: str, port: int, workers: int, exit_with_parent: bool, **options: Any) -> None:
    """The image API of predict: GET /health, POST /predict."""
    from gauntlet.targets import serve

    serve.require_http("predict")
    from gauntlet.targets.predict import ENDPOINTS, PredictSettings, build_app

    faults, listener = _make_faults(options), serve.bind_tcp(host, port)
    settings = PredictSettings(**options)
    site = serve.http_site(
        listener,
        partial(build_app, settings),
        endpoints=ENDPOINTS,
        workers=workers,
        faults=faults,
    )
    serve.serve([site], exit_with_parent=exit_with_parent)
