"""The listener that fills Locust's table, next to Locust's own, field by field."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust import stats
from locust.env import Environment
from locust.stats import RequestStats, StatsEntry

from gauntlet.measure import rounding, table
from tests.measure.test_recorder import Nobody

LOCUSTS = stats.bucket_response_time
NOON = 1_700_000_000.0

TIMES = st.one_of(
    st.floats(0, 200_000),
    st.sampled_from([0.0, 0.5, 1.5, 99.5, 100.0, 999.5, 1005.0, 1e9, float("nan"), float("inf")]),
    st.floats(-10, 0),
    st.integers(0, 5000),
    st.none(),
    st.just("slow"),
)
LENGTHS = st.one_of(st.integers(0, 1 << 40), st.none(), st.just(2.5), st.just(True))
REQUEST: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "request_type": st.sampled_from(["GET", "POST"]),
        "name": st.one_of(st.sampled_from(["/a", "/b"]), st.sampled_from([None, 7, ["/c"]])),
        "response_time": TIMES,
        "response_length": LENGTHS,
        "exception": st.sampled_from([None, None, OSError("lost"), ValueError("wrong")]),
    },
    optional={
        "response": st.none(),
        "context": st.just({}),
        "start_time": st.just(1.0),
        "url": st.just("http://a/"),
        "of_another_client": st.just(1),
    },
)
STEP = st.tuples(
    st.floats(0, 1.5),
    st.sampled_from(["request"] * 12 + ["reset", "clear", "report", "swap"]),
    REQUEST,
)


@contextmanager
def _clock() -> Iterator[SimpleNamespace]:
    """One clock for both, so that even the moments are equal."""
    now = SimpleNamespace(time=NOON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "time", SimpleNamespace(time=lambda: now.time))
        patch.setattr(table, "time", lambda: now.time)
        yield now


def _environment(install: bool, cached: bool) -> Environment:
    environment = Environment(user_classes=[Nobody])
    environment.create_local_runner()
    environment.stats = RequestStats(use_response_times_cache=cached)
    if install:
        locusts = environment.events.request._handlers[0]
        table.install(environment)
        assert environment.events.request._handlers[0] is not locusts
    return environment


def _do(environment: Environment, kind: str, request: dict[str, Any], cached: bool) -> Any:
    """One step; what it raised or gave back."""
    if kind == "reset":
        return environment.stats.reset_all()
    if kind == "clear":
        return environment.stats.clear_all()
    if kind == "report":
        return environment.stats.serialize_stats()
    if kind == "swap":
        environment.stats = RequestStats(use_response_times_cache=cached)
        return None
    try:
        return environment.events.request._handlers[0](**request)
    except Exception as error:
        return type(error), str(error)


def _fields(environment: Environment) -> Any:
    def of(entry: StatsEntry) -> dict[str, Any]:
        return {key: value for key, value in vars(entry).items() if key != "stats"}

    found = environment.stats
    rows = [(repr(key), of(entry)) for key, entry in found.entries.items()]
    errors = [(key, error.serialize()) for key, error in found.errors.items()]
    return repr((of(found.total), rows, errors, found.history))  # repr: NaN is not itself


@pytest.mark.parametrize("cached", [True, False], ids=["one process", "a worker"])
@pytest.mark.parametrize("three", [True, False], ids=["our rounding", "Locust's"])
@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, max_size=40))
def test_every_field_of_every_row_is_what_locust_makes_it(
    cached: bool, three: bool, steps: list[tuple[float, str, dict[str, Any]]]
) -> None:
    with _clock() as clock, pytest.MonkeyPatch.context() as patch:
        chosen = rounding.three_digits if three else LOCUSTS
        patch.setattr(stats, "bucket_response_time", chosen)
        theirs, ours = _environment(False, cached), _environment(True, cached)
        for seconds, kind, request in steps:
            clock.time += seconds
            assert _do(ours, kind, request, cached) == _do(theirs, kind, request, cached)
            assert _fields(ours) == _fields(theirs)


def test_a_locust_that_counts_otherwise_keeps_its_own_listener(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[str] = []
    original = StatsEntry.log

    def log(self: StatsEntry, response_time: int, content_length: int) -> None:
        counted.append(self.name)
        original(self, response_time, content_length + 1)

    monkeypatch.setattr(StatsEntry, "log", log)
    environment = Environment(user_classes=[Nobody])
    environment.create_local_runner()
    handlers = list(environment.events.request._handlers)
    table.install(environment)
    assert environment.events.request._handlers == handlers
    counted.clear()
    environment.events.request.fire(
        request_type="GET", name="/a", response_time=1.0, response_length=2
    )
    assert counted == ["Aggregated", "/a"]


def test_other_listeners_keep_their_places() -> None:
    environment = Environment(user_classes=[Nobody])
    heard: list[str] = []
    environment.events.request.add_listener(lambda **_: heard.append("before"))
    environment.create_local_runner()
    environment.events.request.add_listener(
        lambda **_: heard.append(f"after {environment.stats.total.num_requests}")
    )
    table.install(environment)
    environment.events.request.fire(
        request_type="GET", name="/a", response_time=1.0, response_length=2
    )
    assert heard == ["before", "after 1"]
