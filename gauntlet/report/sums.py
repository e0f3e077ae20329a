"""What several records count besides requests, as one; `gauntlet.report.merging` uses it.

Counts add up. What does not is told of each master by itself, and never left out.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from gauntlet.measure.histogram import Counts, counts_of, percentiles_us
from gauntlet.measure.slowest import MOST
from gauntlet.report import entries
from gauntlet.report import record as parts
from gauntlet.report.record import Figure, RunRecord, Section


def added(several: Iterable[dict[Any, int]]) -> Counter[Any]:
    """Counts of all."""
    whole: Counter[Any] = Counter()
    for one in several:
        whole.update(one)
    return whole


def failures(records: Sequence[RunRecord]) -> tuple[parts.Failure, ...]:
    """Failure texts of all."""
    found: Counter[tuple[str, str, str]] = Counter()
    for one in chain.from_iterable(record.failures for record in records):
        found[one.method, one.name, one.text] += one.count
    return tuple(
        parts.Failure(method=method, name=name, text=text, count=count)
        for (method, name, text), count in found.items()
    )


def slowest(records: Sequence[RunRecord]) -> tuple[parts.Slow, ...]:
    """The slowest requests of all."""
    every = chain.from_iterable(one.slowest for one in records)
    return tuple(heapq.nlargest(MOST, every, key=lambda one: one.response_ms))


def fleet(records: Sequence[RunRecord]) -> parts.Fleet:
    """All workers, numbered on; a master without any is one process that made load itself."""
    members: list[parts.Member] = []
    for one in records:
        start = len(members)
        members += [
            member.model_copy(update={"index": start + place})
            for place, member in enumerate(one.fleet.members)
        ]
    return parts.Fleet(
        workers=sum(one.fleet.workers for one in records),
        lost=tuple(
            f"master {number}: {name}"
            for number, one in enumerate(records, 1)
            for name in one.fleet.lost
        ),
        cut=sum(one.fleet.cut for one in records),
        members=tuple(members),
    )


def iterations(records: Sequence[RunRecord]) -> parts.IterationCount | None:
    """Iterations of all."""
    counts = [one.iterations for one in records if one.iterations is not None]
    if not counts:
        return None
    names = parts.IterationCount.model_fields
    return parts.IterationCount(**{name: sum(getattr(c, name) for c in counts) for name in names})


def arrivals(records: Sequence[RunRecord]) -> parts.Arrivals | None:
    """Arrivals of all; as with the workers of one master, `most_waiting` is the sum of each's."""
    told = [one.arrivals for one in records if one.arrivals is not None]
    if not told:
        return None
    late: Counts = added(counts_of(one.late_hdr) for one in told if one.late_hdr is not None)
    names = ("scheduled", "started", "late", "dropped", "most_waiting")
    return parts.Arrivals(
        **{name: sum(getattr(one, name) for one in told) for name in names},
        late_ms=entries.named(
            {q: us / 1000 for q, us in percentiles_us(late, entries.QUANTILES).items()}
        ),
        late_hdr=entries.hdr(late),
        distribution=told[0].distribution,
    )


def health(records: Sequence[RunRecord]) -> parts.Health | None:
    """How the busiest process of all fared."""
    told = [one.health for one in records if one.health is not None]
    if not told:
        return None
    averages = [one.cpu_avg for one in told if one.cpu_avg is not None]
    return parts.Health(
        cpu_avg=max(averages, default=None),
        cpu_max=max((one.cpu_max for one in told if one.cpu_max is not None), default=None),
        clock_drift=max(one.clock_drift for one in told),
    )


def target_metrics(records: Sequence[RunRecord]) -> tuple[parts.TargetMetric, ...]:
    """What the one target told: each series as the first master heard it that did."""
    heard: dict[str, parts.TargetMetric] = {}
    for one in chain.from_iterable(record.target_metrics for record in records):
        heard.setdefault(one.name, one)
    return tuple(heard.values())


# -- what users measured besides -----------------------------------------------------------------


def sections(records: Sequence[RunRecord]) -> tuple[Section, ...]:
    """Sections of all by title, and in each the figures of all by name."""
    titles = dict.fromkeys(one.title for record in records for one in record.sections)
    return tuple(_section(title, records) for title in titles)


def _section(title: str, records: Sequence[RunRecord]) -> Section:
    told: dict[str, dict[int, Figure]] = {}
    for number, record in enumerate(records, 1):
        for one in record.sections:
            if one.title == title:
                for figure in one.figures:
                    told.setdefault(figure.name, {})[number] = figure
    return Section(
        title=title,
        figures=tuple(_figure(name, figures, len(records)) for name, figures in told.items()),
    )


def _figure(name: str, told: dict[int, Figure], masters: int) -> Figure:
    """The sum of counts; what all say alike; else what each says."""
    first = next(iter(told.values()))
    counts = [one.value for one in told.values() if _counts(one)]
    if len(counts) == len(told):
        whole = sum(filter(None, counts))
        return Figure(name=name, value=whole, shown=str(whole))
    if len(told) == masters and all(one == first for one in told.values()):
        return first
    shown = "; ".join(f"master {number}: {one.shown}" for number, one in told.items())
    return Figure(name=name, value=None, shown=shown)


def _counts(figure: Figure) -> bool:
    return type(figure.value) is int and figure.shown == str(figure.value)
