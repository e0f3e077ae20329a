"""Who took part in a distributed run, and whether the master has all that each worker counted.

A worker that stops sends its statistics once more, marked as its last for that run, and stays
until the master has said that they came. The master asks for it at the end of the load, before
Locust ends the workers, and waits for it. A worker whose last report never came is lost: requests
that it made are missing from every figure. Every report also tells how many requests its worker
has reported in the run so far; where the master received another number, a report was lost or
came twice on the way.
"""

import math
import time
from dataclasses import dataclass
from typing import Any, Protocol

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import (
    STATE_MISSING,
    STATE_RUNNING,
    STATE_SPAWNING,
    MasterRunner,
    WorkerRunner,
)

from gauntlet import orphans
from gauntlet.balance import LEAVING
from gauntlet.measure.recorder import FIELD, RUN
from gauntlet.report.record import Fleet, Member

FINISH = "gauntlet_finish"
RECEIVED = "gauntlet_received"
LAST = "gauntlet_last"
"""In a report that is a worker's last one: the number of the run that it is the last of."""
TOLD = "gauntlet_told"
"""In every report: how many requests its worker has reported in the run, this report included."""
CUT = "gauntlet_cut"
"""In every report: how many tasks were killed half-way in the run."""

GRACE_S = 10.0
"""How long a worker may take, after its users were given their time to stop."""
BREATH_S = 0.0001
"""A pause that is none: gevent looks at its timers after a real one alone."""
THANKS_S = 5.0
"""How long a worker that goes waits for the master's word that its last report has come."""


@dataclass
class Part:
    """What the master knows of one worker in the current run; moments of the monotonic clock."""

    index: int
    heard: float
    reported: float
    requests: int = 0
    told: int = 0
    cut: int = 0
    finished: bool = False

    def unrecorded(self, end: float) -> float:
        """For how many seconds at most it made load that no report tells of.

        A worker that cannot be heard stops its users after a while, if it still lives.
        """
        if self.finished:
            return 0.0
        return max(min(end, self.heard + orphans.SILENCE_S) - self.reported, 0.0)


class Ledger:
    """The master's book of workers in the current run."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._joined: dict[str, Part] = {}
        self._open = False
        self._end = 0.0
        environment.events.worker_report.add_listener(self._note)
        environment.events.worker_connect.add_listener(self._join)
        environment.events.heartbeat_sent.add_listener(self._hear)

    def begin(self) -> None:
        """A run begins with the workers that are connected now."""
        self._open = True
        self._joined = {}
        for client in self._present():
            self._take(client)

    def finish(self) -> None:
        """Ask every worker that is still there for its last report and wait for it."""
        self._open = False
        self._end = time.monotonic()
        options = self._environment.parsed_options
        data = {"leave": bool(options and options.headless), "run": _run(self._environment)}
        for client in self._missing_reports():
            self._runner.send_message(FINISH, data, client_id=client)
        deadline = time.monotonic() + self._environment.stop_timeout + GRACE_S
        while self._missing_reports() and time.monotonic() < deadline:
            gevent.sleep(0.05)

    @property
    def size(self) -> int:
        """How many workers took part."""
        return len(self._joined)

    @property
    def lost(self) -> list[str]:
        """Workers that took part and left no last report, by Locust's index."""
        return [f"worker {one.index}" for one in self._parts if not one.finished]

    @property
    def losses(self) -> list[str]:
        """Each lost worker with the seconds of its load that are in no figure, at most."""
        return [
            f"worker {one.index} (up to {one.unrecorded(self._until):.1f}s unrecorded)"
            for one in self._parts
            if not one.finished
        ]

    @property
    def gaps(self) -> list[str]:
        """Workers of which the master received another number of requests than they reported."""
        return [
            f"worker {one.index} reported {one.told} requests, {one.requests} arrived"
            for one in self._parts
            if one.told != one.requests
        ]

    @property
    def cut(self) -> int:
        """Tasks of all workers that were killed half-way."""
        return sum(one.cut for one in self._parts)

    def fleet(self, final: bool = True) -> Fleet:
        """All workers for the record."""
        members = tuple(
            Member(
                index=one.index,
                requests=one.requests,
                missing=one.told - one.requests,
                lost=self._lacks(one, final),
                unrecorded=round(one.unrecorded(self._until), 1) if final else 0.0,
            )
            for one in self._parts
        )
        return Fleet(
            workers=self.size,
            lost=tuple(f"worker {one.index}" for one in members if one.lost),
            cut=self.cut,
            members=members,
        )

    @property
    def _until(self) -> float:
        return time.monotonic() if self._open else self._end

    @property
    def _parts(self) -> list[Part]:
        return sorted(self._joined.values(), key=lambda one: one.index)

    def _take(self, client: str) -> Part:
        if client not in self._joined:
            now = time.monotonic()
            index = int(self._runner.get_worker_index(client))
            self._joined[client] = Part(index, heard=now, reported=now)
        return self._joined[client]

    @property
    def missing(self) -> list[str]:
        """Workers that took part, left no last report and are not there now, by Locust's index."""
        return [f"worker {one.index}" for one in self._parts if self._lacks(one, final=False)]

    def _lacks(self, part: Part, final: bool) -> bool:
        """Whether a worker left no last report; while the load goes on, nor can be asked for it."""
        present = [self._joined[one] for one in self._present() if one in self._joined]
        return not part.finished and (final or part not in present)

    def _join(self, client_id: str, **_: Any) -> None:
        """A worker that comes during a run takes part in it, whatever becomes of it."""
        if self._open:
            self._take(client_id)

    def _hear(self, client_id: str, **_: Any) -> None:
        if client_id in self._joined:
            self._joined[client_id].heard = time.monotonic()

    def _note(self, client_id: str, data: dict[str, Any]) -> None:
        run = _run(self._environment)  # a report may come when the next one has begun
        mine = data.get(RUN) == run
        if mine and (data.get("user_count") or _requests(data)):
            self._take(client_id)
        if client_id not in self._joined:
            return
        part = self._joined[client_id]
        if mine:
            part.reported = time.monotonic()
            part.requests += _requests(data)
            part.told, part.cut = data.get(TOLD, part.requests), data.get(CUT, 0)
        if data.get(LAST) == run:
            part.finished = True
        if data.get(LAST) is not None:
            self._runner.send_message(RECEIVED, client_id=client_id)
        # Locust's listener goes on while there are messages: of a master that cannot keep up with
        # them nothing else would run, not even the end of the run.
        gevent.sleep(BREATH_S)

    def _present(self) -> list[str]:
        clients = self._runner.clients
        return [client.id for client in clients.ready + clients.running + clients.spawning]

    def _missing_reports(self) -> list[str]:
        """Those who owe a last report and can still send one."""
        return [
            client
            for client, part in self._joined.items()
            if not part.finished
            and client in self._runner.clients
            and self._runner.clients[client].state != STATE_MISSING
        ]


class Cutting(Protocol):
    """Who counts the tasks that were killed half-way."""

    @property
    def cut(self) -> int: ...


class LastReport:
    """The worker's part: whatever stops it, its statistics go out once more."""

    def __init__(
        self, environment: Environment, runner: WorkerRunner, cutting: Cutting | None = None
    ) -> None:
        self._environment = environment
        self._runner = runner
        self._cutting = cutting
        self._last: int | None = None
        self._told, self._told_of = 0, 0
        self._received = Event()
        self._received.set()
        environment.events.report_to_master.add_listener(self._mark)
        environment.events.test_stop.add_listener(self._stopped)
        environment.events.quitting.add_listener(self._quit)
        runner.register_message(FINISH, self._finish)
        runner.register_message(RECEIVED, lambda **_: self._received.set())

    def _finish(self, msg: Any, **_: Any) -> None:
        if msg.data["leave"]:
            self._leave()
        self._runner.stop()
        self._send(msg.data["run"])

    def _quit(self, **_: Any) -> None:
        """Whatever ends this process; its users go to others while it finishes."""
        runner = self._runner
        if runner.worker_state in (STATE_RUNNING, STATE_SPAWNING):
            runner.send_message(LEAVING)
        self._leave()
        if len(runner.greenlet):  # else nobody listens any more: the master ended this worker
            self._received.wait(THANKS_S)

    def _leave(self) -> None:
        """Stop for good: no late order of the master may start users again."""
        self._runner.last_received_spawn_timestamp = math.inf  # type: ignore[assignment]
        self._runner.stop()

    def _stopped(self, **_: Any) -> None:
        self._send()
        # All users have ended. Locust would wait as long again before it reports ready; the next
        # order to start users brings the time anew.
        self._environment.stop_timeout = 0.0

    def _send(self, run: int | None = None) -> None:
        self._last = _run(self._environment) if run is None else run
        self._received.clear()
        self._runner._send_stats()  # Locust offers no public way to report now

    def _mark(self, client_id: str, data: dict[str, Any]) -> None:
        run = data.get(RUN, 0)
        if run != self._told_of:
            self._told, self._told_of = 0, run
        self._told += _requests(data)
        data[TOLD], data[CUT] = self._told, self._cutting.cut if self._cutting else 0
        data[LAST] = self._last
        self._last = None


def _requests(data: dict[str, Any]) -> int:
    """How many requests a report holds; their number comes first in a series' wire form."""
    return sum(wire[0] for *_, wire in data.get(FIELD, ()))


def _run(environment: Environment) -> int:
    """The number of the run that goes on."""
    return int(getattr(environment.parsed_options, RUN, 0))
