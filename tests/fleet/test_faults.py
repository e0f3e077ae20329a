"""Whatever happens to a process or a link, load and record are right, or the verdict says so.

Every scenario runs in a network of its own, several at once; the target's count is the witness.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fleet.lab import QUICK, USERS, Seen
from tests.fleet.network import missing
from tests.fleet.scenarios import SCENARIOS
from tests.fleet.table import run

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(600)]

AT_ONCE = 5
SPARE_S = 4.0
MOVE_S = 1.0
"""So long after a worker is missed its users may take to ask from another."""
REPORTS = {"run.json", "junit.xml", "report.html", "locust_stats.csv"}


class Expected(NamedTuple):
    """How a scenario has to end."""

    verdict: str
    codes: dict[str, int]
    lost: int = 0
    users: int | None = USERS
    said: str = ""
    alone: bool = False
    """Whether workers have no master, and are to stop their users long before they give up."""
    taken_over: bool = False
    """Whether a worker falls silent, and another has all users within seconds."""


STAYED = {"master": 0, "worker0": 0, "worker1": 0}
EXPECTED = {
    "baseline": Expected("PASS", STAYED),
    "kill_worker": Expected(
        "INVALID",
        {"master": 4, "worker0": 0, "worker1": -9},
        1,
        said="lost without a last report",
        taken_over=True,
    ),
    "cut_link": Expected("PASS", STAYED, taken_over=True),
    "drop_messages": Expected("PASS", STAYED, taken_over=True),
    "drop_messages_long": Expected(
        "INVALID",
        {"master": 4, "worker0": 0, "worker1": 6},
        1,
        said="lost without a last report",
        alone=True,
        taken_over=True,
    ),
    "freeze_worker": Expected("PASS", STAYED),
    "freeze_master": Expected("PASS", STAYED),
    "terminate_worker": Expected("PASS", {"master": 0, "worker0": 0, "worker1": 143}),
    "two_leave": Expected("PASS", {"master": 0, "worker0": 0, "worker1": 143, "worker2": 143}),
    "kill_all_workers": Expected(
        "INVALID", {"master": 4, "worker0": -9, "worker1": -9}, 2, None, "cut short after "
    ),
    "kill_master": Expected(
        "none", {"master": -9, "worker0": 6, "worker1": 6}, users=None, alone=True
    ),
    "restart_master": Expected("PASS", {"second": 0, "worker0": 0, "worker1": 0}),
    "terminate_master": Expected("INVALID", {**STAYED, "master": 4}, 0, None, "cut short after "),
    "too_few_workers": Expected("none", {"master": 1, "worker0": 0}, users=None),
    "no_master": Expected("none", {"worker0": 255}, users=None),
}


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Seen]]]:
    """All scenarios that were asked for, under way."""
    if reason := missing():
        if os.environ.get("GAUNTLET_REQUIRE_TOOLS"):
            pytest.fail(reason)
        pytest.skip(reason)
    asked = {
        one.callspec.params.get("name")
        for one in request.session.items
        if isinstance(one, pytest.Function) and hasattr(one, "callspec")
    }

    def start(name: str) -> Seen:
        return run(name, QUICK, "suite", Path(tmp_path_factory.mktemp(name)))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(start, name) for name in SCENARIOS if name in asked}


@pytest.mark.parametrize("name", SCENARIOS)
def test_load_and_record_are_right_or_the_verdict_says_so(
    runs: dict[str, Future[Seen]], name: str
) -> None:
    seen, expected = runs[name].result(), EXPECTED[name]
    assert seen.codes == expected.codes
    assert (seen.verdict, expected.said in seen.reasons) == (expected.verdict, True), seen.reasons
    if expected.users is not None:
        assert seen.users == expected.users
    if expected.alone:
        assert seen.quiet is not None and seen.quiet < QUICK.give_up - SPARE_S
    if expected.taken_over:
        # Of the six seconds Locust takes five to miss a worker. A process that has no core is late
        # in the beats of its pulse, and as much in what it does between them.
        limit = QUICK.missed + MOVE_S
        assert 0 < seen.taken_over <= limit + 2 * seen.starved, (seen.taken_over, seen.starved)
    if seen.record is not None:
        check_record(seen, expected.lost)


def check_record(seen: Seen, lost: int) -> None:
    """Nothing is missing but what lost workers had not told yet; all reports are there."""
    assert seen.record is not None
    fleet, total = seen.record["fleet"], seen.record["total"]
    assert seen.files >= REPORTS
    assert len(fleet["lost"]) == lost
    assert [one for one in fleet["members"] if one["missing"]] == []
    assert sum(one["requests"] for one in fleet["members"]) == total["requests"]
    if not lost:
        # A request that failed, its link cut, may never have come to the target.
        assert total["requests"] - total["failures"] <= seen.asked <= total["requests"]
        assert seen.asked == total["requests"] or total["failures"]
        return
    unrecorded = sum(one["unrecorded"] for one in fleet["members"] if one["lost"])
    assert unrecorded > 0
    assert all(one["unrecorded"] == 0 for one in fleet["members"] if not one["lost"])
    # Those that stayed are whole: each was given all the load at most, two requests a second.
    assert 0 <= seen.asked - total["requests"] <= (unrecorded + 1) * USERS * 2
    whole = sorted(one["requests"] for one in fleet["members"] if not one["lost"])
    assert all(count in seen.by_client.values() for count in whole), (whole, seen.by_client)
