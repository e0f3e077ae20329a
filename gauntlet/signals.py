"""SIGTERM and Ctrl-C end a Locust process in order, whatever Locust is about."""

import logging
import signal
from collections.abc import Callable
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

logger = logging.getLogger(__name__)


def end_in_order(
    interruption: Callable[[int], BaseException | None], shared: bool = True
) -> Callable[[BaseException], None]:
    """Raise in this greenlet, the main one, what `interruption` gives; None lets it go on.

    Gives back what raises there at any other time.

    Locust hears SIGTERM only after a headless profile has ended, and neither in order while a
    master waits for its workers. Where it does, it may end a process twice at once, in the main
    greenlet and in one of the signal's: where that is not `shared` with it, it hears no more of it.
    Python would raise the exception of Ctrl-C in any greenlet, so that a user might lose a request.
    """
    main, loop = gevent.getcurrent(), gevent.get_hub().loop

    def throw(raised: BaseException) -> None:
        loop.run_callback(main.throw, raised)

    def interrupt(number: int, _: object) -> None:
        if (raised := interruption(number)) is not None:
            throw(raised)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
    if not shared:
        gevent.signal_handler = _deaf(gevent.signal_handler)  # type: ignore[assignment,misc]
    return throw


def _deaf(listen: Callable[..., Any]) -> Callable[..., Any]:
    """What Locust's main function listens with: to all but SIGTERM, on which it would take over."""

    def signal_handler(number: int, handler: Any, *args: Any, **more: Any) -> Any:
        if number != signal.SIGTERM or getattr(handler, "__module__", "") != "locust.main":
            return listen(number, handler, *args, **more)
        return None

    return signal_handler


def hurry(environment: Environment, number: int) -> None:
    """Answer a signal to a process that ends already: a second Ctrl-C cuts what is in flight.

    A second SIGTERM asks for no more than the first one: `timeout` sends two.
    """
    runner = environment.runner
    if number != signal.SIGINT or runner is None:
        return
    if isinstance(runner, MasterRunner):
        told = "Workers finish what is in flight; the verdict comes then"
        gevent.spawn(logger.warning, told)  # no log from inside of a signal's handler
    else:
        runner.user_greenlets.kill(block=False)
