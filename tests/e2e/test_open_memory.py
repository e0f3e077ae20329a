"""The memory of open runs in real processes, over the ten minutes that they last."""

from pathlib import Path

import pytest

from benchmarks.open_memory import runs, watch
from tests.e2e.support import DEADLINE_S, read_record

MINUTES = 10

RATE = 20.0

ROOM = 0.01
"""Of what a process holds after a minute: times, and bursts, that none before them was like."""


@pytest.mark.long
@pytest.mark.timeout(60 * MINUTES + 3 * DEADLINE_S)
def test_an_open_run_of_ten_minutes_takes_what_it_took_after_one(tmp_path: Path) -> None:
    with runs(tmp_path, MINUTES, RATE) as processes:
        held = watch(processes, MINUTES)
        for process in processes.values():
            process.wait(DEADLINE_S)
    said = {one.name: one.read_text() for one in tmp_path.glob("*.txt")}
    assert [len(minutes) for minutes in held.values()] == [MINUTES] * 3, said
    records = [read_record(one.parent) for one in tmp_path.glob("results/*/run.json")]
    expected = 60 * MINUTES * RATE
    assert [record["arrivals"]["started"] for record in records] == [
        pytest.approx(expected, abs=5 * expected**0.5)
    ] * 2, said
    grown = {name: minutes[-1] / minutes[0] - 1 for name, minutes in held.items()}
    assert max(grown.values()) < ROOM, held
