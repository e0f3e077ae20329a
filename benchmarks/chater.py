"""How many steps of the full flow does a CPU-second of the generator make?

    make bench-chater

ChaterUser (every answer parsed and made sense of, verdict and reports on) next to a plain
FastHttpUser that sends the same flow with protobuf and one picture, and checks nothing: interleaved
in one run, the generator pinned to one core and the reference target to the other, median of five.
"""

import os
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.pinned import locust, print_ratios, rates, target

ROUNDS = 5
SECONDS = 6
"""Of load; the first and the last moments are not counted."""
USERS = 20
WHO = {
    "plain": "FastHttpUser with protobuf, one picture, no check",
    "ours": "ChaterUser: unique pictures, every answer checked, verdict and reports on",
}
_MIX = """
weights: {full_flow: 1, custom_date_query: 0, set_language: 0, alcohol_latest: 0, alcohol_range: 0,
  submit_feedback: 0, eater_auth: 0, get_food_health_level: 0}
wait: 0s
"""
_SECRET = "a secret of the bench, longer than 32 bytes"
_QUICK = [
    *("--daily-limit", "0", "--answer-grid", "0s", "--slots", "0"),
    *("--photo-time", "0s", "--recommendation-time", "0s", "--work-time", "0s"),
]


def main() -> None:
    """Print the table, as benchmarks/README.md holds it."""
    os.environ["EATER_SECRET_KEY"] = _SECRET
    with tempfile.TemporaryDirectory() as folder, target("chater", *_QUICK) as address:
        measured = partial(measure, address=address)
        found = rates("chater", _MIX, Path(folder), list(WHO), ROUNDS, measured)
    print("| generator | steps per CPU-second | CPU µs per step | ChaterUser to it |")
    print("|---|---|---|---|")
    print_ratios(WHO, found)


def measure(who: str, folder: Path, address: str) -> float:
    """Steps per CPU-second of one short run."""
    variables = {"BENCH_USER": who, "BENCH_SECONDS": str(SECONDS - 1)}
    found = locust("chater_users.py", folder, address, USERS, SECONDS, **variables)
    return float(found["steps"]) / float(found["cpu"])


if __name__ == "__main__":
    main()
