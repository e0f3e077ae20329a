"""The pool of users that serves arrivals: real Locust users in a real runner, no target."""

import gc
import time
import tracemalloc
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import gevent
import pytest
from gevent.event import Event
from locust import User, constant, task
from locust.env import Environment
from locust.runners import LocalRunner
from locust.user.task import LOCUST_STATE_STOPPING

from gauntlet import tasks
from gauntlet.arrivals import Share, Turn, steady
from gauntlet.arriving import OVERDUE_S, Arriving
from gauntlet.iterating import Iterations
from gauntlet.measure import recent, table
from gauntlet.measure.recorder import Recorder
from gauntlet.measure.series import Series
from gauntlet.pool import Pool
from tests.alone import alone

DEADLINE_S = 60.0

ROOM = 100_000
"""Bytes, a thousandth of a process: steps of times that are met for the first time, and the last
seconds of Locust's table, which are those of the clock."""


class Stage:
    """A Locust process without a target: its users do what a test tells them."""

    def __init__(self, *kinds: type[User]) -> None:
        self.environment = Environment(user_classes=list(kinds))
        self.environment.parsed_options = Namespace(total_iterations=None, exact_mix=False)
        self.runner: LocalRunner = self.environment.create_local_runner()
        self.recorder = Recorder(self.environment)
        table.install(self.environment)
        self.iterations = Iterations(self.environment)
        self.arriving = Arriving(self.environment, self.recorder, lambda: self.iterations.wanted)
        tasks.pass_through(self.iterations, self.arriving)

    def pool(self, most: int = 100) -> Pool:
        """A pool that arrivals can be given to by hand."""
        self.recorder.open_model = True
        self.arriving.pool = Pool(self.environment, most)
        return self.arriving.pool

    @property
    def users(self) -> Counter[str]:
        return Counter(self.runner.user_classes_count)

    def series(self, name: str) -> Series:
        return next(one for key, one in self.recorder.series.items() if key.name == name)


def until(condition: Callable[[], bool]) -> None:
    """Let all others go on until the condition holds."""
    deadline = time.perf_counter() + DEADLINE_S
    while not condition():
        assert time.perf_counter() < deadline
        gevent.sleep(0.001)


class Client(User):
    """Works until it is let go."""

    wait_time = constant(3600)
    gate = Event()
    begun: list[User] = []

    @task
    def work(self) -> None:
        self.begun.append(self)
        self.gate.wait()


class Stuck(Client):
    """A target that stalls while users log in keeps them from beginning anything."""

    def on_start(self) -> None:
        self.gate.wait()


@pytest.fixture
def stages() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(*kinds: type[User]) -> Stage:
        made.append(Stage(*kinds))
        return made[-1]

    Client.gate, Client.begun = Event(), []
    yield make
    for stage in made:
        stage.runner.quit()
    tasks.pass_through(made[-1].iterations)


@pytest.fixture
def stage(stages: Callable[..., Stage]) -> Stage:
    return stages(Client)


def test_arrivals_do_not_wait_for_the_wait_time_of_users(stage: Stage) -> None:
    pool = stage.pool()
    Client.gate.set()
    for number in range(20):
        pool.put(time.perf_counter())
        until(lambda number=number: len(Client.begun) > number)  # type: ignore[misc]
    assert pool.started == 20
    assert stage.runner.user_count <= 3


def test_a_busy_pool_grows_at_once_and_drops_only_beyond_its_most(stage: Stage) -> None:
    pool = stage.pool(most=5)
    for _ in range(5):
        pool.put(time.perf_counter())
    until(lambda: len(Client.begun) == 5)
    assert (stage.runner.user_count, pool.waiting, pool.dropped) == (5, 0, 0)
    for _ in range(5):
        pool.put(time.perf_counter())
    assert (stage.runner.user_count, pool.waiting, pool.dropped) == (5, 5, 0)
    for _ in range(3):
        pool.put(time.perf_counter())
    assert (pool.waiting, pool.most_waiting, pool.dropped) == (5, 5, 3)
    gevent.sleep(0.02)
    Client.gate.set()
    until(lambda: len(Client.begun) == 10)
    assert (pool.started, pool.waiting, pool.dropped) == (10, 0, 3)
    assert pool.late >= 5
    assert sum(pool.take_counts().values()) == 10
    assert not pool.take_counts()


def test_what_waits_for_nobody_at_the_end_was_dropped(stage: Stage) -> None:
    pool = stage.pool(most=2)
    for _ in range(4):
        pool.put(time.perf_counter())
    until(lambda: len(Client.begun) == 2)
    pool.stop()
    assert (pool.started, pool.dropped, pool.waiting) == (2, 2, 0)


def test_what_a_free_user_is_about_to_begin_begins_when_arrivals_pause(stage: Stage) -> None:
    """So it does where its user is still on the way, and in whatever order who is free is told."""
    Client.gate.set()
    pool = stage.pool()
    for number in (1, 3):
        before = pool.started
        pool.open()
        for _ in range(number):
            pool.put(time.perf_counter())
        pool.close()
        until(lambda before=before, number=number: pool.started == before + number)  # type: ignore[misc]
        assert (pool.dropped, pool.waiting) == (0, 0)
    until(lambda: stage.runner.user_count == 0)  # Locust asked for none


def test_locust_stops_nobody_while_arrivals_are_served(stage: Stage) -> None:
    pool = stage.pool()
    pool.put(time.perf_counter())
    until(lambda: len(Client.begun) == 1)
    users = stage.runner.user_count
    stage.runner.stop_users({"Client": users})
    gevent.sleep(0.05)
    assert stage.runner.user_count == users
    pool.close()
    stage.runner.stop_users({"Client": users})
    assert stage.runner.user_count == 0


def test_users_beyond_what_locust_asked_for_leave_when_arrivals_end(stage: Stage) -> None:
    pool = stage.pool()
    stage.runner.target_user_classes_count = {"Client": 1}
    for _ in range(4):
        pool.put(time.perf_counter())
    until(lambda: len(Client.begun) == 4)
    assert stage.runner.user_count == 5  # one to spare
    pool.close()
    until(lambda: stage.runner.user_count == 4)  # the idle one is gone; the others are busy
    Client.gate.set()
    until(lambda: stage.runner.user_count == 1)
    assert pool.started == 4


def test_whom_locust_stops_is_not_one_of_those_who_leave_besides(stage: Stage) -> None:
    pool = stage.pool()
    stage.environment.stop_timeout = DEADLINE_S
    stage.runner.target_user_classes_count = {"Client": 1}
    for _ in range(4):
        pool.put(time.perf_counter())
    until(lambda: len(Client.begun) == 4)
    pool.close()
    until(lambda: stage.runner.user_count == 4)
    stopping = gevent.spawn(stage.runner.stop_users, {"Client": 3})
    until(lambda: sum(one._state == LOCUST_STATE_STOPPING for one in Client.begun) == 3)
    assert pool._surplus(Client) == 0
    Client.gate.set()
    stopping.join()
    gevent.sleep(0.05)
    assert stage.runner.user_count == 1


def test_a_user_on_the_way_when_arrivals_pause_is_not_awaited_for_good(
    stages: Callable[..., Stage],
) -> None:
    stage = stages(Stuck)
    pool = stage.pool()
    stage.runner.target_user_classes_count = {"Stuck": 9}
    pool.put(time.perf_counter())
    gevent.sleep(0.01)
    pool.close()
    Client.gate.set()
    until(lambda: pool.started == 1 and stage.runner.user_count == 2)
    until(lambda: len(set(Client.begun)) == 2)  # the other goes its own pace
    assert pool._post(Stuck).coming == set()


def test_users_go_their_own_pace_between_open_phases(stages: Callable[..., Stage]) -> None:
    class Quick(User):
        wait_time = constant(0)

        @task
        def work(self) -> None:
            Client.begun.append(self)
            gevent.sleep(0.001)

    stage = stages(Quick)
    pool = stage.pool()
    stage.runner.target_user_classes_count = {"Quick": 2}
    stage.runner.spawn_users({"Quick": 2})
    gevent.sleep(0.05)
    assert not Client.begun
    pool.close()
    until(lambda: len(set(Client.begun)) == 2 and len(Client.begun) > 10)
    pool.open()
    gevent.sleep(0.05)
    before = len(Client.begun)
    gevent.sleep(0.05)
    assert len(Client.begun) == before
    assert pool.started == 0
    pool.put(time.perf_counter())
    until(lambda: pool.started == 1)


def test_classes_serve_by_weight_and_those_of_a_fixed_number_go_their_own_pace(
    stages: Callable[..., Stage],
) -> None:
    class Often(Client):
        weight = 3

    class Seldom(Client):
        weight = 1

    class Watcher(Client):
        fixed_count = 1
        wait_time = constant(0.001)

    stage = stages(Often, Seldom, Watcher)
    pool = stage.pool()
    Client.gate.set()
    stage.runner.spawn_users({"Watcher": 1})
    for _ in range(40):
        pool.put(time.perf_counter())
    until(lambda: pool.started == 40 and stage.users["Watcher"] == 1)
    served = Counter(type(one).__name__ for one in Client.begun)
    assert (served["Often"], served["Seldom"]) == (30, 10)
    assert served["Watcher"] >= 1


class Shopper(User):
    """Makes two requests, the first in a greenlet of its own."""

    wait_time = constant(0)

    @task
    def shop(self) -> None:
        gevent.spawn(self.ask, "/first", 5.0).join()
        self.ask("/second", 7.0)

    def ask(self, name: str, ms: float) -> None:
        self.environment.events.request.fire(
            request_type="GET",
            name=name,
            response_time=ms,
            response_length=1,
            exception=None,
            context={},
            start_time=time.time(),
        )


def test_lateness_counts_at_the_first_request_alone(stages: Callable[..., Stage]) -> None:
    stage = stages(Shopper)
    pool = stage.pool()
    pool.put(time.perf_counter() - 0.25)
    pool.put(time.perf_counter() - 0.5)
    until(lambda: len(stage.recorder.series) == 2 and stage.series("/second").requests == 2)
    first, second = stage.series("/first"), stage.series("/second")
    assert first.min_ms >= 255
    assert first.max_ms >= 505
    assert first.max_ms < 505 + 1000 * DEADLINE_S
    assert first.percentile_ms(100) == pytest.approx(first.max_ms, rel=0.001)
    assert first.service_max_ms == pytest.approx(5)
    assert first.service_avg_ms == pytest.approx(5)
    assert first.service_percentiles_ms([50])[50] == pytest.approx(5, rel=0.001)
    assert (second.min_ms, second.max_ms, second.service_max_ms) == (7, 7, 7)
    assert second.moved == {}
    rows = stage.environment.stats.entries
    assert rows["/first", "GET"].max_response_time == first.max_ms  # Locust's table as well
    assert rows["/second", "GET"].max_response_time == 7


def test_arrivals_share_a_number_of_iterations(stages: Callable[..., Stage]) -> None:
    stage = stages(Shopper)
    options: Any = stage.environment.parsed_options
    options.total_iterations, options.headless, options.seed = 7, False, 1
    stage.environment.events.test_start.fire(environment=stage.environment)
    stage.arriving.begin(steady(500, None), 0.0, 100)
    stage.arriving.ready()
    until(lambda: stage.iterations.complete)
    count = stage.arriving.count()
    assert count is not None
    assert (count.started, count.dropped, count.missing) == (7, 0, 0)


def ended(stage: Stage) -> tuple[int, float]:
    """End the load of a stage: arrivals started by then, and the seconds that it took."""
    begin = time.perf_counter()
    stage.environment.events.test_stopping.fire(environment=stage.environment)
    assert stage.arriving.pool is not None
    return stage.arriving.pool.started, time.perf_counter() - begin


@pytest.mark.parametrize("early", [0.1, 0.0])
def test_what_is_due_when_the_load_ends_begins_where_a_user_is_at_hand_or_on_the_way(
    stage: Stage, early: float
) -> None:
    stage.arriving.begin(steady(100, 0.5), 0.0, 100)
    pool = stage.arriving.pool
    assert pool is not None
    stage.arriving.ready()
    until(lambda: pool.started > 10)
    begin = time.perf_counter()
    while stage.arriving.left > early:
        assert time.perf_counter() < begin + DEADLINE_S  # nobody else runs
    assert pool.started < 50
    assert ended(stage)[0] == 50
    count = stage.arriving.count()
    assert count is not None
    assert (count.scheduled, count.dropped, count.waiting) == (50, 0, 0)


def test_what_nobody_is_there_for_or_only_somebody_stuck_is_dropped_when_the_load_ends(
    stages: Callable[..., Stage],
) -> None:
    for kind, patient in ((Client, False), (Stuck, True)):
        stage = stages(kind)
        stage.arriving.begin(steady(100, None), 0.0, 3)
        stage.arriving.ready()
        until(lambda stage=stage: stage.arriving.count().dropped > 5)  # type: ignore[misc]
        started, took = ended(stage)
        count = stage.arriving.count()
        assert count is not None
        assert count.waiting == 0
        assert count.scheduled == started + count.dropped
        assert (started > 0, took > OVERDUE_S) == (not patient, patient)


def test_what_a_blocked_process_could_not_begin_is_dropped_when_the_load_ends(
    stage: Stage,
) -> None:
    Client.gate.set()
    stage.arriving.begin(steady(100, None), 0.0, 100)
    stage.arriving.ready()
    until(lambda: len(Client.begun) > 3)
    begin = time.perf_counter()
    while time.perf_counter() < begin + 2.5:
        pass  # nobody else runs
    stage.environment.events.test_stopping.fire(environment=stage.environment)
    lasted = time.perf_counter() - begin
    count = stage.arriving.count()
    assert count is not None
    # Of the last second nobody can say that it was late.
    assert 140 <= count.dropped <= 100 * (lasted - 1.0) + 10


def test_ten_minutes_of_arrivals_hold_no_more_memory_than_one() -> None:
    found = alone(ten_minutes)
    assert found["started"] == pytest.approx(30_000, rel=0.05)
    assert found["held"][-1] - found["held"][0] < ROOM, found


def ten_minutes() -> dict[str, Any]:
    """Schedule, pool, recorder and Locust's table, given ten minutes at 50/s without the waiting.

    Times spread so that the last minute meets steps of the grid that no other met.
    """
    stage, schedule = Stage(Client), steady(50, None, "poisson", seed=1)
    pool, share = stage.pool(), Share(schedule, "me")
    recent.install(stage.environment)
    held, draws, began = [], Random(1), time.time() - 1000
    share.follow([Turn(0.0, ("me",))])
    Client.gate.set()
    tracemalloc.start()
    for minute in range(1, 11):
        while share.next is not None and (due := share.next.due) < 60 * minute:
            pool.put(time.perf_counter())
            share.take()
            gevent.sleep(0)
            stage.environment.events.request.fire(
                request_type="GET",
                name="/a",
                response_time=draws.lognormvariate(4.0, 0.7),
                response_length=2,
                exception=None,
                start_time=began + due,
                context={"time_to_first_byte": draws.lognormvariate(4.0, 0.7)},
            )
        until(lambda: pool.started == stage.recorder.total().requests)
        Client.begun.clear()
        pool.take_counts()  # how late they were is a matter of speed
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    stage.runner.quit()
    return {"started": pool.started, "held": held}
