"""The reference target of the file server: plain sockets, threads, processes.

thread    one port, N worker threads; a worker is bound to a connection until it closes
process   N processes on N ports, or on one that they share; a thread per connection in each

When it ends, it prints a line per worker:

    worker 1 connections 12 served 11 failed 1
"""

import mmap
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal

from gauntlet.targets import serve
from gauntlet.targets._file_connection import Connection, Faults, Limits, Row
from gauntlet.targets._file_store import Store, folder_of

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

MOST_WORKERS = 1000


@dataclass(frozen=True)
class FileServerSettings:
    """How the target serves; `base_port` 0 lets the kernel choose each port."""

    mode: Literal["thread", "process"]
    pool: int
    host: str = "127.0.0.1"
    base_port: int = 0
    shared_port: bool = False
    """The processes listen on one port, between which the kernel deals connections."""
    populate: tuple[int, ...] = ()
    storage: str | None = None


def run(
    settings: FileServerSettings,
    limits: Limits,
    faults: Faults,
    exit_with_parent: bool,
    metrics_port: int | None = None,
) -> None:
    """Serve until told to stop; then say what each worker served."""
    cells = memoryview(mmap.mmap(-1, 8 * Row.WIDTH * settings.pool)).cast("Q")
    rows = [Row(cells, worker) for worker in range(settings.pool)]
    with folder_of(settings.storage, settings.populate) as folder:
        try:
            sites = _sites(settings, _Shop(folder, rows, limits, faults))
            metrics = None
            if metrics_port is not None:
                families = partial(_families, rows)
                metrics = serve.MetricsPort(settings.host, metrics_port, families)
            serve.serve(sites, exit_with_parent=exit_with_parent, metrics=metrics)
        finally:
            for number, row in enumerate(rows, start=1):
                connections, served, failed = row.numbers()
                print(f"worker {number} connections {connections} served {served} failed {failed}")


@dataclass(frozen=True)
class _Shop:
    """What all workers have in common."""

    folder: Path
    rows: list[Row]
    limits: Limits
    faults: Faults

    def worker(self, number: int) -> Callable[[socket.socket], None]:
        """What serves a connection in the name of a worker."""
        store, dice = Store(self.folder), Random(f"{self.faults.seed}:{number}")

        def serve_one(peer: socket.socket) -> None:
            with peer:
                Connection(peer, store, self.rows[number], self.limits, self.faults, dice).serve()

        return serve_one


def _sites(settings: FileServerSettings, shop: _Shop) -> list[serve.Site]:
    if settings.mode == "thread":
        listener = serve.bind_tcp(settings.host, settings.base_port)
        return [serve.Site(_address(listener), listener, partial(_threads, listener, shop))]
    if settings.shared_port:
        first = serve.bind_tcp(settings.host, settings.base_port, shared=True)
        port = first.getsockname()[1]
        others = [serve.bind_tcp(settings.host, port, shared=True) for _ in range(1, settings.pool)]
        work = partial(_process, [first, *others], shop, 0)
        return [serve.Site(_address(first), first, work, settings.pool)]
    listeners = [
        serve.bind_tcp(settings.host, settings.base_port and settings.base_port + number)
        for number in range(settings.pool)
    ]
    return [
        serve.Site(_address(one), one, partial(_process, [one], shop, number))
        for number, one in enumerate(listeners)
    ]


def _families(rows: list[Row]) -> list["Metric"]:
    """What Prometheus is told, over all workers."""
    from gauntlet.targets.metrics import counter

    connections, served, failed = map(sum, zip(*(row.numbers() for row in rows), strict=True))
    outcomes: dict[tuple[str, ...], int] = {("served",): served, ("failed",): failed}
    return [
        counter("file_server_connections", "Connections", (), {(): connections}),
        counter("file_server_operations", "Operations done", ("status",), outcomes),
    ]


def _threads(listener: socket.socket, shop: _Shop, index: int, up: Callable[[], None]) -> None:
    """Thread mode: each thread takes a connection and stays with it."""

    def life(number: int) -> None:
        serve_one = shop.worker(number)
        while True:
            peer, _ = listener.accept()
            serve_one(peer)

    threads = [threading.Thread(target=life, args=(at,)) for at in range(len(shop.rows))]
    for thread in threads:
        thread.start()
    up()
    for thread in threads:
        thread.join()


def _process(
    listeners: list[socket.socket], shop: _Shop, first: int, index: int, up: Callable[[], None]
) -> None:
    """Process mode: a thread for every connection."""
    serve_one = shop.worker(first + index)
    up()
    while True:
        peer, _ = listeners[index].accept()
        threading.Thread(target=serve_one, args=(peer,), daemon=True).start()


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
