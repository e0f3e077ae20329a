"""The slowest requests: the right ones, with their outcomes, over all workers."""

import math
from array import array

from hypothesis import given
from hypothesis import strategies as st

from gauntlet.measure.series import Key
from gauntlet.measure.slowest import MOST, Slowest

KEYS = (Key("GET", "/a"), Key("POST", "/b", "one", "steady"))
BATCHES = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.lists(st.floats(0, 1e6) | st.just(math.nan) | st.just(math.inf), max_size=60),
    ),
    max_size=8,
)


def expected(batches: list[tuple[Key, list[float]]]) -> list[float]:
    every = [ms for _, batch in batches for ms in batch if math.isfinite(ms)]
    return sorted(every, reverse=True)[:MOST]


def look(slowest: Slowest, key: Key, batch: list[float]) -> None:
    starts = array("d", range(len(batch)))
    slowest.look(key, array("d", batch), starts, {0: "timeout"} if batch else {})


@given(BATCHES)
def test_of_all_batches_the_slowest_are_kept(batches: list[tuple[Key, list[float]]]) -> None:
    slowest = Slowest()
    for key, batch in batches:
        look(slowest, key, batch)
    assert [one.ms for one in slowest.kept] == expected(batches)
    for one in slowest.kept:
        assert one.outcome == ("timeout" if one.start == 0 else "")


@given(BATCHES, BATCHES)
def test_what_workers_took_is_merged(
    one: list[tuple[Key, list[float]]], other: list[tuple[Key, list[float]]]
) -> None:
    master = Slowest()
    for batches in (one, other):
        worker = Slowest()
        for key, batch in batches:
            look(worker, key, batch)
        master.absorb(worker.take())
        assert worker.kept == []
    assert [slow.ms for slow in master.kept] == expected([*one, *other])
    assert {slow.key for slow in master.kept} <= set(KEYS)
