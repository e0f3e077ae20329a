"""A comparison as people read it: a table on a terminal, Markdown for CI, JSON for machines."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gauntlet.compare.changes import Change
from gauntlet.exitcodes import ExitCode
from gauntlet.text import counted
from gauntlet.units import format_duration

_STYLE = {
    "regression": "bold red",
    "improvement": "green",
    "same": "",
    "unclear": "yellow",
    "untold": "dim",
}
COLUMNS = ("endpoint", "phase", "metric", "baseline", "current", "change", "interval", "")


class Comparison(BaseModel):
    """Two sides, what changed between them, and the exit code of the command."""

    model_config = ConfigDict(frozen=True)

    baseline: tuple[str, ...]
    current: tuple[str, ...]
    forced: tuple[str, ...]
    """Differences between the runs that were passed over."""
    confidence: float
    run_to_run: bool
    """Whether the intervals hold what differs from run to run."""
    changes: tuple[Change, ...]

    @property
    def regressions(self) -> list[Change]:
        """The changes for the worse."""
        return [one for one in self.changes if one.judgement == "regression"]

    @property
    def judged(self) -> int:
        """How many figures say anything."""
        return sum(one.judgement != "untold" for one in self.changes)

    @property
    def unclear(self) -> int:
        """How many figures may have changed, or not."""
        return sum(one.judgement == "unclear" for one in self.changes)

    @property
    def exit_code(self) -> ExitCode:
        """3 where something got worse, 4 where nothing can be said: silence is no green."""
        if not self.judged:
            return ExitCode.INVALID
        return ExitCode.THRESHOLD if self.regressions else ExitCode.PASS


def notes(comparison: Comparison) -> list[str]:
    """What a reader has to know besides the figures; the last line is the verdict."""
    told = [
        f"baseline: {', '.join(comparison.baseline)}",
        f"current: {', '.join(comparison.current)}",
        *(f"not alike: {one}" for one in comparison.forced),
    ]
    if not comparison.run_to_run:
        told.append(
            "run-to-run spread is unknown with one run a side: what differs between any two runs "
            "may look like a change; give two or more"
        )
    untold = len(comparison.changes) - comparison.judged
    if untold:
        told.append(f"{counted(untold, 'figure')} left out: too few seconds or requests to say")
    if comparison.unclear:
        told.append("what is unclear longer or more runs would tell")
    told.append(_verdict(comparison))
    return told


def _verdict(comparison: Comparison) -> str:
    judged = comparison.judged
    sure = f"intervals of {comparison.confidence:.0%} confidence together"
    if not judged:
        return "nothing could be compared: too few seconds or requests"
    if comparison.regressions:
        return (
            f"{counted(len(comparison.regressions), 'regression')} among {judged} figures; {sure}"
        )
    doubt = f", {comparison.unclear} of them unclear" if comparison.unclear else ""
    return f"no regression among {counted(judged, 'figure')}{doubt}; {sure}"


def rows(changes: Iterable[Change]) -> list[tuple[str, ...]]:
    """The cells of every change that can be told."""
    return [
        (
            _endpoint(one),
            one.phase or "—",
            one.metric,
            value(one.metric, one.baseline),
            value(one.metric, one.current),
            _percent(one.metric, one.change),
            f"{_percent(one.metric, one.low)} to {_percent(one.metric, one.high)}",
            one.judgement,
        )
        for one in changes
        if one.judgement != "untold"
    ]


def table(comparison: Comparison, console: Console) -> None:
    """Print the table and what belongs to it."""
    found = rows(comparison.changes)
    if found:
        grid = Table(box=None, pad_edge=False)
        for at, column in enumerate(COLUMNS):
            grid.add_column(column, justify="right" if 3 <= at <= 6 else "left", no_wrap=True)
        before: tuple[str, ...] = ("", "")
        for row in found:
            head = ("", "") if row[:2] == before else row[:2]
            before = row[:2]
            grid.add_row(*map(Text, (*head, *row[2:])), style=_STYLE[row[-1]])
        console.print(grid)
    for line in notes(comparison):
        console.print(Text(line), soft_wrap=True)


def markdown(comparison: Comparison) -> str:
    """The comparison as a page of Markdown; regressions are bold."""
    mark = "?" if comparison.unclear == comparison.judged else "✓"
    mark = "✗" if comparison.exit_code else mark
    *told, verdict = notes(comparison)
    lines = [f"### {mark} {verdict}", ""]
    found = rows(comparison.changes)
    if found:
        lines += [_row(COLUMNS), _row(["---"] * 3 + ["---:"] * 4 + ["---"])]
        lines += [_row(_bold(row)) for row in found]
        lines.append("")
    return "\n".join([*lines, *(f"- {_escaped(one)}" for one in told), ""])


def value(metric: str, figure: float | None) -> str:
    """A figure of a side."""
    if figure is None:
        return "—"
    if metric == "fail_ratio":
        return f"{figure * 100:.3g}%"
    return f"{figure:.4g}/s" if metric == "rps" else format_duration(figure / 1000)


def _endpoint(one: Change) -> str:
    same = one.name.startswith(f"{one.method} ")
    return one.name if same else f"{one.method} {one.name}".strip()


def _percent(metric: str, share: float | None) -> str:
    if share is None:
        return "—"
    return f"{share * 100:+.2f} points" if metric == "fail_ratio" else f"{share * 100:+.1f}%"


def _bold(row: Sequence[str]) -> list[str]:
    cells = [_escaped(cell) for cell in row]
    return [f"**{cell}**" for cell in cells] if row[-1] == "regression" else cells


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown takes as it is."""
    for sign in "\\|*_`<":
        text = text.replace(sign, f"\\{sign}")
    return text
