"""Copies of Locust's table for its percentiles of the last ten seconds: of the sum alone."""

from argparse import Namespace

import pytest
from locust import stats
from locust.env import Environment
from locust.stats import RequestStats, StatsEntry

from gauntlet.measure import recent


class Clock:
    now = 1000.0

    def time(self) -> float:
        return self.now


def half_a_minute(clock: Clock) -> tuple[RequestStats, list[int | None]]:
    """Two requests a second; the table, and Locust's current median of the sum by the second."""
    table, medians = RequestStats(), []
    for second in range(30):
        clock.now = 1000.0 + second
        for name in ("/a", "/b"):
            table.log_request("GET", name, 10 * second, 1)
        medians.append(table.total.get_current_response_time_percentile(0.5))
    return table, medians


@pytest.mark.parametrize("full_history", [False, True])
def test_the_sum_keeps_its_copies_and_rows_only_where_their_history_is_wanted(
    monkeypatch: pytest.MonkeyPatch, full_history: bool
) -> None:
    monkeypatch.setattr(stats, "time", clock := Clock())
    monkeypatch.setattr(StatsEntry, "_cache_response_times", StatsEntry._cache_response_times)
    _, expected = half_a_minute(clock)
    options = Namespace(stats_history_enabled=full_history)
    recent.install(Environment(user_classes=[], parsed_options=options))
    table, medians = half_a_minute(clock)
    assert medians == expected
    assert medians[-1] is not None
    assert [bool(row.response_times_cache) for row in table.entries.values()] == [full_history] * 2
