"""The charts of a record: what happened over time, and the percentiles of one or several runs."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np

from gauntlet.measure.histogram import Counts, added, arrays, counts_of
from gauntlet.report.html import axes, columns
from gauntlet.report.html.charts import Chart, Points, draw
from gauntlet.report.html.figures import clock, count, milliseconds
from gauntlet.report.html.heat import paint
from gauntlet.report.record import Moment, RunRecord, Slice, Statistics

DRAWN = 40
"""Most endpoints that have charts of their own, those with most requests; tables have all."""
STYLES = tuple("abcdef")
"""Of the lines: a colour and dashes each."""
_PER_DECADE = 40
"""Points of a percentile curve for each nine."""
_QUANTILES = (("p50", 50.0, "a"), ("p95", 95.0, "b"), ("p99", 99.0, "c"))


One = TypeVar("One")


class Named(NamedTuple):
    """A chart and what it is about."""

    name: str
    chart: Chart


def over_time(record: RunRecord) -> list[Chart]:
    """Users, requests, response times, arrivals and the generator, on one axis of time."""
    end = columns.end_of(record)
    across, spans = axes.seconds(end), columns.phases(record)
    moments = _thinned(record.timeline)
    at = [one.t for one in moments]

    def chart(title: str, *lines: Points, height: int = 96) -> Chart:
        return draw(title, across, lines, at=clock, spans=spans, height=height)

    def told(name: str, style: str, value: Callable[[Moment], float | None]) -> Points:
        return Points(name, style, at, [value(one) for one in moments])

    found: list[Chart] = []
    wanted = told("wanted", "e", lambda one: one.wanted)
    has_wanted = any(one.wanted is not None for one in moments)
    rates = list(_rates(record, end))
    if moments:
        lines = [wanted] if has_wanted and record.arrivals is None else []
        found.append(chart("Users", *lines, told("users", "a", lambda one: one.users)))
    if rates:
        found.append(chart("Requests per second", *rates))
    if record.slices:
        found.append(times_chart(record, "Response time, all endpoints", record.slices))
    if record.arrivals is not None:
        if has_wanted:
            found.append(chart("Arrivals wanted per second", wanted))
        found.append(chart("Arrivals waiting", told("waiting", "b", lambda one: one.waiting)))
        if record.arrivals.dropped:
            dropped = told("dropped", "c", lambda one: one.dropped)
            found.append(chart("Arrivals dropped so far", dropped))
    if any(one.cpu is not None for one in moments):
        cpu = told("% of one core", "d", lambda one: one.cpu)
        found.append(chart("CPU of the busiest generator process, % of a core", cpu))
    return found


def times_chart(record: RunRecord, title: str, slices: Sequence[Slice]) -> Chart:
    """The heat map of some slices with percentiles over it."""
    end = columns.end_of(record)
    laid = columns.lay(slices, end)
    heat = paint(laid, end)
    middles = [float(one) for one in laid.middles]
    lines = [
        Points(name, style, middles, laid.percentiles_ms(quantile))
        for name, quantile, style in _QUANTILES
    ]
    requests = [count(int(one)) for one in laid.requests]
    failures = [count(int(one)) for one in laid.failures]
    return draw(
        title,
        axes.seconds(end),
        lines,
        at=clock,
        show=milliseconds,
        up=axes.times(heat.low_ms, heat.high_ms) if heat else axes.times(1, 1000),
        height=200,
        spans=columns.phases(record),
        heat=heat,
        notes=[("requests", requests), ("failed", failures)],
    )


def by_endpoint(record: RunRecord) -> list[Named]:
    """A heat map for each endpoint, where there are several."""
    keys = [(one.method, one.name) for one in busiest(record.endpoints)]
    if len(record.endpoints) < 2 or not record.slices:
        return []
    own: dict[tuple[str, str], list[Slice]] = {key: [] for key in keys}
    for one in record.slices:
        if (one.method, one.name) in own:
            own[one.method, one.name].append(one)
    titles = {key: label(*key) for key in keys}
    return [
        Named(titles[key], times_chart(record, titles[key], slices))
        for key, slices in own.items()
        if slices
    ]


def target_metrics(record: RunRecord) -> list[Chart]:
    """What the target told of itself."""
    across, spans = axes.seconds(columns.end_of(record)), columns.phases(record)
    found = []
    for one in record.target_metrics[:DRAWN]:
        counter = one.name.partition("{")[0].endswith("_total")
        told = _per_second(one.points) if counter else one.points
        points = _thinned(told)
        line = Points(one.name, "d", [t for t, _ in points], [value for _, value in points])
        title = f"{one.name}, per second" if counter else one.name
        found.append(draw(title, across, [line], at=clock, spans=spans, height=80))
    return found


def _per_second(points: Sequence[tuple[float, float]]) -> list[tuple[float, float | None]]:
    """How fast a counter grew; None where it began anew."""
    return [
        ((t + later) / 2, (more - value) / (later - t) if more >= value else None)
        for (t, value), (later, more) in pairwise(points)
        if later > t
    ]


def percentiles(records: Sequence[RunRecord], names: Sequence[str]) -> list[Named]:
    """Percentile curves, of all requests and of each endpoint of the first record."""
    first = records[0]
    counted = [_counts(record) for record in records]
    found = []
    keys = [(one.method, one.name) for one in busiest(first.endpoints)]
    for key in [None, *(keys if len(keys) > 1 else [])]:
        lines, most = [], 1
        for name, record, counts, style in zip(
            names, records, counted, _repeated(len(records)), strict=True
        ):
            curve = _curve(record, counts, key)
            if curve:
                most = max(most, curve.requests)
                lines.append(Points(name, style, curve.shares, curve.times_ms))
        if lines:
            title = "All requests" if key is None else label(*key)
            found.append(Named(title, _percentile_chart(title, lines, most)))
    return found


def busiest(endpoints: Sequence[Statistics]) -> list[Statistics]:
    """The endpoints that have charts, in the order of the tables."""
    chosen = sorted(endpoints, key=lambda one: -one.requests)[:DRAWN]
    return [one for one in endpoints if one in chosen]


def label(method: str, name: str) -> str:
    """Method and name, the method once."""
    return name if name.startswith(f"{method} ") else f"{method} {name}".strip()


class _Curve(NamedTuple):
    shares: list[float]
    times_ms: list[float | None]
    requests: int


def _percentile_chart(title: str, lines: Sequence[Points], most: int) -> Chart:
    times = [value for one in lines for value in one.values if value]
    up = axes.times(min(times, default=1.0) / 1.1, max(times, default=1000.0) * 1.1)
    return draw(
        title,
        axes.quantiles(most),
        lines,
        at=lambda share: f"p{float(f'{share * 100:.6g}'):g}" if share < 1 else "slowest",
        show=milliseconds,
        up=up,
        height=180,
    )


def _counts(record: RunRecord) -> dict[tuple[str, str], Counts]:
    """Requests by time in microseconds, by endpoint."""
    found: dict[tuple[str, str], Counts] = {}
    for one in record.histograms:
        endpoint = one.method, one.name
        found[endpoint] = added(found.get(endpoint, {}), counts_of(one.hdr))
    return found


def _curve(
    record: RunRecord, counted: dict[tuple[str, str], Counts], key: tuple[str, str] | None
) -> _Curve | None:
    """The percentiles of an endpoint, or of all; from the table where there is no histogram."""
    counts: Counts = {}
    for endpoint, own in counted.items():
        if key in (None, endpoint):
            counts = added(counts, own)
    if counts:
        return _from_counts(counts)
    rows = [record.total] if key is None else record.endpoints
    for one in rows:
        if one.requests and (key is None or (one.method, one.name) == key):
            told = [(float(name[1:]) / 100, ms) for name, ms in one.percentiles_ms.items()]
            told = [(0.0, one.min_ms), *told, (1.0, one.max_ms)]
            return _Curve([share for share, _ in told], [ms for _, ms in told], one.requests)
    return None


def _from_counts(counts: Counts) -> _Curve:
    us, numbers = arrays(counts)
    reached = np.cumsum(numbers)
    total = int(reached[-1])
    steps = math.ceil(math.log10(total) * _PER_DECADE) if total > 1 else 1
    shares = [1 - 10 ** (-index / _PER_DECADE) for index in range(steps)] + [1.0]
    ranks = [min(max(math.ceil(share * total - 1e-9), 1), total) for share in shares]
    times = us[np.searchsorted(reached, ranks)]
    return _Curve(shares, [float(one) / 1000 for one in times], total)


def _rates(record: RunRecord, end: float) -> Iterable[Points]:
    """Requests and failures per second, of the slices or, without them, of the moments."""
    if record.slices:
        laid = columns.lay(record.slices, end)
        at = [float(one) for one in laid.middles]
        yield Points("requests/s", "a", at, _per_width(laid.requests, laid.width, record))
        if laid.failures.any():
            yield Points("failed/s", "c", at, _per_width(laid.failures, laid.width, record))
        return
    # Workers report every few seconds: in between the numbers stand still, and the load does not.
    told = [
        one
        for before, one in pairwise([None, *record.timeline])
        if before is None or (one is not None and one.requests != before.requests)
    ]
    pairs = [(a, b) for a, b in pairwise(_thinned(told)) if a and b and b.t > a.t]
    if pairs:
        at = [(a.t + b.t) / 2 for a, b in pairs]
        requests = [max(b.requests - a.requests, 0) / (b.t - a.t) for a, b in pairs]
        failures = [max(b.failures - a.failures, 0) / (b.t - a.t) for a, b in pairs]
        yield Points("requests/s", "a", at, requests)
        if any(failures):
            yield Points("failed/s", "c", at, failures)


def _per_width(numbers: columns.Whole, width: float, record: RunRecord) -> list[float | None]:
    """Per second. A run ends, or stands while it goes on, within the last column: that one counts
    for as long as it lasted, and not at all where that is under half of it."""
    rates: list[float | None] = [float(one) / width for one in numbers]
    lasted = record.duration - max(one.t for one in record.slices)
    if 0 <= lasted < width:
        rates[-1] = float(numbers[-1]) / lasted if lasted >= width / 2 else None
    return rates


def _thinned(many: Sequence[One]) -> Sequence[One]:
    """Every nth, so many that a chart can show them."""
    return many[:: max(math.ceil(len(many) / columns.MOST), 1)]


def _repeated(number: int) -> list[str]:
    return [STYLES[index % len(STYLES)] for index in range(number)]
