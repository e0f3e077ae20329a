"""What is told of Chater besides its requests: whole flows, dishes, sign-ins, how bad failures are.

`not_deleted.json` is there only if something that the run created could not be deleted: an array
with an object per dish: `user` (an e-mail, or null), `time` (what the API knows the dish by) and
`why`.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from gauntlet.measure.times import Times
from gauntlet.report.record import Figure, Section
from gauntlet.units import format_duration

FILE = "not_deleted.json"
MOST = 10_000
"""Most dishes that the file lists; the figures count all."""

INVESTIGATE, CRITICAL = 0.01, 0.05
"""Shares of failed requests from and above which a run is to be looked at, and is in trouble."""

WHOLE = "whole"

_STEP = "broke at "


class FlowSummary:
    """The flows of this process; on a master those of all workers."""

    name = "flows"

    def __init__(self) -> None:
        self.layout = ""
        """How weights are numbered, and who says so; stays from run to run."""
        self.clear()

    def clear(self) -> None:
        """Forget everything; a new run begins."""
        self.counts: Counter[str] = Counter()
        self._times = Times(WHOLE)
        self._left: list[dict[str, Any]] = []

    # -- what users tell -------------------------------------------------------------------------

    def count(self, what: str) -> None:
        """Count one of `requests`, `failures`, `uploaded`, `deleted`, `cleaned up`, `refused`."""
        self.counts[what] += 1

    def flow(self, seconds: float, broken_at: str | None) -> None:
        """A flow ended, whole or at a request of that name."""
        if broken_at is not None:
            self.counts[_STEP + broken_at] += 1
            return
        self.counts[WHOLE] += 1
        self._times.add(WHOLE, seconds)

    def left(self, email: str | None, time_ms: int, why: str) -> None:
        """A dish could not be deleted."""
        self.counts["left"] += 1
        if len(self._left) < MOST:
            self._left.append({"user": email, "time": time_ms, "why": why})

    # -- between processes -----------------------------------------------------------------------

    def hand_over(self) -> dict[str, Any]:
        """What came since the last time."""
        wire = {
            "counts": dict(self.counts),
            "times": self._times.to_wire(),
            "left": self._left,
        }
        self.clear()
        return wire

    def absorb(self, wire: dict[str, Any]) -> None:
        """Add what a worker handed over."""
        self.counts.update(wire["counts"])
        self._times.absorb(wire["times"])
        self._left += wire["left"][: MOST - len(self._left)]

    # -- reports ---------------------------------------------------------------------------------

    def section(self) -> Section | None:
        """The figures."""
        if not self.counts:
            return None
        figures = [*self._band(), *self._flows(), *self._dishes()]
        if refused := self.counts["refused"]:
            shown = f"{refused}, as no id token was given"
            figures.append(Figure(name="Sign-ins refused as expected", value=refused, shown=shown))
        if self.layout:
            figures.append(Figure(name="Fields of a weight", value=None, shown=self.layout))
        return Section(title="Flows", figures=tuple(figures))

    def write(self, folder: Path) -> None:
        """List what is left, if anything is."""
        if self._left:
            text = json.dumps(self._left, indent=2) + "\n"
            (folder / FILE).write_text(text, encoding="utf-8")

    def _band(self) -> list[Figure]:
        requests = self.counts["requests"]
        if not requests:
            return []
        ratio = self.counts["failures"] / requests
        shown = f"{ratio:.2%} failed: {band(ratio)}"
        return [Figure(name="Failures", value=ratio, shown=shown)]

    def _flows(self) -> list[Figure]:
        whole, figures = self.counts[WHOLE], []
        broken = {
            name.removeprefix(_STEP): count
            for name, count in sorted(self.counts.items())
            if name.startswith(_STEP)
        }
        if whole:
            p50, p95 = (
                format_duration(self._times[WHOLE].percentile_ms(p) / 1000) for p in (50, 95)
            )
            shown = f"{whole}, P50 {p50}, P95 {p95}"
            figures.append(Figure(name="Whole flows", value=whole, shown=shown))
        if broken:
            steps = ", ".join(f"{count} at {step}" for step, count in broken.items())
            total = sum(broken.values())
            figures.append(Figure(name="Broken flows", value=total, shown=f"{total}: {steps}"))
        return figures

    def _dishes(self) -> list[Figure]:
        counts = self.counts
        if not counts["uploaded"] and not counts["left"]:
            return []
        shown = (
            f"{counts['uploaded']} uploaded, {counts['deleted']} deleted in flows, "
            f"{counts['cleaned up']} at the end, {counts['left']} left"
        )
        shown += f" (see {FILE})" if counts["left"] else ""
        return [Figure(name="Dishes", value=counts["left"], shown=shown)]


def band(ratio: float) -> str:
    """What a share of failed requests means."""
    if ratio < INVESTIGATE:
        return "acceptable"
    return "investigate" if ratio <= CRITICAL else "critical"
