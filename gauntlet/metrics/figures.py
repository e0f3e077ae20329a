"""What the endpoint tells: figures of the run that goes on, or of the last one, as metric families.

    gauntlet_run_*          the whole run: verdict and its causes, time, users, rate, percentiles
    gauntlet_threshold_*    each rule's value, limit, margin and whether it holds
    gauntlet_requests_total, gauntlet_failed_requests_total, gauntlet_response_time_seconds,
    gauntlet_endpoint_response_time_seconds
                            by method and name
    gauntlet_failures_total by class, from the system's closed list
    gauntlet_generator_*, gauntlet_workers
                            how the processes that make the load fare

Times are in seconds and ratios 0 to 1. The two summaries have percentiles of the whole run, from
the merged histograms of all workers; the buckets of the histogram are for those of a window.
Labels are bounded: the first ENDPOINTS names have series of their own, the rest shares one.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import gevent
from locust.env import Environment
from locust.runners import MasterRunner
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

import gauntlet
from gauntlet.causes import Cause
from gauntlet.measure.recorder import Recorder
from gauntlet.measure.series import Key, Series
from gauntlet.report.entries import outcome, threshold_result
from gauntlet.report.record import Moment, Outcome, RunRecord, ThresholdResult
from gauntlet.run import Run
from gauntlet.verdict import Verdict

ENDPOINTS = 100
"""Endpoints with series of their own, in the order in which they first came."""

OTHER = ("", "other")
QUANTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
BUCKETS = (
    *(0.001, 0.0015, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0),
)
"""Upper bounds in seconds; none is more than 1.7 times the one before."""

STATES = ("ready", "spawning", "running", "missing")

_NAMES = ("method", "name")


class Judging(Protocol):
    """The run that goes on, or the record of the last one."""

    run: Run | None
    record: RunRecord | None


class Sight(NamedTuple):
    """What is known of a run, while it goes on and after."""

    labels: Sequence[str]
    outcome: Outcome | None
    thresholds: Sequence[ThresholdResult]
    elapsed: float
    planned: float | None


class Figures:
    """Collects for prometheus_client; lets all others go on between two endpoints."""

    def __init__(self, environment: Environment, judge: Judging, recorder: Recorder) -> None:
        self._environment = environment
        self._judge = judge
        self._recorder = recorder

    def collect(self) -> Iterator[Metric]:
        """Every family of the moment."""
        yield from self._of_run()
        yield from self._of_generator()
        yield from self._of_series()

    # -- the run -----------------------------------------------------------------------------------

    def _sight(self) -> Sight | None:
        run, record = self._judge.run, self._judge.record
        if run is not None:
            plan, moment = run.plan, run.moment()
            judged = outcome(run.judgement()) if moment.requests else None
            labels = plan.system, plan.profile_name, plan.environment
            thresholds = [threshold_result(check) for check in run.checks()]
            return Sight(_texts(labels), judged, thresholds, moment.t, plan.planned)
        if record is not None:
            labels = record.system, record.profile, record.environment
            return Sight(
                _texts(labels),
                record.outcome,
                record.thresholds,
                record.duration,
                record.planned,
            )
        return None

    def _of_run(self) -> Iterator[Metric]:
        sight, run = self._sight(), self._judge.run
        yield _gauge("run_active", "1 while a run goes on", 1.0 if run is not None else 0.0)
        if sight is None:
            return
        info = GaugeMetricFamily(
            "gauntlet_run_info",
            "What is run; always 1",
            labels=("version", "system", "profile", "environment"),
        )
        info.add_metric([gauntlet.__version__, *sight.labels], 1)
        yield info
        yield _gauge("run_elapsed_seconds", "Since the start of the load", sight.elapsed)
        if sight.planned is not None:
            yield _gauge("run_planned_seconds", "How long the load is to last", sight.planned)
        verdict = GaugeMetricFamily(
            "gauntlet_run_verdict", "1 for the verdict so far, or the last one", labels=("verdict",)
        )
        cause = GaugeMetricFamily(
            "gauntlet_run_verdict_cause", "1 for what makes it INVALID", labels=("cause",)
        )
        for one in Verdict:
            verdict.add_metric([one], bool(sight.outcome and one == sight.outcome.verdict))
        for why in Cause:
            cause.add_metric([why], bool(sight.outcome and why in sight.outcome.causes))
        yield from (verdict, cause)
        yield from _thresholds(sight.thresholds)
        if run is not None:
            yield from of_moment(run.moment(), run.is_open)

    # -- the generator -----------------------------------------------------------------------------

    def _of_generator(self) -> Iterator[Metric]:
        runner = self._environment.runner
        if runner is None:
            return
        yield _gauge("run_users", "Users that run", runner.user_count)
        if isinstance(runner, MasterRunner):
            workers = list(runner.clients.values())
            family = GaugeMetricFamily("gauntlet_workers", "By state", labels=("state",))
            for state in STATES:
                family.add_metric([state], sum(one.state == state for one in workers))
            yield family
            busiest = max((one.cpu_usage for one in workers), default=0)
            memory = sum(one.memory_usage for one in workers)
        else:
            busiest, memory = runner.current_cpu_usage, runner.current_memory_usage
        told = self._judge.run.moment().cpu if self._judge.run is not None else None
        if memory:  # measured every few seconds, from the first of them on
            share = (busiest if told is None else told) / 100
            yield _gauge("generator_cpu_ratio", "Share of one core, of the busiest process", share)
            yield _gauge("generator_memory_bytes", "Of all processes that make load", memory)

    # -- requests ----------------------------------------------------------------------------------

    def _of_series(self) -> Iterator[Metric]:
        endpoints: dict[tuple[str, str], Series] = {}
        for key, series in list(self._recorder.series.items()):
            endpoints.setdefault(_endpoint(key, endpoints), Series()).merge(series)
            breathe()
        total = Series()
        for series in endpoints.values():
            total.merge(series)
            breathe()
        yield _gauge("run_fail_ratio", "Failures over requests", total.fail_ratio)
        yield _gauge("run_requests_per_second", "Over the whole run", total.rps)
        whole = Metric("gauntlet_run_response_time_seconds", "Of the whole run", "summary")
        _summarise(whole, {}, total)
        yield whole
        failures = CounterMetricFamily(
            "gauntlet_failures", "Failed requests by class", labels=("outcome",)
        )
        for one, count in sorted(total.outcomes.items()):
            failures.add_metric([one], count)
        yield failures
        yield from _by_endpoint(endpoints)


def _by_endpoint(endpoints: Mapping[tuple[str, str], Series]) -> Iterator[Metric]:
    requests = CounterMetricFamily("gauntlet_requests", "Requests, failed ones too", labels=_NAMES)
    failed = CounterMetricFamily("gauntlet_failed_requests", "Failed requests", labels=_NAMES)
    whole = Metric("gauntlet_endpoint_response_time_seconds", "Of the whole run", "summary")
    times = HistogramMetricFamily("gauntlet_response_time_seconds", "Response times", labels=_NAMES)
    for labels, series in endpoints.items():
        requests.add_metric(labels, series.requests)
        failed.add_metric(labels, series.failures)
        _summarise(whole, dict(zip(_NAMES, labels, strict=True)), series)
        times.add_metric(labels, buckets(series), series.total_us / 1e6)
        breathe()
    yield from (requests, failed, whole, times)


def buckets(series: Series) -> list[tuple[str, float]]:
    """Requests up to each bound, and all that told their time."""
    counts = [0] * (len(BUCKETS) + 1)
    for slot, count in list(series.counts.items()):
        counts[bisect_left(BUCKETS, slot / 1e6)] += count
    found, so_far = [], 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        so_far += count
        found.append((bound, float(so_far)))
    return found


def _thresholds(results: Sequence[ThresholdResult]) -> Iterator[Metric]:
    """A rule that matched nothing yet has a limit alone."""
    names = ("rule", "metric")
    value = GaugeMetricFamily("gauntlet_threshold_value", "What the rule judges", labels=names)
    limit = GaugeMetricFamily("gauntlet_threshold_limit", "What the rule allows", labels=names)
    held = GaugeMetricFamily("gauntlet_threshold_held", "1 while the rule holds", labels=names)
    margin = GaugeMetricFamily(
        "gauntlet_threshold_margin_ratio", "How far inside its limit; below 0 beyond", labels=names
    )
    for one in {result.rule: result for result in results}.values():
        labels = one.rule, one.metric
        limit.add_metric(labels, one.limit)
        if one.value is not None:
            value.add_metric(labels, one.value)
            held.add_metric(labels, float(one.held))
        if one.margin is not None:
            margin.add_metric(labels, one.margin)
    yield from (value, limit, held, margin)


def of_moment(moment: Moment, is_open: bool) -> Iterator[Metric]:
    """What only a run that goes on can tell: what its curve wants, in users or in arrivals."""
    if moment.wanted is not None and is_open:
        yield _gauge("run_arrivals_wanted_per_second", "Arrivals of the curve", moment.wanted)
    elif moment.wanted is not None:
        yield _gauge("run_users_wanted", "Users of the curve", moment.wanted)
    yield _gauge("run_arrivals_waiting", "Arrivals that no user was free for", moment.waiting)
    dropped = CounterMetricFamily("gauntlet_run_arrivals_dropped", "Arrivals given up")
    dropped.add_metric([], moment.dropped)
    yield dropped


def _endpoint(key: Key, known: Mapping[tuple[str, str], Series]) -> tuple[str, str]:
    """The labels of a series: its own, or those that are shared where there are enough."""
    labels = _clean(key.method), _clean(key.name)
    return labels if labels in known or len(known) < ENDPOINTS else OTHER


def _clean(text: str) -> str:
    """What can be written as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _summarise(family: Metric, labels: dict[str, str], series: Series) -> None:
    """Percentiles, sum and count; none of them where no request told its time."""
    if not series.timed:
        return
    for quantile, ms in series.percentiles_ms(QUANTILES).items():
        shown = {**labels, "quantile": f"{quantile / 100:g}"}
        family.add_sample(family.name, shown, ms / 1000)
    family.add_sample(f"{family.name}_sum", labels, series.total_us / 1e6)
    family.add_sample(f"{family.name}_count", labels, series.timed)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gauntlet_{name}", text, value=value)


def _texts(labels: Sequence[str | None]) -> list[str]:
    return [one or "none" for one in labels]


def breathe() -> None:
    """Let users go on; gevent looks at its timers after a real pause alone."""
    gevent.sleep(0.0001)
