"""What was measured and judged, as the run record keeps it.

Percentiles of times are the `QUANTILES`, by names such as `p99.9`.
"""

import math
from collections.abc import Iterable, Mapping
from itertools import chain

from gauntlet.books import Count
from gauntlet.measure.histogram import Counts, as_histogram, percentiles_us
from gauntlet.measure.series import Key, Series, merge
from gauntlet.measure.slices import Slices
from gauntlet.report.record import (
    Arrivals,
    Health,
    Histogram,
    Outcome,
    Slice,
    Statistics,
    ThresholdResult,
)
from gauntlet.thresholds import Check
from gauntlet.verdict import Judgement
from gauntlet.vitals import Vitals

QUANTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
NO_SAMPLES = "no samples"
"""What is shown of a rule that nothing was measured for."""


def outcome(judgement: Judgement) -> Outcome:
    """A judgement as the record keeps it."""
    return Outcome(
        verdict=judgement.verdict.value,
        reasons=judgement.reasons,
        exit_code=int(judgement.exit_code),
        causes=tuple(map(str, judgement.causes)),
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


def arrivals(count: Count, distribution: str, final: bool = True) -> Arrivals:
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
        distribution=distribution,
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


def hdr(counts: Counts) -> str:
    """Counts of microseconds as the record keeps a histogram."""
    text: str = as_histogram(counts).encode().decode()
    return text


def named(percentiles: Mapping[float, float]) -> dict[str, float]:
    """Values by the name of their percentile, such as `p99.9`."""
    return {f"p{quantile:g}": value for quantile, value in percentiles.items()}
