"""A run record made of real series, checks and judgements."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gauntlet.measure.series import Key, Series
from gauntlet.report import entries
from gauntlet.report.record import RunRecord
from gauntlet.thresholds import evaluate, parse
from gauntlet.verdict import Evidence, judge
from tests.report.usual import USUAL

Measured = Mapping[tuple[str, ...], Sequence[float]]
MakeRecord = Callable[..., RunRecord]


def _series(times_ms: Sequence[float]) -> Series:
    """One request every half second; a negative time is one's that failed for its status."""
    series = Series()
    for index, ms in enumerate(times_ms):
        series.add(abs(ms), ms < 0, 1_790_000_000 + index / 2, 1000)
        if ms < 0:
            series.add_outcome("status")
    return series


@pytest.fixture
def make_record() -> MakeRecord:
    """Judge measured times under rules: `make_record({("GET", "/a"): [10, -20]}, ["p95 < 2s"])`.

    A key may go on with a server and a phase.
    """

    def make(
        measured: Measured,
        rules: Sequence[str] = (),
        *,
        evidence: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> RunRecord:
        series = {Key(*key): _series(times) for key, times in measured.items()}
        total = Series.merged(series.values())
        checks = evaluate([parse(rule) for rule in rules], series)
        users = changes.get("user_errors", {})
        # A few requests are enough for a report; the judge would want more for a percentile.
        enough = [replace(one, samples=max(one.samples, 1000)) for one in checks]
        judgement = judge(
            Evidence(
                total.requests, total.failures, sum(users.values()), enough, **(evidence or {})
            )
        )
        return RunRecord(
            **{**USUAL, **changes},
            outcome=entries.outcome(judgement),
            thresholds=tuple(map(entries.threshold_result, checks)),
            total=entries.statistics(Key("", "Aggregated"), total),
            endpoints=entries.table(series, "name", "method"),
            servers=entries.table(series, "server"),
            phases=entries.table(series, "phase"),
            histograms=entries.histograms(series),
        )

    return make
