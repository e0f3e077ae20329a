"""`python -m gauntlet` is the `gauntlet` command."""

from gauntlet.start import gauntlet

gauntlet()
