"""The options of `gauntlet target image-cloud`."""

import click

from gauntlet.targets._options import (
    duration_option,
    metrics_port,
    options,
    share_option,
    text_option,
)
from gauntlet.targets.faults import parse_share
from gauntlet.units import parse_duration

MOST_NODES = 32


def _late(text: str) -> tuple[float, float]:
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
    metrics_port,
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
