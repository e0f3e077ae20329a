"""The run record: everything that reports, comparisons and gates are made from.

`run.json` is this model; its JSON Schema is committed as `profiles/schema/run.json`. Times are in
milliseconds where a name ends in `_ms`, else in seconds; ratios are 0.0 to 1.0; moments are UTC.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from gauntlet.measure.series import Key, Series
from gauntlet.thresholds import Check
from gauntlet.verdict import Judgement

VERSION = 1
QUANTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


class Part(BaseModel):
    """Base of all parts of the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(Part):
    """The verdict, the sentences that explain it, and the exit code that goes with it."""

    verdict: str
    reasons: tuple[str, ...]
    exit_code: int


class ThresholdResult(Part):
    """One rule and what became of it; `value` and `limit` as people read them in `shown`."""

    rule: str
    metric: str
    glob: str | None
    limit: float
    value: float | None
    margin: float | None
    held: bool
    samples: int
    shown: str


class Statistics(Part):
    """Counts and response times of one endpoint, or of the whole run."""

    method: str
    name: str
    requests: int
    failures: int
    fail_ratio: float
    rps: float
    avg_ms: float
    min_ms: float
    max_ms: float
    percentiles_ms: dict[str, float]
    received_bytes: int


class Failure(Part):
    """A failure text and how often it came."""

    method: str
    name: str
    text: str
    count: int


class IterationCount(Part):
    """Iterations asked for, done, and held by workers that were lost."""

    total: int
    done: int
    lost: int


class Moment(Part):
    """One second of the run: seconds since its start, users then, requests and failures so far."""

    t: float
    users: int
    requests: int
    failures: int


class Fleet(Part):
    """The processes that made the load."""

    workers: int
    lost: tuple[str, ...]


class RunRecord(Part):
    """One run of one profile against one target."""

    version: int = VERSION
    gauntlet: str
    locust: str
    python: str
    system: str | None
    profile: str | None
    environment: str | None
    target: str
    started: datetime
    ended: datetime
    duration: float
    planned: float | None
    peak_users: int
    seed: int
    tags: tuple[str, ...]
    excluded_tags: tuple[str, ...]
    test_env: str
    test_version: str
    description: str
    mix: dict[str, object] | None
    fleet: Fleet
    iterations: IterationCount | None
    outcome: Outcome
    thresholds: tuple[ThresholdResult, ...]
    total: Statistics
    endpoints: tuple[Statistics, ...]
    failures: tuple[Failure, ...]
    user_errors: dict[str, int]
    preflight: tuple[str, ...]
    timeline: tuple[Moment, ...]


def outcome(judgement: Judgement) -> Outcome:
    """A judgement as the record keeps it."""
    return Outcome(
        verdict=judgement.verdict.value,
        reasons=judgement.reasons,
        exit_code=int(judgement.exit_code),
    )


def threshold_result(check: Check) -> ThresholdResult:
    """A check as the record keeps it."""
    rule = check.threshold
    return ThresholdResult(
        rule=rule.text,
        metric=rule.metric,
        glob=rule.glob,
        limit=rule.limit,
        value=check.value,
        margin=check.margin,
        held=check.held,
        samples=check.samples,
        shown="no samples" if check.value is None else rule.show(check.value),
    )


def statistics(key: Key, series: Series) -> Statistics:
    """A series as the record keeps it."""
    found = series.percentiles_ms(QUANTILES) if series.requests else dict.fromkeys(QUANTILES, 0.0)
    return Statistics(
        method=key.method,
        name=key.name,
        requests=series.requests,
        failures=series.failures,
        fail_ratio=series.fail_ratio,
        rps=series.rps,
        avg_ms=series.avg_ms,
        min_ms=series.min_ms,
        max_ms=series.max_ms,
        percentiles_ms={f"p{quantile:g}": value for quantile, value in found.items()},
        received_bytes=series.received,
    )


def endpoints(series: Mapping[Key, Series]) -> Iterable[Statistics]:
    """Every endpoint, by name."""
    for key in sorted(series, key=lambda key: (key.name, key.method)):
        yield statistics(key, series[key])
