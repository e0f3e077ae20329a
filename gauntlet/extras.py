"""What users measure besides requests: counted in each process, judged nowhere, told in reports.

    class BlobUser(SuiteUser, HttpUser):
        extra = BlobSummary()       # an `Extra`: one object per process, shared by its users

A worker's reports carry what came since the last one; the judging process adds it up. In the end
its figures stand in the run record and on the console, and it may write files of its own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from locust.env import Environment
from locust.runners import WorkerRunner

from gauntlet.measure.recorder import RUN
from gauntlet.report.record import Section

FIELD = "gauntlet_extras"
"""The key of our part in a worker's report."""


class Extra(Protocol):
    """Something that users of one system measure."""

    @property
    def name(self) -> str:
        """What it goes by between processes."""

    def clear(self) -> None:
        """Forget everything; a new run begins."""

    def hand_over(self) -> Any:
        """What came since the last time, in a form that Locust's messages carry."""

    def absorb(self, wire: Any) -> None:
        """Add what another process handed over."""

    def section(self) -> Section | None:
        """The figures for record and console; None where there are none."""

    def write(self, folder: Path) -> None:
        """Write files of its own into the run's folder."""


class Extras:
    """All extras of the user classes in this process."""

    def __init__(self, environment: Environment) -> None:
        found = [getattr(user, "extra", None) for user in environment.user_classes]
        self._extras: dict[str, Extra] = {one.name: one for one in found if one is not None}
        self._options = environment.parsed_options
        environment.events.worker_report.add_listener(self._absorb)
        if isinstance(environment.runner, WorkerRunner):
            environment.events.report_to_master.add_listener(self._hand_over)

    def clear(self) -> None:
        """Forget everything; a new run begins."""
        for extra in self._extras.values():
            extra.clear()

    def sections(self) -> Sequence[Section]:
        """The figures of all extras."""
        found = (extra.section() for extra in self._extras.values())
        return [section for section in found if section is not None]

    def write(self, folder: Path) -> None:
        """Let each write its files."""
        for extra in self._extras.values():
            extra.write(folder)

    def _hand_over(self, client_id: str, data: dict[str, Any]) -> None:
        data[FIELD] = {name: extra.hand_over() for name, extra in self._extras.items()}

    def _absorb(self, client_id: str, data: dict[str, Any]) -> None:
        if data.get(RUN) != int(getattr(self._options, RUN, 0)):
            return  # a late report of a run that is over
        for name, wire in data.get(FIELD, {}).items():
            if name in self._extras:
                self._extras[name].absorb(wire)
