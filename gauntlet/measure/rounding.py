"""Lets Locust's own table, charts and reports round less.

Locust keeps response times to two digits, so that 1049 ms reads 1000: its percentiles lie up to 5 %
beside ours, on the same page and in the same folder. Locust 2.43.4 made the rounding replaceable.
From 100 ms on ours keeps three digits; below, whole milliseconds as before, because Locust prints
no fractions. An entry then has at most some 900 steps per power of ten instead of 90, of which it
holds what came; a worker reports only what came since its last report. Averages, minima and
maxima were never rounded. A locustfile that chose a rounding of its own keeps it.
"""

from locust import stats

_LOCUSTS = stats.bucket_response_time


def three_digits(response_time: float) -> int:
    """Milliseconds as Locust's tables keep them: whole, and three digits from 1000 on."""
    if response_time < 1000:
        return round(response_time)
    if response_time < 10_000:
        return int(round(response_time, -1))
    if response_time < 100_000:
        return int(round(response_time, -2))
    return int(round(response_time, -3))


def install() -> None:
    """Use it in this process, unless somebody has replaced Locust's already."""
    if stats.bucket_response_time is _LOCUSTS:
        stats.bucket_response_time = three_digits
