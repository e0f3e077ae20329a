"""Ends the load of a run from within, as the end of its plan would, and one end at a time."""

from gevent.lock import RLock
from locust.env import Environment
from locust.runners import MasterRunner


def end_load(environment: Environment) -> None:
    """Stop all users; a headless process ends with that, a page stays.

    Call it in a greenlet of its own: whoever calls may be a user, or what is stopped.
    """
    runner, web_ui, options = environment.runner, environment.web_ui, environment.parsed_options
    assert runner is not None
    if options is not None and options.headless:
        runner.quit()
        return
    if web_ui is not None and web_ui._swarm_greenlet is not None:
        # As the page's stop button does: a ramp that goes on would start users again.
        web_ui._swarm_greenlet.kill()
    runner.stop()


def in_turn(runner: MasterRunner) -> None:
    """Let nobody quit a master while somebody else stops its load.

    Locust's timer of `-t` does so whatever goes on, and quitting ends the greenlets that hear the
    workers: their last reports are lost, and who waits for what is in flight there waits in vain.
    """
    lock, stop, leave = RLock(), runner.stop, runner.quit

    def stop_in_turn(send_stop_to_client: bool = True) -> None:
        if lock.acquire(blocking=False):  # else it is being stopped
            try:
                stop(send_stop_to_client)
            finally:
                lock.release()

    def quit_in_turn() -> None:
        with lock:
            leave()

    runner.stop = stop_in_turn  # type: ignore[method-assign]  # of this object alone
    runner.quit = quit_in_turn  # type: ignore[method-assign]
