"""What is told at the end of a matrix: a table, and pictures of throughput by pool sizes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gauntlet.errors import MissingExtra
from gauntlet.matrix.sheet import NONE

MEGABYTE = 1024 * 1024
Row = Mapping[str, str]


def require_plots() -> None:
    """Raise MissingExtra unless matplotlib can be imported."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("pictures of a matrix (--no-plots leaves them out)", "plots") from error


def table(rows: Sequence[Row], details: Sequence[Row], console: Console) -> None:
    """Print mean time and aggregate rate, a line per mode, operation, volume and client pool."""
    pools = _distinct(rows, "server_pool")
    grid = Table(title="Mean time of a client, and MB/s of all", title_justify="left")
    for column in ("mode", "operation", "MB", "clients"):
        grid.add_column(column)
    for pool in pools:
        grid.add_column("server" if pool == NONE else f"server pool {pool}", justify="right")
    found = {_key(row): (row, more) for row, more in zip(rows, details, strict=True)}
    for line in dict.fromkeys(_key(row)[:4] for row in rows):
        cells = [found.get((*line, pool)) for pool in pools]
        grid.add_row(*line, *("" if one is None else _told(*one) for one in cells))
    console.print(grid)
    failed = sum(int(row["fail"]) for row in rows)
    console.print(f"{len(rows)} cells, {failed} failed operations")


def pictures(rows: Sequence[Row], details: Sequence[Row], path: Path) -> None:
    """Draw a panel per operation and mode: rate of all clients over the client pool."""
    require_plots()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    modes, operations = _distinct(rows, "mode"), _distinct(rows, "operation")
    figure = Figure(figsize=(5.5 * len(modes), 3.6 * len(operations)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(operations), len(modes), squeeze=False)
    pools, volumes = _distinct(rows, "server_pool"), _distinct(rows, "volume")
    for down, operation in enumerate(operations):
        for right, mode in enumerate(modes):
            panel = panels[down][right]
            panel.set_title(f"{operation}, {mode}")
            panel.set_xlabel("client pool")
            panel.set_ylabel("lists/s" if operation == "list" else "MB/s of all clients")
            for number, pool in enumerate(pools):
                for kind, volume in enumerate(volumes):
                    chosen = {"mode": mode, "operation": operation}
                    chosen |= {"server_pool": pool, "volume": volume}
                    points = _points(details, rows, chosen)
                    panel.plot(
                        range(len(points)),
                        [rate for _, rate in points],
                        color=f"C{number % 10}",
                        linestyle=("-", "--", ":", "-.")[kind % 4],
                        marker="o",
                        markersize=3,
                        label=f"{volume} MB" + ("" if pool == NONE else f", server pool {pool}"),
                    )
                    panel.set_xticks(range(len(points)), [clients for clients, _ in points])
            panel.set_ylim(bottom=0)
            panel.grid(alpha=0.3)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize="small")
    figure.savefig(path, dpi=110)


def _points(
    details: Sequence[Row], rows: Sequence[Row], chosen: Mapping[str, str]
) -> list[tuple[str, float]]:
    found = []
    for row, more in zip(rows, details, strict=True):
        if all(row[name] == value for name, value in chosen.items()):
            rate = float(more["aggregate_Bps"]) / MEGABYTE
            if row["operation"] == "list":
                rate = int(row["success"]) / max(float(more["wall_s"]), 1e-9)
            found.append((row["client_pool"], rate))
    return sorted(found, key=lambda point: int(point[0]))


def _told(row: Row, more: Row) -> str:
    fail = f" {row['fail']} failed" if row["fail"] != "0" else ""
    if row["avg_time_s"] == NONE:
        return fail.strip()
    seconds = float(row["avg_time_s"])
    if row["operation"] == "list":
        return f"{seconds * 1000:.1f} ms{fail}"
    return f"{seconds:.2f} s {float(more['aggregate_Bps']) / MEGABYTE:6.0f}{fail}"


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in _KEYS)


_KEYS = ("mode", "operation", "volume", "client_pool", "server_pool")


def _distinct(rows: Iterable[Row], column: str) -> list[str]:
    return list(dict.fromkeys(row[column] for row in rows))
