"""The `.hlog` file, read back by the library that others read it with."""

from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # ships no types
from hdrh.log import HistogramLogReader  # type: ignore[import-untyped]

from gauntlet.report import histograms
from tests.report.conftest import MakeRecord

TIMES = np.random.default_rng(5).lognormal(3, 1, 4000)


def test_every_series_is_an_interval_with_its_tag_and_its_times(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    record = make_record(
        {("GET", "/a b,|c"): TIMES[:3000].tolist(), ("PUT", "/d", "one"): TIMES[3000:].tolist()}
    )
    path = tmp_path / "histograms.hlog"
    histograms.write(record, path)
    reader = HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000, 3))
    found = {}
    while (one := reader.get_next_interval_histogram()) is not None:
        found[one.get_tag()] = one
    reader.close()
    raw = {"GET|/a%20b%2C%7Cc||": TIMES[:3000], "PUT|/d|one|": TIMES[3000:]}
    assert set(found) == set(raw)
    for tag, times in raw.items():
        assert found[tag].get_total_count() == len(times)
        for quantile in (50, 95, 99):
            exact = np.percentile(times, quantile, method="inverted_cdf") * 1000
            assert found[tag].get_value_at_percentile(quantile) == pytest.approx(exact, rel=0.002)
