"""Locust's dispatcher of users, with its mark "dispatch in progress" mended where it sticks.

Locust 2.47 leaves the mark set when users were shared out anew among other workers. From then on
the master takes every further loss, return or farewell of a worker for one in the middle of a
ramp, and sends nobody any users for it: half the load, or half as much again, to the end of the
run. Whether the mark sticks is tried on a dispatcher without network before the run; where Locust
has mended it, its own class stays.
"""

from collections.abc import Generator

from locust import User
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import WorkerNode


class SettledDispatcher(UsersDispatcher):
    """Takes the mark off whenever a dispatch has come to its end."""

    def _dispatcher(self) -> Generator[dict[str, dict[str, int]]]:
        yield from super()._dispatcher()
        self._dispatch_in_progress = False


class _Nobody(User):
    abstract = True


def install(environment: Environment) -> None:
    """Have runs use the mended dispatcher; one that somebody chose, or a sound one, stays."""
    if environment.dispatcher_class is UsersDispatcher and sticks(UsersDispatcher):
        environment.dispatcher_class = SettledDispatcher


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
