"""Rules about phases and windows, and rules that end a run: in one process and distributed.

Runs that do not disturb each other go on at the same time.
"""

from collections.abc import Callable

import pytest

from tests.e2e.support import Lab, counted

pytestmark = pytest.mark.e2e

Labs = Callable[[str], Lab]

PHASES = [
    {"name": "baseline", "duration": "2s", "users": 2},
    {"name": "spike", "duration": "2s", "users": 6},
    {"name": "recovery", "duration": "3s", "users": 2},
]
HELD = [
    "p50 < 60s in spike",
    "max < 60s over 2s",
    "requests > 0 in recovery over 2s",
    'recovers("max < 60s over 1s") < 60s',
]
TROUBLED = """
import time

import gauntlet
from users.predict import PredictUser

gauntlet.register(system="predict")
wall, began = time.time, time.monotonic()
time.process_time = time.monotonic  # busy all the time
time.time = lambda: wall() + (3 if time.monotonic() > began + 8 else 0)  # and set on the way


class ImageClient(PredictUser):
    pass
"""

LEAVING = """
from itertools import count

import gauntlet
from locust.exception import StopUser
from users.predict import PredictUser

gauntlet.register(system="predict")
numbers = count()


class ImageClient(PredictUser):
    def on_start(self):
        if next(numbers) % 2:
            raise StopUser
"""

REPORTS = "run.json", "junit.xml", "report.html", "locust_stats.csv"


def test_a_broken_rule_aborts_the_run_with_a_fail_and_all_reports(labs: Labs) -> None:
    alone, spread = labs("alone"), labs("two workers")
    rules = ["fail_ratio < 50% in load abort after 2s", "rps >= 1/s over 10m"]
    for lab in (alone, spread):
        target = lab.target("--fault-5xx", "100%")
        name = lab.profile("long", duration="10m", thresholds=rules)
        options = "--load-profile", name, "--host", target.address, "--preflight", "off"
        if lab is alone:
            lab.headless(*options)
        else:
            lab.cluster(2, *options)
    for lab in (alone, spread):
        process = lab.processes[1]
        ended = process.end()
        assert (ended.code, lab.verdict) == (3, "FAIL"), ended
        broke, aborted = lab.record["outcome"]["reasons"][-2:]
        assert broke == f"{rules[0]} broke: 100%"
        assert aborted.startswith("aborted after ") and f" of 10m by {rules[0]}" in aborted
        assert 2.0 <= lab.record["duration"] < 300
        assert all((lab.results[0] / name).stat().st_size for name in REPORTS)
    assert counted(spread.record) == {"workers": 2, "lost": []}


def test_phases_windows_and_recovery_are_judged_and_each_phase_has_its_figures(labs: Labs) -> None:
    alone, spread = labs("alone"), labs("two workers")
    for lab in (alone, spread):
        name = lab.profile("burst", "7s", users=6, thresholds=HELD, phases=PHASES)
        options = "--load-profile", name, "-s", "5"
        if lab is alone:
            lab.headless(*options)
        else:
            lab.cluster(2, *options)
    for lab in (alone, spread):
        ended = lab.processes[0].end()
        assert (ended.code, lab.verdict) == (0, "PASS"), ended
        record = lab.record
        assert [one["rule"] for one in record["thresholds"]] == HELD
        assert all(one["samples"] for one in record["thresholds"])
        names = [phase["name"] for phase in PHASES]
        assert [one["phase"] for one in record["phases"]] == names
        assert {one["phase"] for one in record["phase_endpoints"]} == set(names)
        assert (
            sum(one["requests"] for one in record["phase_endpoints"])
            == (record["total"]["requests"])
        )
        assert "Phases:" in ended.output
        assert (lab.results[0] / "phases.csv").stat().st_size
        assert record["diagnosis"]
        assert record["health"]["clock_drift"] < 1.0
        wanted = [one["wanted"] for one in record["timeline"] if one["t"] < 6.5]
        assert {2.0, 6.0} <= set(wanted)


def test_a_rule_about_a_phase_that_is_none_is_refused_and_nothing_is_sent(lab: Lab) -> None:
    target = lab.target()
    good = lab.profile("burst", "7s", users=6, phases=PHASES)
    bad = lab.profile("bad", "7s", users=6, phases=PHASES, thresholds=["p95 < 2s in spik"])
    at = "--host", target.address
    runs = [
        lab.headless("--load-profile", bad, *at),
        lab.headless("--load-profile", good, *at, "--threshold", "rps > 1 in recover"),
        lab.headless("-t", "2s", *at, "--threshold", "rps > 1 in steady"),
    ]
    phases = "expected a phase (baseline, spike, recovery) behind in"
    expected = [
        f"thresholds[0]: {phases}, got 'spik'; did you mean spike?",
        f"--threshold: {phases}, got 'recover'; did you mean recovery?",
        "--threshold: expected a profile with that phase behind in, got 'steady'",
    ]
    for run, mistake in zip(runs, expected, strict=True):
        ended = run.end()
        assert ended.code == 2
        [line] = ended.mistakes
        assert line.endswith(mistake)
    assert target.requests == 0


def test_too_few_requests_are_no_pass_and_a_reset_is_no_silence(labs: Labs) -> None:
    """Nothing of the ramp, which `--reset-stats` forgets, is in any window."""
    few, reset = labs("few"), labs("reset")
    few.headless("--load-profile", few.profile(thresholds=["p99.999 < 60s"]))
    ramp = "-u", "4", "-r", "1", "-t", "6s", "--reset-stats"
    reset.headless(*ramp, "--threshold", "requests >= 1 over 2s")
    ended = few.processes[0].end()
    assert (ended.code, few.verdict) == (4, "INVALID"), ended
    assert few.reasons.startswith("too few requests for p99.999 < 60s: ")
    assert "in all, 100000 needed; run longer" in few.reasons
    ended = reset.processes[0].end()
    assert (ended.code, reset.verdict) == (0, "PASS"), ended


def test_what_spoils_a_measurement_from_within_is_found_in_the_process_that_it_befell(
    labs: Labs,
) -> None:
    """A worker that is saturated and whose clock is set; users who end by themselves."""
    hot, gone, bare = labs("hot"), labs("gone"), labs("bare")
    rules = ["fail_ratio <= 1%"]
    load = "--load-profile", hot.profile("long", "20s", thresholds=rules)
    [master, other] = hot.cluster(1, *load)
    where = other.command[other.command.index("--master-host") :]
    hot.locust("--worker", *where, file=hot.write("troubled.py", TROUBLED))
    gone.profile("long", "20s", users=6, thresholds=rules)
    gone.headless(*load, file=gone.write("leaving.py", LEAVING))
    file = bare.write("leaving.py", LEAVING)
    bare.headless("-u", "6", "-r", "6", "-t", "20s", file=file)
    for lab in (hot, gone, bare):
        ended = lab.processes[0].end()
        assert (ended.code, lab.verdict) == (4, "INVALID"), ended
    saturated, clock = hot.record["outcome"]["reasons"]
    assert saturated.startswith("worker ") and " was over 90% of a core for " in saturated
    assert clock.startswith(f"the clock of {saturated.partition(' was ')[0]} was set by 3")
    assert hot.record["health"]["cpu_max"] > 99
    assert 2.5 < hot.record["health"]["clock_drift"] < 3.5
    for lab in (gone, bare):
        [off] = lab.record["outcome"]["reasons"]
        assert off.startswith("users were off the curve for ")
        assert ": 3 where 6 were wanted; use more workers" in off
