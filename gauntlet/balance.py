"""The master's part in keeping the load right: users move from workers that are gone to the others.

Locust shares users out anew only where it is told to (`--enable-rebalancing`), and even then some
ways remain by which a run ends with too many or too few. What is done about each:

    a worker is lost while users ramp     the new shares are sent once the ramp is done
    a worker says that it is leaving      its users move now, not when its last request has ended
    a worker had no master for a while    it stopped its users itself, and is given its share again
    a worker's link heals                 it gets users when it hears, not when it is heard
    a worker runs more than its share     it is told once more; not where the pool of the open model
                                          adds users by itself
    a worker is missing for a minute      Locust would begin again at no user, and ramp; it is
                                          forgotten before
    a worker of another master's run      it may join; its reports count nowhere
"""

import logging
import time
from typing import Any

import gevent
from gevent.event import Event
from locust import runners
from locust.env import Environment
from locust.runners import STATE_MISSING, STATE_RUNNING, MasterRunner
from locust.stats import RequestStats

from gauntlet import dispatching
from gauntlet.arriving import OPEN
from gauntlet.measure.recorder import RUN

logger = logging.getLogger(__name__)

LEAVING = "gauntlet_leaving"
ORPHAN = "gauntlet_orphan"
REJOIN = "gauntlet_rejoin"
HEAR = "gauntlet_hear"
HEARD = "gauntlet_heard"

LOOK_S = 1.0
BUSY_S = 0.1
TICKS = 5
"""Heartbeats before the moment at which Locust would begin again because somebody is missing."""


class Balance:
    """Watches the shares of all workers while a run goes on."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._asked = Event()
        self._excess: float | None = None
        self._deaf: set[str] = set()
        dispatching.install(environment, self._deaf, self._ask)
        # Before Locust adds a report to its table.
        environment.events.worker_report._handlers.insert(0, self._refuse)
        runner.register_message(ORPHAN, self._take_back)
        runner.register_message(LEAVING, self._part)
        runner.register_message(HEARD, self._heard)
        options = environment.parsed_options
        assert options is not None
        self._moves = not options.no_rebalancing
        if self._moves:
            options.enable_rebalancing = True
            logger.info(
                "Users of a worker that is lost or leaves move to the others, and a new worker "
                "gets its share (--no-rebalancing turns that off)"
            )
        runner.greenlet.spawn(self._watch)

    def _watch(self) -> None:
        while True:
            asked = self._asked.wait(LOOK_S)
            if self._moves:
                self._forget_the_dead()
            if self._settled and (asked or (self._moves and self._amiss())):
                self._asked.clear()
                self._excess = None
                try:
                    self._runner.start(self._runner.target_user_count, self._runner.spawn_rate)
                except ValueError:  # somebody else's start goes on, and takes no second one
                    self._asked.set()
                    gevent.sleep(BUSY_S)
            elif self._runner._users_dispatcher is None:
                self._asked.clear()
            elif asked:
                gevent.sleep(BUSY_S)  # users are on their way; then the shares are sent

    @property
    def _settled(self) -> bool:
        """Whether a run goes on and no user is on its way."""
        runner, dispatcher = self._runner, self._runner._users_dispatcher
        return (
            dispatcher is not None
            and not dispatcher.dispatch_in_progress
            and runner.state == STATE_RUNNING
            and runner.spawning_completed
        )

    def _amiss(self) -> bool:
        """Whether new shares are made and not yet sent, or somebody goes beyond its own."""
        pending = getattr(self._runner._users_dispatcher, "_rebalance", False)
        return bool(pending) or self._too_many()

    def _too_many(self) -> bool:
        """Whether a worker has told twice that it runs more users than it should.

        Fewer are no fault: users may end themselves. Nor are more where arrivals are served.
        """
        if getattr(self._environment.parsed_options, OPEN, 0):
            return False
        shares = getattr(self._runner._users_dispatcher, "_users_on_workers", {})
        over = any(
            client.user_count > sum(shares.get(client.id, {}).values())
            for client in self._runner.clients.all
            if client.state == STATE_RUNNING and client.id in shares
        )
        if not over:
            self._excess = None
            return False
        self._excess = self._excess or time.monotonic()
        # While a user finishes its request it is one too many, and rightly so.
        patience = 2 * runners.WORKER_REPORT_INTERVAL + self._environment.stop_timeout
        return time.monotonic() - self._excess > patience

    def _forget_the_dead(self) -> None:
        clients = self._runner.clients
        for client in clients.missing:
            if client.heartbeat <= runners.HEARTBEAT_DEAD_INTERNAL + TICKS:
                logger.info("Worker %s stays missing and is forgotten", client.id)
                del clients[client.id]

    def _part(self, msg: Any, **_: Any) -> None:
        """Take the users of a worker that still finishes its requests."""
        runner = self._runner
        dispatcher, client = runner._users_dispatcher, runner.clients.get(msg.node_id)
        present = [one for one in runner.clients.all if one.state != STATE_MISSING]
        if self._moves and dispatcher is not None and client is not None and len(present) > 1:
            dispatcher.remove_worker(client)
            self._asked.set()

    def _ask(self, client_id: str) -> None:
        self._runner.send_message(HEAR, client_id=client_id)

    def _heard(self, msg: Any, **_: Any) -> None:
        """Give a worker its share that was missing and hears again."""
        runner = self._runner
        dispatcher, client = runner._users_dispatcher, runner.clients.get(msg.node_id)
        if client is None or client.state == STATE_MISSING or client.id not in self._deaf:
            return
        self._deaf.discard(client.id)
        if dispatcher is not None:
            dispatcher.add_worker(client)
            self._asked.set()

    def _take_back(self, msg: Any, **_: Any) -> None:
        """Give users to a worker that had no master; one of another master's run joins anew."""
        if msg.node_id not in self._runner.clients:
            self._runner.send_message(REJOIN, client_id=msg.node_id)
        else:
            self._asked.set()

    def _refuse(self, client_id: str, data: dict[str, Any]) -> None:
        """Empty a report of another run, before Locust adds it to this one's table."""
        run = int(getattr(self._environment.parsed_options, RUN, 0))
        if data.get(RUN, run) != run:
            data["stats"], data["errors"] = [], {}
            data["stats_total"] = RequestStats().total.get_stripped_report()
