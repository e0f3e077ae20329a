"""Does `gauntlet compare` see a delay that is a tenth longer, and nothing where nothing changed?

    python -m benchmarks.compare

Nine real runs against a reference target that holds its answers back: six with the same delay,
three with one that is a tenth longer, one after the other in turns, a fresh target for each. Then
two comparisons of three runs with three: of the equal ones, and of the slower ones. Prints the rows
for README.md.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from gauntlet import scaffold
from gauntlet.children import LocustRun, ReferenceTarget
from gauntlet.compare import shown
from gauntlet.compare.changes import CONFIDENCE, Change, changes
from gauntlet.report.record import RunRecord
from gauntlet.systems import SYSTEMS

PREDICT = SYSTEMS["predict"]
DELAYS = {"baseline": "500ms", "equal": "500ms", "slower": "550ms"}
ROUNDS = 3
SECONDS = 24
LOAD = (
    "-u",
    "25",
    "-r",
    "25",
    "-t",
    f"{SECONDS}s",
    "--tags",
    "health",
    "predict",
    "--wait",
    "50ms-150ms",
)


def run(delay: str, results: Path) -> RunRecord:
    """One run against a target of its own."""
    with ReferenceTarget(PREDICT, ("--instant", "--fault-delay", delay)) as target:
        line = ["locust", "-f", str(scaffold.find_locustfile(PREDICT.locustfile)), "--headless"]
        return LocustRun([*line, *LOAD], results, target.variables, sys.stderr).end()[0]


def told(change: Change, what: str) -> str:
    """A row of the table."""
    endpoint, _, metric, before, after, percent, interval, judgement = shown.rows([change])[0]
    mark = f"**{judgement}**" if judgement == "regression" else judgement
    cells = (what, endpoint, metric, before, after, percent, interval, mark)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Take turns, compare, print."""
    found: dict[str, list[RunRecord]] = {name: [] for name in DELAYS}
    with TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            for name, delay in DELAYS.items():
                print(f"round {number + 1} of {ROUNDS}: {name}, {delay}", file=sys.stderr)
                found[name].append(run(delay, Path(folder)))
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\n### {datetime.now(UTC):%Y-%m-%d}\n\nLoad average at the end: {load}.\n")
    print(
        f"| {CONFIDENCE:.0%} together | endpoint | metric | baseline | then | change | interval | |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in ("equal", "slower"):
        for one in changes(found["baseline"], found[name]):
            if one.judgement != "untold" and one.metric in ("p50", "p95", "rps"):
                print(told(one, name))


if __name__ == "__main__":
    main()
