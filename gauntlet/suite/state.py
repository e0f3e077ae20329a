"""What a suite has done so far: on the disk after each step, whole or not at all."""

import os
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from gauntlet.errors import UsageError

FILE = "suite.json"
VERSION = 1


class Part(BaseModel):
    """Base of all parts of the state."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Cooling(Part):
    """What came between two steps: seconds, response times before the load and at the end."""

    seconds: float
    baseline_ms: float
    last_ms: float
    cooled: bool
    """Whether the response time came back; else the longest time was over."""


class Step(Part):
    """One run that is done."""

    profile: str
    folder: str
    """Below the suite's own."""
    verdict: str
    reasons: tuple[str, ...]
    exit_code: int
    duration: float
    requests: int
    fail_ratio: float
    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    started: datetime
    cooling: Cooling | None = None
    """After it."""


class SuiteState(Part):
    """A suite: what was asked for, and what is done of it."""

    version: int = VERSION
    gauntlet: str
    system: str
    profiles: tuple[str, ...]
    environment: str | None
    url: str | None
    scale: float
    cool_down: float
    cool_down_max: float
    started: datetime
    baseline_ms: float | None = None
    """Response time of the probe before the first step."""
    steps: tuple[Step, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """Profiles that are still to run; none after one that did not pass."""
        return () if self.stopped else self.profiles[len(self.steps) :]

    @property
    def stopped(self) -> bool:
        """Whether a step did not pass."""
        return any(step.verdict != "PASS" for step in self.steps)

    @property
    def exit_code(self) -> int:
        """That of the last run; 0 while all passed."""
        return self.steps[-1].exit_code if self.steps else 0

    def changed(self, **changes: object) -> "SuiteState":
        """The state with other values."""
        return self.model_copy(update=changes)


def save(state: SuiteState, folder: Path) -> None:
    """Write the state in one move: who reads it finds the one before or this one."""
    path = folder / FILE
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(state.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def load(folder: Path) -> SuiteState:
    """The state in a folder; UsageError where there is none that can be gone on with."""
    path = folder / FILE
    try:
        return SuiteState.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"--resume: expected the folder of a suite, got {str(folder)!r} without {FILE}"
        ) from None
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "its form"
        raise UsageError(
            f"{path}: expected a suite of this version, got another: {where}"
        ) from None
