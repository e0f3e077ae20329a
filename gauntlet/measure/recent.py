"""Lets Locust keep what its percentiles of the last ten seconds need, and no more.

For twenty seconds Locust keeps a copy of all response times of every row of its table, one per
second. It asks for those of the sum alone, unless `--csv-full-history` wants a line per row. The
copies of the others were the largest part of what a process's memory grew by, minute by minute.
"""

from locust.env import Environment
from locust.stats import StatsEntry

_SUM = "Aggregated", ""
_locusts = StatsEntry._cache_response_times


def install(environment: Environment) -> None:
    """Keep copies of the sum alone in this process, where nobody asks for more."""
    options = environment.parsed_options
    if not getattr(options, "stats_history_enabled", False):
        StatsEntry._cache_response_times = _of_the_sum  # type: ignore[method-assign,assignment]


def _of_the_sum(entry: StatsEntry, t: int) -> None:
    if (entry.name, entry.method) == _SUM:  # a table that is being made does not yet have its own
        _locusts(entry, t)
