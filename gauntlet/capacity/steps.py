"""One step of the search: a headless run of Locust with its own profile and its own record.

The profile has a phase `settle` and a phase `measure`; the rules judge the second. Two kinds of
rule are added that end a step which melts the target, long before its time is over: most requests
fail, or a time is far beyond its limit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from gauntlet import bench
from gauntlet.capacity.result import MEASURE, SETTLE, Step, step_of
from gauntlet.config import EXTRA_PROFILES
from gauntlet.report import summary
from gauntlet.thresholds import Threshold
from gauntlet.units import format_duration

MELTED_SHARE = 0.5
"""Failed requests of a target that melts."""
MELTED_TIMES = 10.0
"""How far beyond its limit the mean of times is then."""
WINDOW_S = 3.0
MOST_TIMES = 20.0
"""How many times longer than asked a step may be."""
SPARE = 1.3
"""How many more answers than a percentile needs."""
TOO_MANY = 100_000.0
"""Users or arrivals per second that a profile can want."""


@dataclass(frozen=True)
class Plan:
    """What all steps of a search have in common."""

    locust: Sequence[str]
    """The command line but for profile and folder of results."""
    rules: Sequence[Threshold]
    users: bool
    """Whether loads are users; else arrivals per second."""
    settle_s: float
    measure_s: float
    folder: Path
    variables: Mapping[str, str]
    first: Sequence[str] = ()
    """Options of the first step alone."""


def profile(plan: Plan, load: float) -> dict[str, object]:
    """The profile of a step."""
    if plan.users:
        wanted: dict[str, object] = {"users": int(load)}
        head = wanted | {"spawn_rate": min(float(load), TOO_MANY)}
    else:
        wanted, head = {"arrivals": f"{load:.12g}/s"}, {}
    seconds = plan.measure_s if plan.users else measured_seconds(plan, load)
    phases = [
        {"name": name, "duration": format_duration(lasting), **wanted}
        for name, lasting in ((SETTLE, plan.settle_s), (MEASURE, seconds))
        if lasting
    ]
    return {
        "description": f"A step of a search for the capacity, at {load:g}",
        **head,
        "duration": format_duration(plan.settle_s + seconds),
        "phases": phases,
        "thresholds": [*(measured(rule) for rule in plan.rules), *abort_rules(plan.rules)],
    }


def measured_seconds(plan: Plan, rate: float) -> float:
    """How long arrivals at that rate are measured: longer than asked where percentiles need it.

    A percentile of too few answers would make the step `INVALID`.
    """
    quantiles = [rule.quantile or 0.0 for rule in plan.rules]
    needed = [1 / (1 - quantile / 100) for quantile in quantiles if quantile < 100]
    longest = plan.measure_s * MOST_TIMES
    return min(max(plan.measure_s, math.ceil(SPARE * max(needed, default=0) / rate)), longest)


def measured(rule: Threshold) -> str:
    """The rule in the phase that is measured, unless it names its own."""
    if rule.phase is not None or rule.inner is not None:
        return rule.text
    return f"{rule.text} in {MEASURE}"


def abort_rules(rules: Sequence[Threshold]) -> list[str]:
    """The rules that end a step at once.

    For a percentile stands the mean, which a window of few requests has as well.
    """
    window = f"over {format_duration(WINDOW_S)} abort"
    shares = [MELTED_SHARE, *(rule.limit for rule in rules if rule.kind == "ratio")]
    aborts = [f"fail_ratio < {max(shares):g} {window}"] if max(shares) < 1 else []
    for rule in rules:
        if rule.kind == "time" and rule.op.startswith("<") and rule.inner is None:
            subject = "avg" if rule.glob is None else f'avg("{rule.glob}")'
            limit = format_duration(rule.limit * MELTED_TIMES)
            aborts.append(f"{subject} < {limit} {window}")
    return list(dict.fromkeys(aborts))


class Interrupted(Exception):
    """Somebody pressed Ctrl-C, or this process is to end."""


def run(plan: Plan, number: int, load: float) -> tuple[Step, str]:
    """Make a step; gives back the target's address as well.

    Raises Interrupted, or GauntletError where Locust could not make it.
    """
    name = f"step-{number:02}"
    profiles = plan.folder / "profiles"
    profiles.mkdir(exist_ok=True)
    (profiles / f"{name}.yaml").write_text(yaml.safe_dump(profile(plan, load), sort_keys=False))
    line = [
        *plan.locust,
        *(plan.first if number == 1 else ()),
        "--load-profile",
        name,
        "--results-dir",
        str(plan.folder),
    ]
    # A load that breaks is what is looked for: no news for whoever reads a job's summary.
    quiet = {EXTRA_PROFILES: str(profiles), summary.VARIABLE: ""}
    ran = bench.run(line, {**plan.variables, **quiet})
    if ran.interrupted:
        raise Interrupted
    return step_of(number, load, ran.record, ran.folder, plan.settle_s), ran.record.target
