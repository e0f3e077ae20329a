"""Samples, once a second, what this process takes of a core and how its two clocks go.

A worker sends its samples along with its reports; the judging process has them all, by name. Only
while there are users: payloads are made before, and may take all of a core.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gevent
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from gauntlet.measure.recorder import RUN
from gauntlet.vitals import Vitals

FIELD = "gauntlet_pulse"
"""The key of our part in a worker's report."""

SAMPLE_S = 1.0


class Clocks(NamedTuple):
    """Where time is read; looked up at each call, so that a clock may be put in its place."""

    wall: Callable[[], float] = lambda: time.time()
    steady: Callable[[], float] = lambda: time.monotonic()
    cpu: Callable[[], float] = lambda: time.process_time()


class Pulse:
    """This process's samples; on a master those of all workers."""

    def __init__(self, environment: Environment, clocks: Clocks | None = None) -> None:
        self.vitals = Vitals()
        self._environment = environment
        self._clocks = clocks or Clocks()
        self._samples: list[tuple[float, float]] = []
        runner = environment.runner
        self._name = "the master" if isinstance(runner, MasterRunner) else "the load generator"
        self.clear()
        environment.events.worker_report.add_listener(self._absorb)
        if isinstance(runner, WorkerRunner):
            environment.events.report_to_master.add_listener(self._hand_over)
        gevent.spawn(self._watch)

    def clear(self) -> None:
        """Forget everything; a new run begins."""
        self.vitals = Vitals()
        self._samples = []
        self._apart = self._clocks.wall() - self._clocks.steady()
        self._drift = 0.0
        self._mark()

    def sample(self) -> None:
        """Take note of what was used since the last sample."""
        clocks = self._clocks
        seconds, cpu = clocks.steady() - self._then, clocks.cpu() - self._used
        drift = abs(clocks.wall() - clocks.steady() - self._apart)
        self._drift = max(self._drift, drift)
        runner = self._environment.runner
        busy = runner is not None and runner.user_count > 0
        self._mark()
        if busy and seconds > 0:
            self._samples.append((seconds, 100 * cpu / seconds))
        if not isinstance(runner, WorkerRunner):
            self._note(self._name, self._samples, self._drift)
            self._samples = []

    def _watch(self) -> None:
        while True:
            gevent.sleep(SAMPLE_S)
            self.sample()

    def _mark(self) -> None:
        self._then, self._used = self._clocks.steady(), self._clocks.cpu()

    def _note(self, name: str, samples: list[tuple[float, float]], drift: float) -> None:
        process = self.vitals.of(name)
        process.drift = max(process.drift, drift)
        for seconds, cpu in samples:
            process.add(seconds, cpu)

    def _hand_over(self, client_id: str, data: dict[str, Any]) -> None:
        data[FIELD] = [self._samples, self._drift]
        self._samples = []

    def _absorb(self, client_id: str, data: dict[str, Any]) -> None:
        if FIELD not in data or data.get(RUN) != self._run():
            return  # a late report of a run that is over
        runner = self._environment.runner
        assert isinstance(runner, MasterRunner)
        samples, drift = data[FIELD]
        self._note(f"worker {runner.get_worker_index(client_id)}", samples, drift)

    def _run(self) -> int:
        return int(getattr(self._environment.parsed_options, RUN, 0))
