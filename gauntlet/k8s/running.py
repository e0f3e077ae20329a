"""One run in a cluster, from applying its manifests to its verdict and reports.

Whatever ends it, Ctrl-C and SIGTERM too, its objects are deleted; the namespace and claims stay.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from gauntlet.errors import UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.k8s import manifests, states
from gauntlet.k8s.cluster import ClusterError, Kubectl
from gauntlet.k8s.manifests import Document
from gauntlet.k8s.states import Sight, State
from gauntlet.units import format_duration

LOOK_S = 2.0
DEAF_S = 120.0
"""Seconds without an answer of the cluster after which a run is given up."""
LOG_S = 20.0
"""Seconds that the rest of a log may take."""

Say = Callable[[str], None]


class ClusterRun:
    """A run of these documents; `say` takes a line for people."""

    def __init__(
        self, kubectl: Kubectl, documents: Sequence[Document], timeout: float, say: Say
    ) -> None:
        self._kubectl = kubectl
        self._documents = documents
        self._timeout = timeout
        self._say = say
        self._name = str(manifests.master(documents)["metadata"]["name"])
        self._workers = manifests.worker_count(documents)
        self._log: subprocess.Popen[bytes] | None = None
        self._interrupted = False

    def run(self, results: Path, keep: bool) -> ExitCode:
        """Run it, fetch its reports, clean up; gives back the verdict's exit code."""
        self._make_room()
        with self._noting_signals():
            try:
                self._kubectl.apply(self._documents)
                sight = self._wait()
                self._end_log(LOG_S)
                if sight.pod and sight.code is not None:
                    self._fetch(sight, results)
            finally:
                self._end_log(0.0)
                if not keep:
                    self._clean_up()
        return self._tell(sight)

    def _make_room(self) -> None:
        """Refuse to disturb a run that goes on; delete one that is over: Jobs cannot be changed."""
        job = self._kubectl.job(self._name)
        if job is None:
            return
        if not states.over(job):
            raise UsageError(
                f"job/{self._name}: expected none that goes on, got one; "
                "wait for it, or delete it with kubectl"
            )
        self._kubectl.delete(manifests.removable(self._documents))

    def _wait(self) -> Sight:
        """Look until the run has ended, one way or the other."""
        deadline, heard = time.monotonic() + self._timeout, time.monotonic()
        last = ""
        while True:
            try:
                sight = states.look(*self._kubectl.look(self._name))
                heard = time.monotonic()
            except ClusterError as error:
                self._say(error.mistakes[0])
                if time.monotonic() - heard > DEAF_S:
                    why = f"the cluster gave no answer for {format_duration(DEAF_S)}"
                    return Sight(State.BROKEN, why)
                self._pause()
                continue
            if (line := self._line(sight)) != last:
                self._say(line)
                last = line
            if self._log is None and sight.pod and sight.state in (State.RUNNING, State.ENDED):
                self._log = self._kubectl.follow(sight.pod)
            if sight.state in (State.ENDED, State.BROKEN):
                return sight
            if time.monotonic() > deadline:
                why = f"no end within {format_duration(self._timeout)}: {self._line(sight)}"
                return Sight(State.BROKEN, why)
            self._pause()

    def _pause(self) -> None:
        """Wait for the next look; KeyboardInterrupt where somebody wants no more of them."""
        until = time.monotonic() + LOOK_S
        while not self._interrupted and time.monotonic() < until:
            time.sleep(0.1)
        if self._interrupted:
            raise KeyboardInterrupt

    @contextmanager
    def _noting_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM are noted, not raised: nothing is left half applied or deleted."""

        def note(number: int, frame: FrameType | None) -> None:
            self._interrupted = True

        both = signal.SIGINT, signal.SIGTERM
        before = [signal.signal(number, note) for number in both]
        try:
            yield
        finally:
            for number, handler in zip(both, before, strict=True):
                signal.signal(number, handler)

    def _line(self, sight: Sight) -> str:
        said = {
            State.WAITING: f"waits {sight.why}",
            State.RUNNING: "runs",
            State.ENDED: f"ended with code {sight.code}",
            State.BROKEN: sight.why,
        }[sight.state]
        running = f"; {sight.workers} of {self._workers} workers run" if self._workers else ""
        return f"{self._name}: {said}" + (running if sight.state is not State.ENDED else "")

    def _fetch(self, sight: Sight, results: Path) -> None:
        try:
            for folder in self._kubectl.fetch(sight.pod, results):
                self._say(f"Results: {folder}")
        except ClusterError as error:
            for mistake in error.mistakes:
                self._say(f"reports were not fetched: {mistake}")

    def _end_log(self, within: float) -> None:
        if self._log is None:
            return
        try:
            self._log.wait(within)
        except subprocess.TimeoutExpired:
            self._log.kill()
            self._log.wait()

    def _clean_up(self) -> None:
        try:
            self._kubectl.delete(manifests.removable(self._documents))
        except ClusterError as error:
            for mistake in error.mistakes:
                self._say(f"not all was deleted: {mistake}")

    def _tell(self, sight: Sight) -> ExitCode:
        code = states.exit_code(sight)
        if sight.state is State.BROKEN:
            self._say(f"✗ INVALID - {sight.why}")
        elif sight.message and "\n" not in sight.message:  # else it is the end of the log
            self._say(sight.message)
        return code
