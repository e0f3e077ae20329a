"""The options of `gauntlet target image-cloud`, and from them to running nodes."""

import contextlib
import ipaddress
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from gauntlet.errors import UsageError
from gauntlet.targets._image_cloud_settings import NodeFaults, NodeSettings
from gauntlet.targets._options import duration_option, options, share_option, text_option
from gauntlet.targets.image_cloud import Node
from gauntlet.targets.serve import Site, serve
from gauntlet.units import parse_duration

MOST_NODES = 32


def _late(text: str) -> tuple[float, float]:
    from gauntlet.targets.faults import parse_share

    duration, colon, share = text.partition(":")
    return parse_duration(duration), parse_share(share) if colon else 1.0


def _nodes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(one) for one in text.split(",") if one)
    except ValueError:
        raise ValueError(f'expected numbers of nodes such as "2,3", got {text!r}') from None


image_cloud_options = options(
    click.option("--host", default="127.0.0.1", help="Address to listen on."),
    click.option(
        "--port",
        default=8001,
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="UDP port of the first node, the others follow; 0 lets the kernel choose.",
    ),
    click.option(
        "--nodes",
        default=3,
        type=click.IntRange(1, MOST_NODES),
        metavar="COUNT",
        help="Nodes of the cluster, each a process with a port of its own.",
    ),
    click.option(
        "--exit-with-parent",
        is_flag=True,
        help="End as soon as standard input ends, as it does when the parent is killed.",
    ),
    click.option(
        "--allow-remote",
        is_flag=True,
        help="Allow a --host that others can reach. Whoever can forge an address could have "
        "large answers sent there.",
    ),
    duration_option("--pacing", "pacing_s", default="10ms", help="Pause between two datagrams."),
    duration_option(
        "--relay-timeout", "relay_timeout_s", default="30s", help="Wait for another node."
    ),
    duration_option("--election", "election_s", default="15s", help="Time between elections."),
    duration_option(
        "--peer-timeout", "peer_timeout_s", default="3s", help="Silence that makes a node failed."
    ),
    click.option(
        "--cache-limit",
        default=256 << 20,
        type=click.IntRange(0),
        metavar="BYTES",
        help="Answers that a node keeps to send their pieces again.",
    ),
    duration_option("--cache-age", "cache_age_s", default="60s", help="How long it keeps them."),
    share_option(
        "--fault-lose-requests", "lost_requests", help="Share of arriving datagrams lost."
    ),
    share_option("--fault-lose-answers", "lost_answers", help="Share of answer datagrams lost."),
    share_option("--fault-reorder", "reordered", help="Share that changes places with the next."),
    share_option("--fault-duplicate", "duplicated", help="Share of answer datagrams sent twice."),
    share_option("--fault-silence", "silent", help="Share of requests never answered."),
    text_option(
        "--fault-late-failure",
        "late_failure",
        default="0s:0",
        form="DURATION[:SHARE]",
        parse=_late,
        help="A failure that comes besides the answer, so much later (originally 30s), from "
        "another port.",
    ),
    share_option(
        "--fault-other-port", "other_port", help="Share of answers from a port of their own."
    ),
    share_option("--fault-wrong-pixels", "wrong_pixels", help="Share of pictures spoiled."),
    share_option("--fault-wrong-metadata", "wrong_metadata", help="Share with another quota."),
    click.option(
        "--fault-bare", "bare", is_flag=True, help="Answer decryption in one bare datagram."
    ),
    click.option(
        "--fault-split-brain",
        "split_brain",
        is_flag=True,
        help="Let each node take the next one for the coordinator.",
    ),
    click.option(
        "--fault-original-delays",
        "original_delays",
        is_flag=True,
        help="500 ms and 1 ms per 100 bytes to encrypt, 200 ms to decrypt.",
    ),
    text_option(
        "--fault-nodes",
        "fault_nodes",
        default="",
        form="NUMBERS",
        parse=_nodes,
        help="Nodes that have the faults, such as 2,3. Default: all.",
    ),
)

_FAULTS = (
    "lost_requests",
    "lost_answers",
    "reordered",
    "duplicated",
    "silent",
    "other_port",
    "wrong_pixels",
    "wrong_metadata",
    "bare",
    "split_brain",
    "original_delays",
)


def launch(options: dict[str, Any]) -> None:
    """Run the nodes until told to stop. Raises UsageError."""
    host, port, count = options.pop("host"), options.pop("port"), options.pop("nodes")
    exit_with_parent, remote = options.pop("exit_with_parent"), options.pop("allow_remote")
    family, address = _resolved(host, remote)
    late_s, late_share = options.pop("late_failure")
    faults = NodeFaults(
        **{name: options.pop(name) for name in _FAULTS},
        late_failure_s=late_s,
        late_failure_share=late_share,
        nodes=options.pop("fault_nodes"),
    )
    if any(not 1 <= node <= count for node in faults.nodes):
        raise UsageError(f"--fault-nodes: expected numbers from 1 to {count}, got another")
    settings = NodeSettings(**options, faults=faults)
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(_bind(family, address, port + number if port else 0))
            for number in range(count)
        ]
        peers = [one.getsockname() for one in sockets]
        sites = [
            Site(
                f"udp://{_shown(one.getsockname())}",
                one,
                partial(_life, one, settings, number, peers),
                expendable=True,
            )
            for number, one in enumerate(sockets, 1)
        ]
        serve(sites, exit_with_parent=exit_with_parent)


def _life(
    sock: socket.socket,
    settings: NodeSettings,
    number: int,
    peers: list[Any],
    _: int,
    up: Callable[[], None],
) -> None:
    Node(sock, settings, number, peers).serve(up)


def _resolved(host: str, remote: bool) -> tuple[int, str]:
    try:
        family, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
    except OSError as error:
        raise UsageError(f"--host: expected an address of this machine, got {host!r}") from error
    if not ipaddress.ip_address(address[0]).is_loopback and not remote:
        raise UsageError(
            f"--host: expected a loopback address, got {host!r}; --allow-remote allows it"
        )
    return family, str(address[0])


def _bind(family: int, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--host, --port: expected free ports of this machine, got '{host}:{port}' "
            f"({reason.lower()})"
        ) from error
    return sock


def _shown(address: Any) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
