"""What the steps of a search say: capacity, knee, headroom, confidence. Pure.

`capacity.json` is the model `Capacity`. Loads are arrivals per second or users, as `unit` says;
times are in milliseconds, ratios 0.0 to 1.0.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gauntlet.capacity.search import Finding
from gauntlet.report.record import RunRecord, Statistics
from gauntlet.text import counted
from gauntlet.units import format_duration

SETTLE, MEASURE = "settle", "measure"
FOLLOWS = 0.9
"""The share of the throughput per load that the knee still has."""
BENT = 2.0
"""How many times the median at the least load it has beyond the knee."""


class Part(BaseModel):
    """Base of all parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(Part):
    """One run of the search."""

    number: int
    load: float
    verdict: str
    melted: bool
    """Whether it was ended before its time."""
    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    fail_ratio: float
    generator_cpu: float | None
    """Of the busiest process of the generator, in percent of a core."""
    reasons: tuple[str, ...]
    folder: str

    @property
    def holds(self) -> bool:
        """Whether every rule held in a measurement that can be trusted."""
        return self.verdict == "PASS"


class Knee(Part):
    """Where the target stops following: between two loads that were tried."""

    after: float
    before: float
    why: str


class Capacity(Part):
    """The outcome of a search; `load` is None where no load held."""

    system: str
    target: str
    unit: str
    rules: tuple[str, ...]
    load: float | None
    rps: float | None
    broke: float | None
    """The lowest load that did not hold."""
    because: str | None
    """What that one broke."""
    at_least: bool
    """Whether the search ended at its own limit, or the generator's, and not at the target's."""
    held: int
    tried: int
    knee: Knee | None
    expected: float | None
    headroom: float | None
    """The share by which the capacity exceeds the expected load; without one, the knee."""
    interrupted: bool
    steps: tuple[Step, ...]


def step_of(
    number: int, load: float, record: RunRecord, folder: Path, settle_s: float = 0.0
) -> Step:
    """A step from its run record: the figures are those of the phase that is measured.

    Throughput is what was answered over how long that phase was.
    """
    measured = next((one for one in record.phases if one.phase == MEASURE), None)
    seconds = record.duration - (settle_s if measured else 0.0)
    measured = measured or record.total
    early = record.planned is not None and record.duration < record.planned - 1
    return Step(
        number=number,
        load=load,
        verdict=record.outcome.verdict,
        melted=early,
        rps=measured.requests / max(seconds, 1.0),
        **_times(measured),
        fail_ratio=measured.fail_ratio,
        generator_cpu=record.health.cpu_max if record.health else None,
        reasons=record.outcome.reasons,
        folder=str(folder),
    )


def summary(
    system: str,
    unit: str,
    rules: Sequence[str],
    target: str,
    steps: Sequence[Step],
    finding: Finding | None,
    expected: float | None = None,
) -> Capacity:
    """What the steps say; without a finding the search was interrupted."""
    load, broke = (finding.load, finding.broke) if finding else _so_far(steps)
    at = [step for step in steps if step.load == load]
    limits = [step for step in steps if step.load == broke and not step.holds]
    knee = find_knee(steps)
    against = expected or (knee.after if knee else None)
    return Capacity(
        system=system,
        target=target,
        unit=unit,
        rules=tuple(rules),
        load=load,
        rps=sum(step.rps for step in at) / len(at) if at else None,
        broke=broke,
        because=limits[0].reasons[0] if limits and limits[0].reasons else None,
        at_least=load is not None and all(step.verdict == "INVALID" for step in limits),
        held=sum(step.holds for step in at),
        tried=len(at),
        knee=knee,
        expected=expected,
        headroom=load / against - 1 if load is not None and against else None,
        interrupted=finding is None,
        steps=tuple(steps),
    )


def find_knee(steps: Sequence[Step]) -> Knee | None:
    """The first load at which throughput or median no longer follow, next to the one before it."""
    loads = sorted({step.load for step in steps if step.rps})
    means = {load: _mean([one for one in steps if one.load == load]) for load in loads}
    for lower, load in zip(loads, loads[1:], strict=False):
        (base_rps, base_ms), (rps, ms) = means[loads[0]], means[load]
        share = rps / load / (base_rps / loads[0])
        if share < FOLLOWS:
            return Knee(
                after=lower, before=load, why=f"throughput is {share:.0%} of what the load asks for"
            )
        if ms > BENT * base_ms:
            then, now = format_duration(base_ms / 1000), format_duration(ms / 1000)
            return Knee(after=lower, before=load, why=f"the median rises from {then} to {now}")
    return None


def lines(capacity: Capacity) -> Iterator[str]:
    """The outcome in words."""
    if capacity.interrupted:
        yield "Interrupted: what follows is what was found so far."
    if capacity.load is None:
        lowest = min((step.load for step in capacity.steps), default=0.0)
        because = f": {capacity.because}" if capacity.because else ""
        if not capacity.steps:
            yield "Capacity: unknown; no load was measured"
        elif any(step.holds for step in capacity.steps):
            last = shown(capacity.broke or lowest, capacity.unit)
            yield f"Capacity: no load held again when it was repeated, last {last}{because}"
        else:
            tried = f", not even {shown(lowest, capacity.unit)}" if lowest else ""
            yield f"Capacity: no load held{tried}{because}"
        return
    least = "at least " if capacity.at_least else ""
    yield (
        f"Capacity: {least}{shown(capacity.load, capacity.unit)}, {capacity.rps:.4g} requests/s; "
        f"held in {capacity.held} of {capacity.tried} tries"
    )
    if capacity.broke is not None:
        yield f"  {shown(capacity.broke, capacity.unit)} did not hold: {capacity.because}"
    else:
        yield "  nothing broke up to the most that was allowed"
    knee = capacity.knee
    if knee is None:
        yield "Knee: none seen; throughput and median follow the load"
    else:
        after, before = shown(knee.after, capacity.unit), shown(knee.before, capacity.unit)
        yield f"Knee: between {after} and {before}, where {knee.why}"
    if capacity.headroom is not None:
        against = capacity.expected or (knee.after if knee else 0.0)
        what = "the expected" if capacity.expected else "the knee at"
        said = f"{capacity.headroom:.0%} over {what} {shown(against, capacity.unit)}"
        yield f"Headroom: {said}"


def shown(load: float, unit: str) -> str:
    """A load as people read it."""
    return counted(int(load), "user") if unit == "users" else f"{load:g}/s"


def _so_far(steps: Sequence[Step]) -> tuple[float | None, float | None]:
    """The bounds that the steps leave."""
    broke = min((step.load for step in steps if not step.holds), default=None)
    held = [s.load for s in steps if s.holds and (broke is None or s.load < broke)]
    return max(held, default=None), broke


def _mean(steps: Sequence[Step]) -> tuple[float, float]:
    return (
        sum(step.rps for step in steps) / len(steps),
        sum(step.p50_ms for step in steps) / len(steps),
    )


def _times(measured: Statistics) -> dict[str, float]:
    return {f"{name}_ms": measured.percentiles_ms[name] for name in ("p50", "p95", "p99")}
