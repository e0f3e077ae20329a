"""The run record: everything that reports, comparisons and gates are made from.

`run.json` is this model; its JSON Schema is committed as `profiles/schema/run.json`. Times are in
milliseconds where a name ends in `_ms`, else in seconds; ratios are 0.0 to 1.0; moments are UTC.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

VERSION = 1


class Part(BaseModel):
    """Base of all parts of the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(Part):
    """The verdict, the sentences that explain it, and the exit code that goes with it."""

    verdict: str
    reasons: tuple[str, ...]
    exit_code: int
    causes: tuple[str, ...] = ()
    """Of an INVALID: its reasons in words of a closed list."""


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
    distribution: str = "constant"
    """How they lay in time."""


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
    stop_timeout: float = 0.0
    """Seconds that tasks were given to end when the load had; of several masters, the most."""
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

    @property
    def aimed_at(self) -> str:
        """The address, or all of them by name where they differ."""
        named = self.addresses
        if len(set(named.values())) < 2:
            return self.target
        return ", ".join(f"{name} {address}" for name, address in named.items())


def to_json(record: RunRecord) -> str:
    """The record as its file holds it: indented, but for the many slices, each on a line."""
    text = record.model_dump_json(indent=2, exclude={"slices"})
    lines = ",\n".join(f"    {one.model_dump_json()}" for one in record.slices)
    return f'{text[:-2]},\n  "slices": [\n{lines}\n  ]\n}}\n'
