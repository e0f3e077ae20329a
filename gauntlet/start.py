"""Locust, as our commands start it: `python -m gauntlet.start locust -f …`.

It is the `locust` command to the letter, but `python -m locust` would call itself `__main__.py`,
and print a traceback where Ctrl-C comes while it still reads its modules.
"""

import sys

from gauntlet.exitcodes import ExitCode


def locust() -> None:
    """Become the command whose words follow the first of `sys.argv`."""
    del sys.argv[0]
    try:
        from locust.main import main  # seconds, on a machine that is busy

        main()
    except KeyboardInterrupt:  # later ones Locust hears, or we do
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    locust()
