"""The users of one process who serve arrivals: they wait for one, and more come when all are busy.

Users are Locust's own, in its own group, so that every count of them is true. Locust starts the
first; the pool adds others itself, at once, because an arrival cannot wait until a master has heard
of the need. While arrivals are served Locust stops nobody: what it asked for is the least.

    waiting   due, and nobody free to begin it; a user is on the way, or there are enough
    late      begun more than `LATE_S` after it was due
    dropped   never begun: as many waited already as there may be users, or the load ended before
              there was anybody for it
"""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from gevent.queue import SimpleQueue
from locust import User
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_CLEANUP, Runner, WorkerRunner
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from gauntlet.measure import lateness
from gauntlet.measure.histogram import grid

MOST = 1000
"""Users of one process, unless somebody says otherwise."""

LATE_S = 0.01
"""What timers and a busy interpreter take lies well below."""

_LEAVE = object()


class Post:
    """The arrivals of one user class, and its users who wait for one or are on the way."""

    def __init__(self, kind: type[User]) -> None:
        self.kind = kind
        self.arrivals: Any = SimpleQueue()
        """Moments (`perf_counter`) at which arrivals were due; None wakes a user without one, and
        `_LEAVE` sends it away."""
        self.parked = 0
        self.coming: set[User] = set()
        self.leaving = 0
        """Busy users who are to leave when they are done."""
        self._credit = 0.0

    @property
    def lacking(self) -> int:
        """Arrivals for which nobody is free or on the way; below 0, how many are to spare."""
        return int(self.arrivals.qsize()) - self.parked - len(self.coming)

    @property
    def waiting(self) -> int:
        """Arrivals that are due and that nobody begins at once."""
        return max(int(self.arrivals.qsize()) - self.parked, 0)

    @property
    def beginning(self) -> int:
        """Arrivals that have a user at hand or on the way, and have not begun."""
        return min(int(self.arrivals.qsize()), self.parked + len(self.coming))

    def drop(self, most: int) -> int:
        """Forget the last `most` of its arrivals; gives back how many there were."""
        waiting = [self.arrivals.get() for _ in range(self.arrivals.qsize())]
        waiting = [due for due in waiting if type(due) is float]
        kept = max(len(waiting) - most, 0)
        for due in waiting[:kept]:
            self.arrivals.put(due)
        return len(waiting) - kept

    def drop_lacking(self) -> int:
        """Forget those for which nobody is free or on the way; gives back how many there were."""
        return self.drop(max(self.lacking, 0))

    def weigh(self) -> float:
        """Its credit after one more arrival of the pool; whoever has most serves it."""
        self._credit += self.kind.weight
        return self._credit

    def charge(self, whole: float) -> None:
        """It serves an arrival; all weights together are `whole`."""
        self._credit -= whole


class Pool:
    """What serves the arrivals of this process in one run."""

    def __init__(self, environment: Environment, most: int) -> None:
        assert environment.runner is not None
        self.is_open = True
        self.started = self.late = self.dropped = self.most_waiting = 0
        self.late_counts: Counter[int] = Counter()
        """Lateness in microseconds on the histograms' grid; counts since they were last taken."""
        self._environment = environment
        self._runner: Runner = environment.runner
        self._most = most
        self.stopped = False
        self._posts: dict[type[User], Post] = {}
        self._chosen: Sequence[type[User]] = ()
        self._spare_locusts_stops()

    # -- what users do ---------------------------------------------------------------------------

    def serves(self, user: User) -> bool:
        """Whether a user waits for arrivals; those of a fixed number have a pace of their own."""
        post = self._posts.get(type(user))
        if type(user) in self._kinds() and (self.is_open or (post and post.waiting)):
            return True
        if post is not None:
            post.coming.discard(user)
        return False

    def take(self, user: User) -> float | None:
        """When the arrival was due that this user begins; None where it needs none any more."""
        post = self._post(type(user))
        post.coming.discard(user)
        post.parked += 1
        user._state = LOCUST_STATE_WAITING  # so that it can be stopped while it waits
        try:
            due = post.arrivals.get()
        finally:
            post.parked -= 1
        if due is _LEAVE:
            if self._surplus(post.kind):
                raise StopUser
            due = None
        if user._state == LOCUST_STATE_STOPPING:
            if due is not None:
                post.arrivals.put(due)
            raise StopUser
        user._state = LOCUST_STATE_RUNNING
        return cast(float | None, due)

    def begin(self, due: float) -> None:
        """The current greenlet's iteration begins now."""
        late = max(time.perf_counter() - due, 0.0)
        self.started += 1
        self.late += late > LATE_S
        self.late_counts[grid(int(late * 1e6 + 0.5))] += 1
        lateness.begin(late * 1000)

    def leaves(self, user: User) -> bool:
        """Whether a user who is done is one too many now that arrivals are over."""
        post = self._posts.get(type(user))
        if self.is_open or post is None or not post.leaving or post.waiting:
            return False
        post.leaving -= 1
        return self._surplus(post.kind) > 0  # Locust may have stopped some since

    # -- what the schedule does ------------------------------------------------------------------

    def put(self, due: float) -> None:
        """An arrival is due."""
        waiting = self.waiting
        if waiting >= self._most:
            self.dropped += 1
            return
        post = self._next()
        post.arrivals.put(due)
        self._grow(post)
        self.most_waiting = max(self.most_waiting, self.waiting)

    @property
    def waiting(self) -> int:
        """Arrivals that are due and not begun."""
        return sum(post.waiting for post in self._posts.values())

    @property
    def beginning(self) -> int:
        """Arrivals that have a user at hand or on the way, and have not begun."""
        return sum(post.beginning for post in self._posts.values())

    def open(self) -> None:
        """Arrivals begin: users wait for them."""
        self.is_open = True
        for post in self._posts.values():
            self.dropped += post.drop_lacking()
            post.leaving = 0

    def close(self) -> None:
        """Arrivals pause: users whom Locust did not ask for leave, others go their own pace.

        Those that have a user at hand or on the way still begin.
        """
        if not self.is_open or self.stopped:
            return
        self.is_open = False
        for kind, post in self._posts.items():
            self.dropped += post.drop_lacking()
            free = max(post.parked - int(post.arrivals.qsize()), 0)
            surplus = self._surplus(kind)
            at_once = min(surplus, free)
            post.leaving = surplus - at_once
            for place in range(free):
                post.arrivals.put(_LEAVE if place < at_once else None)

    def stop(self, wanted: bool = True) -> None:
        """The load ends: what waits and is `wanted` is dropped; users begin nothing any more."""
        if self.stopped:
            return
        self.stopped = self.is_open = True
        dropped = sum(post.drop(post.arrivals.qsize()) for post in self._posts.values())
        if wanted:
            self.dropped += dropped

    def take_counts(self) -> dict[int, int]:
        """Counts of lateness since the last time."""
        counts, self.late_counts = dict(self.late_counts), Counter()
        return counts

    # -- parts of them ---------------------------------------------------------------------------

    def _next(self) -> Post:
        """Who serves the next arrival: classes in turn, each as often as its weight says."""
        kinds = self._kinds()
        if len(kinds) == 1:
            return self._post(kinds[0])
        posts = [self._post(kind) for kind in kinds]
        chosen = max(posts, key=Post.weigh)
        chosen.charge(sum(post.kind.weight for post in posts))
        return chosen

    def _grow(self, post: Post) -> None:
        """Have one user to spare, where there may be more: a user takes a moment to begin."""
        room = self._most - len(self._runner.user_greenlets)
        for _ in range(min(post.lacking + 1, room)):
            if self._environment.host:
                post.kind.host = self._environment.host  # as Locust does before it starts any
            user = post.kind(self._environment)
            post.coming.add(user)
            greenlet: Any = user.start(self._runner.user_greenlets)
            greenlet.link(lambda _, user=user: post.coming.discard(user))

    def _post(self, kind: type[User]) -> Post:
        post = self._posts.get(kind)
        if post is None:
            post = self._posts[kind] = Post(kind)
        return post

    def _kinds(self) -> Sequence[type[User]]:
        """Classes that serve arrivals: all but those of a fixed number, if there are others."""
        if self._chosen:
            return self._chosen
        classes = self._runner.user_classes
        if isinstance(self._runner, WorkerRunner):  # it knows when Locust has told it
            picked = self._runner.target_user_classes_count
            classes = [kind for kind in classes if kind.__name__ in picked]
        self._chosen = [kind for kind in classes if not kind.fixed_count] or classes
        return self._chosen or self._runner.user_classes

    def _surplus(self, kind: type[User]) -> int:
        """Users of a class beyond those that Locust asked for, without those that it stops."""
        users = [one.args[0] for one in self._runner.user_greenlets if one.args]
        count = sum(type(one) is kind and one._state != LOCUST_STATE_STOPPING for one in users)
        return max(count - self._runner.target_user_classes_count.get(kind.__name__, 0), 0)

    def _spare_locusts_stops(self) -> None:
        """Let Locust stop nobody while arrivals are served, unless it ends the load."""
        runner = self._runner
        stop_users = type(runner).stop_users

        def spared(user_classes_stop_count: dict[str, int]) -> None:
            if not self.is_open or self.stopped or runner.state == STATE_CLEANUP:
                stop_users(runner, user_classes_stop_count)

        runner.stop_users = spared  # type: ignore[method-assign]  # of this object alone
