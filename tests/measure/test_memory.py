"""What the recorder holds does not grow with the length of a run.

Five minutes at 500 requests per second, given as events without the waiting: what a request
leaves behind does not depend on how long it took to come. A histogram grows until every step of
its grid was met; these times lie close together, so that a minute meets them all. Slices of time
grow to a bound, which is small here, so that a minute reaches it.
"""

import gc
import tracemalloc
from random import Random
from typing import Any

from locust.env import Environment

from gauntlet.measure.recorder import Recorder
from gauntlet.measure.series import Series
from tests.alone import alone
from tests.measure.test_recorder import Nobody

MINUTES, PER_MINUTE = 5, 30_000
ROOM = 100_000
"""Bytes; requests that were kept for good would cost more than that in four seconds."""


def test_five_minutes_hold_no_more_than_one() -> None:
    found = alone(five_minutes)
    assert found["requests"] == MINUTES * PER_MINUTE
    assert found["held"][-1] - found["held"][0] < ROOM, found


def five_minutes() -> dict[str, Any]:
    environment = Environment(user_classes=[Nobody])
    recorder = Recorder(environment)
    random, held = Random(3), []
    tracemalloc.start()
    for minute in range(MINUTES):
        for number in range(PER_MINUTE):
            recorder._record(
                "POST",
                f"/{number % 5}",
                random.uniform(20.0, 30.0),
                100,
                TimeoutError() if number % 100 == 0 else None,
                minute * 60 + number / 500,
                {"server": "one", "sent": 5, "time_to_first_byte": random.uniform(5.0, 6.0)},
            )
        assert recorder.total().requests
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return {"requests": recorder.total().requests, "held": held}


def test_a_histogram_has_no_more_steps_than_its_grid() -> None:
    series, random = Series(), Random(4)
    for _ in range(50):
        times = [random.lognormvariate(5, 5) for _ in range(20_000)]
        series.add_many(times, [0.0] * len(times), 0)
    # 2,048 single microseconds, then 1,024 steps per doubling up to an hour.
    assert len(series.counts) <= 2048 + 21 * 1024
