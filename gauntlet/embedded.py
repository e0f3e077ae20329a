"""Starts a reference target for the run, in its own process, and sees that it ends.

The target ends when its standard input closes, so it outlives nobody: not even a Locust that was
killed with -9.
"""

import atexit
import sys
from collections.abc import Sequence

import gevent
from gevent import subprocess

from gauntlet.errors import GauntletError
from gauntlet.exitcodes import ExitCode

READY_S = 60.0
"""How long a target may take to say that it listens."""
END_S = 5.0


class TargetFailed(GauntletError):
    """A reference target did not start; no line of ours where it said itself why."""

    exit_code = ExitCode.USAGE


class EmbeddedTarget:
    """One running reference target; `addresses` and `metrics` as it printed them."""

    def __init__(self, name: str, options: Sequence[str] = (), addresses: int = 1) -> None:
        command = [sys.executable, "-m", "gauntlet.targets", name, "--port", "0"]
        self._process = subprocess.Popen(
            [*command, "--exit-with-parent", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C is for Locust, which still has requests
        )
        atexit.register(self.stop)
        self.addresses = [self._told("ready", name) for _ in range(addresses)]
        self.metrics = [f"{one}/metrics" for one in self.addresses if one.startswith("http")]
        """Where it tells Prometheus of itself."""
        if "--metrics-port" in options:
            self.metrics = [self._told("metrics", name)]

    def stop(self) -> None:
        """End the target and wait until it is gone; safe to call twice."""
        atexit.unregister(self.stop)
        if self._process.poll() is None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(END_S)

    def _told(self, what: str, name: str) -> str:
        """The address in a line of that first word."""
        line = ""
        assert self._process.stdout is not None
        with gevent.Timeout(READY_S, False):  # type: ignore[arg-type]  # False: no exception
            line = self._process.stdout.readline()
        word, _, address = line.strip().partition(" ")
        if word != what or not address:
            self.stop()
            said = self._process.returncode == ExitCode.USAGE
            raise TargetFailed([] if said else f"the reference target of {name} did not start")
        return address
