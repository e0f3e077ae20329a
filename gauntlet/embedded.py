"""Starts a reference target for the run, in its own process, and sees that it ends.

The target ends when its standard input closes, so it outlives nobody: not even a Locust that was
killed with -9.
"""

import atexit
from collections.abc import Sequence

from gauntlet.children import Broken, Child, addresses_of
from gauntlet.errors import GauntletError
from gauntlet.exitcodes import ExitCode


class TargetFailed(GauntletError):
    """A reference target did not start; no line of ours where it said itself why."""

    exit_code = ExitCode.USAGE


class EmbeddedTarget:
    """One running reference target; `addresses` and `metrics` as it printed them."""

    def __init__(self, name: str, options: Sequence[str] = (), addresses: int = 1) -> None:
        what = f"the reference target of {name}"
        self._child = Child(
            what, "gauntlet.targets", name, "--port", "0", "--exit-with-parent", *options
        )
        atexit.register(self.stop)
        try:
            self.addresses, self.metrics = addresses_of(self._child, options, addresses)
        except Broken:
            self.stop()
            said = self._child.code == ExitCode.USAGE
            raise TargetFailed([] if said else f"{what} did not start") from None

    def stop(self) -> None:
        """End the target and wait until it is gone; safe to call twice."""
        atexit.unregister(self.stop)
        if self._child.code is None:
            self._child.end()
