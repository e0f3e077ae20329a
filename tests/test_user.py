"""What the suite does to Locust's user classes: weights, waits, tags."""

from collections import Counter
from collections.abc import Iterator

import pytest
from locust import TaskSet, User, constant, tag, task
from locust.env import Environment
from locust.user.task import LOCUST_STATE_STOPPING

from gauntlet import tasks
from gauntlet.models import Interval
from gauntlet.user import SuiteUser, concrete_users, tags_of, tasks_of, wait, weigh


@pytest.fixture
def user() -> type[User]:
    """A class with three tasks, new for each test."""

    class Client(User):
        @tag("read")
        @task
        def look(self) -> None: ...

        @tag("read", "slow")
        @task
        def search(self) -> None: ...

        @task(3)
        def write(self) -> None: ...

    return Client


def weights(user: type[User]) -> dict[str, int]:
    return dict(Counter(getattr(task, "__name__", "") for task in user.tasks))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {"look": 2, "search": 1, "write": 4},
            {"look": 2, "search": 1, "write": 4},
            id="each task gets its weight",
        ),
        pytest.param(
            {"look": 0, "search": 1, "write": 1},
            {"search": 1, "write": 1},
            id="a weight of 0 leaves a task out",
        ),
        pytest.param(
            {"look": 5},
            {"look": 5, "search": 1, "write": 3},
            id="an unnamed task keeps its own weight",
        ),
        pytest.param(
            {"look": 1, "search": 1, "write": 1, "other": 9},
            {"look": 1, "search": 1, "write": 1},
            id="a name without a task is nothing",
        ),
        pytest.param({"look": 0, "search": 0, "write": 0}, {}, id="no task is left"),
    ],
)
def test_weights_are_given_by_name(
    user: type[User], given: dict[str, int], expected: dict[str, int]
) -> None:
    weigh(user, given)
    assert weights(user) == expected


def test_weights_can_be_given_again(user: type[User]) -> None:
    weigh(user, {"look": 5, "search": 5, "write": 5})
    weigh(user, {"look": 1, "search": 2, "write": 3})
    assert weights(user) == {"look": 1, "search": 2, "write": 3}


def test_a_class_and_its_parent_have_their_own_weights(user: type[User]) -> None:
    class Child(user):  # type: ignore[misc, valid-type]  # a class made by a fixture
        pass

    weigh(Child, {"look": 7})
    assert weights(Child)["look"] == 7
    assert weights(user) == {"look": 1, "search": 1, "write": 3}


@pytest.mark.parametrize(
    ("low", "high"), [(0.1, 0.5), (2.0, 2.0), (0.0, 0.0)], ids=["between", "always", "none"]
)
def test_a_wait_lies_within_its_interval(user: type[User], low: float, high: float) -> None:
    wait(user, Interval(low=low, high=high))
    one = user(Environment(user_classes=[user]))
    for _ in range(20):
        assert low <= one.wait_time() <= high


def test_a_pause_of_a_class_s_own_stays_and_one_of_a_mix_is_replaced() -> None:
    class Mixed(SuiteUser, User):
        @task
        def look(self) -> None: ...

    class Own(Mixed):
        wait_time = constant(9)

    for kind in (Mixed, Own):
        for low in (1.0, 2.0):
            wait(kind, Interval(low=low, high=low))
    environment = Environment(user_classes=[Mixed, Own])
    assert [kind(environment).wait_time() for kind in (Mixed, Own)] == [2.0, 9]


@pytest.mark.parametrize(
    ("tags", "excluded", "left"),
    [
        pytest.param([], [], {"look", "search", "write"}, id="no tags"),
        pytest.param(["read"], [], {"look", "search"}, id="one tag"),
        pytest.param(["slow", "other"], [], {"search"}, id="one of several tags"),
        pytest.param([], ["slow"], {"look", "write"}, id="one excluded"),
        pytest.param(["read"], ["slow"], {"look"}, id="excluded outranks wanted"),
        pytest.param(["other"], [], set(), id="a tag of no task"),
    ],
)
def test_tags_leave_the_tasks_in_that_locust_leaves_in(
    user: type[User], tags: list[str], excluded: list[str], left: set[str]
) -> None:
    assert tasks_of(user, tags, excluded) == left
    if left:
        environment = Environment(user_classes=[user], tags=tags or None)
        environment.exclude_tags = excluded or None
        environment.assign_equal_weights()
        environment._filter_tasks_by_tags()
        assert set(weights(user)) == left


def test_every_tag_is_known_whatever_was_left_out(user: type[User]) -> None:
    class Shop(TaskSet):
        @tag("buy")
        @task
        def buy(self) -> None: ...

    user.tasks = [*user.tasks[:1], Shop]
    assert tags_of(user) == {"read", "slow", "buy"}


def test_a_task_that_tags_left_out_stays_out(user: type[User]) -> None:
    weigh(user, {"look": 0, "search": 1, "write": 1})
    assert tasks_of(user, ["read"], []) == {"search"}


def test_only_concrete_classes_of_the_suite_are_found() -> None:
    class Abstract(SuiteUser, User):
        abstract = True

    class Concrete(Abstract):
        pass

    class Below(Concrete):
        pass

    class Foreign(User):
        pass

    class NoUser(SuiteUser):
        pass

    found = set(concrete_users())
    assert {Concrete, Below} <= found
    assert not {Abstract, Foreign, NoUser} & found


def test_a_class_that_two_paths_lead_to_is_found_once() -> None:
    class One(SuiteUser, User):
        abstract = True

    class Two(SuiteUser, User):
        abstract = True

    class Both(One, Two):
        pass

    assert list(concrete_users()).count(Both) == 1


def test_a_user_of_the_suite_needs_nothing_of_its_own() -> None:
    class Plain(SuiteUser, User):
        abstract = True

    Plain.configure(None)
    preflight: Iterator[str] = Plain.preflight("http://localhost", set())
    assert list(preflight) == []


def test_a_user_may_be_told_to_stop_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the end of a phase, and by that of the run a moment later; Locust alone raises."""
    monkeypatch.setattr(User, "stop", tasks._told(User.stop))
    user = User(Environment())
    user._state = LOCUST_STATE_STOPPING
    assert user.stop() is False
