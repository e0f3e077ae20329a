"""The combined report of a suite: a table on the console, Markdown, JUnit with a suite per step."""

from pathlib import Path

from junitparser import JUnitXml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gauntlet.report import files, html
from gauntlet.report.console import STYLE
from gauntlet.suite.state import Step, SuiteState
from gauntlet.text import counted
from gauntlet.units import format_duration

COLUMNS = (
    "step",
    "verdict",
    "requests",
    "failed",
    "rps",
    "P50",
    "P95",
    "P99",
    "lasted",
    "cool-down",
)


def verdict(state: SuiteState) -> str:
    """One sentence over all."""
    total, done = len(state.profiles), len(state.steps)
    if state.stopped:
        last = state.steps[-1]
        left = f"; not run: {', '.join(state.profiles[done:])}" if done < total else ""
        return f"{last.verdict} at {last.profile}, step {done} of {total}{left}"
    if done < total:
        return f"interrupted after {done} of {counted(total, 'step')}"
    return "PASS" if total == 1 else f"PASS - all {total} steps passed"


def table(state: SuiteState, console: Console) -> None:
    """Print a row per step and the verdict."""
    grid = Table(box=None, pad_edge=False)
    for at, column in enumerate(COLUMNS):
        grid.add_column(column, justify="right" if at >= 2 else "left", no_wrap=True)
    for step in state.steps:
        cells = _cells(step)
        grid.add_row(cells[0], Text(cells[1], STYLE.get(step.verdict, "")), *cells[2:])
    console.print(grid)
    for step in state.steps:
        for reason in step.reasons:
            console.print(Text(f"{step.profile}: {reason}"), soft_wrap=True)
    console.print(Text(verdict(state), STYLE["PASS" if _passed(state) else "FAIL"]))


def write(state: SuiteState, folder: Path) -> None:
    """Write report.md, report.html and junit.xml into the suite's folder.

    The page is about the last run; the percentiles of the others lie beneath its own.
    """
    (folder / "report.md").write_text(markdown(state), encoding="utf-8")
    records = [files.load(folder / step.folder) for step in reversed(state.steps)]
    if records:
        html.write(records, folder / "report.html")
    _junit(state, folder).write(str(folder / "junit.xml"), pretty=True)


def markdown(state: SuiteState) -> str:
    """The report as a page of Markdown."""
    scaled = "" if state.scale == 1 else f", durations times {state.scale:g}"
    lines = [
        f"# {state.system}: {verdict(state)}",
        "",
        f"Begun {state.started:%Y-%m-%d %H:%M:%S} UTC against "
        f"{state.url or state.environment or 'embedded'}{scaled}.",
        "",
        f"| {' | '.join(COLUMNS)} | results |",
        f"|{'---|' * 2}{'---:|' * (len(COLUMNS) - 2)}---|",
    ]
    for step in state.steps:
        cells = " | ".join(_cells(step))
        lines.append(f"| {cells} | [{step.folder}]({step.folder}/report.html) |")
    reasons = [f"- {step.profile}: {reason}" for step in state.steps for reason in step.reasons]
    return "\n".join([*lines, *(["", *reasons] if reasons else []), ""])


def _passed(state: SuiteState) -> bool:
    return not state.stopped and len(state.steps) == len(state.profiles)


def _cells(step: Step) -> tuple[str, ...]:
    times = (format_duration(ms / 1000) for ms in (step.p50_ms, step.p95_ms, step.p99_ms))
    cooling = step.cooling
    cooled = "" if cooling is None else format_duration(round(cooling.seconds, 1))
    if cooling is not None and not cooling.cooled:
        cooled += ", not back"
    return (
        step.profile,
        step.verdict,
        str(step.requests),
        f"{step.fail_ratio * 100:.3g}%",
        f"{step.rps:.4g}/s",
        *times,
        format_duration(round(step.duration, 1)),
        cooled,
    )


def _junit(state: SuiteState, folder: Path) -> JUnitXml:
    """The test suites of all steps, as each run wrote its own."""
    whole = JUnitXml(f"gauntlet.{state.system}")
    for step in state.steps:
        path = folder / step.folder / "junit.xml"
        if path.is_file():
            whole += JUnitXml.fromfile(str(path))
    whole.update_statistics()
    return whole
