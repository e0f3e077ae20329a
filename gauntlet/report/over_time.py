"""Timelines and slices of several records laid together; `gauntlet.report.merging` uses them."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from gauntlet.report.record import Moment, RunRecord, Slice

NEAR_S = 0.5
"""A moment that is so little later than another is taken for the same."""


def timeline(records: Sequence[RunRecord]) -> tuple[Moment, ...]:
    """Moments of the record that has most, each with what the others said last."""
    longest = max(records, key=lambda one: len(one.timeline))
    return tuple(
        _together([_latest(one, moment.t) for one in records], moment.t)
        for moment in longest.timeline
    )


def _latest(record: RunRecord, t: float) -> Moment:
    place = bisect_right(record.timeline, t + NEAR_S, key=lambda one: one.t)
    return record.timeline[place - 1] if place else Moment(t=t, users=0, requests=0, failures=0)


def _together(several: Sequence[Moment], t: float) -> Moment:
    wanted = [one.wanted for one in several if one.wanted is not None]
    busiest = [one.cpu for one in several if one.cpu is not None]
    return Moment(
        t=t,
        users=sum(one.users for one in several),
        requests=sum(one.requests for one in several),
        failures=sum(one.failures for one in several),
        wanted=sum(wanted) if wanted else None,
        waiting=sum(one.waiting for one in several),
        dropped=sum(one.dropped for one in several),
        cpu=max(busiest, default=None),
    )


def slices(records: Sequence[RunRecord]) -> tuple[Slice, ...]:
    """Slices of all, each laid on the nearest second of the run."""
    every = [*chain.from_iterable(one.slices for one in records)]
    width = max((one.seconds for one in every), default=1.0)
    found: dict[tuple[float, str, str, str], list[Slice]] = {}
    for one in every:
        t = math.floor(one.t / width + 0.5) * width
        found.setdefault((t, one.method, one.name, one.phase), []).append(one)
    return tuple(
        Slice(
            t=t,
            seconds=width,
            method=method,
            name=name,
            phase=phase,
            requests=sum(one.requests for one in several),
            failures=sum(one.failures for one in several),
            total_ms=round(sum(one.total_ms for one in several), 3),
            counts=tuple(chain.from_iterable(sorted(_counts(several).items()))),
        )
        for (t, method, name, phase), several in sorted(found.items())
    )


def _counts(several: Sequence[Slice]) -> Counter[int]:
    whole: Counter[int] = Counter()
    for one in several:
        whole.update(dict(zip(one.counts[::2], one.counts[1::2], strict=True)))
    return whole
