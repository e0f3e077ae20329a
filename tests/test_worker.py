"""Before a run in a process that makes load: payloads, and random numbers that begin anew."""

from argparse import Namespace
from collections.abc import Iterator
from typing import ClassVar

import pytest
from locust import User
from locust.env import Environment

from gauntlet.draws import Streams
from gauntlet.user import Preparation, SuiteUser
from gauntlet.worker import COMING, Worker


class Preparer(SuiteUser, User):
    """A user that keeps what it was prepared with."""

    seen: ClassVar[list[Preparation]] = []

    @classmethod
    def prepare(cls, preparation: Preparation) -> None:
        cls.seen.append(preparation)


@pytest.fixture
def environment() -> Iterator[Environment]:
    environment = Environment(user_classes=[Preparer], parsed_options=Namespace())
    environment.create_local_runner()
    Preparer.seen.clear()
    yield environment
    SuiteUser.streams = Streams(0, 0)


@pytest.fixture
def worker(environment: Environment) -> Worker:
    worker = Worker(None)
    worker.join(environment)
    return worker


def prepare(worker: Worker, environment: Environment, run: int, seed: int) -> Streams:
    """Prepare a run; the streams that its users will draw from."""
    environment.parsed_options = Namespace(seed=seed, **{COMING: run})
    worker.prepare()
    return SuiteUser.streams


def test_a_run_that_is_prepared_twice_begins_its_numbers_once(
    worker: Worker, environment: Environment
) -> None:
    assert prepare(worker, environment, 1, 7) is prepare(worker, environment, 1, 7)
    assert [one.repeats for one in Preparer.seen] == [0, 0]


def test_another_run_of_the_same_seed_repeats_its_numbers_and_knows_that_it_does(
    worker: Worker, environment: Environment
) -> None:
    runs = [prepare(worker, environment, run, 7).user() for run in (1, 2, 3)]
    assert len({(draws.serial(), draws.random()) for draws in runs}) == 1
    assert [one.repeats for one in Preparer.seen] == [0, 1, 2]


def test_another_seed_is_no_repetition(worker: Worker, environment: Environment) -> None:
    runs = [
        prepare(worker, environment, run, seed).user() for run, seed in ((1, 7), (2, 8), (3, 7))
    ]
    assert len({draws.random() for draws in runs}) == 2
    assert [one.repeats for one in Preparer.seen] == [0, 0, 0]


def test_users_of_all_classes_count_on(worker: Worker, environment: Environment) -> None:
    class Other(Preparer):
        """Another class of the same locustfile."""

    prepare(worker, environment, 1, 7)
    users = [kind(environment) for kind in (Preparer, Other, Preparer)]
    assert len({user.draws.serial() for user in users}) == 3
