"""The run record: everything that reports, comparisons and gates are made from.

`run.json` is this model; its JSON Schema is committed as `profiles/schema/run.json`. Times are in
milliseconds where a name ends in `_ms`, else in seconds; ratios are 0.0 to 1.0; moments are UTC.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain

from pydantic import BaseModel, ConfigDict

from gauntlet.books import Count
from gauntlet.measure.series import Counts, Key, Series, as_histogram, merge, percentiles_us
from gauntlet.measure.slices import Slices
from gauntlet.thresholds import Check
from gauntlet.verdict import Judgement
from gauntlet.vitals import Vitals

VERSION = 1
QUANTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
NO_SAMPLES = "no samples"
"""What is shown of a rule that nothing was measured for."""


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
    """Counts and response times of one endpoint, server or phase, or of the whole run.

    `outcomes` counts failures by class; `first_byte_ms` holds percentiles of the time to first
    byte where it was measured.
    """

    method: str
    name: str
    server: str
    phase: str
    requests: int
    failures: int
    fail_ratio: float
    rps: float
    avg_ms: float
    stdev_ms: float
    min_ms: float
    max_ms: float
    percentiles_ms: dict[str, float]
    first_byte_ms: dict[str, float] | None
    received_bytes: int
    sent_bytes: int
    retries: int
    verified: int
    outcomes: dict[str, int]
    service_avg_ms: float | None = None
    """From the actual start; None where it is the response time, in a closed model."""
    service_percentiles_ms: dict[str, float] | None = None
    service_max_ms: float | None = None


class Histogram(Part):
    """The response times of one series: an HdrHistogram of microseconds in its own coding.

    So are its service times, None where they are its response times, and its times to first byte,
    None where nobody told any.
    """

    method: str
    name: str
    server: str
    phase: str
    hdr: str
    service_hdr: str | None = None
    first_byte_hdr: str | None = None


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
    """One second of the run: seconds since its start, users then, requests and failures so far.

    `wanted` is what the curve wants: users, or in a run that has arrivals those per second, None
    in its closed phases. `waiting` and `dropped` are arrivals; `cpu` is the busiest generator
    process's share of one core in percent.
    """

    t: float
    users: int
    requests: int
    failures: int
    wanted: float | None = None
    waiting: int = 0
    dropped: int = 0
    cpu: float | None = None


class Slice(Part):
    """What one endpoint did within a stretch of time of one phase.

    `t` seconds since the start of the load to its beginning, `seconds` its width; a request
    belongs to the slice in which it ended. `counts` are pairs laid flat: response time in
    microseconds on the histogram's grid, requests.
    """

    t: float
    seconds: float
    method: str
    name: str
    phase: str
    requests: int
    failures: int
    total_ms: float
    counts: tuple[int, ...]


class Arrivals(Part):
    """Iterations of the open model; lateness is from the intended to the actual start."""

    scheduled: int
    started: int
    late: int
    dropped: int
    most_waiting: int
    late_ms: dict[str, float]
    """Percentiles."""
    late_hdr: str | None = None
    """What they are read from, as a histogram of the record is kept; None while the run goes on."""


class Health(Part):
    """How the generator itself fared; shares of one core in percent, of the busiest process."""

    cpu_avg: float | None
    cpu_max: float | None
    clock_drift: float
    """Most seconds that wall clock and monotonic clock went apart."""


class TargetMetric(Part):
    """One series that the target tells of itself, over the seconds since the start."""

    name: str
    points: tuple[tuple[float, float], ...]


class Slow(Part):
    """One of the slowest requests; `t` seconds from the start of the load to its own start.

    `outcome` is empty where it succeeded.
    """

    t: float
    method: str
    name: str
    server: str
    phase: str
    response_ms: float
    outcome: str


class Figure(Part):
    """One figure: its name, its value, and the value as people read it.

    A whole number that is shown as it is counts something, and adds up over several runs.
    """

    name: str
    value: float | int | None
    shown: str


class Section(Part):
    """Figures that a system's users measured besides requests."""

    title: str
    figures: tuple[Figure, ...]


class Member(Part):
    """One worker: the requests that the master has of it.

    `missing` are requests that it reported and that never arrived (below 0: arrived twice);
    `unrecorded` says for how many seconds at most a lost one made load that no report tells of.
    """

    index: int
    requests: int
    missing: int
    lost: bool
    unrecorded: float


class Fleet(Part):
    """The processes that made the load; `cut` tasks were killed half-way at their stop.

    The target may have seen one request of each of those that is in no figure.
    """

    workers: int
    lost: tuple[str, ...]
    cut: int = 0
    members: tuple[Member, ...] = ()


class RunRecord(Part):
    """One run of one profile against one target."""

    version: int = VERSION
    gauntlet: str
    locust: str
    python: str
    system: str | None
    profile: str | None
    scale: float = 1.0
    """Factor on the profile's durations."""
    environment: str | None
    target: str
    addresses: dict[str, str] = {}
    """By name, for a system that has several."""
    started: datetime
    ended: datetime
    duration: float
    planned: float | None
    peak_users: int
    seed: int
    masters: int = 1
    """How many masters' records this one is made of."""
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
    servers: tuple[Statistics, ...]
    phases: tuple[Statistics, ...]
    phase_endpoints: tuple[Statistics, ...] = ()
    """Endpoints in each phase."""
    sections: tuple[Section, ...] = ()
    histograms: tuple[Histogram, ...]
    failures: tuple[Failure, ...]
    user_errors: dict[str, int]
    preflight: tuple[str, ...]
    timeline: tuple[Moment, ...]
    slices: tuple[Slice, ...] = ()
    arrivals: Arrivals | None = None
    health: Health | None = None
    diagnosis: tuple[str, ...] = ()
    """What the figures say of the target, in words."""
    target_metrics: tuple[TargetMetric, ...] = ()
    slowest: tuple[Slow, ...] = ()
    """Slowest first, bounded in number."""


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
        value=None if check.value is None or math.isinf(check.value) else check.value,
        margin=check.margin,
        held=check.held,
        samples=check.samples,
        shown=NO_SAMPLES if check.value is None else rule.show(check.value),
    )


def statistics(key: Key, series: Series) -> Statistics:
    """A series as the record keeps it."""
    found = series.percentiles_ms(QUANTILES)
    return Statistics(
        **key._asdict(),
        requests=series.requests,
        failures=series.failures,
        fail_ratio=series.fail_ratio,
        rps=series.rps,
        avg_ms=series.avg_ms,
        stdev_ms=series.stdev_ms,
        min_ms=series.min_ms,
        max_ms=series.max_ms,
        percentiles_ms=named(found),
        first_byte_ms=named(series.first_bytes_ms(QUANTILES)) if series.first_bytes else None,
        received_bytes=series.received,
        sent_bytes=series.sent,
        retries=series.retries,
        verified=series.verified,
        outcomes=dict(sorted(series.outcomes.items())),
        service_avg_ms=series.service_avg_ms if series.moved else None,
        service_percentiles_ms=named(series.service_percentiles_ms(QUANTILES))
        if series.moved
        else None,
        service_max_ms=series.service_max_ms if series.moved else None,
    )


def arrivals(count: Count, final: bool = True) -> Arrivals:
    """What came of the arrivals as the record keeps it; what is missing was dropped."""
    late = percentiles_us(count.late_us, QUANTILES)
    return Arrivals(
        scheduled=count.scheduled,
        started=count.started,
        late=count.late,
        dropped=count.dropped + count.missing,
        most_waiting=count.most_waiting,
        late_ms=named({quantile: us / 1000 for quantile, us in late.items()}),
        late_hdr=hdr(count.late_us) if final else None,
    )


def table(series: Mapping[Key, Series], *by: str) -> tuple[Statistics, ...]:
    """Statistics over the named parts of the key, in order; what has none of them is left out.

    Endpoints are `table(series, "name", "method")`. Phases, `table(series, "phase", …)`, stay in
    the order they came in.
    """
    merged = {key: one for key, one in merge(series, by=by).items() if any(key)}
    keys: Iterable[Key] = merged
    if by[0] == "phase":
        order = list(dict.fromkeys(key.phase for key in merged if key.phase))
        merged = {key: one for key, one in merged.items() if key.phase}
        keys = sorted(merged, key=lambda key: (order.index(key.phase), key.name, key))
    else:
        keys = sorted(merged, key=lambda key: (key.name, key))
    return tuple(statistics(key, merged[key]) for key in keys)


def histograms(series: Mapping[Key, Series]) -> tuple[Histogram, ...]:
    """Every series' histogram."""
    return tuple(
        Histogram(
            **key._asdict(),
            hdr=hdr(one.counts),
            service_hdr=hdr(one.service_counts) if one.moved else None,
            first_byte_hdr=hdr(one.first_bytes) if one.first_bytes else None,
        )
        for key, one in sorted(series.items())
    )


def slices(measured: Slices, began: float) -> tuple[Slice, ...]:
    """Every slice, its time counted from `began` [Unix s].

    What claims to have ended before the run ended in its first slice.
    """
    return tuple(
        Slice(
            t=round(max(second - began, -measured.width), 3),
            seconds=measured.width,
            method=key.method,
            name=key.name,
            phase=key.phase,
            requests=series.requests,
            failures=series.failures,
            total_ms=round(series.total_us / 1000, 3),
            counts=tuple(chain.from_iterable(sorted(series.counts.items()))),
        )
        for key, second, series in measured.items()
    )


def health(vitals: Vitals) -> Health:
    """How the processes that made the load fared."""
    return Health(cpu_avg=vitals.average, cpu_max=vitals.most, clock_drift=round(vitals.drift, 3))


def to_json(record: RunRecord) -> str:
    """The record as its file holds it: indented, but for the many slices, each on a line."""
    text = record.model_dump_json(indent=2, exclude={"slices"})
    lines = ",\n".join(f"    {one.model_dump_json()}" for one in record.slices)
    return f'{text[:-2]},\n  "slices": [\n{lines}\n  ]\n}}\n'


def hdr(counts: Counts) -> str:
    """Counts of microseconds as the record keeps a histogram."""
    text: str = as_histogram(counts).encode().decode()
    return text


def named(percentiles: Mapping[float, float]) -> dict[str, float]:
    """Values by the name of their percentile, such as `p99.9`."""
    return {f"p{quantile:g}": value for quantile, value in percentiles.items()}
