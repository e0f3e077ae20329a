"""The addresses that Locust listens at: what it says of one that it cannot have is a traceback."""

import os
import socket
from collections.abc import Callable
from functools import wraps
from typing import NoReturn

from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MasterRunner

from gauntlet.errors import UsageError

MOST = 65535
"""The highest TCP port."""


def check_page(environment: Environment) -> None:
    """UsageError where Locust's page cannot be served."""
    if (page := environment.web_ui) is None:
        return
    family = socket.AF_INET6 if ":" in page.host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((page.host, page.port))
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise _taken("--web-host, --web-port", page.host, page.port, why) from error


def install(refuse: Callable[[Environment, UsageError], NoReturn]) -> None:
    """Call `refuse` where Locust cannot make a master: it does so before any event of a run."""
    make = Environment.create_master_runner

    @wraps(make)
    def made(
        self: Environment, master_bind_host: str = "*", master_bind_port: int = 5557
    ) -> MasterRunner:
        at = master_bind_host, master_bind_port
        why: object = "no port has that number"  # the socket library would take another one
        try:
            if 0 <= master_bind_port <= MOST:
                return make(self, *at)
        except RPCError as error:
            number = getattr(error.__context__, "errno", None)  # of the socket library's error
            why = os.strerror(number) if number else error
        refuse(self, _taken("--master-bind-host, --master-bind-port", *at, why))

    Environment.create_master_runner = made  # type: ignore[method-assign]  # no event tells of it


def _taken(options: str, host: str, port: int, why: object) -> UsageError:
    return UsageError(
        f"{options}: expected a free address of this machine, got '{host}:{port}' ({why})"
    )
