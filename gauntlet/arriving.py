"""Carries the open model through Locust: arrivals are served on schedule, by a pool of users.

    judging process           the schedule; on a master, who serves which of its arrivals
    process that runs users   serves its share; its reports tell how that went

A worker takes part once its users may start, and says so. One that leaves in order says so too, and
goes on until others have taken over. Time goes between processes as seconds since the start, never
as a clock's: the clocks of machines may differ.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner, locust_exception_handler

from gauntlet.arrivals import Schedule, Share, Turn
from gauntlet.books import Book, Count, counted
from gauntlet.measure.histogram import Counts, added
from gauntlet.measure.recorder import RUN, Recorder
from gauntlet.pool import Pool
from gauntlet.sharing import FIELD, JOIN, LEAVE, NOTICE_S, SILENCE_S, TURNS, Sharing

OPEN = "gauntlet_open"
"""Among the parsed options that Locust forwards: the most users of a process, 0 in a closed run."""

LEAD_S = 0.5
"""From the start of a run with workers to its first moment: so long may messages take."""

LAST_S = 0.25
"""Whoever ends the load so shortly before the last arrival does so because that is due; the judging
process itself waits as long after it, since what is due begins a moment later."""

OVERDUE_S = 1.0
"""What is later than that when the load ends was dropped; what is not has as long to begin."""

HANDOVER_S = NOTICE_S + 2.0
"""How long a worker that leaves waits for others to take over."""

DEAF_S = SILENCE_S + NOTICE_S
"""So long without a word a worker goes on: then others, if the master still lives, serve for it."""

LOOK_S = 0.25
"""How often who has nothing to do looks whether that has changed; well within the notice."""

BURST_S = 0.002
"""How long overdue arrivals are handed out before all others get a turn."""

LOCAL = "local"


class Arriving:
    """One process's part in serving the arrivals of a run."""

    def __init__(
        self, environment: Environment, recorder: Recorder, wanted: Callable[[], bool]
    ) -> None:
        """`wanted` says whether iterations are still to be done."""
        self.pool: Pool | None = None
        self._environment = environment
        self._parsed: Any = environment.parsed_options
        self._recorder = recorder
        self._wanted = wanted
        self._schedule: Schedule | None = None
        self._share: Share | None = None
        self._late_us: Counts = {}
        """Lateness of all that began here, where this is the judging process."""
        self._begun = math.inf
        """When the schedule began, by this process's `perf_counter`."""
        self._now = 0.0
        """The moment of the schedule up to which everything is done."""
        self._last = math.inf
        """The moment of the schedule at which the load ended."""
        self._change = Event()
        self._told: dict[str, Any] | None = None
        self._heard = math.inf
        """When the master last said who serves what; it does so every second."""
        self._sharing: Sharing | None = None
        runner, events = environment.runner, environment.events
        if isinstance(runner, MasterRunner):
            self._sharing = Sharing(environment, runner)
            return
        events.test_stopping.add_listener(self._stop)
        if isinstance(runner, WorkerRunner):
            runner.register_message(TURNS, self._hear)
            events.report_to_master.add_listener(self._report)

    # -- the judging process ---------------------------------------------------------------------

    @property
    def lead(self) -> float:
        """Seconds from the start of a run to its first moment."""
        return 0.0 if self._sharing is None else LEAD_S

    def begin(self, schedule: Schedule | None, elapsed: float, most: int) -> None:
        """A run begins; `elapsed` seconds of its schedule are over, or it has none."""
        self._forget()
        self._schedule = schedule
        setattr(self._parsed, OPEN, most if schedule is not None else 0)
        self._begun = time.perf_counter() - elapsed
        if self._sharing is not None:
            self._sharing.begin(schedule, self._begun)
        elif schedule is not None:
            self._open(most)
            self._serve_share(schedule, [Turn(0.0, (LOCAL,))])

    def end(self) -> None:
        """The load is over."""
        if self._sharing is not None:
            self._sharing.end()

    def count(self) -> Count | None:
        """What came of the arrivals so far; None in a run that has none."""
        if self._schedule is None:
            return None
        if self._sharing is not None:
            return self._sharing.count()
        assert self.pool is not None
        self._late_us = added(self._late_us, self.pool.take_counts())
        return counted([self._book(self.pool)], 0, self._late_us)

    @property
    def is_open(self) -> bool:
        """Whether the run has arrivals."""
        return self._schedule is not None

    @property
    def distribution(self) -> str:
        """How the run's arrivals lie in time; empty where it has none."""
        return self._schedule.distribution if self._schedule is not None else ""

    @property
    def left(self) -> float:
        """Seconds until the last arrival of the schedule; below 0 once all were due."""
        if self._schedule is None:
            return -math.inf
        return self._begun + self._schedule.pieces[-1].end - time.perf_counter()

    @property
    def wanted(self) -> float | None:
        """Arrivals per second wanted now; None where none are."""
        if self._schedule is None:
            return None
        return self._schedule.rate(time.perf_counter() - self._begun)

    # -- processes that run users ----------------------------------------------------------------

    def ready(self, **_: Any) -> None:
        """Users may start: take part in serving arrivals."""
        runner = self._environment.runner
        assert runner is not None
        if isinstance(runner, WorkerRunner):
            self._forget()
            most = int(getattr(self._parsed, OPEN, 0))
            if most:
                self._open(most)
                runner.send_message(JOIN, {"run": self._run})
                if self._told is not None:
                    self._follow(self._told)
        if self.pool is not None:
            server = runner.greenlet.spawn(self._serve, self.pool)
            server.link_exception(locust_exception_handler(self._environment))

    def leave(self, **_: Any) -> None:
        """Let others take over before this worker stops; called when it is about to end."""
        runner, pool, share = self._environment.runner, self.pool, self._share
        if not isinstance(runner, WorkerRunner) or pool is None or share is None:
            return
        if not pool.stopped:
            runner.send_message(LEAVE, {"run": self._run})
        deadline = time.perf_counter() + HANDOVER_S
        while not pool.stopped and time.perf_counter() < deadline:
            if share.next is None and not pool.waiting:
                break
            gevent.sleep(0.02)

    def _forget(self) -> None:
        self._schedule, self._share, self.pool = None, None, None
        self._late_us = {}
        self._recorder.open_model = False
        self._begun, self._now, self._last = math.inf, 0.0, math.inf

    def _open(self, most: int) -> None:
        self._recorder.open_model = True
        self.pool = Pool(self._environment, most)

    def _serve_share(self, schedule: Schedule, turns: list[Turn]) -> None:
        """Serve what these turns say; of a schedule that is new, from now on."""
        if self._share is None:
            runner = self._environment.runner
            member = runner.client_id if isinstance(runner, WorkerRunner) else LOCAL
            self._schedule, self._share = schedule, Share(schedule, member)
            self._now = time.perf_counter() - self._begun
            self._switch(schedule.is_open(self._now))
        self._share.follow(turns)
        self._change.set()

    def _serve(self, pool: Pool) -> None:
        """Do what the schedule says, each thing at its moment, late rather than never."""
        busy_since = time.perf_counter()
        while self.pool is pool and not pool.stopped:
            moment, arrives = self._ahead()
            now = time.perf_counter()
            pause = self._begun + moment - now if moment < math.inf else math.inf
            if pause > 0 or now > busy_since + BURST_S:
                # A real pause in any case: gevent looks at its timers after one alone.
                self._pause(max(pause, 0.0001))
                busy_since = time.perf_counter()
                continue
            self._now = moment
            if not arrives:
                assert self._schedule is not None
                self._switch(self._schedule.is_open(moment))
                continue
            assert self._share is not None
            self._share.take()
            if self._wanted():
                pool.put(self._begun + moment)

    def _pause(self, seconds: float) -> None:
        """Let others go on, until somebody says what to serve where nobody has yet.

        A plain pause costs a fraction of one that an event may end.
        """
        if self._share is None:
            self._change.wait()
            self._change.clear()
        else:
            gevent.sleep(min(seconds, LOOK_S))

    def _ahead(self) -> tuple[float, bool]:
        """When something is to be done next, and whether it is an arrival."""
        if self._share is None or self._schedule is None:
            return math.inf, False
        turn = self._schedule.turn(self._now)
        arrival = None if self._is_deaf else self._share.next
        if arrival is not None and arrival.due < min(turn, self._last):
            return arrival.due, True
        return turn, False

    @property
    def _is_deaf(self) -> bool:
        """Whether others may serve by now what was this worker's. What is not begins late."""
        return time.perf_counter() > self._heard + DEAF_S

    def _switch(self, is_open: bool) -> None:
        """Let users wait for arrivals from now on, or go their own pace."""
        assert self.pool is not None
        if is_open and not self.pool.is_open:
            self.pool.open()
        elif not is_open:
            self.pool.close()

    def _stop(self, **_: Any) -> None:
        """The load ends: what is due by now still begins, or was dropped."""
        pool = self.pool
        if pool is None:
            return
        if self._wanted() and not pool.stopped:
            self._end_at(time.perf_counter() - self._begun)
            self._drop(pool, until=self._last - OVERDUE_S)
            self._serve_out(pool)
            self._drop(pool, until=self._last)
        pool.stop(self._wanted())
        self._change.set()

    def _end_at(self, moment: float) -> None:
        """Serve nothing that is due later; of a plan that is all but over, all that was planned."""
        end = self._schedule.pieces[-1].end if self._schedule is not None else -math.inf
        self._last = end if moment < end < moment + LAST_S else moment

    def _serve_out(self, pool: Pool) -> None:
        """Let begin what has somebody to begin it, for a while."""
        deadline = time.perf_counter() + OVERDUE_S
        while (pool.beginning or self._ahead()[1]) and time.perf_counter() < deadline:
            gevent.sleep(0.001)

    def _drop(self, pool: Pool, until: float) -> None:
        """Count what this process was too busy to begin, or too much alone."""
        while self._share is not None and self._share.next and self._share.next.due < until:
            self._share.take()
            pool.dropped += 1

    # -- a worker's messages ---------------------------------------------------------------------

    def _hear(self, msg: Any, **_: Any) -> None:
        self._heard = time.perf_counter()
        self._told = {**msg.data, "begun": time.perf_counter() - msg.data["elapsed"]}
        if self.pool is not None:
            self._follow(self._told)

    def _follow(self, told: dict[str, Any]) -> None:
        if told["run"] != self._run:
            return
        # The message that took least time tells best when the run began.
        self._begun = min(self._begun, told["begun"])
        turns = [Turn(since, tuple(members)) for since, members in told["turns"]]
        self._serve_share(Schedule.from_wire(told["schedule"]), turns)

    def _report(self, client_id: str, data: dict[str, Any]) -> None:
        if self.pool is not None:
            late = list(self.pool.take_counts().items())
            data[FIELD] = {"book": self._book(self.pool).to_wire(), "late_us": late}

    def _book(self, pool: Pool) -> Book:
        return Book(
            started=pool.started,
            late=pool.late,
            dropped=pool.dropped,
            waiting=pool.waiting,
            most_waiting=pool.most_waiting,
            position=self._share.position if self._share is not None else 0.0,
            closed=pool.stopped,
        )

    @property
    def _run(self) -> int:
        return int(getattr(self._parsed, RUN, 0))
