"""Whatever a request says of itself, it is counted: Locust would swallow what we raise."""

import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest
from locust import log as locust_log
from locust.env import Environment

from gauntlet.clients.http import DeadlineExceeded
from gauntlet.errors import WrongAnswer
from gauntlet.measure.outcomes import OUTCOMES, OWN, closed_list
from gauntlet.measure.recorder import MOST, OTHER, Recorder
from gauntlet.measure.series import Key, Series
from tests.measure.test_recorder import Nobody, fire


@pytest.fixture
def environment() -> Environment:
    environment = Environment(user_classes=[Nobody])
    environment.create_local_runner()
    return environment


class Rude:
    """Has no text and no hash."""

    __hash__ = None  # type: ignore[assignment]  # the point of it

    def __str__(self) -> str:
        raise RuntimeError


def only(recorder: Recorder) -> tuple[Key, Series]:
    [(key, series)] = recorder.series.items()
    return key, series


def check_wire(series: Series) -> None:
    """A worker could send it."""
    packed = msgpack.dumps(series.to_wire())
    assert Series.from_wire(msgpack.loads(packed, strict_map_key=False)) == series


@pytest.fixture(autouse=True)
def nothing_was_swallowed(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(locust_log, "unhandled_greenlet_exception", False)
    yield
    assert not locust_log.unhandled_greenlet_exception


@pytest.mark.parametrize(
    ("server", "kept"),
    [
        pytest.param(None, "", id="none"),
        pytest.param(7, "7", id="a number"),
        pytest.param(("10.0.0.1", 80), "('10.0.0.1', 80)", id="an address"),
        pytest.param(["a"], "['a']", id="a list"),
        pytest.param({"a": 1}, "{'a': 1}", id="a mapping"),
        pytest.param(Rude(), "Rude", id="what has no text"),
    ],
)
def test_any_server_is_a_text(environment: Environment, server: object, kept: str) -> None:
    recorder = Recorder(environment)
    for _ in range(3):
        fire(environment, context={"server": server})
    key, series = only(recorder)
    assert (key.server, series.requests) == (kept, 3)
    check_wire(series)


@pytest.mark.parametrize("name", [None, 5, ["/a"], b"/a", Rude()])
def test_any_name_is_a_text(environment: Environment, name: object) -> None:
    recorder = Recorder(environment)
    recorder._record(name, name, 1.0, 1)  # type: ignore[arg-type]  # Locust's own table would raise
    key, series = only(recorder)
    assert isinstance(key.name, str) and isinstance(key.method, str)
    assert series.requests == 1


@pytest.mark.parametrize("context", [None, {}, [], "text", 5, ["server"], Rude()])
def test_any_context_is_taken(environment: Environment, context: object) -> None:
    recorder = Recorder(environment)
    fire(environment, context=context)
    assert recorder.total().requests == 1


@pytest.mark.parametrize(
    "value",
    [None, "many", "7", -1, 2.5, float("nan"), float("inf"), [], Decimal(2), True, 10**400],
    ids=lambda value: str(value)[:10],
)
@pytest.mark.parametrize("extra", ["sent", "attempts", "time_to_first_byte", "verified"])
def test_any_extra_is_taken(environment: Environment, extra: str, value: object) -> None:
    recorder = Recorder(environment)
    fire(environment, context={extra: value})
    fire(environment, context={extra: 1, "server": ""})
    _, series = only(recorder)
    assert series.requests == 2
    assert series.retries >= 0
    check_wire(series)


@pytest.mark.parametrize(
    ("ms", "timed", "total_ms"),
    [
        pytest.param(None, 0, 0.0, id="none"),
        pytest.param(-5.0, 1, 0.0, id="negative, of a clock that was set back"),
        pytest.param(float("nan"), 0, 0.0, id="not a number"),
        pytest.param(float("inf"), 0, 0.0, id="without end"),
        pytest.param("2.5", 1, 2.5, id="a text"),
        pytest.param(Decimal("2.5"), 1, 2.5, id="a decimal"),
        pytest.param([], 0, 0.0, id="a list"),
        pytest.param(10**400, 0, 0.0, id="too large for anything"),
    ],
)
def test_any_time_is_taken(
    environment: Environment, ms: object, timed: int, total_ms: float
) -> None:
    recorder = Recorder(environment)
    args: Any = {"response_length": 1, "start_time": 1000.0}
    recorder._record("GET", "/a", 10.0, **args)
    recorder._record("GET", "/a", ms, **args)  # type: ignore[arg-type]  # the point of it
    _, series = only(recorder)
    assert (series.requests, series.timed) == (2, 1 + timed)
    assert series.total_us == pytest.approx(10_000 + total_ms * 1000)
    assert sum(series.counts.values()) == series.timed
    series.percentile_ms(99)
    check_wire(series)


@pytest.mark.parametrize("start", [None, "soon", datetime.now(UTC), [], 5])
@pytest.mark.parametrize("length", [None, "7", 7.5, -1, [], {}])
def test_any_start_and_length_are_taken(
    environment: Environment, start: object, length: object
) -> None:
    recorder = Recorder(environment)
    recorder._record("GET", "/a", 1.0, length, None, start)  # type: ignore[arg-type]
    _, series = only(recorder)
    assert (series.requests, type(series.received)) == (1, int)
    check_wire(series)


def test_times_that_are_none_are_in_no_average(environment: Environment) -> None:
    recorder = Recorder(environment)
    for ms in (10.0, None, 30.0):
        fire(environment, response_time=ms)
    locusts = environment.stats.total
    series = recorder.total()
    assert (series.requests, series.avg_ms, series.min_ms) == (3, 20.0, 10.0)
    assert locusts.avg_response_time == series.avg_ms


@pytest.mark.parametrize("exception", [None, "", "wrong", ValueError(), WrongAnswer("?", "x"), 5])
def test_what_counts_as_a_failure_locust_decides(
    environment: Environment, exception: object
) -> None:
    recorder = Recorder(environment)
    fire(environment, exception=exception)
    total = recorder.total()
    assert total.failures == environment.stats.total.num_failures
    assert sum(total.outcomes.values()) == total.failures


# -- bounds ------------------------------------------------------------------------------------


def test_names_beyond_the_limit_share_one_series_and_one_warning(
    environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(environment)
    with caplog.at_level(logging.WARNING):
        for number in range(MOST + 500):
            fire(environment, name=f"/{number}")
        fire(environment, name="/0")
        for _ in range(300):
            fire(environment, name=object(), context={"server": object()})
    assert len(recorder.series) == MOST + 1
    assert len(recorder._pending) == MOST + 1
    assert recorder.series[OTHER].requests == 800
    assert recorder.series[Key("GET", "/0")].requests == 2
    assert recorder.total().requests == MOST + 801
    assert caplog.text.count("statistics names") == 1


def test_a_new_run_has_its_own_thousand(environment: Environment) -> None:
    recorder = Recorder(environment)
    for number in range(MOST + 1):
        fire(environment, name=f"/{number}")
    recorder.clear()
    fire(environment, name="/new")
    assert set(recorder.series) == {Key("GET", "/new")}


# -- resets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [True, False])
def test_reset_stats_empties_ours_when_it_empties_locusts(
    environment: Environment, reset: bool
) -> None:
    environment.reset_stats = reset
    recorder = Recorder(environment)
    fire(environment)
    environment.events.spawning_complete.fire(user_count=1)
    fire(environment)
    assert recorder.total().requests == environment.stats.total.num_requests == (1 if reset else 2)


# -- outcomes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("system", [None, *OWN, "another"])
def test_outcomes_are_a_closed_list(environment: Environment, system: str | None) -> None:
    recorder = Recorder(environment, closed_list(system))
    for outcome in [*OUTCOMES, "of my own", "body"]:
        fire(environment, exception=WrongAnswer(outcome, "wrong"))
    fire(environment, exception=DeadlineExceeded())
    found = recorder.total().outcomes
    assert set(found) == closed_list(system)
    assert sum(found.values()) == recorder.total().failures


def test_one_system_does_not_know_the_classes_of_another(environment: Environment) -> None:
    recorder = Recorder(environment, closed_list("predict"))
    fire(environment, exception=WrongAnswer("token expired", "x"))
    fire(environment, exception=WrongAnswer("wrong image", "x"))
    assert recorder.total().outcomes == {"other": 1, "wrong image": 1}
