"""What a Chater user does in the end: delete what it created, also when it is killed."""

from collections.abc import Callable, Iterable
from time import perf_counter

import gevent
from gevent import GreenletExit

from gauntlet.clients import chater as api
from gauntlet.clients import chater_bodies as bodies
from gauntlet.clients.http import HttpClient, HttpError
from gauntlet.errors import WrongAnswer
from gauntlet.report.chater import FlowSummary

from ._chater_before import ask, parts

PATIENCE_S = 30.0
"""For all dishes of a user together."""


def to_the_end(work: Callable[[], None]) -> None:
    """Do the work in a greenlet of its own and wait for it, however often this one is killed.

    Locust kills a user that takes longer than `--stop-timeout`, which is 0 by default.
    """
    worker = gevent.spawn(work)
    while not worker.ready():
        try:
            worker.join()
        except GreenletExit:
            continue


def clean_up(
    client: HttpClient,
    email: str | None,
    created: Iterable[int],
    deleted: Iterable[int],
    summary: FlowSummary,
) -> None:
    """Delete what was created; look whether it, and what was deleted before, is gone."""
    deadline = perf_counter() + PATIENCE_S
    gone = dict.fromkeys(deleted, False)
    for time_ms in created:
        why = _delete(client, time_ms) if perf_counter() < deadline else "no time was left"
        if why is None:
            gone[time_ms] = True
        else:
            summary.left(email, time_ms, why)
    left, why = _still_there(client, gone) if gone else (set(), "")
    for time_ms, at_the_end in gone.items():
        if time_ms in left:
            summary.left(email, time_ms, why)
        elif at_the_end:
            summary.count("cleaned up")


def _delete(client: HttpClient, time_ms: int) -> str | None:
    """Why a dish could not be deleted; None if it was."""
    try:
        api.check_delete(*parts(ask(client, api.DELETE, bodies.delete(time_ms))))
    except (HttpError, WrongAnswer) as error:
        return str(error)
    return None


def _still_there(client: HttpClient, gone: Iterable[int]) -> tuple[set[int], str]:
    """Those that are still there although they were deleted; all if nobody tells."""
    try:
        day = api.check_today(*parts(ask(client, api.TODAY)))
    except (HttpError, WrongAnswer) as error:
        return set(gone), f"deleted, but nobody tells whether it is gone: {error}"
    return set(gone) & set(day.dishes), "deleted with success, and still there"
