"""How many requests of predict's mix does a CPU-second of the generator make?

    make bench-predict

PredictUser (unique pictures, every answer checked, verdict and reports on) next to a plain
FastHttpUser with the same requests and no checks: interleaved in one run, the generator pinned to
one core and an instant target to the other, median of five.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.pinned import generator, target

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
    root = Path(__file__).resolve().parent.parent
    rates: dict[str, list[float]] = {who: [] for who in WHO}
    with tempfile.TemporaryDirectory() as folder, target("predict", "--instant") as address:
        mix = Path(folder) / "profiles" / "predict" / "mix.yaml"
        mix.parent.mkdir(parents=True)
        mix.write_text(_MIX)
        for number in range(ROUNDS):
            for who in WHO:
                rates[who].append(measure(who, address, root, Path(folder)))
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
    base = statistics.median(rates["files"])
    print("| generator | requests per CPU-second | CPU µs per request | to FastHttpUser files= |")
    print("|---|---|---|---|")
    for who, label in WHO.items():
        rate = statistics.median(rates[who])
        print(f"| {label} | {rate:.0f} | {1e6 / rate:.0f} | {rate / base:.2f} |")


def measure(who: str, address: str, root: Path, folder: Path) -> float:
    """Requests per CPU-second of one short run."""
    command = [sys.executable, "-m", "locust", "-f", str(root / "benchmarks/predict_users.py")]
    command += ["--headless", "--only-summary", "-u", str(USERS), "-r", str(USERS)]
    command += ["-t", f"{SECONDS}s", "--host", address]
    found = generator(command, folder, BENCH_USER=who, PYTHONPATH=str(root))
    return float(found["requests"]) / float(found["cpu"])


if __name__ == "__main__":
    main()
