"""A record of a long run with everything in it, drawn from a seed: what reports must cope with.

    python -m tests.report.samples FOLDER

writes one, for a look at what `gauntlet report FOLDER` makes of it.
"""

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from gauntlet.measure.histogram import grid
from gauntlet.measure.series import Key, Series
from gauntlet.report import entries, record
from gauntlet.report.record import RunRecord, Slice
from gauntlet.thresholds import evaluate, parse
from gauntlet.verdict import Evidence, judge

ENDPOINTS = (
    ("GET", "/health", 3.0),
    ("POST", "/predict?return_image=False", 42.0),
    ("POST", "/predict?return_image=True", 71.0),
    ("POST", "/predict (large image)", 160.0),
)
PHASES = (("ramp", 0.1), ("steady", 0.5), ("spike", 0.65), ("recovery", 1.0))
RULES = (
    "fail_ratio <= 1%",
    "p95 <= 500ms",
    "p99 <= 5s",
    "rps >= 10/s",
    'p95("/predict*") < 250ms',
    'p99("/none*") < 1s',
)
STARTED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def sample(
    seconds: int = 7200,
    seed: int = 1,
    rules: tuple[str, ...] = RULES,
    slower: float = 1.0,
    rate: float = 12.0,
    **changes: Any,
) -> RunRecord:
    """Four endpoints, `rate` requests per second each, at most 600 slices an endpoint."""
    random = np.random.default_rng(seed)
    width = max(seconds / 600, 1.0)
    series: dict[Key, Series] = {}
    slices: list[Slice] = []
    for method, name, median in ENDPOINTS:
        for index in range(int(seconds / width)):
            begin = index * width
            phase = next(name for name, end in PHASES if begin < end * seconds)
            load = {"ramp": 0.6, "steady": 1.0, "spike": 2.4, "recovery": 0.9}[phase]
            number = int(random.poisson(rate * width * load))
            slow = slower * (1 + 0.9 * (phase == "spike") + 0.15 * np.sin(index / 25))
            ms = random.lognormal(np.log(median * slow), 0.35, number)
            ms = np.where(random.random(number) < 0.004, ms * 12, ms)
            failed = int((random.random(number) < (0.03 if phase == "spike" else 0.0005)).sum())
            counts = Counter(grid(int(one * 1000)) for one in ms)
            slices.append(
                Slice(
                    t=begin,
                    seconds=width,
                    method=method,
                    name=name,
                    phase=phase,
                    requests=number,
                    failures=failed,
                    total_ms=float(ms.sum()),
                    counts=tuple(part for pair in sorted(counts.items()) for part in pair),
                )
            )
            server = f"server {index % 3 + 1}"
            own = series.setdefault(Key(method, name, server, phase), Series())
            starts = STARTED.timestamp() + begin + random.random(number)
            own.add_many(ms.tolist(), starts.tolist(), 4000 * number)
            own.failures += failed
            own.verified += number - failed
            for _ in range(failed):
                own.add_outcome("status" if random.random() < 0.7 else "timeout")
    return _record(series, slices, seconds, random, rules, changes)


def _record(
    series: dict[Key, Series],
    slices: list[Slice],
    seconds: int,
    random: np.random.Generator,
    rules: tuple[str, ...],
    changes: dict[str, Any],
) -> RunRecord:
    total = Series.merged(series.values())
    checks = evaluate([parse(rule) for rule in rules], series)
    judgement = judge(Evidence(total.requests, total.failures, 0, checks))
    phases = entries.table(series, "phase")
    order = [name for name, _ in PHASES]
    own_time = {"service_avg_ms": total.avg_ms * 0.9}
    service = {
        name: ms * 0.9 for name, ms in entries.statistics(Key("", ""), total).percentiles_ms.items()
    }
    parts: dict[str, Any] = {
        "gauntlet": "0.1.0",
        "locust": "2.47.0",
        "python": "3.11.7",
        "system": "predict",
        "profile": "endurance",
        "environment": "local",
        "target": "http://localhost:8000",
        "addresses": {},
        "started": STARTED,
        "ended": STARTED + timedelta(seconds=seconds),
        "duration": float(seconds),
        "planned": float(seconds),
        "peak_users": 48,
        "seed": 20260304,
        "tags": ("predict", "image"),
        "excluded_tags": (),
        "test_env": "staging",
        "test_version": "4.2.1",
        "description": "Two hours before the release",
        "mix": {"weights": {"health": 10, "predict": 60}, "wait": "100ms-500ms"},
        "fleet": record.Fleet(workers=2, lost=()),
        "iterations": None,
        "outcome": entries.outcome(judgement),
        "thresholds": tuple(map(entries.threshold_result, checks)),
        "total": entries.statistics(Key("", "Aggregated"), total).model_copy(
            update={**own_time, "service_percentiles_ms": service}
        ),
        "endpoints": entries.table(series, "name", "method"),
        "servers": entries.table(series, "server"),
        "phases": tuple(sorted(phases, key=lambda one: order.index(one.phase))),
        "sections": (
            record.Section(
                title="Caching",
                figures=(
                    record.Figure(name="answers from a cache", value=0.31, shown="31%"),
                    record.Figure(name="gained by caching", value=12.4, shown="12.4 ms"),
                ),
            ),
        ),
        "histograms": entries.histograms(series),
        "failures": (
            record.Failure(
                method="POST", name=ENDPOINTS[1][1], text="expected status 200, got 503", count=211
            ),
            record.Failure(
                method="POST", name=ENDPOINTS[3][1], text="no answer within 5 s", count=64
            ),
        ),
        "user_errors": {},
        "preflight": (),
        "timeline": tuple(_timeline(slices, seconds, random)),
        "slices": tuple(slices),
        "arrivals": record.Arrivals(
            scheduled=total.requests + 120,
            started=total.requests,
            late=340,
            dropped=120,
            most_waiting=23,
            late_ms={"p50": 0.2, "p95": 3.1, "p99": 88.0},
        ),
        "health": record.Health(cpu_avg=41.0, cpu_max=73.0, clock_drift=0.002),
        "diagnosis": (
            "Above 40 users the rate stays at 96/s while p95 doubles: the target is saturated.",
            "Server 2 fails three times as often as the others.",
        ),
        "target_metrics": (
            record.TargetMetric(
                name="process_cpu_percent",
                points=tuple(
                    (float(t), 40 + 30 * float(np.sin(t / 300)) ** 2) for t in range(0, seconds, 5)
                ),
            ),
            record.TargetMetric(
                name="inference_queue_length",
                points=tuple((float(t), float(random.poisson(3))) for t in range(0, seconds, 5)),
            ),
        ),
        "slowest": tuple(
            record.Slow(
                t=seconds * 0.55 + index,
                method="POST",
                name=ENDPOINTS[3][1],
                server=f"server {index % 3 + 1}",
                phase="spike",
                response_ms=5003.2 - 97 * index,
                outcome="timeout" if index < 3 else "",
            )
            for index in range(20)
        ),
    }
    return RunRecord(**{**parts, **changes})


def _timeline(
    slices: list[Slice], seconds: int, random: np.random.Generator
) -> list[record.Moment]:
    ended = np.zeros(seconds + 1)
    failed = np.zeros(seconds + 1)
    for one in slices:
        ended[min(int(one.t + one.seconds), seconds)] += one.requests
        failed[min(int(one.t + one.seconds), seconds)] += one.failures
    requests, failures = np.cumsum(ended), np.cumsum(failed)
    moments = []
    for t in range(0, seconds, max(seconds // 3600, 1)):
        share = t / seconds
        wanted = 20 * min(share * 10, 1) + 28 * (0.5 <= share < 0.65)
        spike = 0.5 <= share < 0.65
        moments.append(
            record.Moment(
                t=float(t),
                users=round(wanted),
                requests=int(requests[t]),
                failures=int(failures[t]),
                wanted=float(wanted),
                waiting=int(random.poisson(9)) if spike else 0,
                dropped=int(max(share - 0.55, 0) * 1200) if share < 0.65 else 120,
                cpu=float(25 + 30 * min(share * 10, 1) + 15 * spike + random.normal(0, 2)),
            )
        )
    return moments


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    (place / "run.json").write_text(sample().model_dump_json(), encoding="utf-8")
