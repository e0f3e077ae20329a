"""Runs as they might have been: seconds that hang together, and runs that differ."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from gauntlet.measure.series import Key, Series
from gauntlet.report import entries
from gauntlet.report.record import RunRecord, Slice
from gauntlet.verdict import Evidence, judge
from tests.report.usual import USUAL

ENDPOINTS = {"/health": (60.0, 4_000.0, 0.25), "/predict": (120.0, 40_000.0, 0.35)}
"""Requests per second, median in microseconds, and spread of the logarithm of a response time."""


def simulate(
    source: np.random.Generator,
    *,
    ramp: int = 8,
    steady: int = 100,
    slower: Mapping[str, float] | None = None,
    rate: float = 1.0,
    failing: float = 0.0,
    autocorrelation: float = 0.6,
    from_second_to_second: float = 0.05,
    from_run_to_run: float = 0.005,
    **changes: Any,
) -> RunRecord:
    """One run of two endpoints: a load that drifts, and a level of its own for each run.

    `slower` multiplies response times by endpoint; the two shares are standard deviations of
    logarithms, autocorrelated from one second to the next, and shared by all endpoints.
    """
    level = source.normal(0, from_run_to_run)
    count, drift = ramp + steady, np.zeros(ramp + steady)
    shocks = source.normal(0, from_second_to_second, count)
    shocks *= np.sqrt(1 - autocorrelation**2)
    for at in range(count):
        drift[at] = (autocorrelation * drift[at - 1] if at else 0.0) + shocks[at]
    slices = []
    for name, (rps, median, spread) in ENDPOINTS.items():
        factor = (slower or {}).get(name, 1.0)
        for at in range(count):
            share = min(1.0, (at + 1) / ramp) if at < ramp else 1.0
            requests = int(source.poisson(rps * rate * share * np.exp(-drift[at] / 4)))
            if not requests:
                continue
            times = median * factor * np.exp(level + drift[at] + source.normal(0, spread, requests))
            slices.append(
                _slice(at, name, "ramp" if at < ramp else "steady", times, source, failing)
            )
    return run_record(**{"slices": tuple(slices), "duration": float(count), **changes})


def _slice(
    at: int, name: str, phase: str, times: Any, source: np.random.Generator, failing: float
) -> Slice:
    series = Series()
    series.add_many((times / 1000).tolist(), [], 0)
    return Slice(
        t=float(at),
        seconds=1.0,
        method="GET",
        name=name,
        phase=phase,
        requests=series.requests,
        failures=int(source.binomial(series.requests, failing)),
        total_ms=series.total_us / 1000,
        counts=tuple(part for pair in sorted(series.counts.items()) for part in pair),
    )


def run_record(**changes: Any) -> RunRecord:
    """A record with the given parts and otherwise usual ones."""
    series = Series()
    for at in range(20):
        series.add(10.0 + at, False, 1_790_000_000 + at, 1000)
    started = changes.pop("started", USUAL["started"])
    duration = changes.pop("duration", USUAL["duration"])
    verdict = judge(Evidence(20, 0, 0, ()))
    parts: dict[str, Any] = {
        **USUAL,
        "started": started,
        "ended": started + timedelta(seconds=duration),
        "duration": duration,
        "planned": duration,
        "mix": {"weights": {"health": 1}},
        "outcome": entries.outcome(verdict),
        "thresholds": (),
        "total": entries.statistics(Key("", "Aggregated"), series),
        "endpoints": entries.table({Key("GET", "/health"): series}, "name", "method"),
        "servers": (),
        "phases": (),
        "histograms": (),
    }
    return RunRecord(**{**parts, **changes})
