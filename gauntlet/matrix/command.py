"""`gauntlet matrix file-server`: many short runs over all combinations, a row of CSV for each."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime
from itertools import count
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from gauntlet.commands import INTERRUPTED, Group
from gauntlet.errors import TargetUnreachable, UsageError, WrongAnswer
from gauntlet.exitcodes import ExitCode
from gauntlet.matrix.plan import Axes, Cell, cells, parse_list, remaining
from gauntlet.matrix.sheet import COLUMNS, DETAILS, Sheet, cell_of, details_of
from gauntlet.text import counted, shown
from gauntlet.units import format_duration

_AXES = ("modes", "operations", "volumes", "client_pools", "server_pools")


@click.group(cls=Group)
def matrix() -> None:
    """Run a system under every combination of dimensions."""


@matrix.command("file-server")
@click.option("--modes", metavar="LIST", help="thread, process: of the clients and the server.")
@click.option("--operations", metavar="LIST", help="upload, download, list.")
@click.option("--volumes", metavar="LIST", help="MB of 1024 * 1024 bytes, such as 10,50,100.")
@click.option("--client-pools", metavar="LIST", help="Clients at once, such as 1,5,50.")
@click.option("--server-pools", metavar="LIST", help="Workers of the server, such as 1,5,50.")
@click.option("--cell-limit", metavar="DURATION", help="What is not done by then has failed.")
@click.option(
    "--target",
    metavar="HOST:PORT",
    help="Test this server, without the dimension of server pools. Default: a fresh reference "
    "target for every cell.",
)
@click.option(
    "--shared-port",
    is_flag=True,
    help="In process mode the target's processes share one port. Default: a port each, over which "
    "the clients are spread.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Default: results/orchestrator_results_<time>.csv.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Go on with an interrupted file, after its last complete row.",
)
@click.option("--no-plots", is_flag=True, help="Draw no pictures.")
@click.option("--allow-protected", is_flag=True, help="Allow load on a protected environment.")
@click.pass_context
def file_server(
    context: click.Context,
    /,
    target: str | None,
    shared_port: bool,
    output: Path | None,
    resume: Path | None,
    no_plots: bool,
    allow_protected: bool,
    **narrowed: str | None,
) -> None:
    """The TCP file server: mode, operation, volume, client pool and server pool.

    Each client does the operation once. Clients of the mode thread are users in one process, those
    of the mode process share as many workers of a Locust master as there are cores.
    """
    from gauntlet.matrix import report

    if not no_plots:
        report.require_plots()
    if output and resume:
        raise UsageError("--output, --resume: expected one of them, got both")
    if target and narrowed["server_pools"]:
        raise UsageError("--server-pools: expected no --target with it, got one")
    if target and shared_port:
        raise UsageError("--shared-port: expected no --target with it, got one")
    axes = _axes(narrowed)
    planned = cells(axes, foreign=bool(target))
    resumed = _resumed(planned, resume) if resume else None
    address = _checked_target(target, axes, allow_protected) if target else None
    sheets, todo = resumed or (_begun(output), planned)
    console = Console(highlight=False)
    _tell_plan(planned, axes, address, shared_port, console)
    with _interruptible(sheets[0].path) as go_on:
        _run(todo, len(planned), axes, address, shared_port, sheets, go_on)
    rows, details = sheets[0].rows(), sheets[1].rows()
    report.table(rows, details, console)
    told = [sheets[0].path, sheets[1].path]
    if not no_plots:
        told.append(sheets[0].path.with_suffix(".png"))
        report.pictures(rows, details, told[-1])
    for path in told:
        console.print(f"Results: {path}", soft_wrap=True)
    failed = any(row["fail"] != "0" for row in rows)
    context.exit(ExitCode.REQUESTS_FAILED if failed else ExitCode.PASS)


# -- before ----------------------------------------------------------------------------------------


def _axes(narrowed: dict[str, str | None]) -> Axes:
    """The dimensions of profiles/, narrowed by what was given."""
    from gauntlet import config

    mistakes: list[str] = []
    given: dict[str, tuple[object, str]] = {}
    for name, text in narrowed.items():
        if text is None:
            continue
        option = f"--{name.replace('_', '-')}"
        try:
            value: object = text
            if name in _AXES:
                values = parse_list(text)
                whole = name not in ("modes", "operations")
                value = [int(one) if whole and one.isdecimal() else one for one in values]
            given[name] = value, option
        except ValueError as error:
            mistakes.append(f"{option}: {error}")
    if mistakes:
        raise UsageError(mistakes)
    return config.load_matrix(given)


def _sheets(path: Path) -> tuple[Sheet, Sheet]:
    return Sheet(path, COLUMNS), Sheet(details_of(path), DETAILS)


def _begun(output: Path | None) -> tuple[Sheet, Sheet]:
    """The two files, new; where nobody named them, numbered if the second has some already."""
    stem = f"orchestrator_results_{datetime.now():%Y%m%d_%H%M%S}"
    for number in count(1):
        path = output or Path("results") / f"{stem}{f'_{number}' if number > 1 else ''}.csv"
        sheets = _sheets(path)
        try:
            sheets[0].begin()
        except UsageError:
            if output or not path.exists():
                raise
            continue
        sheets[1].begin()
        return sheets
    raise AssertionError("numbers do not end")


def _resumed(planned: Sequence[Cell], path: Path) -> tuple[tuple[Sheet, Sheet], list[Cell]]:
    """The two files of an interrupted matrix without what was begun last, and what is to do."""
    sheets = _sheets(path)
    done, told = sheets[0].rows(), sheets[1].rows()
    try:
        todo = remaining(planned, [cell_of(row, path) for row in done])
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    if len(told) < len(done):
        raise UsageError(f"{sheets[1].path}: expected {len(done)} rows, got {len(told)}")
    for sheet in sheets:
        sheet.cut(len(done))  # a row of the second file is written first
    return sheets, todo


def _checked_target(text: str, axes: Axes, allow_protected: bool) -> tuple[str, int]:
    """The address of a server that answers and has what is to be downloaded."""
    from gauntlet import config
    from gauntlet.clients.file_server import Deadlines, FileClient, FileServerError, address_of

    try:
        address = address_of(text)
    except ValueError:
        raise UsageError(
            f"--target: expected an address such as 127.0.0.1:7000, got {shown(text)}"
        ) from None
    guardian = config.protected_by(f"tcp://{text.removeprefix('tcp://')}")
    if guardian and not allow_protected:
        raise UsageError(
            f"--target: expected an address that is not protected, got one of environment "
            f"{guardian}; --allow-protected allows it"
        )
    client = FileClient(address, Deadlines(10.0, 10.0, 10.0, 10.0))
    try:
        names = {name.lower() for name in client.names()}
    except (FileServerError, WrongAnswer) as error:
        raise TargetUnreachable(f"--target: LIST got no answer: {error}") from None
    finally:
        client.close()
    wanted = [f"file_{volume}mb.bin" for volume in axes.volumes]
    missing = [name for name in wanted if name not in names]
    if missing and "download" in axes.operations:
        raise UsageError(
            f"--target: expected a server that lists {', '.join(missing)}, got one without; "
            "--volumes or --operations leave them out"
        )
    return address


def _tell_plan(
    planned: Sequence[Cell],
    axes: Axes,
    address: tuple[str, int] | None,
    shared_port: bool,
    console: Console,
) -> None:
    from gauntlet.matrix.run import processes_of

    console.print(f"{counted(len(planned), 'cell')}; each client does its operation once")
    if "thread" in axes.modes:
        console.print("clients, mode thread: users in one Locust process")
    if "process" in axes.modes:
        most = max(processes_of(cell) for cell in planned if cell.mode == "process")
        console.print(
            f"clients, mode process: users shared by up to {most} workers of a Locust master"
        )
    if address is not None:
        console.print(f"server: {address[0]}:{address[1]}, whatever its pools are")
    elif "process" in axes.modes:
        place = "one shared port" if shared_port else "a port each, clients spread over them"
        console.print(f"server, mode process: {place}")


# -- the run ---------------------------------------------------------------------------------------


def _run(
    todo: Sequence[Cell],
    total: int,
    axes: Axes,
    address: tuple[str, int] | None,
    shared_port: bool,
    sheets: tuple[Sheet, Sheet],
    go_on: Callable[[], None],
) -> None:
    from gauntlet.matrix.processes import Clients
    from gauntlet.matrix.run import MEGABYTE, Bench, run_cell
    from gauntlet.matrix.storage import hashes, storage

    sizes = [volume * MEGABYTE for volume in axes.volumes]
    names = {volume: f"file_{volume}mb.bin" for volume in axes.volumes}
    with ExitStack() as stack:
        folder = stack.enter_context(storage(todo)) if address is None else None
        clients = Clients(sizes)
        stack.callback(clients.end)
        bench = Bench(
            clients,
            axes.cell_limit,
            names,
            {} if folder is None else hashes(folder, names),
            str(folder or ""),
            address,
            shared_port,
        )
        tell = stack.enter_context(_progress(total, todo))
        for cell in todo:
            go_on()
            result = run_cell(cell, bench)
            sheets[1].append(result.details())
            sheets[0].append(result.row())
            tell(cell, f"{len(result.good)} good, {result.failed} failed, {result.wall:.2f} s")


@contextmanager
def _progress(total: int, todo: Sequence[Cell]) -> Iterator[Callable[[Cell, str], None]]:
    """A bar with the remaining time on a terminal, a line per cell elsewhere."""
    terminal = sys.stderr.isatty()
    whole = sum(cell.weight for cell in todo)
    done, number, began = 0.0, total - len(todo), time.monotonic()
    bar = Progress(
        TextColumn("{task.fields[at]}"),
        BarColumn(),
        TextColumn("{task.fields[left]} left"),
        TextColumn("{task.fields[last]}"),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=whole, at=f"{number}/{total}", left="?", last="")

    def tell(cell: Cell, outcome: str) -> None:
        nonlocal done, number
        done, number = done + cell.weight, number + 1
        passed = time.monotonic() - began
        left = format_duration(max(round(passed * (whole - done) / done), 0))
        if terminal:
            at = f"{number}/{total}"
            bar.update(task, completed=done, at=at, left=left, last=f"{cell.label}: {outcome}")
        else:
            line = f"{number}/{total} {cell.label}: {outcome}; {left} left"
            print(line, file=sys.stderr, flush=True)

    with bar if terminal else nullcontext():
        yield tell


@contextmanager
def _interruptible(path: Path) -> Iterator[Callable[[], None]]:
    """Let SIGTERM end the matrix as Ctrl-C does: its processes, and a word how to go on.

    What it gives raises again what got lost: Python ignores an exception that a signal raises in
    the moment in which a process is started.
    """
    told: list[int] = []

    def interrupt(number: int, _: object) -> None:
        told.append(number)
        raise KeyboardInterrupt

    def go_on() -> None:
        if told:
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield go_on
    except KeyboardInterrupt:
        click.echo(f"interrupted; go on with the same options and --resume {path}", err=True)
        sys.exit(INTERRUPTED)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
