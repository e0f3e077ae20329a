"""The numbers of docs/scale.md are those of its own formula."""

import math

import pytest

from tests.e2e.support import ROOT
from tests.test_docs import table

SCALE = ROOT / "docs" / "scale.md"
SHARE = 0.7
RATES = 10_000, 100_000, 1_000_000

ROWS = table(SCALE, "Workers")
PREDICT_US = float(ROWS[0][1])


def workers(rate: float, cost_us: float) -> int:
    """Workers for so many requests per second at so many microseconds each."""
    return math.ceil(round(rate * cost_us / 1e6 / SHARE, 6))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_a_row_of_workers_follows_from_what_a_request_costs(row: list[str]) -> None:
    figure, told = float(row[1]), [int(cell) for cell in row[2:]]
    if figure < 10:  # requests per second of a user
        assert told == [workers(users * figure, PREDICT_US) for users in RATES]
    else:
        assert told == [workers(rate, figure) for rate in RATES]


def test_both_tables_are_looked_at() -> None:
    assert len(ROWS) == 5
