"""`python -m gauntlet.targets NAME`: the commands of `gauntlet target`, without the rest."""

from gauntlet.commands import enter
from gauntlet.targets.cli import target


def main() -> None:
    """Run the command line."""
    enter(target, "python -m gauntlet.targets")


if __name__ == "__main__":
    main()
