"""The options of `gauntlet target file-server`, and how it is launched with what they give."""

from collections.abc import Callable
from typing import Any

import click

from gauntlet.targets._file_connection import Faults, Limits
from gauntlet.targets._options import (
    duration_option,
    metrics_port,
    options,
    seeded,
    share_option,
    text_option,
)
from gauntlet.targets.file_server import MOST_WORKERS, FileServerSettings, run

_LARGEST_MB = 100_000


def parse_megabytes(text: str) -> tuple[int, ...]:
    """Whole numbers above 0 between commas; nothing is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and 1 <= int(part) <= _LARGEST_MB for part in parts):
        raise ValueError(f'expected sizes in MB such as "10,50,100", got {text!r}')
    return tuple(dict.fromkeys(int(part) for part in parts))


def _bytes(name: str, default: int, help: str) -> Callable[..., Any]:
    kind = click.IntRange(1)
    return click.option(name, default=default, type=kind, metavar="BYTES", help=help)


file_server_options = options(
    click.option(
        "--mode",
        default="thread",
        type=click.Choice(["thread", "process"]),
        help="Worker threads behind one port, or processes.",
    ),
    click.option(
        "--pool",
        default=5,
        type=click.IntRange(1, MOST_WORKERS),
        metavar="COUNT",
        help="Workers. A thread stays with a connection until it closes; a process has a thread "
        "for each.",
    ),
    click.option("--host", default="127.0.0.1", help="Address to listen on."),
    click.option(
        "--base-port",
        "--port",
        default=7000,
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="First TCP port; processes take one each, counting up. 0 lets the kernel choose.",
    ),
    click.option(
        "--shared-port",
        is_flag=True,
        help="Processes share one port, and the kernel deals connections out to them.",
    ),
    text_option(
        "--populate",
        default="",
        form="MB,MB,…",
        parse=parse_megabytes,
        help="Make the files file_10mb.bin and so on before serving.",
    ),
    click.option(
        "--storage",
        metavar="DIR",
        help="Folder to serve. Default: one for the while, in memory if there is room.",
    ),
    metrics_port,
    _bytes("--upload-limit", Limits.upload, "Longest upload."),
    _bytes("--line-limit", Limits.line, "Longest line."),
    duration_option(
        "--idle-timeout",
        "idle_s",
        default="5m",
        help="Connections that are silent for so long are closed.",
    ),
    duration_option("--fault-slow", "slow_s", default="0s", help="Wait before each answer."),
    share_option("--fault-silent", "silent", help="Share of connections never answered."),
    share_option("--fault-reset", "reset", help="Share of uploads reset in the middle."),
    share_option("--fault-error", "error", help="Share of uploads that end with ERROR."),
    share_option("--fault-wrong-name", "wrong_name", help="Share of uploads named wrongly."),
    share_option("--fault-corrupt", "corrupt", help="Share of downloads with a wrong byte."),
    share_option("--fault-cut", "cut", help="Share of downloads broken off in the middle."),
    click.option(
        "--fault-split",
        "split",
        is_flag=True,
        help="Send the end of each answer in two segments.",
    ),
    seeded,
    click.option(
        "--exit-with-parent",
        is_flag=True,
        help="End as soon as standard input ends, as it does when the parent is killed.",
    ),
)


def launch_file_server(given: dict[str, Any]) -> None:
    """Serve with what the options gave."""
    limits = Limits(given.pop("upload_limit"), given.pop("line_limit"), given.pop("idle_s"))
    exit_with_parent, metrics = given.pop("exit_with_parent"), given.pop("metrics_port")
    settings = FileServerSettings(
        **{name: given.pop(name) for name in FileServerSettings.__dataclass_fields__}
    )
    if settings.shared_port and settings.mode == "thread":
        raise click.UsageError("--shared-port: expected --mode process with it, got thread")
    last = settings.base_port + settings.pool - 1
    if settings.base_port and settings.mode == "process" and last > 65535:
        raise click.UsageError("--base-port, --pool: expected ports up to 65535, got more")
    run(settings, limits, Faults(**given), exit_with_parent, metrics)
