"""`python -m gauntlet.targets NAME`: the commands of `gauntlet target`, without the rest."""

import sys

from gauntlet.errors import GauntletError
from gauntlet.targets.cli import target


def main() -> None:
    """Run the command; an error is one line on standard error and the exit code it carries."""
    try:
        target(prog_name="python -m gauntlet.targets")
    except GauntletError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
