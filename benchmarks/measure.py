"""What the measurement core costs per request, in microseconds of one core.

    python -m benchmarks.measure

Locust's own request event is fired with and without our recorder listening; the difference is
the recorder's cost, counting of its batches included. Five rounds of each, interleaved; the
median counts. Exits 1 where a request costs more than 2 µs.
"""

import sys
from collections.abc import Callable
from random import Random
from statistics import median
from time import perf_counter, process_time
from typing import Any

from locust import User
from locust.env import Environment

from gauntlet.measure.recorder import Recorder

REQUESTS = 200_000
ROUNDS = 5
BAR_US = 2.0

Context = dict[str, Any]

CASES: dict[str, Context] = {
    "no context": {},
    "time to first byte": {"time_to_first_byte": 1.5},
    "server and time to first byte": {"server": "one", "time_to_first_byte": 1.5},
    "every extra": {
        "server": "one",
        "sent": 5000,
        "attempts": 2,
        "time_to_first_byte": 1.5,
        "verified": True,
    },
}


class Nobody(User):
    """A user class, because Locust wants one."""

    abstract = True


def fire(recorded: bool, context: Context) -> float:
    """Microseconds of CPU per request, over `REQUESTS` requests to four names."""
    environment = Environment(user_classes=[Nobody])
    environment.create_local_runner()
    recorder = Recorder(environment) if recorded else None
    random = Random(7)
    times = [random.lognormvariate(3, 1) for _ in range(4096)]
    names = ["/health", "/predict", "/predict (image)", "/predict (large)"]
    call: Callable[..., None] = environment.events.request.fire
    before = process_time()
    for number in range(REQUESTS):
        call(
            request_type="POST",
            name=names[number & 3],
            response_time=times[number & 4095],
            response_length=100,
            response=None,
            context=context,
            exception=None,
            start_time=1_800_000_000.0,
            url="http://127.0.0.1/",
        )
    if recorder is not None:
        assert recorder.total().requests == REQUESTS
    return (process_time() - before) / REQUESTS * 1e6


def main() -> int:
    """Print a line per case; 1 where one is over the bar."""
    began, worst = perf_counter(), 0.0
    print(f"{'context':<32} {'Locust':>8} {'with ours':>10} {'ours':>8}  (µs per request)")
    for label, context in CASES.items():
        rounds = [(fire(False, context), fire(True, context)) for _ in range(ROUNDS)]
        without, whole = (median(column) for column in zip(*rounds, strict=True))
        own = median(ours - locusts for locusts, ours in rounds)
        worst = max(worst, own)
        print(f"{label:<32} {without:>8.2f} {whole:>10.2f} {own:>8.2f}")
    print(f"bar: {BAR_US} µs; took {perf_counter() - began:.0f} s")
    return int(worst > BAR_US)


if __name__ == "__main__":
    sys.exit(main())
