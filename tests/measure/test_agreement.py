"""Locust's own table next to ours, over the same requests."""

import math
from collections.abc import Iterator
from random import Random

import pytest
from locust import stats
from locust.env import Environment

from gauntlet.measure import rounding
from gauntlet.measure.recorder import Recorder
from gauntlet.measure.series import Key, Series
from tests.measure.test_recorder import Nobody, fire

LOCUSTS = stats.bucket_response_time
QUANTILES = (50.0, 66.0, 75.0, 90.0, 95.0, 99.0, 99.9)


@pytest.fixture(params=["Locust's two digits", "our three"])
def finest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """Install a rounding; the share that it may be off by."""
    monkeypatch.setattr(stats, "bucket_response_time", LOCUSTS)
    if request.param == "our three":
        rounding.install()
        return 0.005
    return 0.05


@pytest.fixture
def environment() -> Iterator[Environment]:
    environment = Environment(user_classes=[Nobody])
    environment.create_local_runner()
    yield environment


def test_counts_are_equal_and_times_agree_within_the_rounding(
    environment: Environment, finest: float
) -> None:
    recorder, random = Recorder(environment), Random(5)
    for number in range(20_000):
        fire(
            environment,
            request_type=random.choice(["GET", "POST"]),
            name=random.choice(["/a", "/b", "/c"]),
            response_time=random.lognormvariate(5, 2),
            response_length=random.randrange(1000),
            exception=OSError("wrong") if number % 7 == 0 else None,
        )
    rows = {Key(entry.method, entry.name): entry for entry in environment.stats.entries.values()}
    assert set(recorder.series) == set(rows)
    for key, entry in rows.items():
        _check(recorder.series[key], entry, finest)
    _check(recorder.total(), environment.stats.total, finest)


def _check(ours: Series, locusts: stats.StatsEntry, finest: float) -> None:
    assert ours.requests == locusts.num_requests
    assert ours.failures == locusts.num_failures
    assert ours.received == locusts.total_content_length
    assert ours.avg_ms == pytest.approx(locusts.avg_response_time)
    assert ours.min_ms == pytest.approx(locusts.min_response_time)
    assert ours.max_ms == pytest.approx(locusts.max_response_time)
    for quantile in QUANTILES:
        shown = locusts.get_response_time_percentile(quantile / 100)
        # Locust may take the next request: of 20 its 95th percentile is the 20th, ours the 19th.
        step = 100 / ours.requests
        around = ours.percentiles_ms([max(quantile - step, 0), min(quantile + step, 100)])
        low, high = min(around.values()), max(around.values())
        assert low * (1 - finest - 0.001) - 0.51 <= shown <= high * (1 + finest + 0.001) + 0.51


@pytest.mark.parametrize(
    ("ms", "kept"),
    [
        (0.4, 0),
        (12.6, 13),
        (147.4, 147),
        (1049, 1050),
        (2049.9, 2050),
        (14_499, 14_500),
        (3.6e6, 3_600_000),
    ],
)
def test_three_digits_are_kept(ms: float, kept: int) -> None:
    assert rounding.three_digits(ms) == kept


@pytest.mark.parametrize("digits", range(3, 8))
def test_a_power_of_ten_has_at_most_nine_hundred_steps(digits: int) -> None:
    low = 10 ** (digits - 1)
    steps = {rounding.three_digits(low * 10 ** (one / 5000)) for one in range(5000)}
    assert len(steps) <= 901 if digits <= 5 else math.isfinite(len(steps))


def test_a_rounding_that_a_locustfile_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    own = lambda ms: int(ms)  # noqa: E731
    monkeypatch.setattr(stats, "bucket_response_time", own)
    rounding.install()
    assert stats.bucket_response_time is own
