"""Addresses of targets that speak HTTP: uvicorn workers with faults, which count what they answer.

`GET /__count` tells it: see `counts`.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gauntlet.errors import MissingExtra
from gauntlet.targets.counts import Counts
from gauntlet.targets.faults import Deliberate, Faults, FaultyApp, strikes_all
from gauntlet.targets.serve import BACKLOG, Site

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Scope
    from uvicorn import Server

KEEP_ALIVE_S = 5
"""Idle connections are closed after this many seconds, as uvicorn does unless told otherwise."""


def require_http(what: str) -> None:
    """Raise MissingExtra unless the packages of the `targets` extra can be imported."""
    for name in ("httptools", "python_multipart", "starlette", "uvicorn"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise MissingExtra(f"the reference target of {what}", "targets") from error


def http_site(
    listener: socket.socket,
    build: Callable[[int], ASGIApp],
    *,
    endpoints: Sequence[str],
    workers: int = 1,
    faults: Faults,
    strikes: Callable[[Scope], bool] = strikes_all,
) -> Site:
    """A counted site of uvicorn workers that have the faults, at the requests these strike.

    Each worker builds its own application, from its index.
    """
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    counts = Counts(endpoints, workers)

    def work(index: int, up: Callable[[], None]) -> None:
        app = FaultyApp(build(index), faults, index, counts.first_request_s, strikes)
        _run_uvicorn(listener, counts.counted(app, index), up)

    return Site(address, listener, work, workers)


def _run_uvicorn(listener: socket.socket, app: ASGIApp, up: Callable[[], None]) -> None:
    import uvicorn

    _log_warnings()
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    asyncio.run(_run_server(uvicorn.Server(config), listener, up))


async def _run_server(server: Server, listener: socket.socket, up: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    if server.started:
        up()
    await serving


def _log_warnings() -> None:
    """Warnings of uvicorn go to standard error, but not those a fault was meant to cause."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    handler.addFilter(lambda record: not (record.exc_info and _is_deliberate(record.exc_info[1])))
    logger = logging.getLogger("uvicorn")
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    # The form parser warns of every malformed body, which is not news to a load tester.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def _is_deliberate(error: BaseException | None) -> bool:
    return isinstance(error, Deliberate)
