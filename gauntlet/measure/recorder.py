"""Listens to Locust's request event and carries the series of all workers to the master.

What a request costs here is a few list appends; the lists are counted up in batches, at the
latest when somebody reads. A worker's report holds what came since its last one; the master adds
it up. A single process records into the sum itself. One record is made per request, under method,
name, server and phase; totals are made by merging.

What a request's Locust `context` may tell besides:

    server               which of several servers answered, a bounded number of names
    sent                 bytes uploaded
    attempts             how often it was tried, 1 where it is not said
    time_to_first_byte   milliseconds
    verified             whether the content was compared with what was expected
"""

import logging
import time
from collections.abc import Mapping
from typing import Any

from locust.env import Environment
from locust.runners import WorkerRunner

from gauntlet.measure.outcomes import outcome_of
from gauntlet.measure.series import Key, Series

logger = logging.getLogger(__name__)

FIELD = "gauntlet_series"
"""The key of our part in a worker's report."""

RUN = "gauntlet_run"
"""The number of the run, among the parsed options that Locust forwards to workers."""

MOST = 1000
"""Series kept apart; what has yet another name goes into one series called OTHER."""

OTHER = Key("", "other")

BATCH = 4096
"""Requests of one key that are noted before they are counted."""


class _Pending:
    """Requests of one key that are noted and not yet counted."""

    __slots__ = ("series", "ms", "starts", "received", "first_bytes")

    def __init__(self, series: Series) -> None:
        self.series = series
        self._clear()

    def _clear(self) -> None:
        self.ms: list[float] = []
        self.starts: list[float] = []
        self.received: list[int] = []
        self.first_bytes: list[float] = []

    def count(self) -> None:
        """Count what is noted into the series."""
        self.series.add_many(self.ms, self.starts, sum(self.received))
        self.series.add_first_bytes(self.first_bytes)
        self._clear()


class Recorder:
    """All series of this process, by key; on a master those of all workers."""

    def __init__(self, environment: Environment) -> None:
        self._series: dict[Key, Series] = {}
        self._pending: dict[tuple[str, str, str, str], _Pending] = {}
        self.phase = ""
        """The phase that requests are recorded under: the one in which they end."""
        self._options = environment.parsed_options
        self._warned = False
        events = environment.events
        events.request.add_listener(self._record)
        events.reset_stats.add_listener(lambda **_: self.clear())
        events.worker_report.add_listener(self._absorb)
        if isinstance(environment.runner, WorkerRunner):
            events.report_to_master.add_listener(self._hand_over)

    def clear(self) -> None:
        """Forget everything; a new run begins."""
        self._series, self._pending = {}, {}

    @property
    def series(self) -> dict[Key, Series]:
        """Every series, with all requests counted so far."""
        for pending in self._pending.values():
            pending.count()
        return self._series

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
        context: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        server = context.get("server", "") if context else ""
        key = (request_type, name, server, self.phase)
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = _Pending(self._open(Key(*key)))
        ms = response_time or 0.0
        pending.ms.append(ms)
        pending.starts.append(time.time() - ms / 1000 if start_time is None else start_time)
        pending.received.append(response_length or 0)
        if context:
            first_byte = context.get("time_to_first_byte")
            if first_byte is not None:
                pending.first_bytes.append(first_byte)
            if len(context) > 1 or first_byte is None:
                pending.series.add_extras(context)
        if exception is not None:
            pending.series.failures += 1
            pending.series.add_outcome(outcome_of(exception))
        if len(pending.ms) >= BATCH:
            pending.count()

    def _open(self, key: Key) -> Series:
        if key not in self._series and len(self._series) >= MOST:
            if not self._warned:
                self._warned = True
                logger.warning("over %s statistics names; further ones count as 'other'", MOST)
            key = OTHER
        return self._series.setdefault(key, Series())

    def _hand_over(self, client_id: str, data: dict[str, Any]) -> None:
        data[FIELD] = [[*key, series.to_wire()] for key, series in self.series.items()]
        data[RUN] = self._run()
        self.clear()

    def _absorb(self, client_id: str, data: dict[str, Any]) -> None:
        if data.get(RUN) != self._run():
            return  # a late report of a run that is over
        for *key, wire in data.get(FIELD, ()):
            self._open(Key(*key)).merge(Series.from_wire(wire))

    def _run(self) -> int:
        return int(getattr(self._options, RUN, 0))
