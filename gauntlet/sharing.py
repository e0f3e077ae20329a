"""Who serves which arrivals, kept by the process that judges, and what came of them.

Each worker serves the arrivals of its place among the members. When one joins, leaves or falls
silent, the master announces who serves from which position on; it lies `NOTICE_S` ahead, so that
every worker knows before it gets there.
"""

import time
from contextlib import suppress
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, STATE_RUNNING, MasterRunner

from gauntlet.arrivals import Schedule, Turn, served
from gauntlet.books import Book, Count, counted
from gauntlet.measure.histogram import Counts, added
from gauntlet.measure.recorder import RUN

TURNS = "gauntlet_turns"
JOIN = "gauntlet_join"
LEAVE = "gauntlet_leave"
FIELD = "gauntlet_arrivals"

NOTICE_S = 1.0
"""How long before it takes effect a change of members is announced."""

SILENCE_S = 4.0
"""Without a heartbeat for so long a worker is taken for gone; it sends one each second."""

TICK_S = 0.1
REPEAT_S = 1.0
"""How often the members are told again, for workers that have just come."""

IDLE_S = 2.0
"""So long a worker that came during a run may wait for Locust to give it its part."""


class Sharing:
    """The master's part in serving the arrivals of a run."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._parsed: Any = environment.parsed_options
        self._runner = runner
        self._keeper: gevent.Greenlet[..., Any] | None = None
        self._told = self._nudged = 0.0
        self._heard: dict[str, float] = {}
        """When each worker was heard of last, by `perf_counter`."""
        self._forget()
        runner.register_message(JOIN, self._join)
        runner.register_message(LEAVE, self._leave)
        events = environment.events
        events.heartbeat_sent.add_listener(self._hear)  # Locust's answer to a heartbeat
        events.worker_report.add_listener(self._note)
        events.test_stopping.add_listener(self._stop)

    def _forget(self) -> None:
        self._schedule: Schedule | None = None
        self._begun = 0.0
        self._turns: list[Turn] = []
        self._joined: dict[str, None] = {}  # in order, as members are
        self._left: set[str] = set()
        self._quit_early: set[str] = set()
        self._books: dict[str, Book] = {}
        self._late_us: Counts = {}
        self._end: float | None = None

    def begin(self, schedule: Schedule | None, begun: float) -> None:
        """A run begins with the workers that are there; `begun` is its first moment."""
        self.end()
        self._forget()
        if schedule is None:
            return
        clients = self._runner.clients
        present = [one.id for one in clients.ready + clients.running + clients.spawning]
        self._schedule, self._begun = schedule, begun
        self._joined = dict.fromkeys(present)
        self._heard |= dict.fromkeys(present, time.perf_counter())
        self._turns = [Turn(0.0, tuple(present))]
        self._keeper = gevent.spawn(self._keep)
        self._tell()

    def end(self) -> None:
        """The load is over."""
        if self._keeper is not None:
            self._keeper.kill()
            self._keeper = None

    def count(self) -> Count:
        """What came of the arrivals so far."""
        missing = sum(map(self._missing, self._joined))
        return counted(self._books.values(), missing, self._late_us)

    def _missing(self, client: str) -> int:
        """Arrivals of a worker that is gone, or left no last report, of which nobody knows."""
        book = self._books.get(client, Book())
        if book.closed and client not in self._quit_early:
            return 0
        if self._end is None and client not in self._quit_early and self._is_there(client):
            return 0
        assert self._schedule is not None
        until = self._schedule.position(self._elapsed) if self._end is None else self._end
        known = served(self._schedule, self._turns, client, book.position, until)
        return sum(1 for _ in known)

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self._begun

    # -- members ---------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Let those serve who are there."""
        while True:
            members = tuple(one for one in self._joined if self._takes_part(one))
            if members and members != self._turns[-1].members:
                self._announce(members)
            elif time.perf_counter() > self._told + REPEAT_S:
                self._tell()
            self._nudge()
            gevent.sleep(TICK_S)

    def _announce(self, members: tuple[str, ...]) -> None:
        assert self._schedule is not None
        since = self._schedule.position(self._elapsed + NOTICE_S)
        self._turns.append(Turn(max(since, self._turns[-1].since), members))
        self._tell()

    def _tell(self) -> None:
        assert self._schedule is not None
        self._told = time.perf_counter()
        data = {
            "run": self._run,
            "schedule": self._schedule.to_wire(),
            "turns": [[since, list(members)] for since, members in self._turns],
        }
        for client in self._runner.clients.all:
            # Reckoned for each: sending may take its time.
            told = {**data, "elapsed": self._elapsed}
            self._runner.send_message(TURNS, told, client_id=client.id)

    def _takes_part(self, client: str) -> bool:
        return client not in self._left and self._is_there(client)

    def _is_there(self, client: str) -> bool:
        node = self._runner.clients.get(client)
        silent = time.perf_counter() - self._heard.get(client, 0.0)
        return node is not None and node.state != STATE_MISSING and silent < SILENCE_S

    def _nudge(self) -> None:
        """Have Locust give users to a worker that came late: of several it forgets all but one."""
        runner, now = self._runner, time.perf_counter()
        idle = [one.id for one in runner.clients.ready if one.id not in self._joined]
        if not idle or runner.state != STATE_RUNNING or not runner.spawning_completed:
            self._nudged = now
        elif now > self._nudged + IDLE_S:
            self._nudged = now
            gevent.spawn(self._start_again)

    def _start_again(self) -> None:
        with suppress(ValueError):  # somebody else's start goes on, and takes no second one
            self._runner.start(self._runner.target_user_count, self._runner.spawn_rate)

    # -- what workers say ------------------------------------------------------------------------

    def _hear(self, client_id: str, **_: Any) -> None:
        self._heard[client_id] = time.perf_counter()

    def _join(self, msg: Any, **_: Any) -> None:
        if msg.data["run"] == self._run and self._schedule is not None:
            self._heard[msg.node_id] = time.perf_counter()
            self._joined.setdefault(msg.node_id, None)

    def _leave(self, msg: Any, **_: Any) -> None:
        if msg.data["run"] == self._run:
            self._left.add(msg.node_id)

    def _note(self, client_id: str, data: dict[str, Any]) -> None:
        told = data.get(FIELD)
        if told is None or data.get(RUN) != self._run or self._schedule is None:
            return
        self._late_us = added(self._late_us, dict(told["late_us"]))
        book = self._books[client_id] = Book(**told["book"])
        if book.closed and self._end is None:
            self._quit_early.add(client_id)

    def _stop(self, **_: Any) -> None:
        if self._schedule is not None and self._end is None:
            self._end = self._schedule.position(self._elapsed)

    @property
    def _run(self) -> int:
        return int(getattr(self._parsed, RUN, 0))
