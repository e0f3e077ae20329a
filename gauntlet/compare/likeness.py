"""Whether runs can be compared at all: what they were and what made them must be the same. Pure."""

from collections.abc import Callable, Iterator, Sequence

from gauntlet.models import EMBEDDED
from gauntlet.report.record import RunRecord
from gauntlet.text import counted
from gauntlet.units import format_duration


def _load(run: RunRecord) -> str:
    """What was asked for; of arrivals the rate, as users come as they are needed."""
    if run.profile is not None:
        return "the profile's"
    if run.arrivals is None:
        return counted(run.peak_users, "user")
    rate = max((moment.wanted or 0.0 for moment in run.timeline), default=0.0)
    return f"{rate:g} arrivals/s, {run.arrivals.distribution}"


_ALIKE: dict[str, Callable[[RunRecord], str]] = {
    "system": lambda one: one.system or "none",
    "profile": lambda one: one.profile or "none",
    "scale": lambda one: f"{one.scale:g}",
    "planned duration": lambda one: "none" if one.planned is None else format_duration(one.planned),
    "iterations": lambda one: str(one.iterations.total) if one.iterations else "no limit",
    "load": _load,
    "mix": lambda one: "" if one.mix is None else repr(one.mix),
    "kind of target": lambda one: EMBEDDED if one.environment == EMBEDDED else "not embedded",
    "tags": lambda one: ", ".join(sorted(one.tags)) or "none",
    "excluded tags": lambda one: ", ".join(sorted(one.excluded_tags)) or "none",
    "worker processes": lambda one: str(one.fleet.workers),
    "gauntlet": lambda one: one.gauntlet,
    "locust": lambda one: one.locust,
}


def differences(runs: Sequence[tuple[str, RunRecord]]) -> list[str]:
    """What speaks against comparing these runs, a line each; each with the first of them."""
    (first_name, first), *others = runs
    found = list(_spoiled(runs))
    for name, other in others:
        for what, of in _ALIKE.items():
            one, two = of(first), of(other)
            if one == two:
                continue
            if what == "mix":
                one, two = f"that of {first_name}", ", ".join(_keys(first, other)) + " differ"
            found.append(f"{name}: {what}: expected {one}, got {two}")
    return found


def _spoiled(runs: Sequence[tuple[str, RunRecord]]) -> Iterator[str]:
    for name, run in runs:
        if run.outcome.verdict == "INVALID":
            reasons = "; ".join(run.outcome.reasons)
            yield f"{name}: expected a run that can be trusted, got INVALID: {reasons}"


def _keys(first: RunRecord, other: RunRecord) -> list[str]:
    """The keys of two mixes that differ."""
    one, two = first.mix or {}, other.mix or {}
    return sorted(key for key in {*one, *two} if one.get(key) != two.get(key))
