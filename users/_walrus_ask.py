"""Asking a Walrus service as a patient client does: again after 429, 503 and an early 404."""

from collections.abc import Callable
from random import Random
from time import perf_counter, time
from typing import Generic, NamedTuple, TypeVar

import gevent

from gauntlet.clients import walrus as api
from gauntlet.clients.http import HttpError, HttpResponse
from gauntlet.errors import WrongAnswer
from gauntlet.mixes.walrus import Patience

R = TypeVar("R", bound=HttpResponse)


class Asked(NamedTuple, Generic[R]):
    """A request that is over: its last answer, and what became of the attempts before it."""

    response: R
    problem: HttpError | WrongAnswer | None
    began: float
    """By the wall clock."""
    started: float
    """By `perf_counter`, like `ended`; everything from the first attempt to the last byte."""
    ended: float
    attempts: int
    stale: int
    """Answers of 404 before the last one."""

    @property
    def elapsed(self) -> float:
        """Seconds of all attempts and pauses."""
        return self.ended - self.started


class Manners:
    """When to ask again, and after which pause."""

    def __init__(self, patience: Patience, dice: Random) -> None:
        self._patience = patience
        self._dice = dice

    def pause(
        self, problem: Exception, answer: HttpResponse, attempts: int, stored_at: float | None
    ) -> float | None:
        """Seconds to wait; None where the problem stays.

        `stored_at` is when an own upload ended of which nothing was seen yet.
        """
        patience = self._patience
        if not isinstance(problem, api.Refused):
            return None
        if problem.is_missing and stored_at is not None:
            visible_by = stored_at + patience.visible_within
            return patience.visible_pause if perf_counter() < visible_by else None
        if not problem.is_transient or attempts >= patience.attempts:
            return None
        longest = patience.longest_pause
        pause = min(patience.pause * 2.0 ** (attempts - 1), longest)
        pause *= 0.5 + self._dice.random() / 2  # users must not come back in step
        return min(max(pause, api.retry_after_s(answer.headers)), longest)


def ask(
    call: Callable[[], R],
    check: Callable[[R], None],
    manners: Manners,
    stored_at: float | None,
    count: Callable[[str], None] = lambda _: None,
) -> Asked[R]:
    """Call until an answer is right or the manners end; `count` hears of every pause."""
    began, attempts, stale, started = time(), 0, 0, 0.0
    while True:
        attempts += 1
        response = call()
        started = started or response.started
        problem = _problem(check, response)
        if problem is None:
            break
        pause = manners.pause(problem, response, attempts - stale, stored_at)
        if pause is None:
            break
        assert isinstance(problem, api.Refused)
        stale += problem.is_missing
        count(f"backed off {problem.status}")
        gevent.sleep(pause)
    ended = response.started + response.elapsed_s
    return Asked(response, problem, began, started, ended, attempts, stale)


def _problem(check: Callable[[R], None], response: R) -> HttpError | WrongAnswer | None:
    try:
        check(response)
    except (HttpError, WrongAnswer) as error:
        # Only the error: its trail of frames would hold the response that holds it.
        error.__context__ = None
        return error.with_traceback(None)
    return None
