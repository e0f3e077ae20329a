"""The `gauntlet` command; `python -m gauntlet` is the same."""

import sys

from gauntlet.exitcodes import ExitCode


def main() -> None:
    """Become the command line."""
    try:
        from gauntlet.cli import main as command  # a second, on a machine that is busy
    except KeyboardInterrupt:  # later ones the command hears
        sys.exit(ExitCode.INTERRUPTED)
    command()


if __name__ == "__main__":
    main()
