"""`gauntlet history`: the runs of a folder of results, newest last, and where they tend to."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gauntlet.commands import figures_console
from gauntlet.errors import MissingExtra, UsageError, gathering
from gauntlet.report.record import RunRecord
from gauntlet.text import counted
from gauntlet.units import format_duration

DEFAULT = "results"
_BARS = "▁▂▃▄▅▆▇█"
LONGEST = 60
"""Runs that a trend shows, the last ones."""
_STYLE = {"PASS": "green", "FAIL": "red", "INVALID": "yellow"}

Run = tuple[Path, RunRecord]
Figure = Callable[[RunRecord], float]

FIGURES: dict[str, Figure] = {
    "p95": lambda run: run.total.percentiles_ms["p95"],
    "rps": lambda run: run.total.rps,
    "fail_ratio": lambda run: run.total.fail_ratio,
}


@click.command()
@click.argument(
    "folder",
    default=DEFAULT,
    metavar="[DIR]",
    envvar="LOCUST_RESULTS_DIR",
    type=click.Path(path_type=Path, file_okay=False),
)
@click.option("--system", "name", metavar="SYSTEM", help="Runs of this system alone.")
@click.option("--profile", metavar="NAME", help="Runs of this profile alone.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="The last runs alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--plot",
    "picture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the trends into a .png or .svg file.",
)
def history(
    folder: Path,
    name: str | None,
    profile: str | None,
    last: int | None,
    as_json: bool,
    picture: Path | None,
) -> None:
    """List the runs under DIR (results), newest last, and draw their trends."""
    from gauntlet.systems import system as find_system

    if picture is not None:
        _require_plots(picture)
    wanted = find_system(name).name if name else None
    if not folder.is_dir() and folder != Path(DEFAULT):
        raise UsageError(f"history: expected a folder of results, got {str(folder)!r}")
    found, unread = runs_below(folder)
    found = [
        run
        for run in found
        if (wanted is None or run[1].system == wanted)
        and (profile is None or run[1].profile == profile)
    ]
    found = found[-last:] if last else found
    if as_json:
        told = {"runs": [_told(*run) for run in found], "unread": unread}
        click.echo(json.dumps(told, indent=2))
    else:
        _print(found, figures_console())
    for line in [] if as_json else unread:
        click.echo(line, err=True)
    if picture is not None:
        plot(found, picture)
        click.echo(f"Results: {picture}", err=as_json)


def runs_below(folder: Path) -> tuple[list[Run], list[str]]:
    """The records in a folder's folders by their start, and what could not be read."""
    from gauntlet.report import files

    found: list[Run] = []
    unread: list[str] = []
    for path in sorted(folder.rglob(files.RECORD)):
        with gathering(unread):
            found.append((path.parent, files.load(path)))
    return sorted(found, key=lambda run: run[1].started), unread


def trends(found: Sequence[Run]) -> dict[tuple[str, str], list[Run]]:
    """Runs by system and profile; a run that cannot be trusted is in no trend."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for path, run in found:
        if run.outcome.verdict != "INVALID" and run.total.requests:
            groups.setdefault(_kind(run), []).append((path, run))
    return groups


def sparkline(values: Sequence[float]) -> str:
    """A character per value, from the lowest to the highest."""
    low, high = min(values), max(values)
    if high == low:
        return _BARS[0] * len(values)
    step = (high - low) / (len(_BARS) - 1)
    return "".join(_BARS[round((value - low) / step)] for value in values)


def shown(metric: str, value: float) -> str:
    """A figure as people read it."""
    if metric == "rps":
        return f"{value:.4g}/s"
    return f"{value * 100:.3g}%" if metric == "fail_ratio" else format_duration(value / 1000)


def plot(found: Sequence[Run], path: Path) -> None:
    """Draw a panel per figure, a line per system and profile."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(9, 2.6 * len(FIGURES)), layout="constrained")
    FigureCanvasAgg(drawing)
    panels = drawing.subplots(len(FIGURES), 1, sharex=True)
    labels = {"p95": "p95 [ms]", "rps": "requests/s", "fail_ratio": "failed [%]"}
    for panel, (metric, figure) in zip(panels, FIGURES.items(), strict=True):
        factor = 100 if metric == "fail_ratio" else 1
        panel.set_ylabel(labels[metric])
        panel.grid(alpha=0.3)
        for kind, several in trends(found).items():
            values = [figure(run) * factor for _, run in several]
            panel.plot([run.started for _, run in several], values, "o-", label=" ".join(kind))
        panel.set_ylim(bottom=0)
    if trends(found):
        panels[0].legend()
    drawing.autofmt_xdate()
    try:
        drawing.savefig(path)
    except OSError as error:
        raise UsageError(
            f"--plot: expected a file to write to, got {str(path)!r} ({error.strerror})"
        ) from error


def _kind(run: RunRecord) -> tuple[str, str]:
    scale = "" if run.scale == 1 else f" x {run.scale:g}"
    return run.system or "custom", f"{run.profile or 'custom'}{scale}"


def _told(path: Path, run: RunRecord) -> dict[str, Any]:
    figures = {metric: figure(run) for metric, figure in FIGURES.items()}
    figures["p95_ms"] = figures.pop("p95")
    return {
        "folder": str(path),
        "started": run.started.isoformat(),
        "system": run.system,
        "profile": run.profile,
        "scale": run.scale,
        "environment": run.environment,
        "verdict": run.outcome.verdict,
        "requests": run.total.requests,
        **figures,
        "test_version": run.test_version,
        "description": run.description,
    }


def _print(found: Sequence[Run], console: Console) -> None:
    if not found:
        console.print("no run found")
        return
    grid = Table(box=None, pad_edge=False)
    heads = ("started (UTC)", "system", "profile", "verdict", "p95", "rps", "failed", "version")
    for at, head in enumerate(heads):
        grid.add_column(head, justify="right" if 4 <= at <= 6 else "left", no_wrap=True)
    grid.add_column("folder", overflow="fold")
    for path, run in found:
        about = " ".join(filter(None, (run.test_version, run.description)))
        grid.add_row(
            f"{run.started:%Y-%m-%d %H:%M:%S}",
            *_kind(run),
            Text(run.outcome.verdict, _STYLE.get(run.outcome.verdict, "")),
            *(shown(metric, figure(run)) for metric, figure in FIGURES.items()),
            Text(about[:30]),
            path.name,
        )
    console.print(grid)
    for kind, several in trends(found).items():
        if len(several) < 2:
            continue
        console.print(Text(f"\n{' '.join(kind)}, {counted(len(several), 'run')}"))
        for metric, figure in FIGURES.items():
            values = [figure(run) for _, run in several][-LONGEST:]
            ends = f"{shown(metric, values[0])} to {shown(metric, values[-1])}"
            console.print(Text(f"  {metric:<10} {sparkline(values)} {ends}"))


def _require_plots(path: Path) -> None:
    if path.suffix not in (".png", ".svg"):
        raise UsageError(f"--plot: expected a .png or .svg file, got {str(path)!r}")
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("history --plot", "plots") from error
