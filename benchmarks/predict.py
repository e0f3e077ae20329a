"""How many requests of predict's mix does a CPU-second of the generator make?

    make bench-predict

PredictUser (unique pictures, every answer checked, verdict and reports on) next to a plain
FastHttpUser with the same requests and no checks: interleaved in one run, the generator pinned to
one core and an instant target to the other, median of five.
"""

import statistics
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.pinned import locust, rates, target

ROUNDS = 5
SECONDS = 6
USERS = 20
WHO = {
    "files": "FastHttpUser, files=",
    "data": "FastHttpUser, data= made by hand",
    "ours": "PredictUser",
}
_MIX = """
weights: {health: 10, predict: 60, image: 20, large: 10}
wait: 0s-0s
image_sizes: {small: [640, 480], large: [1920, 1080]}
sizes: {predict: small, image: small, large: large}
"""


def main() -> None:
    """Print the table, as benchmarks/README.md holds it."""
    with tempfile.TemporaryDirectory() as folder, target("predict", "--instant") as address:
        measured = partial(measure, address=address)
        found = rates("predict", _MIX, Path(folder), list(WHO), ROUNDS, measured)
    base = statistics.median(found["files"])
    print("| generator | requests per CPU-second | CPU µs per request | to FastHttpUser files= |")
    print("|---|---|---|---|")
    for who, label in WHO.items():
        rate = statistics.median(found[who])
        print(f"| {label} | {rate:.0f} | {1e6 / rate:.0f} | {rate / base:.2f} |")


def measure(who: str, folder: Path, address: str) -> float:
    """Requests per CPU-second of one short run."""
    found = locust("predict_users.py", folder, address, USERS, SECONDS, BENCH_USER=who)
    return float(found["requests"]) / float(found["cpu"])


if __name__ == "__main__":
    main()
