"""What a user class of the suite answers besides Locust's own questions."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar
from weakref import WeakSet

from locust import User, between

from gauntlet.draws import Draws, Streams
from gauntlet.extras import Extra
from gauntlet.models import Interval


@dataclass(frozen=True)
class Preparation:
    """What a class needs before its users start: seed, process number, addresses."""

    seed: int
    worker: int
    pause: Callable[[], None]
    """Call it between pieces of heavy work, so that heartbeats and the web page go on."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    """All addresses by name, for a system that has several; the first is the host."""

    repeats: int = 0
    """How many runs of this process before this one had the same seed."""


class SuiteUser:
    """Mixed into the suite's Locust users; every method is called before a user starts."""

    system: ClassVar[str]
    streams: ClassVar[Streams] = Streams(0, 0)
    """Of the run, set on this class alone: users of all classes share their numbers."""

    extra: ClassVar[Extra | None] = None
    """What the class measures besides requests."""

    idle_tasks: ClassVar[list[Any]] = []
    """Tasks of weight 0: they run only if tags leave no other."""

    @cached_property
    def draws(self) -> Draws:
        """This user's random numbers and serials, those of the iteration that goes on."""
        return SuiteUser.streams.user()

    @classmethod
    def configure(cls, mix: Any) -> None:
        """Take over a mix: weights, wait time, payload sizes."""

    @classmethod
    def prepare(cls, preparation: Preparation) -> None:
        """Make the payloads; nothing is made while the clock of a request runs."""

    @classmethod
    def preflight(cls, host: str, tasks: set[str]) -> Iterator[str]:
        """Make one real call per endpoint kind of `tasks`; yield a sentence per wrong answer."""
        yield from ()


def weigh(user: type[User], weights: dict[str, int]) -> None:
    """Give each task of `user` its weight by function name; one that has none keeps its own.

    Tasks that tags left out stay out.
    """
    idle = vars(user).get("idle_tasks", [])
    own = Counter(getattr(task, "__name__", "") for task in user.tasks)
    chosen = {getattr(task, "__name__", ""): task for task in (*user.tasks, *idle)}
    counts = {name: weights.get(name, own[name] or 1) for name in chosen}
    user.tasks = [task for name, task in chosen.items() for _ in range(counts[name])]
    user.idle_tasks = [  # type: ignore[attr-defined]  # ours, on a class of Locust
        task for name, task in chosen.items() if not counts[name]
    ]


def choose(user: type[User], tags: Iterable[str], excluded: Iterable[str]) -> None:
    """Leave out what Locust's tags leave out; where nothing is left, tasks of weight 0 run."""
    wanted, unwanted = set(tags or ()), set(excluded or ())
    idle: list[Any] = getattr(user, "idle_tasks", [])
    left = [task for task in user.tasks if hasattr(task, "tasks") or _runs(task, wanted, unwanted)]
    user.tasks = left or [task for task in idle if _runs(task, wanted, unwanted)]


def wait(user: type[User], interval: Interval) -> None:
    """Let users pause within `interval` between two tasks; a pause of the class's own stays."""
    if not any(_own_pause(kind) for kind in user.__mro__ if issubclass(kind, SuiteUser)):
        pause = between(interval.low, interval.high)
        _OURS.add(pause)
        user.wait_time = pause


_OURS: WeakSet[Any] = WeakSet()
"""Pauses that came from a mix, and that another mix may replace."""


def _own_pause(kind: type[Any]) -> bool:
    return "wait_time" in vars(kind) and vars(kind)["wait_time"] not in _OURS


def concrete_users() -> Iterator[type[User]]:
    """Every user class of the suite that a locustfile made concrete."""
    waiting: list[type[Any]] = [SuiteUser]
    seen: set[type[Any]] = set()
    while waiting:
        kind = waiting.pop()
        for child in kind.__subclasses__():
            if child not in seen:
                seen.add(child)
                waiting.append(child)
                if issubclass(child, User) and not child.abstract:
                    yield child


def tasks_of(user: type[User], tags: Iterable[str], excluded: Iterable[str]) -> set[str]:
    """Names of the tasks that Locust's `--tags` and `--exclude-tags` leave in."""
    wanted, unwanted = set(tags or ()), set(excluded or ())
    return {getattr(task, "__name__", "") for task in user.tasks if _runs(task, wanted, unwanted)}


def tags_of(kind: type[Any]) -> set[str]:
    """Every tag on a task of a user class or task set, whatever tags have left out since."""
    tags: set[str] = set()
    own = [value for base in kind.__mro__ for value in vars(base).values()]
    for task in (*own, *getattr(kind, "tasks", ())):
        tags |= getattr(task, "locust_tag_set", set())
        if isinstance(task, type) and hasattr(task, "tasks"):
            tags |= tags_of(task)
    return tags


def _runs(task: Any, wanted: set[str], unwanted: set[str]) -> bool:
    own: set[str] = getattr(task, "locust_tag_set", set())
    return (not wanted or bool(own & wanted)) and not own & unwanted
