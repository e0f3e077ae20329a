"""`gauntlet file-server list|get|upload|delete HOST:PORT …`: the client as a command."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from gauntlet.commands import Group
from gauntlet.errors import GauntletError, TargetUnreachable, UsageError, WrongAnswer
from gauntlet.exitcodes import ExitCode
from gauntlet.text import shown
from gauntlet.units import parse_duration


class Failed(GauntletError):
    """The server answered, but not as it should."""

    exit_code = ExitCode.REQUESTS_FAILED


def _address(context: click.Context, parameter: click.Parameter, text: str) -> tuple[str, int]:
    from gauntlet.clients.file_server import address_of

    try:
        return address_of(text)
    except ValueError:
        raise UsageError(
            f"file-server: expected an address such as 127.0.0.1:7000, got {shown(text)}"
        ) from None


def _seconds(context: click.Context, parameter: click.Parameter, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_address_argument = click.argument("address", metavar="HOST:PORT", callback=_address)
_timeout_option = click.option(
    "--timeout",
    default="60s",
    metavar="DURATION",
    callback=_seconds,
    show_default=True,
    help="For the connect, for the first answer, and for each pause.",
)


@click.group("file-server", cls=Group)
def file_server() -> None:
    """Speak to a TCP file server: list, get, upload, delete."""


@file_server.command("list")
@_address_argument
@_timeout_option
def list_files(address: tuple[str, int], timeout: float) -> None:
    """Print the names that the server shows."""
    with _client(address, timeout) as client:
        names = client.names()
    for name in names:
        click.echo(_printable(name))


@file_server.command()
@_address_argument
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write. Default: NAME, without folders, in the working folder.",
)
@_timeout_option
def get(address: tuple[str, int], name: str, output: Path | None, timeout: float) -> None:
    """Download NAME; the file is there in full or not at all."""
    path = output or Path(Path(name).name or "file")
    _line(name)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"--output: expected a file to write to, got {shown(str(path))}")
    descriptor, part = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file, _client(address, timeout) as client:
            with _progress(f"get {path.name}", None) as tell:

                def sink(data: bytes) -> None:
                    file.write(data)
                    tell(len(data))

                length = client.get(name, sink)
        os.chmod(part, 0o644)
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
    click.echo(f"{path}: {length} bytes")


@file_server.command()
@_address_argument
@click.argument("file", type=click.Path(path_type=Path))
@_timeout_option
def upload(address: tuple[str, int], file: Path, timeout: float) -> None:
    """Upload FILE; prints the name that the server gave it, once its MD5 was found right."""
    from gauntlet.clients.file_sources import FileSource

    if not file.is_file() or not os.access(file, os.R_OK):
        raise UsageError(f"upload: expected a readable file, got {shown(str(file))}")
    with _client(address, timeout) as client, _progress(f"upload {file.name}", file) as tell:
        name = client.upload(FileSource(file, tell))
    click.echo(_printable(name))


@file_server.command()
@_address_argument
@click.argument("name")
@_timeout_option
def delete(address: tuple[str, int], name: str, timeout: float) -> None:
    """Remove NAME from the server."""
    _line(name)
    with _client(address, timeout) as client:
        client.delete(name)


def _line(name: str) -> None:
    from gauntlet.wire.file_protocol import request

    try:
        request("GET", name)
    except ValueError:
        raise UsageError(f"name: expected one line of text, got {shown(name)}") from None


def _printable(name: str) -> str:
    """A server's word for the terminal: nothing that would steer it."""
    return "".join(char if char.isprintable() else "?" for char in name)


@contextmanager
def _client(address: tuple[str, int], timeout: float) -> Iterator[Any]:
    import gevent

    from gauntlet.clients.file_server import Deadlines, FileClient, FileServerError

    hub = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)  # it would print what we say in a word
    forever = 7 * 86_400.0  # a file may be of any size; only pauses are bounded
    client = FileClient(address, Deadlines(timeout, timeout, timeout, forever))
    try:
        yield client
    except FileServerError as error:
        raise TargetUnreachable(f"file-server: {error}") from None
    except WrongAnswer as wrong:
        raise Failed(f"file-server: {wrong}") from None
    finally:
        client.close()


@contextmanager
def _progress(what: str, file: Path | None) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal's standard error, with the rate; elsewhere nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns,
        TransferSpeedColumn(),
        console=console,
        disable=not sys.stderr.isatty(),
        transient=True,
        auto_refresh=False,  # no thread beside the client's loop
    ) as progress:
        task = progress.add_task(what, total=file.stat().st_size if file else None)

        def tell(moved: int) -> None:
            progress.update(task, advance=moved)
            if progress.tasks[0].completed // _SHOWN_EVERY != (
                (progress.tasks[0].completed - moved) // _SHOWN_EVERY
            ):
                progress.refresh()

        yield tell


_SHOWN_EVERY = 4 * 1024 * 1024
"""Bytes between two looks of the bar."""
