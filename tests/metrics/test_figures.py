"""What is told to Prometheus is bounded, sound, and adds up."""

from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.env import Environment
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gauntlet.measure.recorder import Recorder
from gauntlet.measure.series import Series
from gauntlet.metrics.figures import BUCKETS, ENDPOINTS, Figures, buckets, of_moment
from gauntlet.metrics.server import Once
from gauntlet.report.record import Moment

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

NO_RUN = SimpleNamespace(run=None, record=None)


@pytest.fixture
def environment() -> Environment:
    environment = Environment()
    environment.create_local_runner()
    return environment


@pytest.fixture
def recorder(environment: Environment) -> Recorder:
    return Recorder(environment)


def ask(environment: Environment, name: str, ms: float = 10.0, failed: bool = False) -> None:
    environment.events.request.fire(
        request_type="GET",
        name=name,
        response_time=ms,
        response_length=0,
        exception=ValueError("x") if failed else None,
        context={},
        start_time=1e9,
    )


def told(environment: Environment, recorder: Recorder) -> Samples:
    """All that a reader gets, parsed."""
    registry = CollectorRegistry()
    registry.register(Once(Figures(environment, NO_RUN, recorder)))
    found: Samples = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for one in family.samples:
            key = one.name, frozenset(one.labels.items())
            assert key not in found, "each series is told once"
            found[key] = one.value
    return found


def requests(found: Samples) -> dict[str, float]:
    """Requests by name."""
    return {
        dict(labels)["name"]: value
        for (name, labels), value in found.items()
        if name == "gauntlet_requests_total"
    }


def test_endpoints_beyond_the_limit_share_one_series_and_none_is_lost(
    environment: Environment, recorder: Recorder
) -> None:
    for number in range(ENDPOINTS + 30):
        ask(environment, f"/{number}", failed=number % 2 == 0)
    found = told(environment, recorder)
    assert len(requests(found)) == ENDPOINTS + 1
    assert requests(found)["other"] == 30
    assert sum(requests(found).values()) == ENDPOINTS + 30
    assert found["gauntlet_run_fail_ratio", frozenset()] == 0.5
    ask(environment, "/129")
    ask(environment, "/0")
    later = requests(told(environment, recorder))
    assert (later["other"], later["/0"]) == (31, 2), "who had a series keeps it"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param('say "hi"', 'say "hi"', id="quotes"),
        pytest.param("two\nlines\\", "two\nlines\\", id="a line's end and a backslash"),
        pytest.param("gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n", "grün", id="an umlaut"),
        pytest.param("half \ud83d of a pair", "half ? of a pair", id="half of a surrogate pair"),
    ],
)
def test_any_name_can_be_told(
    environment: Environment, recorder: Recorder, name: str, shown: str
) -> None:
    ask(environment, name)
    assert requests(told(environment, recorder)) == {shown: 1}


def test_without_a_run_there_are_no_figures_of_one(
    environment: Environment, recorder: Recorder
) -> None:
    found = told(environment, recorder)
    assert found["gauntlet_run_active", frozenset()] == 0
    assert found["gauntlet_run_users", frozenset()] == 0
    assert not [name for name, _ in found if name.startswith(("gauntlet_threshold", "gauntlet_re"))]
    assert not [name for name, _ in found if "info" in name or "verdict" in name]


@pytest.mark.parametrize(
    ("is_open", "name"),
    [(False, "gauntlet_run_users_wanted"), (True, "gauntlet_run_arrivals_wanted_per_second")],
    ids=["closed", "open"],
)
def test_what_the_curve_wants_is_told_in_what_it_counts(is_open: bool, name: str) -> None:
    moment = Moment(t=1.0, users=3, requests=9, failures=0, wanted=7.5)
    (wanted,) = (one for one in of_moment(moment, is_open) if "wanted" in one.name)
    assert (wanted.name, wanted.samples[0].value) == (name, 7.5)


def test_no_bucket_is_much_wider_than_the_one_before() -> None:
    assert all(upper <= 1.7 * lower for lower, upper in pairwise(BUCKETS))


@settings(max_examples=30)
@given(st.lists(st.floats(0, 60_000), min_size=1, max_size=50))
def test_the_last_bucket_holds_all_and_none_holds_more_than_the_next(times: list[float]) -> None:
    series = Series()
    series.add_many(times, [1e9] * len(times), 0)
    found = [count for _, count in buckets(series)]
    assert found == sorted(found) and found[-1] == len(times)
    for (bound, count), upper in zip(buckets(series), BUCKETS, strict=False):
        assert float(bound) == upper
        # The grid is a thousandth wide.
        assert sum(ms <= upper * 1000 for ms in times) <= count
        assert count <= sum(ms <= upper * 1001.1 + 0.001 for ms in times)


def test_many_readers_cost_what_one_does() -> None:
    class Slow:
        times = 0

        def collect(self) -> Iterator[Metric]:
            self.times += 1
            gevent.sleep(0.05)
            yield Metric("a", "b", "gauge")

    slow = Slow()
    once = Once(slow)
    readers = [gevent.spawn(lambda: list(once.collect())) for _ in range(5)]
    gevent.joinall(readers, timeout=60)
    assert [len(reader.value or ()) for reader in readers] == [1] * 5
    assert slow.times == 1
