"""Carries exact iterations through Locust: every task passes the gate, grants travel as messages.

`--total-iterations N` ends the run when the last of N iterations has finished, in one process, on
a master, and in repeated runs of the web page.
"""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

import gevent
from gevent import GreenletExit
from locust.env import Environment
from locust.runners import STATE_MISSING, LocalRunner, MasterRunner, WorkerRunner
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_WAITING, DefaultTaskSet, TaskSet

from gauntlet.iterations import Budget, Gate, deck
from gauntlet.measure.recorder import RUN
from gauntlet.verdict import Tally

WANT = "gauntlet_want"
GRANT = "gauntlet_grant"
MORE = "gauntlet_more"
FIELD = "gauntlet_iterations"
WATCH_S = 1.0
LOCAL = "local"

_current: "Iterations | None" = None


class Iterations:
    """One process's part in sharing the iterations of a run."""

    def __init__(self, environment: Environment) -> None:
        global _current
        self._environment = environment
        self._parsed: Any = environment.parsed_options
        self._question = 0
        self._deck: list[str] = []
        self.gate: Gate | None = None
        self.budget: Budget | None = None
        environment.events.test_start.add_listener(self._begin)
        self._connect()
        _current = self
        _let_tasks_pass_the_gate()

    @property
    def complete(self) -> bool:
        """Whether a number of iterations was asked for and all of them are done."""
        return self.budget is not None and self.budget.done >= self.budget.total

    def tally(self) -> Tally | None:
        """How far the run has come; None where no number of iterations was asked for."""
        if self.budget is None:
            return None
        lost = self.budget.missing(self._gone())
        return Tally(self.budget.total, self.budget.done, lost)

    def task(self, number: int, chosen: Any, tasks: list[Any]) -> Any:
        """The task of an iteration: the deck's where the mix is to be exact."""
        if not self._parsed.exact_mix:
            return chosen
        if not self._deck:
            weights = Counter(task.__name__ for task in tasks)
            self._deck = deck(weights, self._parsed.total_iterations, int(self._parsed.seed))
        name = self._deck[number]
        return next((task for task in tasks if task.__name__ == name), chosen)

    def finish(self) -> None:
        """An iteration is over; the last one of all ends the run."""
        assert self.gate is not None
        self.gate.finish()
        if self.budget is not None:
            self.budget.note(LOCAL, self.gate.done)
            self._end_if_complete()
        else:
            self._report_if_idle()

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

    def _begin(self, **_: Any) -> None:
        total, runner = self._parsed.total_iterations, self._environment.runner
        self.gate = self.budget = None
        self._deck, self._question = [], 0
        if not total:
            return
        if not isinstance(runner, WorkerRunner):
            self.budget = Budget(total)
        if isinstance(runner, MasterRunner):
            gevent.spawn(self._watch)
        else:
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
        if report["left"]:
            self.budget.give_back(client_id, report["left"])
            runner = self._environment.runner
            assert isinstance(runner, MasterRunner)
            runner.send_message(MORE, {"run": self._run})
        self._end_if_complete()

    def _watch(self) -> None:
        """End the run when only workers that are gone still hold something."""
        budget = self.budget
        while budget is not None and self.budget is budget:
            gevent.sleep(WATCH_S)
            missing = budget.missing(self._gone())
            if missing and budget.done + missing >= budget.total:
                self._end_run()
                return

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
        runner = self._environment.runner
        assert runner is not None
        # In a greenlet of its own: the one that got here may be a user, or hear the workers.
        end = runner.quit if self._parsed.headless else runner.stop
        gevent.spawn(lambda: end())

    # -- the process that runs users -------------------------------------------------------------

    def _ask_here(self) -> None:
        assert self.gate is not None and self.budget is not None
        self._question += 1
        self.gate.receive(self.budget.grant(LOCAL, self._question, 1))

    def _ask(self) -> None:
        self._send(WANT, {"run": self._run, "question": self._question})

    def _receive(self, msg: Any, **_: Any) -> None:
        answer = msg.data
        if self.gate is None or answer["run"] != self._run or answer["question"] != self._question:
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
            runner._send_stats()  # the master should not wait for the next regular report

    def _report(self, client_id: str, data: dict[str, Any]) -> None:
        if self.gate is None:
            return
        stopping = self._environment.runner is not None and not self._environment.runner.user_count
        left = self.gate.surrender() if stopping else []
        data[FIELD] = {"run": self._run, "done": self.gate.done, "left": left}

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        runner = self._environment.runner
        assert isinstance(runner, WorkerRunner)
        runner.send_message(kind, data)


def _let_tasks_pass_the_gate() -> None:
    """Wrap Locust's task execution once; it steps aside where no number of iterations is asked."""
    for kind in (TaskSet, DefaultTaskSet):
        if not hasattr(kind.execute_task, "_gauntlet"):
            kind.execute_task = _gated(kind.execute_task)  # type: ignore[method-assign]


def _gated(execute: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    @wraps(execute)
    def execute_task(self: TaskSet, task: Any) -> None:
        iterations = _current
        nested = isinstance(task, type) and issubclass(task, TaskSet)
        if iterations is None or iterations.gate is None or nested:
            execute(self, task)
            return
        gate, user = iterations.gate, self.user
        user._state = LOCUST_STATE_WAITING  # so that it can be stopped while it waits
        number = gate.take()
        user._state = LOCUST_STATE_RUNNING
        try:
            execute(self, iterations.task(number, task, self.tasks or user.tasks))
        except GreenletExit:
            gate.give_back(number)
            raise
        except BaseException:
            iterations.finish()
            raise
        iterations.finish()

    execute_task._gauntlet = True  # type: ignore[attr-defined]
    return execute_task
