"""What every task of every user passes through: its iteration begins. In the open model it waits
for its arrival, and where iterations are counted for a number.

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
from gauntlet.measure import lateness
from gauntlet.pool import Pool

Execute = Callable[[Any, Any], None]

SERVED = "_gauntlet_served"
"""Of a user: whether its last iteration was an arrival's."""

OUT = "gauntlet_out"
"""On a user that is being killed: nothing of its that is in flight is still to be counted."""


class Counting(Protocol):
    """Who counts iterations; no gate where nobody asked for a number of them."""

    @property
    def gate(self) -> Gate | None: ...
    def task(self, number: int, chosen: Any, choices: list[Any]) -> Any: ...
    def finish(self, gate: Gate) -> None: ...
    def cut_off(self) -> None: ...


class Arriving(Protocol):
    """Who has arrivals served; no pool where users set their own pace."""

    @property
    def pool(self) -> Pool | None: ...


_counting: Counting | None = None
_arriving: Arriving | None = None


def pass_through(counting: Counting, arriving: Arriving | None = None) -> None:
    """Let all tasks of this process pass from now on."""
    global _counting, _arriving
    _counting, _arriving = counting, arriving
    for kind in (TaskSet, DefaultTaskSet):
        if not hasattr(kind.execute_task, "_gauntlet"):
            kind.execute_task = _passing(kind.execute_task)  # type: ignore[method-assign]
    if not hasattr(TaskSet._sleep, "_gauntlet"):
        TaskSet._sleep = _no_pause(TaskSet._sleep)  # type: ignore[method-assign]
    if not hasattr(User.stop, "_gauntlet"):
        User.stop = _told(User.stop)  # type: ignore[method-assign]


def is_set(task: Any) -> bool:
    """Whether a task is a nested TaskSet, whose own tasks pass one by one."""
    return isinstance(task, type) and issubclass(task, TaskSet)


def _passing(execute: Execute) -> Execute:
    @wraps(execute)
    def execute_task(self: TaskSet, task: Any) -> None:
        counting, arriving = _counting, _arriving
        if counting is None or is_set(task):
            execute(self, task)
            return
        pool = arriving.pool if arriving is not None else None
        if pool is not None:
            _on_arrival(execute, self, task, counting, pool)
        elif counting.gate is None:
            _without_a_gate(execute, self, task, counting)
        else:
            _through_the_gate(execute, self, task, counting, counting.gate)

    execute_task._gauntlet = True  # type: ignore[attr-defined]
    return execute_task


def _on_arrival(execute: Execute, self: TaskSet, task: Any, counting: Counting, pool: Pool) -> None:
    """Run a task when an arrival is due; at the user's own pace where there are none just now."""
    user = self.user
    if pool.leaves(user):
        raise StopUser
    due = pool.take(user) if pool.serves(user) else None
    user.__dict__[SERVED] = due is not None
    try:
        if counting.gate is not None:
            _through_the_gate(execute, self, task, counting, counting.gate, pool, due)
        else:
            if due is not None:
                pool.begin(due)
            _without_a_gate(execute, self, task, counting)
    finally:
        lateness.end()


def _without_a_gate(execute: Execute, self: TaskSet, task: Any, counting: Counting) -> None:
    try:
        execute(self, _begin(self, task))
    except GreenletExit:
        _count_cut(self.user, counting)
        raise


def _through_the_gate(
    execute: Execute,
    self: TaskSet,
    task: Any,
    counting: Counting,
    gate: Gate,
    pool: Pool | None = None,
    due: float | None = None,
) -> None:
    user = self.user
    user._state = LOCUST_STATE_WAITING  # so that it can be stopped while it waits
    number = gate.take()
    if user._state == LOCUST_STATE_STOPPING:
        gate.give_back(number)
        raise StopUser
    user._state = LOCUST_STATE_RUNNING
    user.iteration = number  # type: ignore[attr-defined]  # for users who label what they do
    if pool is not None and due is not None:
        pool.begin(due)
    try:
        task = _begin(self, task, number, gate.cuts(number))
        execute(self, counting.task(number, task, self.tasks or user.tasks))
    except GreenletExit:
        gate.cut(number)
        _count_cut(self.user, counting)
        raise
    except BaseException:
        counting.finish(gate)
        raise
    counting.finish(gate)


def _count_cut(user: User, counting: Counting) -> None:
    """Count a task that was killed half-way: once, however deep it lies, and in no pause."""
    if not user.__dict__.get(OUT):
        user.__dict__[OUT] = True
        counting.cut_off()


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


def _no_pause(sleep: Callable[[Any, float], None]) -> Callable[[Any, float], None]:
    """Let a user who has served an arrival wait for the next one, not for its wait time."""

    @wraps(sleep)
    def _sleep(self: TaskSet, seconds: float) -> None:
        if not self.user.__dict__.pop(SERVED, False):
            sleep(self, seconds)

    _sleep._gauntlet = True  # type: ignore[attr-defined]
    return _sleep


def _told(stop: Callable[..., bool]) -> Callable[..., bool]:
    """Let a user who pauses know that it is stopped.

    Locust kills it, and the kill comes a moment later. If its pause ends in that moment, it begins
    a task, and the kill cuts a request that the target has seen. A user who knows does not begin.
    One that was told already, such as by the end of a phase just before that of the run, needs no
    second word; Locust would raise.
    """

    @wraps(stop)
    def told(self: User, force: bool = False) -> bool:
        if not force and self._state == LOCUST_STATE_WAITING:
            self._state = LOCUST_STATE_STOPPING
            self.__dict__[OUT] = True
            return stop(self, force=True)
        if not force and self._state == LOCUST_STATE_STOPPING:
            return False
        return stop(self, force=force)

    told._gauntlet = True  # type: ignore[attr-defined]
    return told
