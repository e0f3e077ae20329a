"""Runs every scenario and writes a row for each: what becomes of a run, with and without the suite.

    python -m tests.fleet.table [plain|rebalancing|suite] [real|quick] [SCENARIO ...]

Needs root and iproute2. With Locust's real timers and two at once it takes about ten minutes.
"""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from tests.fleet.lab import QUICK, REAL, USERS, FleetLab, Mode, Seen, Timers
from tests.fleet.network import Network
from tests.fleet.scenarios import SCENARIOS


def run(name: str, timers: Timers, mode: Mode, folder: Path) -> Seen:
    """One scenario in a network of its own."""
    workers, scenario = SCENARIOS[name]
    with Network(workers) as network:
        lab = FleetLab(folder, network, timers, mode)
        try:
            return scenario(lab)
        finally:
            lab.close()


def row(name: str, seen: Seen) -> str:
    """A row of a Markdown table."""
    _, scenario = SCENARIOS[name]
    users = "–" if seen.moved is None and not seen.users else f"{seen.users} of {USERS}"
    wrong = f"{seen.too_few:.0f} s", f"{seen.too_many:.0f} s"
    missing = f"{seen.asked - seen.recorded} of {seen.asked}"
    codes = ", ".join(f"{one} {code}" for one, code in seen.codes.items())
    cells = [scenario.__doc__ or name, users, *wrong, missing, seen.verdict, codes]
    return f"| {' | '.join([*cells, '; '.join(seen.notes)])} |"


def main(mode: Mode, timers: str, *names: str) -> None:
    """Run the named scenarios, or all."""
    chosen = REAL if timers == "real" else QUICK

    def one(name: str) -> str:
        with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
            try:
                return row(name, run(name, chosen, mode, Path(folder)))
            except AssertionError as error:
                return f"| {name} | failed: {error} |"

    print("| what happens | users after | too few | too many | missing | verdict | exit codes | |")
    print("|---|---|---|---|---|---|---|---|")
    with ThreadPoolExecutor(3) as pool:
        for line in pool.map(one, names or SCENARIOS):
            print(line, flush=True)


if __name__ == "__main__":
    mode, timers, *names = sys.argv[1:]
    assert mode in ("plain", "rebalancing", "suite")
    main(cast(Mode, mode), timers, *names)
