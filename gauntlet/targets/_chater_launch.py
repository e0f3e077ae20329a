"""From the options of the command line to a running Chater target."""

import contextlib
import sqlite3
import tempfile
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

from gauntlet.config import secret
from gauntlet.errors import UsageError
from gauntlet.targets._chater_settings import ChaterSettings
from gauntlet.targets._chater_store import Store
from gauntlet.targets.chater import ENDPOINTS, build_app, strikes
from gauntlet.targets.faults import Faults
from gauntlet.targets.http_site import http_site
from gauntlet.targets.serve import bind_tcp, serve

SECRET = "EATER_SECRET_KEY"
"""The original's own variable."""


def launch(faults: Faults, options: dict[str, Any]) -> None:
    """Run the target until it is told to stop. Raises UsageError."""
    host, port, workers = options.pop("host"), options.pop("port"), options.pop("workers")
    exit_with_parent, path = options.pop("exit_with_parent"), options.pop("store")
    given = secret(SECRET)
    key = token_hex(32) if given is None else given
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(bind_tcp(host, port))
        if not path:
            path = ":memory:"
            if workers > 1:  # they share what they keep
                path = f"{stack.enter_context(tempfile.TemporaryDirectory())}/store.sqlite"
        settings = ChaterSettings(**options)
        if path != ":memory:":
            _check(path)
        site = http_site(
            listener,
            partial(build_app, settings, path, key, given is None),
            endpoints=ENDPOINTS,
            workers=workers,
            faults=faults,
            strikes=strikes,
        )
        serve([site], exit_with_parent=exit_with_parent)


def _check(path: str) -> None:
    """Make the store, before workers would all at once."""
    try:
        Store(path)
    except sqlite3.Error as error:
        raise UsageError(f"--store: expected an SQLite file, got '{Path(path)}'") from error
