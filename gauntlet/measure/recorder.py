"""Listens to Locust's request event and carries the series of all workers to the master.

A worker's report holds what came since its last one; the master adds it up. A single process
records into the sum itself.
"""

import time
from typing import Any

from locust.env import Environment
from locust.runners import WorkerRunner

from gauntlet.measure.series import Key, Series

FIELD = "gauntlet_series"
"""The key of our part in a worker's report."""


class Recorder:
    """All series of this process, by key; on a master those of all workers."""

    def __init__(self, environment: Environment) -> None:
        self.series: dict[Key, Series] = {}
        events = environment.events
        events.request.add_listener(self._record)
        events.reset_stats.add_listener(lambda **_: self.series.clear())
        events.worker_report.add_listener(self._absorb)
        if isinstance(environment.runner, WorkerRunner):
            events.report_to_master.add_listener(self._hand_over)

    def clear(self) -> None:
        """Forget everything; a new run begins."""
        self.series.clear()

    def total(self) -> Series:
        """All endpoints in one series."""
        return Series.merged(self.series.values())

    def _record(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None,
        exception: BaseException | None = None,
        start_time: float | None = None,
        **_: Any,
    ) -> None:
        key = (request_type, name)
        series = self.series.get(key)  # type: ignore[call-overload]  # a Key is this tuple
        if series is None:
            series = self.series[Key(*key)] = Series()
        ms = response_time or 0.0
        start = time.time() - ms / 1000 if start_time is None else start_time
        series.add(ms, exception is not None, start, response_length or 0)

    def _hand_over(self, client_id: str, data: dict[str, Any]) -> None:
        data[FIELD] = [[*key, series.to_wire()] for key, series in self.series.items()]
        self.series = {}

    def _absorb(self, client_id: str, data: dict[str, Any]) -> None:
        for method, name, wire in data.get(FIELD, ()):
            self.series.setdefault(Key(method, name), Series()).merge(Series.from_wire(wire))
