"""From the options of the command line to running nodes of the image cloud."""

import contextlib
import ipaddress
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from gauntlet.errors import UsageError
from gauntlet.targets._image_cloud_settings import NodeFaults, NodeSettings
from gauntlet.targets.image_cloud import Node, cells
from gauntlet.targets.serve import MetricsPort, Site, serve

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

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
    metrics_port, done = options.pop("metrics_port"), cells(count)
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
                partial(_life, one, settings, number, peers, done),
                expendable=True,
            )
            for number, one in enumerate(sockets, 1)
        ]
        metrics = None
        if metrics_port is not None:
            metrics = MetricsPort(host, metrics_port, partial(_families, done))
        serve(sites, exit_with_parent=exit_with_parent, metrics=metrics)


def _life(
    sock: socket.socket,
    settings: NodeSettings,
    number: int,
    peers: list[Any],
    done: memoryview,
    _: int,
    up: Callable[[], None],
) -> None:
    Node(sock, settings, number, peers, done).serve(up)


def _families(done: memoryview) -> list["Metric"]:
    """What Prometheus is told: pictures encrypted or decrypted, by node."""
    from gauntlet.targets.metrics import counter

    by_node: dict[tuple[str, ...], int] = {(str(at),): count for at, count in enumerate(done, 1)}
    return [counter("image_cloud_pictures", "Pictures worked on", ("node",), by_node)]


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
