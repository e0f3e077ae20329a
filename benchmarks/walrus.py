"""How many blob cycles does a CPU-second of the generator make?

    make bench-walrus

A cycle is a PUT of 95 KiB and two GETs, both verified. WalrusUser (half of it text, every byte
compared, verdict and reports on) next to a plain FastHttpUser that compares sha256 and makes its
blobs as the original tester does, or cheaper: without text, or hardly at all. Interleaved in one
run, the generator pinned to one core and the reference target to the other, median of five.
"""

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.pinned import locust, print_ratios, rates, target

ROUNDS = 5
SECONDS = 6
"""Of load; the first and the last moments are not counted."""
USERS = 8
WHO = {
    "original": "FastHttpUser, sha256, each blob from os.urandom or, half of them, random text",
    "random": "FastHttpUser, sha256, each blob from os.urandom",
    "stamped": "FastHttpUser, sha256, one blob with another stamp each time",
    "ours": "WalrusUser",
}
_MIX = """
weights: {roundtrip: 1}
wait: 0s
blobs: {smallest: 95, largest: 95}
"""


def main() -> None:
    """Print the table, as benchmarks/README.md holds it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        target("walrus", "--first-read", "0s", "--store-limit", str(64 << 20)) as address,
    ):
        measured = partial(measure, address=address)
        found = rates("walrus", _MIX, Path(folder), list(WHO), ROUNDS, measured)
    print("| generator | cycles per CPU-second | CPU µs per cycle | WalrusUser to it |")
    print("|---|---|---|---|")
    print_ratios(WHO, found)


def measure(who: str, folder: Path, address: str) -> float:
    """Cycles per CPU-second of one short run."""
    variables = {"BENCH_USER": who, "BENCH_SECONDS": str(SECONDS - 1)}
    found = locust("walrus_users.py", folder, address, USERS, SECONDS, **variables)
    return float(found["cycles"]) / float(found["cpu"])


if __name__ == "__main__":
    main()
