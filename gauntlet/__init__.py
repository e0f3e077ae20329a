"""Gauntlet: a Locust plugin suite that says, with numbers, whether a system holds.

A locustfile needs one call:

    import gauntlet

    gauntlet.register(system="predict")

Importing the package changes nothing; `register` wires the suite into Locust's events.
"""

__version__ = "0.1.0"
__all__ = ["__version__", "register"]


def register(system: str | None = None) -> None:
    """Wire the suite into the Locust process that loads the calling locustfile.

    `system` names the system under test, which gives the run its profiles, its mix and its
    reference target: `predict`, `walrus`, `image_cloud`, `file_server` or `chater`. Without it
    there are measurement, reports and `--threshold` only. A second call with the same system does
    nothing. Another name, or another system, ends the process with exit code 2 and one line.
    """
    # Late, because reference targets import this package and must not load Locust: it patches
    # the standard library for gevent.
    from gauntlet.hooks import register as wire

    wire(system)
