"""The options of `gauntlet target walrus`, without those every HTTP target has."""

from collections.abc import Callable
from typing import Any

import click

from gauntlet.targets._options import duration_option, options, share_option, text_option
from gauntlet.targets._walrus_ids import MIB, is_blob_id
from gauntlet.targets.faults import parse_share
from gauntlet.units import parse_duration

MAX_SLOTS = 1_000_000


def _parse_slots(text: str) -> tuple[int, int]:
    running, _, taken = text.partition(":")
    if running.isdecimal() and taken.isdecimal() and 1 <= int(running) <= int(taken) <= MAX_SLOTS:
        return int(running), int(taken)
    raise ValueError(f'expected RUNNING:TAKEN such as "8:16", got {text!r}')


def _parse_stale(text: str) -> tuple[float, float]:
    duration, colon, share = text.partition(":")
    return parse_duration(duration), parse_share(share) if colon else 1.0


def _parse_epoch(text: str) -> float:
    if not (seconds := parse_duration(text)):
        raise ValueError(f"expected a time longer than nothing, got {text!r}")
    return seconds


def _parse_ids(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> Any:
    for text in texts:
        if not is_blob_id(text):
            raise click.BadParameter(f"expected a blob id of 43 characters, got {text!r}")
    return frozenset(texts)


def _parse_attributes(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> Any:
    for text in texts:
        if not text.partition("=")[0] or "=" not in text:
            raise click.BadParameter(f'expected NAME=VALUE such as "link=<x>", got {text!r}')
    return tuple((text.partition("=")[0], text.partition("=")[2]) for text in texts)


def _bytes(
    *names: str, default: int, help: str, least: int = 0
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    kind = click.IntRange(least)
    return click.option(*names, default=default, type=kind, metavar="BYTES", help=help)


_places = options(
    click.option(
        "--mode",
        default="daemon",
        type=click.Choice(["publisher", "aggregator", "daemon"]),
        help="Write, read, or both.",
    ),
    click.option(
        "--aggregator-port",
        default=-1,
        type=click.IntRange(-1, 65535),
        metavar="PORT",
        help="Let a daemon read on a port of its own and only write on the other; -1: one port.",
    ),
    click.option(
        "--directory",
        default="",
        type=click.Path(file_okay=False),
        metavar="PATH",
        help="Keep blobs here, for other targets and later runs too; unless given, they are in "
        "memory, or in the directory for temporary files, and go with the target.",
    ),
    _bytes(
        "--store-limit",
        default=1024 * MIB,
        least=1,
        help="Bytes of all blobs together; the oldest ones make room for new ones.",
    ),
)
_limits = options(
    _bytes("--blob-limit", default=10 * MIB, help="Longest blob; a longer one gets 413."),
    _bytes("--quilt-limit", default=100 * MIB, help="Longest body of a quilt, in the same way."),
    _bytes(
        "--read-limit",
        default=0,
        help="Longest blob the aggregator gives out; a longer one gets 403. 0: any.",
    ),
    text_option(
        "--publisher-slots",
        default="8:16",
        form="RUNNING:TAKEN",
        parse=_parse_slots,
        help="Uploads handled at a time, and those plus waiting ones; beyond that 429.",
    ),
    text_option(
        "--aggregator-slots",
        default="256:320",
        form="RUNNING:TAKEN",
        parse=_parse_slots,
        help="The same for reads.",
    ),
)
_times = options(
    duration_option(
        "--store-time", "store_time_s", default="0s", help="Time to store what has arrived."
    ),
    duration_option("--read-time", "read_time_s", default="0s", help="Time every read takes."),
    duration_option(
        "--first-read",
        "first_read_s",
        default="20ms",
        help="Extra time of reads until a blob was read once; then it counts as cached.",
    ),
    text_option(
        "--epoch-time",
        "epoch_s",
        default="24h",
        form="DURATION",
        parse=_parse_epoch,
        help="Length of an epoch; blobs are gone when theirs are over.",
    ),
    text_option(
        "--stale-404",
        default="0s",
        form="DURATION[:SHARE]",
        parse=_parse_stale,
        help="Answer 404 this long after an upload, or only for a share of the blobs, "
        "such as 2s:10%.",
    ),
    click.option(
        "--cache-headers",
        is_flag=True,
        help="Send x-cache and age, as a cache in front of the aggregator does.",
    ),
)
_content = options(
    click.option(
        "--forbid",
        "forbidden",
        multiple=True,
        callback=_parse_ids,
        metavar="BLOB_ID",
        help="Answer 451 for this blob; may be repeated.",
    ),
    click.option(
        "--attribute",
        "attributes",
        multiple=True,
        callback=_parse_attributes,
        metavar="NAME=VALUE",
        help="Attribute of every object, a header when read by object id; may be repeated.",
    ),
    click.option("--tag-headers", is_flag=True, help="Send the tags of a quilt's file as headers."),
)
_tokens = options(
    click.option(
        "--jwt-secret-file",
        default="",
        type=click.Path(dir_okay=False),
        metavar="PATH",
        help="Ask uploads for a token signed with the secret in this file, as text or 0x and hex.",
    ),
    click.option(
        "--jwt-algorithm",
        default="HS256",
        type=click.Choice(["HS256", "HS384", "HS512"]),
        help="How tokens are signed.",
    ),
    click.option(
        "--jwt-expiring-sec",
        default=0,
        type=click.IntRange(0),
        metavar="SECONDS",
        help="Ask for tokens whose exp is exactly this long after their iat; 0: any.",
    ),
    click.option(
        "--jwt-verify-upload",
        is_flag=True,
        help="Ask for tokens and compare epochs, size and receiver in them with the upload.",
    ),
)
_faults = options(
    click.option(
        "--fault-scope",
        default="all",
        type=click.Choice(["all", "reads", "writes"]),
        help="Requests that the faults of all HTTP targets strike: delay to cut below.",
    ),
    share_option("--fault-overload", "overload_share", help="Share answered with 429 as a text."),
    share_option("--fault-internal", "internal_share", help="Share answered with 500."),
    share_option("--fault-unavailable", "unavailable_share", help="Share of reads with 503."),
    share_option(
        "--fault-unconfirmed",
        "unconfirmed_share",
        help="Share of uploads with 504, for too few confirmations.",
    ),
    share_option(
        "--fault-short",
        "short_share",
        help="Share of reads that end early and say so: the last quarter is missing.",
    ),
    share_option(
        "--fault-shape", "shape_share", help="Share of uploads whose 200 has an unknown shape."
    ),
)
walrus_options = options(_places, _limits, _times, _content, _tokens, _faults)
"""Everything that makes a Walrus target; `_walrus_launch` takes what they give."""
