"""From the options of the command line to running Walrus sites."""

import contextlib
import multiprocessing
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import Scope

from gauntlet.errors import UsageError
from gauntlet.targets._walrus_directory import store_directory
from gauntlet.targets._walrus_settings import TokenRules, WalrusSettings
from gauntlet.targets.faults import Faults, strikes_all
from gauntlet.targets.http_site import http_site
from gauntlet.targets.serve import Site, bind_tcp, serve
from gauntlet.targets.walrus import ENDPOINTS, Slots, build_app

_FORK = multiprocessing.get_context("fork")


def launch(faults: Faults, options: dict[str, Any]) -> None:
    """Run the target until it is told to stop. Raises UsageError."""
    mode, reading_port = options.pop("mode"), options.pop("aggregator_port")
    host, port, workers = options.pop("host"), options.pop("port"), options.pop("workers")
    exit_with_parent, scope = options.pop("exit_with_parent"), options.pop("fault_scope")
    directory = options.pop("directory")
    if reading_port >= 0 and mode != "daemon":
        raise UsageError(f"--aggregator-port: expected --mode daemon, got --mode {mode}")
    slots = {
        name: _slots(name, *options.pop(f"{name}_slots")) for name in ("publisher", "aggregator")
    }
    settings = _settings(options)
    modes = (
        [(mode, port)] if reading_port < 0 else [("publisher", port), ("aggregator", reading_port)]
    )
    with contextlib.ExitStack() as stack:
        listeners = [(name, stack.enter_context(bind_tcp(host, number))) for name, number in modes]
        path = stack.enter_context(store_directory(directory, settings.store_limit))
        sites: list[Site] = [
            http_site(
                listener,
                partial(build_app, settings, path, name, slots),
                endpoints=ENDPOINTS,
                workers=workers,
                faults=faults,
                strikes=_STRIKES[scope],
            )
            for name, listener in listeners
        ]
        serve(sites, exit_with_parent=exit_with_parent)


def _slots(name: str, running: int, taken: int) -> Slots:
    return Slots(_FORK.Semaphore(running), _FORK.Semaphore(taken), name)


def _settings(options: dict[str, Any]) -> WalrusSettings:
    stale_s, stale_share = options.pop("stale_404")
    return WalrusSettings(
        stale_s=stale_s, stale_share=stale_share, tokens=_token_rules(options), **options
    )


def _token_rules(options: dict[str, Any]) -> TokenRules | None:
    """What is asked of tokens; None if none of the options asks for them."""
    path, algorithm = options.pop("jwt_secret_file"), options.pop("jwt_algorithm")
    lifetime_s, verify = options.pop("jwt_expiring_sec"), options.pop("jwt_verify_upload")
    if not (path or lifetime_s or verify):
        return None
    secret = read_secret(Path(path)) if path else None
    return TokenRules(
        secret=secret, algorithm=algorithm, lifetime_s=lifetime_s, verify_upload=verify
    )


def read_secret(path: Path) -> bytes:
    """The secret in a file, without white space around it. Raises UsageError."""
    try:
        text = path.read_text().strip()
        secret = bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"--jwt-secret-file: cannot read '{path}' ({reason})") from error
    except ValueError as error:  # of the hex, or of bytes that are no text
        raise UsageError(
            f"--jwt-secret-file: expected a text, or 0x and hex digits, in '{path}'"
        ) from error
    if not secret:
        raise UsageError(f"--jwt-secret-file: expected a secret in '{path}', got an empty file")
    return secret


_STRIKES: dict[str, Callable[[Scope], bool]] = {
    "all": strikes_all,
    "reads": lambda scope: bool(scope["method"] != "PUT"),
    "writes": lambda scope: bool(scope["method"] == "PUT"),
}
