"""Tells every process which phase of the profile is on, so that requests are counted under it."""

from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from gauntlet import curves
from gauntlet.measure.recorder import Recorder
from gauntlet.shape import ProfileShape

PHASE = "gauntlet_phase"
TICK_S = 0.05
REPEAT_S = 1.0
"""How often the phase is told again, for workers that joined late."""


class Phases:
    """The phase of this process's recorder, kept in step with the shape's own clock."""

    def __init__(self, environment: Environment, recorder: Recorder) -> None:
        self._environment = environment
        self._recorder = recorder
        self._clock: gevent.Greenlet[..., None] | None = None
        if isinstance(environment.runner, WorkerRunner):
            environment.runner.register_message(PHASE, self._hear)
            environment.events.test_start.add_listener(self._take_up)

    def begin(self, shape: ProfileShape | None) -> None:
        """Follow a shape; without one there are no phases."""
        self.end()
        self._recorder.phase = ""
        setattr(self._environment.parsed_options, PHASE, "")
        if shape is not None:
            self._set(curves.stretch_at(shape.plan.curve, 0.0))
            self._clock = gevent.spawn(self._follow, shape)

    def end(self) -> None:
        """The load is over."""
        if self._clock is not None:
            self._clock.kill()
            self._clock = None

    def _follow(self, shape: ProfileShape) -> None:
        told = 0.0
        while True:
            elapsed = shape.get_run_time()
            changed = self._set(curves.stretch_at(shape.plan.curve, elapsed))
            if changed or elapsed >= told + REPEAT_S or elapsed < told:
                told = elapsed
                self._tell()
            gevent.sleep(TICK_S)

    def _set(self, stretch: curves.Stretch | None) -> bool:
        """Take up a phase; the last one stays on while users finish. Whether it is a new one."""
        if stretch is None or stretch.name == self._recorder.phase:
            return False
        self._recorder.phase = stretch.name
        # With the message that starts users: a worker's first request is in the right phase.
        setattr(self._environment.parsed_options, PHASE, stretch.name)
        return True

    def _take_up(self, **_: Any) -> None:
        self._recorder.phase = getattr(self._environment.parsed_options, PHASE, "")

    def _tell(self) -> None:
        if isinstance(self._environment.runner, MasterRunner):
            self._environment.runner.send_message(PHASE, {"phase": self._recorder.phase})

    def _hear(self, msg: Any, **_: Any) -> None:
        self._recorder.phase = msg.data["phase"]
