"""Listens to Locust's request event and carries the series of all workers to the master.

What a request costs here is a few list appends; the lists are counted up in batches, at the
latest when somebody reads. A worker's report holds what came since its last one; the master adds
it up. A single process records into the sum itself. One record is made per request, under method,
name, server and phase; totals are made by merging. The same batches are counted second by second
(`gauntlet.measure.slices`).

What a request's Locust `context` may tell besides:

    server               which of several servers answered, a bounded number of names
    sent                 bytes uploaded
    attempts             how often it was tried, 1 where it is not said
    time_to_first_byte   milliseconds
    verified             whether the content was compared with what was expected

Locust swallows what a listener raises, and the request would be missing here and in no other
table. So nothing that a request says of itself can raise: a name that is no text is counted as its
text, and a number that is none is left out.
"""

import logging
import math
import time
from array import array
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from locust.env import Environment
from locust.runners import WorkerRunner

from gauntlet.measure.lateness import take, untaken
from gauntlet.measure.outcomes import OUTCOMES, outcome_of
from gauntlet.measure.series import Key, Series, sound
from gauntlet.measure.slices import Slices, by_second
from gauntlet.measure.slowest import Slowest

logger = logging.getLogger(__name__)

FIELD = "gauntlet_series"
"""The key of our part in a worker's report."""

SLICES = "gauntlet_slices"
"""The key of its slices."""

SLOWEST = "gauntlet_slowest"
"""The key of the slowest requests in a worker's report."""

RUN = "gauntlet_run"
"""The number of the run, among the parsed options that Locust forwards to workers."""

MOST = 1000
"""Series kept apart; what has yet another name goes into one series called OTHER."""

OTHER = Key("", "other")

LARGEST = 2**63
"""Nobody counts so many bytes, and messages carry no larger number."""

BATCH = 8192
"""Requests of one key that are noted before they are counted."""


class Watcher(Protocol):
    """What wants to know what ended in which second, as soon as it is counted."""

    def add(self, key: Key, second: int, part: Series) -> None: ...
    def clear(self) -> None: ...


class _Pending:
    """Requests of one key that are noted and not yet counted."""

    __slots__ = (
        *("key", "series", "ms", "starts", "received", "first_bytes", "failed"),
        *("late", "outcomes", "slowest"),
    )

    def __init__(self, key: Key, series: Series, slowest: Slowest) -> None:
        self.key, self.series, self.slowest = key, series, slowest
        self._empty()

    def _empty(self) -> None:
        # Arrays, because numpy counts them without a look at each number; NaN where none is told.
        self.ms, self.starts, self.received = array("d"), array("d"), array("d")
        self.first_bytes = array("d")
        self.failed = array("q")  # places in `ms`
        self.outcomes: list[str] = []  # of those, in the same order
        self.late = array("d")

    def note_late(self, ms: float) -> None:
        """Let the request that was noted last count from `ms` milliseconds before its start."""
        self.ms[-1] += ms
        self.late.append(ms)

    def note_odd(self, ms: object, start: object, received: object) -> None:
        """Note a request that tells something that is no number; what is noted of it goes."""
        whole = len(self.received)
        del self.ms[whole:], self.starts[whole:]
        took, began = _number(ms), _number(start)
        self.ms.append(math.nan if took is None else took)
        self.starts.append(time.time() - (took or 0.0) / 1000 if began is None else began)
        self.received.append(_number(received) or 0.0)

    def note_first_byte(self, ms: Any) -> None:
        """Note a time to first byte."""
        try:
            self.first_bytes.append(ms)
        except (TypeError, ValueError, OverflowError):
            number = _number(ms)
            self.first_bytes.append(math.nan if number is None else number)

    def count(self) -> list[tuple[int, Series]]:
        """Count what is noted into the series; gives back what ended in which second."""
        ms, starts, received, failed = self.ms, self.starts, self.received, self.failed
        first_bytes, late = self.first_bytes, self.late
        outcomes = dict(zip(failed, self.outcomes, strict=True))
        self.slowest.look(self.key, ms, starts, outcomes)
        self._empty()
        parts = [*by_second(ms, starts, failed, late or None)] if len(ms) else []
        for _, part in parts:
            self.series.merge(part)
        self.series.received += int(sound(received).sum())
        self.series.add_first_bytes(first_bytes)
        return parts


class Recorder:
    """All series of this process, by key; on a master those of all workers."""

    def __init__(self, environment: Environment, outcomes: Collection[str] = OUTCOMES) -> None:
        """`outcomes` is the closed list of the system."""
        self._outcomes = outcomes
        self._series: dict[Key, Series] = {}
        self._pending: dict[tuple[str, str, str, str], _Pending] = {}
        self._known: set[Key] = set()
        self._known_slices: set[Key] = set()
        self.slowest = Slowest()
        """Up to date once `series` was read."""
        self.phase = ""
        """The phase that requests are recorded under: the one in which they end."""
        self.watcher: Watcher | None = None
        self._slices = Slices()
        self._parts: dict[tuple[Key, int], Series] = {}
        """On a worker, what ended in which second since the last report."""
        self.cleared = 0.0
        """The Unix time since which everything counts."""
        self.open_model = False
        """Whether requests of this run may count from before their start; set before the first."""
        self._environment = environment
        self._options = environment.parsed_options
        self._warned = False
        events = environment.events
        events.request.add_listener(self._record)
        events.reset_stats.add_listener(lambda **_: self.clear())
        events.spawning_complete.add_listener(self._reset_if_asked)
        events.worker_report.add_listener(self._absorb)
        self._reports = isinstance(environment.runner, WorkerRunner)
        if self._reports:
            events.report_to_master.add_listener(self._hand_over)

    def clear(self) -> None:
        """Forget everything; a new run begins, or somebody resets the statistics."""
        self.cleared = time.time()
        self._series, self._pending, self._parts = {}, {}, {}
        self._slices = Slices()
        self._known.clear()
        self._known_slices.clear()
        self.slowest.clear()
        self._warned = False
        if self.watcher is not None:
            self.watcher.clear()

    @property
    def series(self) -> dict[Key, Series]:
        """Every series, with all requests counted so far."""
        for pending in self._pending.values():
            self._count(pending)
        return self._series

    @property
    def slices(self) -> Slices:
        """The same second by second, servers taken together."""
        _ = self.series
        return self._slices

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
        response: object = None,
        url: object = None,
        **_: Any,
    ) -> None:
        # Every field is named: Python compares one that is not with all names that there are.
        try:
            server = context.get("server", "") if context else ""
            pending = self._pending[request_type, name, server, self.phase]
        except Exception:  # first of its name, or a name or a context that cannot be one
            context = _context(context)
            pending = self._begin(request_type, name, context.get("server", ""))
        try:
            pending.ms.append(response_time)  # type: ignore[arg-type]  # None raises
            pending.starts.append(start_time)  # type: ignore[arg-type]
            pending.received.append(response_length)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            pending.note_odd(response_time, start_time, response_length)
        if self.open_model:
            pending.note_late(take() if untaken else 0.0)
        if context:
            get = context.get
            first_byte = get("time_to_first_byte")
            if type(first_byte) is float:
                pending.first_bytes.append(first_byte)
            elif first_byte is not None:
                pending.note_first_byte(first_byte)
            if len(context) > 1 or first_byte is None:
                series, sent, attempts = pending.series, get("sent"), get("attempts")
                if sent is not None:
                    series.sent += _whole(sent)
                if attempts is not None:
                    series.retries += max(_whole(attempts) - 1, 0)
                if get("verified") is True:
                    series.verified += 1
        if exception:  # as Locust decides it
            outcome = outcome_of(exception, self._outcomes)
            pending.failed.append(len(pending.ms) - 1)
            pending.outcomes.append(outcome)
            pending.series.add_outcome(outcome)
        if len(pending.ms) >= BATCH:
            self._count(pending)

    def _count(self, pending: _Pending) -> None:
        for second, part in pending.count():
            self._add_slice(pending.key, second, part)

    def _add_slice(self, key: Key, second: int, part: Series) -> None:
        if self.watcher is not None:
            self.watcher.add(key, second, part)
        key = key._replace(server="") if key.server else key
        if not self._reports:
            self._slices.add(key, second, part)  # takes it over
        elif known := self._parts.get((key, second)):
            known.merge(part)
        else:
            self._parts[key, second] = part

    def _begin(self, method: object, name: object, server: object) -> _Pending:
        """Where requests of these names are noted, names made texts; OTHER where it is full."""
        key = self._admitted(
            Key(_text(method), _text(name), _text(server), self.phase), self._known
        )
        pending = self._pending.get(key)
        if pending is None:
            series = self._series.setdefault(key, Series())
            pending = self._pending[key] = _Pending(key, series, self.slowest)
        return pending

    def _admitted(self, key: Key, known: set[Key]) -> Key:
        """The key, or OTHER where it is new and there are enough; so for the whole run."""
        if key in known:
            return key
        if len(known) < MOST:
            known.add(key)
            return key
        if not self._warned:
            self._warned = True
            logger.warning("over %s statistics names; further ones count as 'other'", MOST)
        return OTHER

    def _reset_if_asked(self, **_: Any) -> None:
        """Locust's `--reset-stats` empties its tables here, in each process that it is given to.

        Not under a profile: its users change all the time, and its phases tell ramp from rest.
        """
        if self._environment.reset_stats and not self.phase:
            self.clear()

    def _hand_over(self, client_id: str, data: dict[str, Any]) -> None:
        data[FIELD] = [[*key, series.to_wire()] for key, series in self.series.items()]
        told: dict[Key, list[tuple[int, list[Any]]]] = {}
        for (key, at), one in self._parts.items():
            told.setdefault(key, []).append((at, one.to_wire()))
        data[SLICES] = [[*key, seconds] for key, seconds in told.items()]
        data[SLOWEST] = self.slowest.take()
        data[RUN] = self._run()
        self._series, self._pending, self._parts = {}, {}, {}

    def _absorb(self, client_id: str, data: dict[str, Any]) -> None:
        if data.get(RUN) != self._run():
            return  # a late report of a run that is over
        for *parts, wire in data.get(FIELD, ()):
            key = self._admitted(Key(*parts), self._known)
            self._series.setdefault(key, Series()).merge(Series.from_wire(wire))
        for *parts, seconds in data.get(SLICES, ()):
            key = self._admitted(Key(*parts), self._known_slices)
            for second, wire in seconds:
                self._add_slice(key, second, Series.from_wire(wire))
        self.slowest.absorb(data.get(SLOWEST, ()))

    def _run(self) -> int:
        return int(getattr(self._options, RUN, 0))


def _context(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _text(given: object) -> str:
    """A name as text; None is no name."""
    if given is None:
        return ""
    try:
        return str(given)
    except Exception:  # a name's own code may raise anything
        return type(given).__name__


def _number(given: Any) -> float | None:
    """A finite number, or None."""
    try:
        number = float(given)
    except Exception:  # None, and whatever a conversion of one's own may raise
        return None
    return number if math.isfinite(number) and abs(number) < LARGEST else None


def _whole(given: Any) -> int:
    """A number without its fraction; 0 where it is none that a worker could send."""
    if type(given) is int and -LARGEST < given < LARGEST:
        return given
    return int(_number(given) or 0)
