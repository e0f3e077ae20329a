"""Locust's dispatcher of users, mended in two places.

Locust 2.47 leaves its mark "dispatch in progress" set when users were shared out anew among other
workers. From then on the master takes every further loss, return or farewell of a worker for one
in the middle of a ramp, and sends nobody any users for it: half the load, or half as much again,
to the end of the run. Whether the mark sticks is tried on a dispatcher without network before the
run; where Locust has mended it, this part steps aside.

A worker that was missing is given users again with its first heartbeat. But a link that heals does
so in one direction after the other: TCP asks again after pauses that double, each side by its own
clock, so that for many seconds a worker may be heard and hear nothing. Its users would be nobody's.
"""

from collections.abc import Callable, Generator
from typing import ClassVar

from locust import User
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import STATE_MISSING, WorkerNode


class HearingDispatcher(UsersDispatcher):
    """Gives no users to a worker that was missing before it is known to hear."""

    deaf: ClassVar[set[str]]
    ask: ClassVar[Callable[[str], None]]
    """Asks a worker whether it hears; who answers leaves `deaf` and is added again."""

    def remove_worker(self, worker_node: WorkerNode) -> None:
        """Take its users; one that is missing has to prove that it hears."""
        if worker_node.state == STATE_MISSING:
            self.deaf.add(worker_node.id)
        super().remove_worker(worker_node)

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Give it a share, if it hears."""
        if worker_node.id in self.deaf:
            type(self).ask(worker_node.id)
        else:
            super().add_worker(worker_node)


class SettledDispatcher(HearingDispatcher):
    """Takes the mark off as well, whenever a dispatch has come to its end."""

    def _dispatcher(self) -> Generator[dict[str, dict[str, int]]]:
        yield from super()._dispatcher()
        self._dispatch_in_progress = False


class _Nobody(User):
    abstract = True


def install(environment: Environment, deaf: set[str], ask: Callable[[str], None]) -> None:
    """Have runs use the mended dispatcher; one that somebody chose stays."""
    if environment.dispatcher_class is UsersDispatcher:
        kind = SettledDispatcher if sticks(UsersDispatcher) else HearingDispatcher
        parts = {"deaf": deaf, "ask": staticmethod(ask)}
        environment.dispatcher_class = type(kind.__name__, (kind,), parts)


def sticks(kind: type[UsersDispatcher]) -> bool:
    """Whether the mark is still set after one of two workers left and its users were moved."""
    workers = [WorkerNode(f"trial_{number}") for number in range(2)]
    dispatcher = kind(workers, [_Nobody])
    _dispatch(dispatcher)
    dispatcher.remove_worker(workers[0])
    _dispatch(dispatcher)
    return dispatcher.dispatch_in_progress


def _dispatch(dispatcher: UsersDispatcher) -> None:
    dispatcher.new_dispatch(target_user_count=2, spawn_rate=2.0)
    for _ in dispatcher:
        pass
