"""Carries exact iterations through Locust: every task passes the gate, grants travel as messages.

`--total-iterations N` ends the run when the last of N iterations has finished, in one process, on
a master, and in repeated runs of the web page.
"""

from collections import Counter
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, STATE_RUNNING, LocalRunner, MasterRunner, WorkerRunner

from gauntlet import tasks
from gauntlet.iterations import Budget, Gate, deck
from gauntlet.measure.recorder import RUN
from gauntlet.stopping import end_load
from gauntlet.verdict import Tally

WANT = "gauntlet_want"
GRANT = "gauntlet_grant"
MORE = "gauntlet_more"
FIELD = "gauntlet_iterations"
WATCH_S = 1.0
IDLE_S = 10.0
"""Without any user for so long, nobody is left to do the rest: each has stopped itself."""

LOCAL = "local"


class Iterations:
    """One process's part in sharing the iterations of a run."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._parsed: Any = environment.parsed_options
        self._question = 0
        self._deck: list[str] = []
        self._ended = False
        self.gate: Gate | None = None
        self.budget: Budget | None = None
        self.cut = 0
        """Tasks of this process that were killed half-way in the run."""
        environment.events.test_start.add_listener(self._begin)
        self._connect()

    @property
    def complete(self) -> bool:
        """Whether a number of iterations was asked for and all of them are done."""
        return self.budget is not None and self.budget.done >= self.budget.total

    @property
    def wanted(self) -> bool:
        """Whether another one may begin in this process, as far as it knows."""
        return self.gate is None or not self.gate.exhausted

    def tally(self) -> Tally | None:
        """How far the run has come; None where no number of iterations was asked for."""
        if self.budget is None:
            return None
        lost = self.budget.missing(self._gone())
        return Tally(self.budget.total, self.budget.done, lost)

    def task(self, number: int, chosen: Any, choices: list[Any]) -> Any:
        """The task of an iteration: the deck's where the mix is to be exact, else the chosen one.

        The first user's tasks make the deck. A user who has none of that name, of another class
        or inside a TaskSet, goes on with the one that it chose.
        """
        if not self._parsed.exact_mix:
            return chosen
        plain = [task for task in choices if not tasks.is_set(task)]
        if not self._deck:
            weights = Counter(task.__name__ for task in plain)
            total, seed = int(self._parsed.total_iterations), int(self._parsed.seed)
            self._deck = deck(weights, total, seed)
        name = self._deck[number]
        return next((task for task in plain if task.__name__ == name), chosen)

    def finish(self, gate: Gate) -> None:
        """An iteration is over; the last one of all ends the run."""
        gate.finish()
        if gate is not self.gate:
            return  # of a run that is over
        if self.budget is not None:
            self.budget.note(LOCAL, gate.done)
            self._end_if_complete()
        else:
            self._report_if_idle()

    def cut_off(self) -> None:
        """A user was killed in a task: a request in flight may be in no figure."""
        self.cut += 1

    @property
    def _run(self) -> int:
        return int(getattr(self._parsed, RUN, 0))

    # -- every process ---------------------------------------------------------------------------

    def _connect(self) -> None:
        events, runner = self._environment.events, self._environment.runner
        if isinstance(runner, MasterRunner):
            runner.register_message(WANT, self._answer)
            events.worker_report.add_listener(self._note)
        elif isinstance(runner, WorkerRunner):
            runner.register_message(GRANT, self._receive)
            runner.register_message(MORE, self._reopen)
            events.report_to_master.add_listener(self._report)
            events.test_stop.add_listener(self._close)  # before the last report goes out

    def _begin(self, **_: Any) -> None:
        # A number as text where somebody posted one to the page; checked when it came.
        total, runner = int(self._parsed.total_iterations or 0), self._environment.runner
        self.gate = self.budget = None
        self.cut = 0
        self._deck, self._question, self._ended = [], 0, False
        if not total:
            return
        if not isinstance(runner, WorkerRunner):
            self.budget = Budget(total)
            gevent.spawn(self._watch, self.budget)
        if not isinstance(runner, MasterRunner):
            self.gate = Gate(self._ask_here if isinstance(runner, LocalRunner) else self._ask)

    # -- the judging process ---------------------------------------------------------------------

    def _answer(self, environment: Environment, msg: Any, **_: Any) -> None:
        if self.budget is None or msg.data["run"] != self._run:
            return
        runner = environment.runner
        assert isinstance(runner, MasterRunner)
        ranges = self.budget.grant(msg.node_id, msg.data["question"], runner.worker_count)
        runner.send_message(GRANT, {**msg.data, "ranges": ranges}, client_id=msg.node_id)

    def _note(self, client_id: str, data: dict[str, Any]) -> None:
        report = data.get(FIELD)
        if report is None or self.budget is None or report["run"] != self._run:
            return
        self.budget.note(client_id, report["done"])
        before = self.budget.free
        self.budget.give_back(client_id, report["left"])
        if report["closed"]:
            self.budget.leave(client_id, report["question"])
        if self.budget.free > before:
            runner = self._environment.runner
            assert isinstance(runner, MasterRunner)
            runner.send_message(MORE, {"run": self._run})
        self._end_if_complete()

    def _watch(self, budget: Budget) -> None:
        """End the run when nobody is left who could do the rest."""
        idle = 0.0
        while self.budget is budget and not self._ended:
            gevent.sleep(WATCH_S)
            missing = budget.missing(self._gone())
            idle = idle + WATCH_S if self._deserted() else 0.0
            if (missing and budget.done + missing >= budget.total) or idle >= IDLE_S:
                self._end_run()

    def _deserted(self) -> bool:
        """Whether users were started and none is there, and no shape will start any."""
        runner = self._environment.runner
        return (
            runner is not None
            and runner.state == STATE_RUNNING
            and self._environment.shape_class is None
            and runner.target_user_count > 0
            and runner.user_count == 0
        )

    def _gone(self) -> set[str]:
        runner = self._environment.runner
        if self.budget is None or not isinstance(runner, MasterRunner):
            return set()
        present = {one.id for one in runner.clients.all if one.state != STATE_MISSING}
        return self.budget.holders - present

    def _end_if_complete(self) -> None:
        if self.complete:
            self._end_run()

    def _end_run(self) -> None:
        if self._ended:
            return
        self._ended = True
        gevent.spawn(end_load, self._environment)

    # -- the process that runs users -------------------------------------------------------------

    def _ask_here(self) -> None:
        assert self.gate is not None and self.budget is not None
        self._question += 1
        self.gate.receive(self.budget.grant(LOCAL, self._question, 1))

    def _ask(self) -> None:
        self._send(WANT, {"run": self._run, "question": self._question})

    def _receive(self, msg: Any, **_: Any) -> None:
        answer = msg.data
        if self.gate is None or self.gate.closed or answer["run"] != self._run:
            return
        if answer["question"] != self._question:
            return
        self._question += 1
        self.gate.receive((start, end) for start, end in answer["ranges"])
        self._report_if_idle()

    def _reopen(self, msg: Any, **_: Any) -> None:
        if self.gate is not None and msg.data["run"] == self._run:
            self.gate.reopen()

    def _report_if_idle(self) -> None:
        runner = self._environment.runner
        if self.gate is not None and self.gate.idle and isinstance(runner, WorkerRunner):
            # The master should not wait for the next regular report. In a greenlet of its own: a
            # user that is killed while it sends would take the report along.
            gevent.spawn(runner._send_stats)

    def _close(self, **_: Any) -> None:
        if self.gate is not None:
            self.gate.close()

    def _report(self, client_id: str, data: dict[str, Any]) -> None:
        if self.gate is None:
            return
        stopping = self._environment.runner is not None and not self._environment.runner.user_count
        left = self.gate.surrender() if stopping else []
        data[FIELD] = {
            "run": self._run,
            "done": self.gate.done,
            "left": left,
            "closed": self.gate.closed,
            "question": self._question,
        }

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        runner = self._environment.runner
        assert isinstance(runner, WorkerRunner)
        runner.send_message(kind, data)
