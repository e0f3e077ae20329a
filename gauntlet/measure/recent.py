"""Lets Locust keep what its figures of the last seconds need, and no more.

For twenty seconds Locust keeps a copy of all response times of every row of its table, one per
second. It asks for those of the sum alone, unless `--csv-full-history` wants a line per row. The
copies of the others were the largest part of what a process's memory grew by, minute by minute; of
the sum the counts alone are copied, for its steps only ever become more.
So were the requests of every row in every second since the start, of which it reads the last
twelve; they are all kept where they are printed, which `--json` and `--json-file` do. Of its points
for the charts of its own HTML report, one every five seconds, a long run keeps fewer.
"""

from array import array
from collections import OrderedDict
from datetime import datetime
from typing import Any

import numpy as np
from locust.env import Environment
from locust.stats import CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW as WINDOW_S
from locust.stats import StatsEntry

KEPT_S = 20
"""Seconds of which each row's requests stay known."""

MOST_POINTS = 1440
"""Of Locust's charts: two hours' worth."""

_SUM = "Aggregated", ""


class Past:
    """What Locust asks of a row's past: its `CachedResponseTimes`, in a tenth of the room."""

    __slots__ = ("_counts", "_steps", "num_none_requests", "num_requests")

    def __init__(self, entry: StatsEntry) -> None:
        self.num_requests = entry.num_requests
        self.num_none_requests = entry.num_none_requests
        self._steps = entry.response_times  # the row's own, to which steps are added behind these
        # Not one of numpy's, which keeps seven blocks of every size below 1 KB that was freed.
        narrow = np.min_scalar_type(entry.num_requests).char  # no step has more
        self._counts = array(narrow, entry.response_times.values())

    @property
    def response_times(self) -> dict[int, int]:
        """Requests by response time, as they were."""
        return dict(zip(self._steps, self._counts, strict=False))


def install(environment: Environment) -> None:
    """Keep no more in this process, where nobody asks for it."""
    options = environment.parsed_options
    copies = bool(getattr(options, "stats_history_enabled", False))
    seconds = any(getattr(options, name, None) for name in ("json", "json_file"))

    def look(entry: StatsEntry, t: int) -> None:
        """Called for each row as a second is over."""
        is_sum = (entry.name, entry.method) == _SUM  # while a table is made it has none to ask
        if copies or is_sum:
            _remember(entry, t)
        if is_sum:
            _thin_out(getattr(entry.stats, "history", []))
        if not seconds:
            _forget_old(entry.num_reqs_per_sec)
            _forget_old(entry.num_fail_per_sec)

    StatsEntry._cache_response_times = look  # type: ignore[method-assign,assignment]


def _remember(entry: StatsEntry, t: int) -> None:
    """Keep what a row holds at the second `t`, for as long as Locust may ask."""
    past: Any = entry.response_times_cache
    if past is None:
        past = entry.response_times_cache = OrderedDict()
    past[t] = Past(entry)
    while len(past) > WINDOW_S + 10:
        past.popitem(last=False)


def _thin_out(points: list[dict[str, Any]]) -> None:
    """Keep half as many, evenly over the time, once there are enough."""
    if len(points) >= MOST_POINTS:
        times = [datetime.fromisoformat(point["time"]).timestamp() for point in points]
        wanted = np.linspace(times[0], times[-1], MOST_POINTS // 2)
        points[:] = [points[at] for at in np.unique(np.searchsorted(times, wanted))]


def _forget_old(seconds: dict[int, int]) -> None:
    """Let go of all but the last, every `KEPT_S` seconds."""
    if len(seconds) > 2 * KEPT_S:
        for second in sorted(seconds)[:-KEPT_S]:
            del seconds[second]
