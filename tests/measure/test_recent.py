"""Copies of Locust's table for its percentiles of the last ten seconds: of the sum alone."""

from argparse import Namespace
from datetime import datetime
from itertools import pairwise

import pytest
from locust import stats
from locust.env import Environment
from locust.stats import RequestStats, StatsEntry
from locust.util.date import format_utc_timestamp

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


@pytest.mark.parametrize(
    ("asked", "kept"), [({}, False), ({"json": True}, True), ({"json_file": "a"}, True)]
)
def test_seconds_that_are_over_are_forgotten_unless_they_are_printed(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, object], kept: bool
) -> None:
    monkeypatch.setattr(stats, "time", clock := Clock())
    monkeypatch.setattr(StatsEntry, "_cache_response_times", StatsEntry._cache_response_times)
    recent.install(Environment(user_classes=[], parsed_options=Namespace(**asked)))
    table = RequestStats()
    for second in range(1000):
        clock.now = 1000.0 + second
        for _ in range(3):
            table.log_request("GET", "/a", 10, 1)
        table.log_error("GET", "/a", ValueError())
    rows = [table.total, *table.entries.values()]
    for row in rows:
        for seconds in (row.num_reqs_per_sec, row.num_fail_per_sec):
            assert (len(seconds) == 1000) is kept
            assert len(seconds) <= 2 * recent.KEPT_S + 1 or kept
            assert max(seconds) == 1999
        assert (row.current_rps, row.current_fail_per_sec) == (3.0, 1.0)


def test_points_of_charts_are_bounded_and_reach_from_start_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stats, "time", clock := Clock())
    monkeypatch.setattr(StatsEntry, "_cache_response_times", StatsEntry._cache_response_times)
    environment = Environment(user_classes=[], parsed_options=Namespace())
    recent.install(environment)
    runner = environment.create_local_runner()
    for number in range(10 * recent.MOST_POINTS):
        clock.now = 1000.0 + number
        runner.stats.log_request("GET", "/a", 10, 1)
        stats.update_stats_history(runner, format_utc_timestamp(5.0 * number))
    kept = [datetime.fromisoformat(one["time"]).timestamp() / 5 for one in runner.stats.history]
    assert recent.MOST_POINTS / 4 <= len(kept) <= recent.MOST_POINTS
    assert (kept[0], kept[-1]) == (0, number)
    gaps = [after - before for before, after in pairwise(kept)]
    assert 1 <= min(gaps) and max(gaps) <= 80  # 20 where all are even
