"""The locustfile of the lab: users who say who they are, with Locust alone or with the suite.

FLEET_GUARD turns the suite on; FLEET_TIMERS are values for the constants of `locust.runners`, and
for the seconds without a master after which a worker's users stop, SILENCE. In the file FLEET_PULSE
a process says how late it came.
"""

import json
import os
from pathlib import Path
from uuid import uuid4

import gevent
from locust import FastHttpUser, constant_pacing, runners, task

from tests.fleet.pulses import PULSE_S, Pulse

PACE_S = 0.5

_timers = json.loads(os.environ["FLEET_TIMERS"])
_silence = _timers.pop("SILENCE", None)
for _name, _value in _timers.items():
    assert hasattr(runners, _name), _name
    setattr(runners, _name, _value)

if os.environ["FLEET_GUARD"] == "on":
    from gauntlet import orphans, register

    orphans.SILENCE_S = _silence or orphans.SILENCE_S
    register(None)


def _beat() -> None:
    pulse = Pulse(Path(os.environ["FLEET_PULSE"]))
    while True:
        gevent.sleep(PULSE_S)
        pulse.beat()


gevent.spawn(_beat)


class Visitor(FastHttpUser):
    """Asks for a path of its own every half second."""

    wait_time = constant_pacing(PACE_S)

    def on_start(self) -> None:
        self.path = "/" + uuid4().hex[:12]

    @task
    def visit(self) -> None:
        self.client.get(self.path, name="/")
