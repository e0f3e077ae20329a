"""What an arrival of the open model costs, and how late arrivals begin.

    python -m benchmarks.open_model

Each round is a process of its own, pinned to one core. Cost: users who do nothing, so that all CPU
is that of schedule, hand-over and task loop; a closed loop of the same users does without the first
two. Lateness: users who wait 5 ms for an answer and report a request, so that no target is measured
along; the rates rise until the generator needs over 70 % of its core. Three interleaved rounds;
medians.
"""

import json
import statistics
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from time import perf_counter, process_time, time
from typing import Any

import gevent
from locust import User, constant, task
from locust.env import Environment

from benchmarks.pinned import generator
from gauntlet import tasks
from gauntlet.arrivals import steady
from gauntlet.arriving import Arriving
from gauntlet.iterating import Iterations
from gauntlet.measure import table
from gauntlet.measure.histogram import percentiles_us
from gauntlet.measure.recorder import Recorder

ROUNDS = 3
SECONDS = 5.0
IDLE_RATES = 500, 2000
RATES = 100, 500, 1000, 2000, 4000, 8000, 16000
MOST_CPU = 0.7


class Nobody(User):
    """Does nothing; in a closed loop at once again."""

    wait_time = constant(0)

    @task
    def nothing(self) -> None:
        """Count for the closed loop, which nobody else counts."""
        Nobody.done += 1

    done = 0


class Asking(User):
    """Waits for an answer that comes after 5 ms."""

    wait_time = constant(0)

    @task
    def ask(self) -> None:
        """One request without a target."""
        began = perf_counter()
        gevent.sleep(0.005)
        self.environment.events.request.fire(
            request_type="GET",
            name="/health",
            response_time=(perf_counter() - began) * 1000,
            response_length=15,
            response=None,
            context={},
            exception=None,
            start_time=time(),
            url="/health",
        )


def measure(rate: float | None, asking: bool) -> dict[str, float]:
    """Load this process for `SECONDS`, closed without a rate."""
    environment = Environment(user_classes=[Asking if asking else Nobody])
    environment.parsed_options = Namespace(total_iterations=None, exact_mix=False)
    runner = environment.create_local_runner()
    recorder = Recorder(environment)
    table.install(environment)
    iterations = Iterations(environment)
    arriving = Arriving(environment, recorder, lambda: iterations.wanted)
    tasks.pass_through(iterations, arriving)
    if rate is None:
        runner.spawn_users({"Nobody": 1})
    else:
        arriving.begin(steady(rate, None), 0.0, 1000)
        arriving.ready()
    gevent.sleep(1.0)  # the first users are made
    pool = arriving.pool
    done, clock, cpu = Nobody.done if pool is None else pool.started, perf_counter(), process_time()
    if pool is not None:
        pool.take_counts()
    gevent.sleep(SECONDS)
    wall, used = perf_counter() - clock, process_time() - cpu
    done = (Nobody.done if pool is None else pool.started) - done
    late = percentiles_us(pool.take_counts() if pool is not None else {}, (50, 99, 99.9))
    runner.quit()
    return {
        "us": used / done * 1e6,
        "cpu": used / wall,
        "rate": done / wall,
        "p50": late[50] / 1000,
        "p99": late[99] / 1000,
        "p999": late[99.9] / 1000,
    }


def medians(cases: list[list[str]]) -> list[dict[str, float]]:
    """Each case in interleaved rounds."""
    found: list[list[dict[str, Any]]] = [[] for _ in cases]
    for number in range(ROUNDS):
        for results, case in zip(found, cases, strict=True):
            command = [sys.executable, "-m", "benchmarks.open_model", *case]
            results.append(generator(command, Path.cwd(), {}))
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
    return [
        {key: statistics.median(one[key] for one in results) for key in results[0]}
        for results in found
    ]


def main() -> None:
    """Print both tables."""
    idle = medians([["--closed"], *(["--rate", str(rate)] for rate in IDLE_RATES)])
    print("| users who do nothing | CPU per iteration | more than the closed loop |\n|---|---|---|")
    for label, one in zip(
        ("closed loop", *(f"{rate}/s" for rate in IDLE_RATES)), idle, strict=True
    ):
        print(f"| {label} | {one['us']:.1f} µs | {one['us'] - idle[0]['us']:.1f} µs |")
    rows = medians([["--rate", str(rate), "--asking"] for rate in RATES])
    print("\n| arrivals | begun | CPU | late by P50 | P99 | P99.9 |\n|---|---|---|---|---|---|")
    for rate, one in zip(RATES, rows, strict=True):
        mark = "" if one["cpu"] < MOST_CPU else " (over 70 %)"
        late = " | ".join(f"{one[key]:.2f} ms" for key in ("p50", "p99", "p999"))
        print(f"| {rate}/s | {one['rate']:.0f}/s | {one['cpu']:.0%}{mark} | {late} |")


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("--rate", type=float)
    parser.add_argument("--asking", action="store_true")
    parser.add_argument("--closed", action="store_true")
    given = parser.parse_args()
    if given.closed or given.rate:
        print(json.dumps(measure(given.rate, given.asking)))
    else:
        main()
