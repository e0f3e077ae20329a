"""What a run's figures say of its target, in words: throughput, failures, who was slow first. Pure.

    throughput rose with the load: 10/s at 10 users, 96/s at 100 users, in spike, 10s into the run
    throughput was on a plateau from 50 users on, in ramp, 20s into the run: 52/s, then 54/s at …
    throughput fell beyond 50 users, in ramp, 30s into the run: 52/s, then 31/s at 100 users
    throughput fell behind the load: 126/s of 200/s at 200 arrivals/s, in rush, 5s into the run
    failures 1-5%: 2.3% of all requests, first in spike, 41s into the run, most in spike (4.1%)
    first over budget: POST /predict, p95 3.1s in 10s against p95 <= 2s, in spike, 24s into the run

Throughput is that of requests that succeeded. The load is cut into four equal bands from 0 to its
peak; a band counts with two seconds or more. Where throughput follows the last step by half of the
load's growth or more it rose, by less it is on a plateau; a tenth below its best band it fell. The
time is when the load was there first: at its most, where the plateau begins, beyond the best band.
What ends in a band beyond what its arrivals make was caught up from before: it decides nothing.
The target fell behind where a tenth of what the arrivals make did not end while they were at their
most, nor in the later half of that time: what only takes long ends there as often as they come.
"""

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gauntlet.measure.series import Key, Series
from gauntlet.report.record import Moment, RunRecord, Slice
from gauntlet.text import counted
from gauntlet.thresholds import Threshold, parse, value_of
from gauntlet.units import format_duration

BANDS = 4
LEAST_S = 2.0
"""Seconds that a band of the load needs."""
RISING, FALLING = 0.5, 0.9
FAILURES = ((0.01, "under 1%"), (0.05, "1-5%"), (0.2, "5-20%"), (1.0, "over 20%"))
WINDOW_S = 10.0
LEAST = 5
"""Requests in a window that can say that an endpoint is slow."""


class Band(NamedTuple):
    """Load, throughput in requests per second, and when the load was there first."""

    load: float
    rate: float
    since: float


def diagnose(record: RunRecord) -> tuple[str, ...]:
    """The sentences about a run; none where nothing was measured."""
    if not record.total.requests:
        return ()
    return (*_throughput(record), _failures(record), *_first_over(record))


# -- throughput against load ---------------------------------------------------------------------


def _throughput(record: RunRecord) -> Iterator[str]:
    by_rate = record.arrivals is not None
    bands = load_bands(record.timeline, record.slices, by_rate)

    def at(load: float) -> str:
        return f"{load:.3g} arrivals/s" if by_rate else counted(round(load), "user")

    if bands and not any(band.rate for band in bands):
        yield "throughput was 0/s: no request succeeded"
        return
    most = _per_arrival(record) if by_rate else math.inf
    behind = _behind(record, most) if by_rate else ""
    if len(bands) < 2:
        for load, rate, since in bands:
            if behind:
                yield f"{behind} at {at(load)}, {_when(record, since)}"
            else:
                yield f"throughput was {_rate(rate)} at {at(load)}; the load hardly changed"
        return
    own = {band: min(band.rate, most * band.load) for band in bands}
    (first, low, _), (last, high, reached) = bands[0], bands[-1]
    best = max(bands, key=own.__getitem__)
    then = f"then {_rate(high)} at {at(last)}"
    if own[bands[-1]] < FALLING * own[best]:
        when = _when(record, min(band.since for band in bands if band.load > best.load))
        yield f"throughput fell beyond {at(best.load)}, {when}: {_rate(best.rate)}, {then}"
    elif _follows(*(band._replace(rate=own[band]) for band in bands[-2:])) < RISING:
        start = next(band for band in bands if own[band] >= FALLING * own[best])
        if start == bands[-1]:  # it grew, and by far less than the load
            start = bands[-2]
        where = f"from {at(start.load)} on, {_when(record, start.since)}"
        yield f"throughput was on a plateau {where}: {_rate(start.rate)}, {then}"
    elif behind:
        yield f"{behind} at {at(last)}, {_when(record, reached)}"
    else:
        rose = f"{_rate(low)} at {at(first)}, {_rate(high)} at {at(last)}"
        yield f"throughput rose with the load: {rose}, {_when(record, reached)}"


def load_bands(
    timeline: Sequence[Moment], slices: Sequence[Slice], by_rate: bool = False
) -> list[Band]:
    """Each band of the load with its mean load and throughput, the lowest first.

    The load is that of the moments. Requests are those of the slices: a master's moments know of
    them a report later.
    """
    edges, made = _cumulative(slices)
    found: dict[int, list[tuple[float, float, float]]] = {}
    since: dict[int, float] = {}
    spans = [(one, two, _load(one, two, by_rate)) for one, two in pairwise(timeline)]
    peak = max((load for *_, load in spans), default=0.0)
    for before, after, load in spans:
        if load > 0:
            band = math.ceil(BANDS * load / peak)
            since.setdefault(band, before.t)
            low, high = np.interp([before.t, after.t], edges, made)
            found.setdefault(band, []).append((after.t - before.t, load, float(high - low)))
    bands = []
    for band, moments in sorted(found.items()):
        seconds = sum(span for span, *_ in moments)
        if seconds >= LEAST_S:
            load = sum(span * load for span, load, _ in moments) / seconds
            rate = sum(made for *_, made in moments) / seconds
            bands.append(Band(load, rate, since[band]))
    return bands


def _load(before: Moment, after: Moment, by_rate: bool) -> float:
    """Users, or arrivals per second; 0 where a closed phase takes part of the time."""
    if not by_rate:
        return after.users
    return 0.0 if before.wanted is None else after.wanted or 0.0


def _per_arrival(record: RunRecord) -> float:
    """Requests that an arrival makes, whatever became of them, and when."""
    edges, made = _cumulative(record.slices, failed=True)
    spans = [
        (before.t, after.t)
        for before, after in pairwise(record.timeline)
        if _load(before, after, by_rate=True)
    ]
    if spans and record.duration - spans[-1][1] < LEAST_S:  # only the load's last requests follow
        spans[-1] = spans[-1][0], max(spans[-1][1], edges[-1])
    requests = float(np.diff(np.interp(spans, edges, made)).sum()) if spans else 0.0
    return requests / max(record.arrivals.started if record.arrivals else 0, 1)


def _behind(record: RunRecord, most: float) -> str:
    """What succeeded of what the most arrivals make; empty where no less ended than that.

    A rate that grows has no such time: what ends there was due when fewer came.
    """
    spans = [
        (one.t, two.t, _load(one, two, by_rate=True)) for one, two in pairwise(record.timeline)
    ]
    peak = max((load for *_, load in spans), default=0.0)
    highest = [span[:2] for span in spans if span[2] > 0.999 * peak]
    seconds = float(np.diff(highest).sum()) if highest else 0.0
    if seconds < LEAST_S:
        return ""
    ended = np.diff(np.interp(highest, *_cumulative(record.slices, failed=True)))
    due = most * peak * np.diff(highest)
    half = len(highest) // 2
    if any(ended[at:].sum() >= FALLING * due[at:].sum() for at in (0, half)):
        return ""
    good = np.diff(np.interp(highest, *_cumulative(record.slices)))
    of = f"{_rate(float(good.sum()) / seconds)} of {_rate(float(due.sum()) / seconds)}"
    return f"throughput fell behind the load: {of}"


def _cumulative(slices: Sequence[Slice], failed: bool = False) -> tuple[list[float], list[float]]:
    """Seconds of the run, and the requests that had succeeded, or `failed` too, by then."""
    counts: Counter[float] = Counter()
    for one in slices:
        counts[one.t] += one.requests - (0 if failed else one.failures)
    wide, edges, made = slices[0].seconds if slices else 1.0, [0.0], [0.0]
    for t, count in sorted(counts.items()):
        edges += [max(t, edges[-1]), max(t + wide, edges[-1])]
        made += [made[-1], made[-1] + count]
    return edges, made


def _follows(before: Band, after: Band) -> float:
    """How much of the load's growth the throughput made, 1.0 for all of it."""
    if not before.rate:
        return 1.0
    return (after.rate / before.rate - 1) / (after.load / before.load - 1)


def _rate(value: float) -> str:
    return f"{value:.3g}/s"


def _when(record: RunRecord, t: float) -> str:
    """A second of the run, and the phase that had begun by then or begins within it."""
    begun: dict[str, float] = {}
    for one in record.slices:
        begun[one.phase] = min(one.t, begun.get(one.phase, math.inf))
    known = [(start, phase) for phase, start in begun.items() if start < t + 1]
    return _place(max(known, default=(t, ""))[1], t)


def _place(phase: str, t: float) -> str:
    return f"in {phase}, {_at(t)} into the run" if phase else f"{_at(t)} into the run"


# -- failures ------------------------------------------------------------------------------------


def _failures(record: RunRecord) -> str:
    total = record.total
    if not total.failures:
        return "failures: none"
    band = next(name for limit, name in FAILURES if total.fail_ratio < limit or limit == 1.0)
    text = f"failures {band}: {total.fail_ratio:.2%} of all requests"
    failed = (one for one in record.slices if one.failures)
    first = min(failed, key=lambda one: one.t, default=None)
    if first is not None:
        text += f", first {_place(first.phase, first.t)}"
    worst = max(record.phases, key=lambda phase: phase.fail_ratio, default=None)
    if worst is not None and len(record.phases) > 1:
        text += f", most in {worst.phase} ({worst.fail_ratio:.2%})"
    return text


# -- the first endpoint over its budget ----------------------------------------------------------


def _first_over(record: RunRecord) -> Iterator[str]:
    rules = [parse(one.rule) for one in record.thresholds if not one.rule.startswith("target(")]
    budgets = [rule for rule in rules if rule.kind == "time" and _is_budget(rule)]
    if not budgets:
        return
    found = [over for rule in budgets if (over := first_over(record.slices, rule)) is not None]
    if not found:
        yield "no endpoint went over its budget"
        return
    t, key, text = min(found)
    name = key.name if key.name.startswith(f"{key.method} ") else f"{key.method} {key.name}"
    yield f"first over budget: {name}, {text}, {_place(key.phase, t)}"


def _is_budget(rule: Threshold) -> bool:
    measured = rule.quantile is not None or rule.metric in ("avg", "max")
    return measured and rule.op.startswith("<") and not (rule.inner or "service" in rule.metric)


def first_over(slices: Sequence[Slice], rule: Threshold) -> tuple[float, Key, str] | None:
    """When the first endpoint alone broke a rule within a window, which one, and how slow it was.

    The share of requests over the limit is looked at first: it costs less than a percentile.
    """
    windows: dict[Key, deque[tuple[Slice, int, int]]] = {}
    for one in sorted(slices, key=lambda one: one.t):
        key = Key(one.method, one.name, "", one.phase)
        if not rule.matches(key):
            continue
        window = windows.setdefault(key, deque())
        window.append((one, *_timed_and_over(one, rule.limit * 1_000_000)))
        length = max(WINDOW_S, one.seconds)
        while one.t + one.seconds - window[0][0].t > length:
            window.popleft()
        timed, over = sum(part[1] for part in window), sum(part[2] for part in window)
        if timed < LEAST or not over or not _may_be_over(rule, timed, over):
            continue
        value = value_of(rule, _series([part[0] for part in window]))
        if value > rule.limit:
            took = f"{rule.metric} {rule.show(value)} in {format_duration(length)}"
            return max(one.t, 0.0), key, f"{took} against {rule.text}"
    return None


def _may_be_over(rule: Threshold, timed: int, over: int) -> bool:
    """Whether so many requests over the limit may put the figure over it, too."""
    return rule.quantile is None or over + 1 >= timed * (1 - rule.quantile / 100)


def _timed_and_over(one: Slice, limit_us: float) -> tuple[int, int]:
    """Requests that told a time, and those that took longer than a limit."""
    times, counts = one.counts[::2], one.counts[1::2]
    return sum(counts), sum(n for us, n in zip(times, counts, strict=True) if us > limit_us)


def _series(slices: Sequence[Slice]) -> Series:
    whole = Series()
    for one in slices:
        counts = dict(zip(one.counts[::2], one.counts[1::2], strict=True))
        highest = float(max(counts, default=0))
        timed = sum(counts.values())
        part = Series(one.requests, one.requests - timed, total_us=one.total_ms * 1000)
        part.min_us, part.max_us, part.counts = float(min(counts, default=0)), highest, counts
        whole.merge(part)
    return whole


def _at(t: float) -> str:
    return format_duration(round(t)) if t >= 0.5 else "0s"
