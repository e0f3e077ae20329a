"""Which load to try next, and what the tries say: up by a factor, bisection, repetition. Pure.

    hunt = search(Bounds(start=10.0), whole=False)
    load = next(hunt)
    while True:
        load = hunt.send(holds)         # whether that load held
    # StopIteration.value is a Finding

A load that broke is an upper bound for good: neither it nor a higher one is tried again.
"""

from collections.abc import Generator
from dataclasses import dataclass

DESCENTS = 5
"""Most candidates that may fail when they are repeated."""


@dataclass(frozen=True)
class Bounds:
    """How a search goes: loads are arrivals per second, or users."""

    start: float
    most: float = 1_000_000.0
    least: float = 0.01
    factor: float = 2.0
    precision: float = 0.05
    """How much higher than the load that held the one that broke may be, as a share."""
    repeats: int = 3
    """How often the load that is found must hold, the first time included."""


@dataclass(frozen=True)
class Finding:
    """The highest load that held as often as it was to; None where none did.

    `broke` is the lowest load that did not hold, None where the most that was allowed held.
    """

    load: float | None
    broke: float | None


Hunt = Generator[float, bool, Finding]


def search(bounds: Bounds, whole: bool) -> Hunt:
    """The loads to try, one after the other; `whole` where they are users."""
    good, bad = yield from _climb(bounds, whole)
    if good is None:
        return Finding(None, bad)
    good, bad = yield from _bisect(good, bad, bounds, whole)
    to_go = bounds.repeats - 1
    for descent in range(DESCENTS):
        held = True
        for _ in range(to_go):
            held = yield good
            if not held:
                break
        if held:
            return Finding(good, bad)
        # What held once may be luck; each step down is twice as long as the one before.
        bad, to_go = good, bounds.repeats
        good = _rounded(bad / (1 + bounds.precision) ** 2**descent, whole, down=True)
        if not bounds.least <= good < bad:
            break
    return Finding(None, bad)


def _climb(
    bounds: Bounds, whole: bool
) -> Generator[float, bool, tuple[float | None, float | None]]:
    """Up by the factor until something breaks; down where the first load does already."""
    load = _rounded(min(bounds.start, bounds.most), whole)
    if not (yield load):
        while True:
            lower = _rounded(load / bounds.factor, whole, down=True)
            if lower < bounds.least or lower >= load:
                return None, load
            if (yield lower):
                return lower, load
            load = lower
    while load < bounds.most:
        higher = _rounded(load * bounds.factor, whole)
        higher = min(max(higher, load + 1) if whole else higher, bounds.most)
        if not (yield higher):
            return load, higher
        load = higher
    return load, None


def _bisect(
    good: float, bad: float | None, bounds: Bounds, whole: bool
) -> Generator[float, bool, tuple[float, float | None]]:
    """Halve the ratio of what broke to what held until it is near enough to 1."""
    while bad is not None and bad > good * (1 + bounds.precision):
        middle = _rounded((good * bad) ** 0.5, whole)
        if not good < middle < bad:
            break
        if (yield middle):
            good = middle
        else:
            bad = middle
    return good, bad


def _rounded(load: float, whole: bool, down: bool = False) -> float:
    """Whole users; arrivals to three digits, which people can read and repeat."""
    if whole:
        return float(int(load) if down else round(load))
    return float(f"{load:.3g}")
