"""How much CPU does one request cost the generator?

    make bench-http                                   # needs nginx; wrk, hey, autocannon if there
    .venv/bin/python -m benchmarks.http --rounds 1 --seconds 2 --only get blob

Rounds are interleaved: every generator does every work once per round, the generator pinned to one
core and the server to another. The table holds medians; its README says what they mean.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.http import others
from benchmarks.http.server import nginx
from benchmarks.pinned import ROOT, generator

GENERATORS = Path(__file__).resolve().parent / "http_generators.py"
WORKS = {
    "get": "GET, 2 bytes",
    "get_caught": "GET, 2 bytes, catch_response",
    "post_files": "POST 80 kB, files=",
    "post_data": "POST 80 kB, data=",
    "post_caught": "POST 80 kB, files=, catch_response",
    "blob": "GET 100 kB, compared",
    "blob_content": "GET 100 kB, kept, compared",
    "blob_caught": "GET 100 kB, kept, compared, catch_response",
}
CLIENTS = {
    "stock": "FastHttpUser as it comes",
    "fast": "FastHttpUser, `register()`",
    "ours": "ours, `register()`",
}
IDLE_USERS = 2000

Times = dict[tuple[str, str], list[float]]
"""CPU microseconds per request by generator and work, a number per round."""
KERNEL = "ours, in the kernel"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=list(WORKS))
    parser.add_argument("--no-memory", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with nginx(folder) as address:
            print_cost(cost(options, address, folder), options.only)
            if not options.no_memory:
                print_rest(address, folder, min(options.rounds, 3))


def cost(options: argparse.Namespace, address: str, folder: Path) -> Times:
    """Every generator does every work, again and again."""
    times: Times = {}
    for number in range(options.rounds):
        for work in options.only:
            for client in CLIENTS:
                found = locust(client, work, address, folder, options.seconds)
                spent, kernel = (found[key] * 1e6 / found["requests"] for key in ("cpu", "kernel"))
                times.setdefault((client, work), []).append(spent)
                if client == "ours":
                    times.setdefault((KERNEL, work), []).append(kernel)
            if work in others.PATHS:
                for tool in others.installed():
                    value = others.measure(tool, work, address, folder, options.seconds)
                    times.setdefault((tool, work), []).append(value)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return times


def locust(
    client: str, work: str, address: str, folder: Path, seconds: int, users: int = 50
) -> dict[str, float]:
    """One run of a Locust process."""
    command = [sys.executable, "-m", "locust", "-f", str(GENERATORS), "--headless"]
    # It ends itself long before.
    command += ["--only-summary", "-u", str(users), "-r", str(users), "-t", "5m"]
    command += ["--host", address]
    if client != "stock":
        command += ["--results-dir", str(folder / "results")]
    # Its exit code is the verdict on a run that never had a plan; the printed object counts.
    variables = {"BENCH_CLIENT": client, "BENCH_WORK": work, "BENCH_SECONDS": str(seconds)}
    found = generator(command, folder, {"PYTHONPATH": str(ROOT), **variables}, judged=False)
    if found["failures"]:
        raise SystemExit(f"{client} {work}: {found['failures']} requests failed")
    return found


def print_cost(times: Times, works: list[str]) -> None:
    """The table of CPU microseconds and what FastHttpUser pays for each of ours; medians."""
    tools = others.installed()
    heads = ["work", *CLIENTS.values(), KERNEL, "ratio to the first", "to the second", *tools]
    print(f"| {' | '.join(heads)} |")
    print("|" + "---|" * len(heads))
    for work in works:
        of = {name: statistics.median(times[name, work]) for name in (*CLIENTS, KERNEL)}
        line = f"| {WORKS[work]} |" + "".join(f" {value:.1f} |" for value in of.values())
        for name in ("stock", "fast"):  # within a round both met the same neighbours
            pairs = zip(times[name, work], times["ours", work], strict=True)
            line += f" **{statistics.median(theirs / ours for theirs, ours in pairs):.1f}** |"
        for tool in tools:
            found = times.get((tool, work))
            line += f" {statistics.median(found):.1f} |" if found else " |"
        print(line)


def print_rest(address: str, folder: Path, rounds: int) -> None:
    """Memory of many users, and latency when there is little to do."""
    print(f"\n| | {' | '.join(CLIENTS.values())} |\n|{'---|' * (len(CLIENTS) + 1)}")
    for work, label, users, key in (
        ("idle", f"KiB per user, {IDLE_USERS} idle users", IDLE_USERS, "kib_per_user"),
        ("woken", "KiB per user after one request", IDLE_USERS, "kib_per_user"),
        ("paced", "p99 in ms, 10 users, 200 requests/s", 10, "p99_ms"),
    ):
        values = {client: list[float]() for client in CLIENTS}
        for _ in range(rounds):
            for client in CLIENTS:
                found = locust(client, work, address, folder, 4, users)
                values[client].append(found[key])
        cells = " | ".join(f"{statistics.median(values[client]):.2f}" for client in CLIENTS)
        print(f"| {label} | {cells} |")


if __name__ == "__main__":
    main()
