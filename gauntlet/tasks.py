"""What every task of every user passes through: its iteration begins, and where they are counted it
waits for a number.

Locust's own classes are wrapped once, in processes that a locustfile registered. A user of the
suite draws its task from its own stream, so that a seed repeats which payloads are sent.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from gevent import GreenletExit
from locust import User
from locust.exception import StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
    TaskSet,
)

from gauntlet.draws import Draws
from gauntlet.iterations import Gate

Execute = Callable[[Any, Any], None]


class Counting(Protocol):
    """Who counts iterations; no gate where nobody asked for a number of them."""

    @property
    def gate(self) -> Gate | None: ...
    def task(self, number: int, chosen: Any, choices: list[Any]) -> Any: ...
    def finish(self, gate: Gate) -> None: ...


_counting: Counting | None = None


def pass_through(counting: Counting) -> None:
    """Let all tasks of this process pass from now on."""
    global _counting
    _counting = counting
    for kind in (TaskSet, DefaultTaskSet):
        if not hasattr(kind.execute_task, "_gauntlet"):
            kind.execute_task = _passing(kind.execute_task)  # type: ignore[method-assign]
    if not hasattr(User.stop, "_gauntlet"):
        User.stop = _told(User.stop)  # type: ignore[method-assign]


def is_set(task: Any) -> bool:
    """Whether a task is a nested TaskSet, whose own tasks pass one by one."""
    return isinstance(task, type) and issubclass(task, TaskSet)


def _passing(execute: Execute) -> Execute:
    @wraps(execute)
    def execute_task(self: TaskSet, task: Any) -> None:
        counting = _counting
        if counting is None or is_set(task):
            execute(self, task)
        elif counting.gate is None:
            execute(self, _begin(self, task))
        else:
            _through_the_gate(execute, self, task, counting, counting.gate)

    execute_task._gauntlet = True  # type: ignore[attr-defined]
    return execute_task


def _through_the_gate(
    execute: Execute, self: TaskSet, task: Any, counting: Counting, gate: Gate
) -> None:
    user = self.user
    user._state = LOCUST_STATE_WAITING  # so that it can be stopped while it waits
    number = gate.take()
    if user._state == LOCUST_STATE_STOPPING:
        gate.give_back(number)
        raise StopUser
    user._state = LOCUST_STATE_RUNNING
    user.iteration = number  # type: ignore[attr-defined]  # for users who label what they do
    try:
        task = _begin(self, task, number, gate.cuts(number))
        execute(self, counting.task(number, task, self.tasks or user.tasks))
    except GreenletExit:
        gate.cut(number)
        raise
    except BaseException:
        counting.finish(gate)
        raise
    counting.finish(gate)


def _begin(self: TaskSet, task: Any, number: int | None = None, cuts: int = 0) -> Any:
    """Begin an iteration's draws, where the user has any; the task that they choose."""
    draws = getattr(self.user, "draws", None)
    if not isinstance(draws, Draws):
        return task
    draws.begin(number, cuts)
    if not isinstance(self, DefaultTaskSet) or task not in (choices := self.user.tasks):
        return task  # of a TaskSet, which has an order of its own, or scheduled by hand
    while is_set(drawn := choices[int(draws.random() * len(choices))]):  # quicker than `choice`
        pass  # `task` is none, so there is one
    return drawn


def _told(stop: Callable[..., bool]) -> Callable[..., bool]:
    """Let a user who pauses know that it is stopped.

    Locust kills it, and the kill comes a moment later. If its pause ends in that moment, it begins
    a task, and the kill cuts a request that the target has seen. A user who knows does not begin.
    """

    @wraps(stop)
    def told(self: User, force: bool = False) -> bool:
        if not force and self._state == LOCUST_STATE_WAITING:
            self._state = LOCUST_STATE_STOPPING
            return stop(self, force=True)
        return stop(self, force=force)

    told._gauntlet = True  # type: ignore[attr-defined]
    return told
