"""Locust's dispatcher and the mended one, without network."""

from collections.abc import Iterator

import pytest
from locust import User
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import STATE_MISSING, STATE_RUNNING, WorkerNode

from gauntlet import dispatching


class Somebody(User):
    """A user class, because Locust wants one."""

    abstract = True


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def dispatcher(asked: list[str]) -> Iterator[UsersDispatcher]:
    """A mended dispatcher with 12 users on three workers."""
    environment = Environment(user_classes=[Somebody])
    dispatching.install(environment, set(), asked.append)
    workers = [WorkerNode(f"host_{number}", STATE_RUNNING) for number in range(3)]
    dispatcher = environment.dispatcher_class(workers, [Somebody])
    shares(dispatcher)
    yield dispatcher


def shares(dispatcher: UsersDispatcher) -> list[int]:
    """Dispatch 12 users; how many each worker is told to run in the end, most first."""
    dispatcher.new_dispatch(12, 12.0)
    *_, told = dispatcher
    return sorted((sum(users.values()) for users in told.values()), reverse=True)


def test_the_fault_of_this_locust_is_seen_and_a_mended_one_would_be() -> None:
    assert dispatching.sticks(UsersDispatcher)
    assert not dispatching.sticks(dispatching.SettledDispatcher)


def test_a_mended_locust_keeps_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "sticks", lambda kind: False)
    environment = Environment(user_classes=[Somebody])
    dispatching.install(environment, set(), print)
    assert not issubclass(environment.dispatcher_class, dispatching.SettledDispatcher)


def test_a_dispatcher_that_somebody_chose_stays() -> None:
    class Own(UsersDispatcher):
        pass

    environment = Environment(user_classes=[Somebody], dispatcher_class=Own)
    dispatching.install(environment, set(), print)
    assert environment.dispatcher_class is Own


def test_users_of_workers_that_leave_one_after_the_other_move(dispatcher: UsersDispatcher) -> None:
    for left, expected in ((2, [6, 6]), (1, [12])):
        dispatcher.remove_worker(dispatcher._worker_nodes[0])
        assert not dispatcher.dispatch_in_progress
        assert shares(dispatcher) == expected
        assert len(dispatcher._worker_nodes) == left


def test_a_worker_that_was_missing_gets_users_when_it_hears(
    dispatcher: UsersDispatcher, asked: list[str]
) -> None:
    worker = dispatcher._worker_nodes[0]
    worker.state = STATE_MISSING
    dispatcher.remove_worker(worker)
    worker.state = STATE_RUNNING
    dispatcher.add_worker(worker)
    assert shares(dispatcher) == [6, 6]
    assert asked == [worker.id]

    dispatcher.deaf.discard(worker.id)  # type: ignore[attr-defined]  # the mended one has it
    dispatcher.add_worker(worker)
    assert shares(dispatcher) == [4, 4, 4]
