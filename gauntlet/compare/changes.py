"""What changed between two sides of runs, with an interval, and whether it counts as worse. Pure.

A side's figure is the mean over its runs, of logarithms where it is a time or a rate. The error of
the change has two parts:

    within a run     the bootstrap over blocks of seconds, per run
    from run to run  what runs of one side differ by beyond that

Three runs are too few to be drawn from: a bootstrap over them comes out a third too narrow. So the
second part is drawn from what s^2, the variance over the runs of both sides, leaves open,

    tau^2 = max(0, s^2 * f / chi^2_f - w),    f = runs - 2,  w the mean variance within a run

and the interval consists of quantiles of  change + z * sqrt(tau^2 (1/n1 + 1/n2) + w1/n1 + w2/n2).
Without noise within the runs that is Student's interval for two means.

All intervals together hold with the given confidence (Bonferroni): were nothing worse than the
margin allows, at most one comparison in ten, at 90 %, would report a regression all the same. Runs
that are equal lie a whole margin inside of that: of 200 simulated pairs none did.
"""

import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from gauntlet.compare.bootstrap import METRICS, Estimate, estimates
from gauntlet.compare.seconds import Floats, Place, places, seconds
from gauntlet.report.record import RunRecord

CONFIDENCE = 0.90
MARGINS = {"p50": 0.05, "p95": 0.05, "p99": 0.05, "rps": 0.05, "fail_ratio": 0.01}
"""Of times and rates a share of the baseline, of the ratio of failures points."""
SEED = 20_261_126
_SAMPLES = 40_000

Judgement = Literal["regression", "improvement", "same", "unclear", "untold"]


class Change(BaseModel):
    """One metric at one place: both sides, the change with its interval, and what it means.

    Times in milliseconds. `change`, `low` and `high` are shares of the baseline, of `fail_ratio`
    differences. regression and improvement: the whole interval lies beyond the margin; same:
    within it; unclear: on both sides of it; untold: too few seconds or requests to say.
    """

    model_config = ConfigDict(frozen=True)

    method: str
    name: str
    phase: str
    metric: str
    baseline: float | None
    current: float | None
    change: float | None
    low: float | None
    high: float | None
    margin: float
    judgement: Judgement


class _Error(NamedTuple):
    """A change and what its error is made of."""

    change: float
    within: float
    """Variance of the change, had every run been like the others."""
    spread: float
    """Variance over the runs of a side."""
    each: float
    """Mean variance within a run."""
    runs: tuple[int, int]


def changes(
    baseline: Sequence[RunRecord],
    current: Sequence[RunRecord],
    margins: Mapping[str, float] = MARGINS,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
) -> list[Change]:
    """Every endpoint's change in every phase, metric by metric."""
    records = [*baseline, *current]
    found: list[tuple[Place, str, list[Estimate | None]]] = []
    for place in places(records):
        grid, rows = seconds(place, records)
        source = np.random.default_rng([seed, zlib.crc32("\0".join(place).encode())])
        told = [None if one is None else estimates(grid, one, source) for one in rows]
        for metric in METRICS:
            found.append((place, metric, [None if one is None else one[metric] for one in told]))
    first = len(baseline)
    errors = [_error(several[:first], several[first:]) for _, _, several in found]
    able = sum(
        error is not None and _can_be_worse(metric, several[first:])
        for (_, metric, several), error in zip(found, errors, strict=True)
    )
    tail = (1 - confidence) / max(able, 1)
    return [
        _change(place, metric, several[:first], several[first:], error, tail, margins[metric])
        for (place, metric, several), error in zip(found, errors, strict=True)
    ]


def _can_be_worse(metric: str, after: Sequence[Estimate | None]) -> bool:
    """Where nothing failed, no luck makes it look worse, and no other interval need be wider."""
    return metric != "fail_ratio" or any(one is not None and one.shown for one in after)


def _error(before: Sequence[Estimate | None], after: Sequence[Estimate | None]) -> _Error | None:
    """None where some run cannot tell."""
    sides = []
    for side in (before, after):
        means = [one.value for one in side if one is not None and one.value is not None]
        variances = [one.variance for one in side if one is not None and one.variance is not None]
        if len(means) < len(side) or not means:
            return None
        sides.append((np.array(means), np.array(variances)))
    (one, one_within), (other, other_within) = sides
    within = one_within.mean() / len(one) + other_within.mean() / len(other)
    freedom = len(one) + len(other) - 2
    squares = sum(float(((side - side.mean()) ** 2).sum()) for side in (one, other))
    return _Error(
        float(other.mean() - one.mean()),
        float(within),
        squares / freedom if freedom else 0.0,
        float(np.concatenate([one_within, other_within]).mean()),
        (len(one), len(other)),
    )


def interval(error: _Error, tail: float) -> tuple[float, float]:
    """Where the change lies; on each side a share `tail` of what is possible lies beyond."""
    freedom = sum(error.runs) - 2
    normal, chi = _samples(freedom)
    variance = np.full(_SAMPLES, error.within)
    if freedom:
        spread = np.maximum(error.spread * freedom / chi - error.each, 0.0)
        variance += spread * sum(1 / runs for runs in error.runs)
    # As far up as down: the distribution is symmetric, its samples not quite.
    far = float(np.quantile(normal * np.sqrt(variance), 1 - 2 * tail))
    return error.change - far, error.change + far


@lru_cache(maxsize=8)
def _samples(freedom: int) -> tuple[Floats, Floats]:
    """Sizes of normal numbers, and numbers of chi square; always the same."""
    source = np.random.default_rng(SEED)
    return np.abs(source.standard_normal(_SAMPLES)), source.chisquare(max(freedom, 1), _SAMPLES)


def _change(
    place: Place,
    metric: str,
    before: Sequence[Estimate | None],
    after: Sequence[Estimate | None],
    error: _Error | None,
    tail: float,
    margin: float,
) -> Change:
    absolute = metric == "fail_ratio"
    sides = [_side(side, absolute) for side in (before, after)]
    bounds: tuple[float | None, ...] = (None, None, None)
    judgement: Judgement = "untold"
    if error is not None:
        low, high = interval(error, tail)
        numbers = [error.change, low, high]
        told = numbers if absolute else [float(np.expm1(one)) for one in numbers]
        bounds = tuple(told)
        judgement = judge(told[1], told[2], margin, worse=-1 if metric == "rps" else 1)
    return Change(
        **place._asdict(),
        metric=metric,
        baseline=sides[0],
        current=sides[1],
        change=bounds[0],
        low=bounds[1],
        high=bounds[2],
        margin=margin,
        judgement=judgement,
    )


def judge(low: float, high: float, margin: float, worse: Literal[-1, 1]) -> Judgement:
    """What an interval means; `worse` is the direction that is bad."""
    if worse < 0:
        low, high = -high, -low
    if low > margin:
        return "regression"
    if high < -margin:
        return "improvement"
    return "same" if -margin <= low and high <= margin else "unclear"


def _side(side: Sequence[Estimate | None], absolute: bool) -> float | None:
    """A side's figure as people read it: the mean of its runs, for times and rates geometric."""
    shown = [one.shown for one in side if one is not None]
    if not shown:
        return None
    if absolute:
        return float(np.mean(shown))
    return float(np.exp(np.mean(np.log(np.maximum(shown, 1e-9)))))
