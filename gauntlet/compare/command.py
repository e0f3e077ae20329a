"""`gauntlet compare BASELINE CURRENT`: what changed between runs, and whether it got worse."""

from collections.abc import Sequence
from pathlib import Path

import click

from gauntlet.commands import figures_console
from gauntlet.errors import UsageError, gathering
from gauntlet.report.record import RunRecord
from gauntlet.text import nearest
from gauntlet.units import parse_ratio


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN…")
@click.option(
    "-b",
    "--baseline",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="A run of the baseline; repeatable. All RUNs are then the current side.",
)
@click.option(
    "--margin",
    "margins",
    multiple=True,
    metavar="[METRIC=]SHARE",
    help="Change that is allowed, such as 5% or p99=10%; repeatable. Default: 5% of times and "
    "rates, 1 point of fail_ratio.",
)
@click.option(
    "--confidence",
    metavar="SHARE",
    default="90%",
    show_default=True,
    help="That all intervals hold together.",
)
@click.option("--force", is_flag=True, help="Compare runs that are not alike.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for CI.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it there as well.",
)
@click.pass_context
def compare(
    context: click.Context,
    runs: tuple[Path, ...],
    baseline: tuple[Path, ...],
    margins: tuple[str, ...],
    confidence: str,
    force: bool,
    as_json: bool,
    as_markdown: bool,
    output: Path | None,
) -> None:
    """Compare runs: each RUN is a folder of results or a run.json.

    Two runs are BASELINE and CURRENT. With several a side, name each of the baseline:
    -b A1 -b A2 -b A3 B1 B2 B3. Exit code 3 where something got worse by more than the margin,
    2 where the runs are not alike, 4 where they are too short to compare anything.
    """
    from gauntlet.compare import shown
    from gauntlet.compare.changes import changes

    if as_json and as_markdown:
        raise UsageError("--json, --markdown: expected one of them, got both")
    allowed, sure = _margins(margins), _confidence(confidence)
    before, after = _sides(runs, baseline)
    named = _load([*before, *after])
    unlike = _unlike(named, force)
    records = [record for _, record in named]
    sides = records[: len(before)], records[len(before) :]
    comparison = shown.Comparison(
        baseline=tuple(map(str, before)),
        current=tuple(map(str, after)),
        forced=tuple(unlike),
        confidence=sure,
        run_to_run=len(records) > 2,
        changes=tuple(changes(*sides, allowed, sure)),
    )
    if as_json:
        text = comparison.model_dump_json(indent=2) + "\n"
    else:
        text = shown.markdown(comparison)
    if output is not None:
        _write(output, text)
    if as_json or as_markdown:
        click.echo(text, nl=False)
    else:
        shown.table(comparison, figures_console())
    context.exit(int(comparison.exit_code))


def _sides(runs: Sequence[Path], baseline: Sequence[Path]) -> tuple[Sequence[Path], Sequence[Path]]:
    """The runs of the baseline and those of the current side."""
    if baseline:
        return baseline, runs
    if len(runs) != 2:
        raise UsageError(
            f"compare: expected two runs, BASELINE and CURRENT, got {len(runs)}; with several a "
            "side name each of the baseline: -b A1 -b A2 B1 B2"
        )
    return runs[:1], runs[1:]


def _load(paths: Sequence[Path]) -> list[tuple[str, RunRecord]]:
    """Every record by its path; all mistakes at once."""
    from gauntlet.report import files

    found: list[tuple[str, RunRecord]] = []
    mistakes: list[str] = []
    for path in paths:
        with gathering(mistakes):
            found.append((str(path), files.load(path)))
            if not found[-1][1].slices:
                mistakes.append(f"{path}: expected a record of every second, got one without")
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            mistakes.append(f"{path}: expected each run once, got it again")
        seen.add(path.resolve())
    if mistakes:
        raise UsageError(mistakes)
    return found


def _unlike(named: Sequence[tuple[str, RunRecord]], force: bool) -> list[str]:
    from gauntlet.compare.likeness import differences

    found = differences(named)
    if found and not force:
        raise UsageError([*found, "the runs are not alike; --force compares them all the same"])
    return found


def _margins(texts: Sequence[str]) -> dict[str, float]:
    """The margin of every metric; one without a metric is that of times and rates."""
    from gauntlet.compare.changes import MARGINS

    allowed, mistakes = dict(MARGINS), []
    for text in sorted(texts, key=lambda one: "=" in one):  # a metric's own outranks it
        metric, equals, share = text.rpartition("=")
        if equals and metric not in MARGINS:
            known = ", ".join(MARGINS)
            mistakes.append(
                f"--margin: expected one of {known}, got {metric!r}{nearest(metric, MARGINS)}"
            )
            continue
        try:
            ratio = parse_ratio(share)
        except ValueError:
            mistakes.append(f"--margin: expected a share such as 5% or p99=10%, got {text!r}")
            continue
        for one in [metric] if equals else [name for name in MARGINS if name != "fail_ratio"]:
            allowed[one] = ratio
    if mistakes:
        raise UsageError(mistakes)
    return allowed


def _confidence(text: str) -> float:
    try:
        share = parse_ratio(text)
    except ValueError:
        share = 0.0
    if not 0.5 <= share <= 0.999:
        raise UsageError(f"--confidence: expected a share from 50% to 99.9%, got {text!r}")
    return share


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--output: expected a file to write to, got {str(path)!r} ({error.strerror})"
        ) from error
