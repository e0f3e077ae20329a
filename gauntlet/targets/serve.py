"""What all reference targets stand on: sockets, worker processes, the `ready` line.

    with bind_tcp("127.0.0.1", 0) as listener:
        site = http_site(listener, build_app, endpoints=("/health", "/blobs/*"), workers=2)
        serve([site], exit_with_parent=True)

Standard output holds one line `ready ADDRESS` per address, once every worker serves. Standard
error stays empty unless something is wrong. `serve` returns after SIGTERM or SIGINT, and with
`exit_with_parent` when standard input ends, which it also does if the parent is killed. No
process outlives it: workers are told to end, have GRACE_S seconds for answers under way, and
are killed then. Without parent they are killed at once, as nobody waits for their answers, and
if the supervisor itself is killed, they see that and end.

Those that speak HTTP are made by `http_site`, which counts. Other targets may tell of themselves at
a `MetricsPort`; then a line `metrics ADDRESS` follows.

Workers are forked, so the calling process must have no threads and no gevent patches.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import TYPE_CHECKING, NamedTuple

from gauntlet.errors import GauntletError, UsageError
from gauntlet.exitcodes import ExitCode

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BACKLOG = 2048
GRACE_S = 2.0

Work = Callable[[int, Callable[[], None]], None]
"""The life of one worker process: gets its index, calls the function once it serves."""

_FORK = multiprocessing.get_context("fork")


class WorkerDied(GauntletError):
    """A worker ended unasked; what was measured against the target means nothing any more."""

    exit_code = ExitCode.INVALID


@dataclass(frozen=True)
class Site:
    """One address of a target: how it is written, its bound socket, the work behind it."""

    address: str
    listener: socket.socket
    work: Work
    workers: int = 1
    expendable: bool = False
    """Whether the target goes on without it, as a cluster does without one of its nodes."""


class MetricsPort(NamedTuple):
    """Where a target that speaks no HTTP tells Prometheus of itself; port 0: the kernel's choice.

    `families` makes what it tells besides the figures of its worker processes.
    """

    host: str
    port: int
    families: Callable[[], Sequence[Metric]]


def bind_tcp(host: str, port: int, shared: bool = False) -> socket.socket:
    """A listening socket: clients may connect from now on and wait for the workers.

    Port 0 lets the kernel choose. `shared` sockets may have the same port; the kernel deals
    connections out to them. The protocol number is given on purpose: asyncio switches
    Nagle's algorithm off only for sockets that name TCP. Raises UsageError.
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        if listener:
            listener.close()
        reason = error.strerror or str(error)
        raise UsageError(
            f"--host, --port: expected a free address of this machine, got '{host}:{port}' "
            f"({reason.lower()})"
        ) from error
    return listener


def serve(
    sites: Sequence[Site], *, exit_with_parent: bool = False, metrics: MetricsPort | None = None
) -> None:
    """Run all workers of all sites until told to stop.

    Raises WorkerDied if one ends before; the others are ended then, too.
    """
    with _stop_signals() as signalled:
        stops = _Stops(signalled, _standard_input() if exit_with_parent else None)
        reader, writer = _FORK.Pipe(duplex=False)
        workers: list[ForkProcess] = []
        try:
            expendable: list[ForkProcess] = []
            for site in sites:
                own = [_start_worker(site, index, writer) for index in range(site.workers)]
                workers += own
                expendable += own if site.expendable else []
            for site in sites:
                site.listener.close()
            if _all_up(workers, reader, stops):
                for site in sites:
                    print(f"ready {site.address}", flush=True)
                if metrics is not None:
                    _tell_metrics(metrics, workers)
                _wait(workers, stops, expendable=expendable)
        except _ParentGone:
            for worker in workers:
                worker.kill()
        finally:
            _end(workers)


def _tell_metrics(port: MetricsPort, workers: Sequence[ForkProcess]) -> None:
    """From here on: all workers are forked, so this process may have a thread."""
    from gauntlet.targets.metrics import metrics_thread, text

    pids = [worker.pid for worker in workers if worker.pid]
    try:
        address = metrics_thread(port.host, port.port, lambda: text(pids, *port.families()))
    except OSError as error:
        raise UsageError(
            f"--metrics-port: expected a free port of this machine, got {port.port} "
            f"({(error.strerror or str(error)).lower()})"
        ) from error
    print(f"metrics {address}", flush=True)


class _ParentGone(Exception):
    """Standard input ended."""


class _Stops(NamedTuple):
    """Where a wish to stop comes from: a descriptor fed by signals, and standard input."""

    signalled: int
    standard_input: int | None

    @property
    def descriptors(self) -> list[int]:
        return [item for item in self if item is not None]

    def told(self, ready: Sequence[object]) -> bool:
        """Whether a signal came. Raises _ParentGone; text on standard input is thrown away."""
        # Looked up again: a signal that came just before the end of the input may not be in
        # `ready`, as it is delivered on the way out of the system call.
        if wait([self.signalled], 0):
            return True
        source = self.standard_input
        if source is not None and source in ready and not os.read(source, 65536):
            raise _ParentGone
        return False


def _standard_input() -> int:
    if sys.stdin is None:
        raise UsageError("--exit-with-parent: expected an open standard input, got a closed one")
    return sys.stdin.fileno()


@contextlib.contextmanager
def _stop_signals() -> Iterator[int]:
    """A descriptor that becomes readable as soon as SIGTERM or SIGINT arrives."""
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    with ours, pythons:
        before_fd = signal.set_wakeup_fd(pythons.fileno())
        before = {
            number: signal.signal(number, lambda *_: None)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield ours.fileno()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before_fd)


def _start_worker(site: Site, index: int, writer: Connection) -> ForkProcess:
    def life() -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        threading.Thread(target=_end_with_supervisor, daemon=True).start()
        site.work(index, lambda: writer.send_bytes(b"up"))

    process = _FORK.Process(target=life, name=f"{site.address} worker {index}", daemon=True)
    process.start()
    return process


def _end_with_supervisor() -> None:
    """End this worker when its supervisor is gone, even while the event loop is blocked."""
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    supervisor.join()
    os._exit(ExitCode.PASS)


def _all_up(workers: Sequence[ForkProcess], reader: Connection, stops: _Stops) -> bool:
    """Wait until every worker serves; False if told to stop before. Raises WorkerDied."""
    for _ in workers:
        if not _wait(workers, stops, reader):
            return False
        reader.recv_bytes()
    return True


def _wait(
    workers: Sequence[ForkProcess],
    stops: _Stops,
    reader: Connection | None = None,
    expendable: Sequence[ForkProcess] = (),
) -> bool:
    """Wait until told to stop (False) or until `reader` has something (True).

    Raises WorkerDied, of those that are expendable with the last one.
    """
    readers = [reader] if reader else []
    while True:
        ready = wait([*stops.descriptors, *(one.sentinel for one in workers), *readers])
        if stops.told(ready):
            return False
        for worker in workers:
            if worker.sentinel in ready:
                worker.join()
                if worker in expendable and len(workers) > 1:
                    workers = [one for one in workers if one is not worker]
                    continue
                raise WorkerDied(f"{worker.name} ended unasked (exit code {worker.exitcode})")
        if reader in ready:
            return True


def _end(workers: Sequence[ForkProcess]) -> None:
    for worker in workers:
        worker.terminate()
    deadline = time.perf_counter() + GRACE_S
    for worker in workers:
        worker.join(max(0.0, deadline - time.perf_counter()))
        if worker.exitcode is None:
            worker.kill()
            worker.join()
