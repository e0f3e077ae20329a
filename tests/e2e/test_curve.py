"""One curve, same shape everywhere: one process, `--processes 2`, a master with two workers.

All three run at the same time, against targets of their own, and tell their users over time in
the run record. A phase that is skipped or stretched would be off by seconds.
"""

from collections.abc import Callable
from itertools import pairwise
from statistics import median

import pytest

from gauntlet import curves
from gauntlet.models import Profile
from tests.e2e.support import Json, Lab

pytestmark = pytest.mark.e2e

PHASES: list[Json] = [
    {"name": "up", "duration": "4500ms", "users": 12, "spawn_rate": 5},
    {"name": "down", "duration": "5s", "users": 4, "spawn_rate": 4},
    {"name": "spike", "duration": "4s", "users": 16},
    {"name": "recovery", "duration": "3500ms", "users": 2},
]
"""Locust asks for users every second: no phase begins at one, where a moment would decide."""
PLAN: Json = {"description": "All that a curve can do", "users": 16, "spawn_rate": 100}
PLAN |= {"duration": "17s", "phases": PHASES}
LATE_S = 1.5
"""Later than that nobody is, but for what the machine itself stood still."""
APART_S = 1.0
"""Between two moments of a record: users of one run lie between two moments of another."""
USERS = 1
MODES = ("one process", "two processes", "a master with two workers")

Timeline = list[tuple[float, int]]


@pytest.fixture(scope="module")
def timelines(module_labs: Callable[[], Lab]) -> dict[str, Timeline]:
    """Users over time in each mode."""
    labs = {mode: module_labs() for mode in MODES}
    for mode, lab in labs.items():
        lab.mix(wait="300ms-400ms")
        lab.write("profiles/predict/all.yaml", PLAN)
        start(lab, mode)
    for lab in labs.values():
        ended = lab.processes[0].end()
        assert ended.code == 0, ended.errors
    return {mode: timeline(lab.record) for mode, lab in labs.items()}


def start(lab: Lab, mode: str) -> None:
    """Start the run; its first process is the one that judges."""
    chosen = "--load-profile", "all", "--tags", "health"
    if mode == "one process":
        lab.headless(*chosen)
    elif mode == "two processes":
        lab.forked(*chosen)
    else:
        lab.cluster(2, *chosen)


def timeline(record: Json) -> Timeline:
    """Seconds and users of every moment of a record."""
    return [(moment["t"], moment["users"]) for moment in record["timeline"]]


def wanted(curve: tuple[curves.Phase, ...], begin: float, end: float) -> tuple[int, int]:
    """The fewest and the most users that the curve wants in a span of time."""
    moments = [begin + step * 0.05 for step in range(int((end - begin) / 0.05) + 1)]
    users = [curves.users_at(curve, moment) for moment in moments]
    return min(known := [one for one in users if one is not None]), max(known)


def stood_still(timelines: dict[str, Timeline]) -> float:
    """Seconds that a sample was late at most, of those that each run takes every second."""
    gaps = [
        later - sooner
        for samples in timelines.values()
        for (sooner, _), (later, _) in pairwise(samples)
    ]
    return max(0.0, max(gaps) - 1.0)


@pytest.mark.parametrize("mode", MODES)
def test_users_over_time_are_the_curve(timelines: dict[str, Timeline], mode: str) -> None:
    curve = Profile.model_validate(PLAN, strict=False).curve
    late = LATE_S + stood_still(timelines)
    for moment, users in timelines[mode]:
        if moment < curves.duration(curve):
            fewest, most = wanted(curve, moment - late, moment + late)
            assert fewest - USERS <= users <= most + USERS, (moment, users, timelines[mode])


@pytest.mark.parametrize("mode", MODES)
def test_every_second_is_sampled_to_the_planned_end(
    timelines: dict[str, Timeline], mode: str
) -> None:
    moments = [moment for moment, _ in timelines[mode]]
    assert 17 - LATE_S <= moments[-1] < 17 + LATE_S + stood_still(timelines)
    assert median(later - sooner for sooner, later in pairwise(moments)) < LATE_S


@pytest.mark.parametrize("mode", MODES)
def test_the_spike_is_as_high_and_as_deep_everywhere(
    timelines: dict[str, Timeline], mode: str
) -> None:
    users = [count for moment, count in timelines[mode] if moment < 17]
    assert (max(users), users[-1]) == (16, 2)


@pytest.mark.parametrize("mode", MODES[1:])
def test_both_ways_of_many_processes_run_like_one(
    timelines: dict[str, Timeline], mode: str
) -> None:
    for moment, users in timelines[mode]:
        within = LATE_S + APART_S + stood_still(timelines)
        near = [count for other, count in timelines[MODES[0]] if abs(other - moment) <= within]
        if near and moment < 17:
            assert min(near) - USERS <= users <= max(near) + USERS, (moment, users, near)
