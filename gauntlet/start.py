"""The first module of every process of ours: it reads the others, and hears Ctrl-C meanwhile.

    gauntlet …                          our own commands
    python -m gauntlet.start locust …   Locust, as they start it

The second is the `locust` command to the letter, but `python -m locust` would call itself
`__main__.py`. Reading takes seconds on a machine that is busy; an interruption then would be a
traceback.
"""

import sys

from gauntlet.exitcodes import ExitCode


def gauntlet() -> None:
    """Be the command `gauntlet`."""
    try:
        from gauntlet.cli import main

        main()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


def locust() -> None:
    """Become the command whose words follow the first of `sys.argv`."""
    del sys.argv[0]
    try:
        from locust.main import main

        main()
    except KeyboardInterrupt:  # later ones Locust hears, or we do
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    locust()
