"""Ends the load of a run from within, as the end of its plan would."""

from locust.env import Environment


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
