"""What the recorder holds does not grow with the length of a run.

Five minutes at 1,000 requests per second, given as events without the waiting: what a request
leaves behind does not depend on how long it took to come.
"""

import gc
import tracemalloc
from random import Random

from locust.env import Environment

from gauntlet.measure.recorder import Recorder
from tests.measure.test_recorder import Nobody

MINUTES, PER_MINUTE = 5, 60_000
ROOM = 200_000
"""Bytes: rare times that the first minute did not see, as new steps of their histograms."""


def test_five_minutes_hold_no_more_than_one() -> None:
    environment = Environment(user_classes=[Nobody])
    recorder = Recorder(environment)
    random, held = Random(3), []
    tracemalloc.start()
    try:
        for _ in range(MINUTES):
            for number in range(PER_MINUTE):
                recorder._record(
                    "POST",
                    f"/{number % 10}",
                    random.lognormvariate(4, 1),
                    100,
                    TimeoutError() if number % 100 == 0 else None,
                    float(number),
                    {"server": "one", "sent": 5, "time_to_first_byte": random.random() * 100},
                )
            assert recorder.total().requests
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert recorder.total().requests == MINUTES * PER_MINUTE
    assert held[-1] - held[0] < ROOM, held
