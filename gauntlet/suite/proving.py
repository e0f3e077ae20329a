"""Runs a system's profile against its reference target, once clean and once per fault."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from gauntlet import config, scaffold
from gauntlet.children import LocustRun, ReferenceTarget
from gauntlet.report import summary
from gauntlet.report.record import RunRecord
from gauntlet.suite.faults import PROOFS, Fault
from gauntlet.suite.proof import CLEAN, Matrix, matrix
from gauntlet.systems import System
from gauntlet.text import counted

PATIENCE = "120s"
"""How long users may take to finish the task that they are at: the slowest fault is felt."""
JOBS = 3
"""Runs at once per core: the longest only wait for a slow target."""
LONG_S = 20.0
"""A task that takes longer waits most of the time, and is begun before all others."""


class Task(NamedTuple):
    """One run of a proof; no fault: the clean one."""

    system: System
    fault: Fault | None

    @property
    def name(self) -> str:
        """As people read it."""
        return f"{self.system.name}, {self.fault.name if self.fault else CLEAN}"


def prove(
    systems: Sequence[System],
    profile: str,
    scale: float | None,
    results: Path,
    tell: Callable[[str], None],
) -> list[Matrix]:
    """All runs of all systems, a few at a time."""
    tasks = [
        Task(system, fault) for system in systems for fault in (None, *PROOFS[system.name].faults)
    ]
    jobs = JOBS * len(os.sched_getaffinity(0))
    tell(f"{counted(len(tasks), 'run')}, {jobs} at a time: one without a fault, one with each")
    pool = _Pool(profile, scale, results, tell)
    found = pool.run(sorted(tasks, key=_turn), jobs)
    again = [Task(system, None) for system in systems if not _clean(_matrix(system, found))]
    if again:
        tell("once more, alone: what was not as it must be without a fault")
        found |= pool.run(again, jobs=1)  # the others may have taken the core from it
    return [_matrix(system, found) for system in systems]


def _matrix(system: System, found: Mapping[Task, RunRecord]) -> Matrix:
    faults = PROOFS[system.name].faults
    return matrix(
        system.name,
        found[Task(system, None)],
        [(fault, found[Task(system, fault)]) for fault in faults],
    )


def _clean(found: Matrix) -> bool:
    return all(cells[CLEAN].right for cells in found.rows.values())


def _turn(task: Task) -> tuple[bool, bool, float]:
    """The long ones first, then the clean ones, which so share their core with few."""
    lasts = task.fault.lasts if task.fault else 0.0
    return lasts < LONG_S, task.fault is not None, -lasts


class _Pool:
    """Some runs at a time, each in a thread that waits for it."""

    def __init__(
        self, profile: str, scale: float | None, results: Path, tell: Callable[[str], None]
    ) -> None:
        self._profile, self._scale, self._results, self._tell = profile, scale, results, tell
        self._running: set[LocustRun] = set()
        self._stopped = False

    def run(self, tasks: Iterable[Task], jobs: int) -> dict[Task, RunRecord]:
        """The record of each; the first that fails, or an interruption, ends the others."""
        found: dict[Task, RunRecord] = {}
        with ThreadPoolExecutor(jobs) as threads:
            waiting: dict[Future[RunRecord], Task] = {
                threads.submit(self._one, task): task for task in tasks
            }
            try:
                while waiting:
                    done, _ = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                    for future in done:
                        task = waiting.pop(future)
                        found[task] = future.result()
                        total = found[task].total
                        self._tell(
                            f"{task.name}: {counted(total.requests, 'request')}, "
                            f"{total.failures} failed"
                        )
            except BaseException:
                self._stopped = True
                for future in waiting:
                    future.cancel()
                for one in list(self._running):
                    one.interrupt()
                raise
        return found

    def _one(self, task: Task) -> RunRecord:
        system, fault = task
        proof = PROOFS[system.name]
        with ReferenceTarget(system, fault.target if fault else ()) as target:
            line = [
                *("locust", "-f", str(scaffold.find_locustfile(system.locustfile))),
                *("--headless", "--load-profile", self._profile, "--preflight", "off"),
                *("--scale", f"{self._factor(task):g}", "--stop-timeout", PATIENCE),
                *((fault.run if fault else ()) or proof.run),
            ]
            place = self._results / system.name / (fault.name if fault else CLEAN).replace(" ", "-")
            # That a run under a fault fails is no news for whoever reads a job's summary.
            run = LocustRun(line, place, {**target.variables, summary.VARIABLE: ""})
            self._running.add(run)
            try:
                if self._stopped:
                    run.interrupt()
                return run.end()[0]
            finally:
                self._running.discard(run)

    def _factor(self, task: Task) -> float:
        """The given scale, or what leaves the seconds that the proof asks for."""
        if self._scale is not None:
            return self._scale
        duration = config.load_profile(self._profile, task.system).duration
        return min(1.0, max(0.001, PROOFS[task.system.name].seconds / duration))
