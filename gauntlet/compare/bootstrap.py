"""How far a run's figures can be trusted: a bootstrap over blocks of its seconds. Pure.

Seconds of a run are no independent samples: a slow one is followed by slow ones. So blocks of
neighbouring seconds are drawn, with replacement and round the end, until they are as long as the
run, and the figures are taken anew; their spread over many draws is the figures' error.

The length of a block is Carlstein's for a process of first order (Ann. Stat. 14, 1986),

    l = (sqrt(6) * rho / (1 - rho^2))^(2/3) * n^(1/3),    at least n^(1/3), at most n / 4

with n seconds and rho the larger of two autocorrelations from one second to the next: that of the
mean response time, and that of the requests.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gauntlet.compare.seconds import Floats, Seconds

DRAWS = 400
"""Draws per run: the error is then known to about 4 %."""
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
METRICS = (*QUANTILES, "rps", "fail_ratio")
LEAST_SECONDS = 10
LEAST_BEYOND = 10
"""Fewest requests beyond a percentile, or in all, that say something about it."""
_STEP = 1e-3
"""The grid of times knows three digits."""


class Estimate(NamedTuple):
    """A figure of one run, as a logarithm but for `fail_ratio`, and the variance of its error.

    None for both where the run is too short or has too few requests to tell.
    """

    value: float | None
    variance: float | None
    shown: float
    """In milliseconds, requests per second, or 0 to 1."""


def block_length(rows: Seconds) -> int:
    """Seconds that a block is long."""
    count = len(rows.requests)
    rho = max(_autocorrelation(_means(rows)), _autocorrelation(rows.requests), 0.0)
    rho = min(rho, 0.95)
    wanted = (math.sqrt(6) * rho / (1 - rho * rho)) ** (2 / 3) * count ** (1 / 3)
    return int(max(1, min(max(math.ceil(wanted), math.ceil(count ** (1 / 3))), count // 4)))


def estimates(grid: Floats, rows: Seconds, source: np.random.Generator) -> dict[str, Estimate]:
    """Every metric of one run at one place; the first draw is the run as it was."""
    count, length = len(rows.requests), block_length(rows)
    weights = np.vstack([np.ones((1, count)), _weights(count, length, source)])
    # Single precision keeps the product in the cache, and numpy's threads out of each other's way.
    cumulated = np.cumsum(weights.astype(np.float32) @ rows.counts, axis=1)
    timed, short = float(cumulated[0, -1]), count < LEAST_SECONDS
    found = {}
    for name, quantile in QUANTILES.items():
        logs = _log_percentiles(grid, cumulated, quantile)
        few = short or timed * (1 - quantile) < LEAST_BEYOND
        found[name] = _estimate(logs, math.exp(logs[0]) / 1000, few, _STEP**2)
    requests, failures = weights @ rows.requests, weights @ rows.failures
    few = short or requests[0] < LEAST_BEYOND
    rates = requests / (count * rows.width)
    found["rps"] = _estimate(np.log(np.maximum(rates, 1e-9)), float(rates[0]), few, 0.0)
    ratios = failures / np.maximum(requests, 1)
    # Where none of few failed, no draw has a failure either, and yet the next run may have one.
    smoothed = (failures[0] + 0.5) / (requests[0] + 1)
    least = float(smoothed * (1 - smoothed) / max(requests[0], 1))
    found["fail_ratio"] = _estimate(ratios, float(ratios[0]), few, least)
    return found


def _log_percentiles(grid: Floats, cumulated: NDArray[np.float32], quantile: float) -> Floats:
    """The percentile of each draw, between two steps of the grid in proportion to its counts."""
    wanted = quantile * cumulated[:, -1]
    at = (cumulated < wanted[:, None]).sum(axis=1).clip(max=cumulated.shape[1] - 1)
    draws = np.arange(len(cumulated))
    above = cumulated[draws, at]
    below = np.where(at > 0, cumulated[draws, at - 1], 0.0)
    logs = np.log(grid)
    share = (wanted - below) / np.maximum(above - below, 1e-9)
    return np.asarray(logs[at] + share.clip(0, 1) * (logs[at + 1] - logs[at]), dtype=np.float64)


def _estimate(draws: Floats, shown: float, few: bool, least: float) -> Estimate:
    if few:
        return Estimate(None, None, shown)
    return Estimate(float(draws[0]), max(float(draws[1:].var()), least), shown)


def _weights(count: int, length: int, source: np.random.Generator) -> Floats:
    """How often each draw has each second: blocks from random starts, the last one cut."""
    blocks = -(-count // length)
    starts = source.integers(0, count, (DRAWS, blocks))
    sizes = np.full(blocks, length)
    sizes[-1] = count - length * (blocks - 1)
    begins = np.zeros((DRAWS, 2 * count + 1))
    rows = np.arange(DRAWS)[:, None]
    np.add.at(begins, (rows, starts), 1.0)
    np.add.at(begins, (rows, starts + sizes), -1.0)
    covered = np.cumsum(begins, axis=1)
    return np.asarray(covered[:, :count] + covered[:, count : 2 * count])


def _means(rows: Seconds) -> Floats:
    """A stand-in for each second's response time: the mean step of the grid."""
    total = rows.counts.sum(axis=1)
    steps = rows.counts @ np.arange(rows.counts.shape[1], dtype=np.float32)
    known = total > 0
    means = np.where(known, steps / np.maximum(total, 1), 0.0)
    filled = means[known].mean() if known.any() else 0.0
    return np.asarray(np.where(known, means, filled), dtype=np.float64)


def _autocorrelation(series: Floats) -> float:
    """From one second to the next."""
    off = series - series.mean()
    whole = float(off @ off)
    return float(off[1:] @ off[:-1]) / whole if whole > 0 else 0.0
