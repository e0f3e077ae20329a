"""The open model with real processes: arrivals come on schedule, and what that shows."""

import math
import signal
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # ships no types

from tests.e2e.support import LOCUSTFILE, ROOT, Json, Lab, Process, Target
from tests.e2e.test_web_runs import serve as serve_page

pytestmark = pytest.mark.e2e

OFF = "--preflight", "off"
ONE_CALL: Json = {"health": 1, "predict": 0, "image": 0, "large": 0}
RATE = 50
"""What several masters on two busy cores can still keep."""

BACK_S = 6.0
"""So long after a worker was killed others serve its share, every arrival of it."""

HELD = """
import pathlib
import time

import gauntlet
import users.predict

while not pathlib.Path("NAME-may-come").exists():
    time.sleep(0.02)
"""
"""A worker that has done all that takes its time, and comes when it may."""

NOTING = """
import os
import pathlib
from locust import events


def note(start_time, **_):
    with pathlib.Path(f"{os.getpid()}.starts").open("a") as file:
        print(start_time, file=file)


events.request.add_listener(note)
"""
"""A worker that leaves behind when each of its requests began."""

CLOCK_S = 0.005
"""So far is the begin of an iteration from that of its only request, where clocks are true."""

TELLING = """
import pathlib
from locust import events

events.request.add_listener(lambda **_: pathlib.Path("NAME").touch())
"""

BUSY = """
import time
from locust import events

events.test_start.add_listener(lambda **_: time.sleep(0.5))
"""
"""The timer of `-t` runs by then."""

PLAIN = """
import gauntlet
from locust import FastHttpUser, HttpUser, SequentialTaskSet, constant, task

gauntlet.register()


class Steps(SequentialTaskSet):
    @task
    def first(self):
        self.client.get("/health", name="first")

    @task
    def second(self):
        self.client.get("/health", name="second")


class Plain(HttpUser):
    wait_time = constant(3600)
    tasks = [Steps]


class Fast(FastHttpUser):
    wait_time = constant(3600)

    @task
    def ask(self):
        self.client.get("/health", name="fast")
"""

Labs = Callable[..., Lab]


@pytest.fixture
def calls(labs: Labs) -> Callable[..., Lab]:
    """Labs whose iterations are one call each, with an hour between them that nobody waits."""

    def make(name: str, wait: str = "1h") -> Lab:
        lab = labs(name)
        lab.mix(weights=ONE_CALL, wait=wait)
        return lab

    return make


def open_profile(lab: Lab, seconds: int, rate: int = RATE, *rules: str, **more: Any) -> str:
    """A profile of one open phase; gives back its name."""
    shown: Json = {"description": "d", "duration": f"{seconds}s", "arrivals": f"{rate}/s"}
    lab.write("profiles/predict/open.yaml", {**shown, "thresholds": list(rules), **more})
    return "open"


def exact(lab: Lab, number: int) -> Json:
    """The record of a run in which each of so many arrivals was begun once."""
    record = lab.record
    assert (record["arrivals"]["scheduled"], record["arrivals"]["started"]) == (number, number)
    return record


def p99_of_the_schedule(rate: float, seconds: float, stall: float) -> float:
    """Of a target that answers at once but for one stall: p99 in seconds, by hand.

    Who comes during the stall waits for its end: 0 to `stall` seconds, evenly.
    """
    times = sorted(number / rate for number in range(int(stall * rate)))
    return times[-math.ceil(0.01 * rate * seconds)]


def test_a_stall_that_a_closed_loop_hides_is_in_the_response_times(
    calls: Callable[..., Lab],
) -> None:
    closed, opened = calls("closed", wait="10ms"), calls("opened")
    closed.profile("closed", duration="20s", users=5, thresholds=["p99 < 1s"])
    open_profile(opened, 20, RATE, "p99 < 1s")
    runs = []
    for lab in (closed, opened):
        target = lab.target("--fault-stall", "9s:2s")
        profile = lab.folder.name.removesuffix("ed") if lab is opened else "closed"
        runs.append(lab.headless("--load-profile", profile, "--host", target.address, *OFF))
    assert [run.end().code for run in runs] == [0, 3]
    assert (closed.verdict, opened.verdict) == ("PASS", "FAIL")
    assert closed.record["total"]["requests"] > 500  # 5 slow ones are not the slowest 1 % of them
    total, users = exact(opened, 20 * RATE)["total"], opened.record["peak_users"]
    # Whoever came first in the stall waited for all of it, and for a busy machine to go on, which
    # takes its time for the others as well.
    stall, found = total["max_ms"] / 1000, total["percentiles_ms"]["p99"] / 1000
    assert stall > 1.95
    assert 0.95 * p99_of_the_schedule(RATE, 20, 2.0) <= found <= stall
    assert users > 1.5 * RATE


def test_dropped_arrivals_spoil_a_run_and_phases_of_both_kinds_take_turns(
    calls: Callable[..., Lab],
) -> None:
    capped, mixed = calls("capped"), calls("mixed", wait="100ms")
    target = capped.target("--fault-stall", "1s:1s")
    options = "--arrivals", "200/s", "-t", "4s", "--max-users", "40"
    first = capped.headless(*options, "--host", target.address, *OFF)
    phases = [
        {"name": "base", "duration": "2s", "users": 4},
        {"name": "open", "duration": "2s", "arrivals": f"{RATE}/s"},
        {"name": "rest", "duration": "2s", "users": 1},
    ]
    profile = mixed.profile("mixed", duration="6s", users=4, phases=phases)
    second = mixed.headless("--load-profile", profile, "--host", mixed.target().address, *OFF)
    assert (first.end().code, second.end().code) == (4, 0)
    check_capped(capped, first.output)
    record = exact(mixed, 2 * RATE)
    counts = {one["phase"]: one["requests"] for one in record["phases"]}
    assert RATE < counts["open"] < 3 * RATE
    assert 0 < counts["rest"] < 2 * RATE  # whom Locust did not ask for has left
    assert record["timeline"][-1]["users"] == 1
    # Users of the other phases would stand among the arrivals of the chart and of the diagnosis.
    assert {moment["wanted"] for moment in record["timeline"]} == {None, RATE}


def check_capped(lab: Lab, output: str) -> None:
    record, arrivals = lab.record, lab.record["arrivals"]
    dropped, scheduled = arrivals["dropped"], arrivals["scheduled"]
    assert lab.verdict == "INVALID"
    assert f"{dropped} of {scheduled} arrivals dropped: all users were busy" in lab.reasons
    assert f"Dropped: {dropped}" in output
    assert record["peak_users"] == arrivals["most_waiting"] == 40
    assert arrivals["late"] >= 40
    assert dropped >= 90  # of 200 in the stall, less those who had a user or waited for one
    assert scheduled == arrivals["started"] + dropped
    assert scheduled == pytest.approx(800, rel=0.01)  # preparing the run takes none of its arrivals
    assert max(moment["dropped"] for moment in record["timeline"]) == dropped
    assert max(moment["waiting"] for moment in record["timeline"]) > 0
    (health,) = record["endpoints"]
    assert health["service_avg_ms"] < health["avg_ms"] - 1


def test_workers_share_the_rate_exactly(calls: Callable[..., Lab]) -> None:
    labs = [(workers, calls(f"with {workers}")) for workers in (1, 2, 4)]
    clusters = [start(lab, workers, open_profile(lab, 4))[1] for workers, lab in labs]
    plain = calls("without a profile")
    load = "--arrivals", f"{RATE}/s", "-t", "4s"
    clusters.append(start(plain, 1, *load)[1])
    slow = calls("busy when it starts")
    file = slow.write("slow.py", BUSY + LOCUSTFILE.read_text(encoding="utf-8"))
    clusters.append([slow.headless(*load, "--host", slow.target().address, *OFF, file=file)])
    for cluster in clusters:
        assert [process.end().code for process in cluster] == [0] * len(cluster)
    for workers, lab in (*labs, (1, plain), (0, slow)):
        record = exact(lab, 4 * RATE)
        assert record["total"]["requests"] == pytest.approx(4 * RATE, abs=4)
        assert (record["fleet"]["workers"], record["fleet"]["lost"]) == (workers, [])


def start(
    lab: Lab, workers: int, *load: str, file: Path = LOCUSTFILE
) -> tuple[Target, list[Process]]:
    """A master with workers, and their target; the load is a profile's where it has one name."""
    target = lab.target()
    options = ("--load-profile", *load) if len(load) == 1 else load
    return target, lab.cluster(workers, *options, "--host", target.address, *OFF, file=file)


def test_the_rate_stays_exact_when_workers_join_leave_and_are_killed(
    calls: Callable[..., Lab],
) -> None:
    orderly, killed = calls("orderly"), calls("killed")
    target, (master, *workers) = start(orderly, 2, open_profile(orderly, 16))
    at = workers[0].command[workers[0].command.index("--master-host") :]
    for name in ("first", "second"):  # Locust itself would give users to one of them alone
        stock = LOCUSTFILE.read_text(encoding="utf-8")
        text = (HELD + stock + TELLING).replace("NAME", name)
        orderly.locust("--worker", *at, file=orderly.write(f"{name}_late.py", text))
    noting = killed.write("noting.py", LOCUSTFILE.read_text(encoding="utf-8") + NOTING)
    other, (head, victim, _) = start(killed, 2, open_profile(killed, 16), file=noting)
    master.wait_until(lambda: target.requests > RATE, "load on the target")
    for name in ("first", "second"):
        orderly.write(f"{name}-may-come", "")
    head.wait_until(lambda: other.requests > 2 * RATE, "load on the other target")
    served = other.requests
    victim.signal(signal.SIGKILL)
    died = time.time()
    for name in ("first", "second"):
        master.wait_until((orderly.folder / name).exists, f"requests of the {name} late worker")
    workers[0].terminate()
    assert workers[0].end().code == 143
    assert (head.end().code, master.end().code) == (4, 0)
    record = exact(orderly, 16 * RATE)
    assert record["total"]["requests"] == pytest.approx(16 * RATE, rel=0.01)
    assert (record["fleet"]["workers"], record["fleet"]["lost"]) == (4, [])
    arrivals = killed.record["arrivals"]
    assert killed.verdict == "INVALID"
    assert arrivals["scheduled"] == pytest.approx(16 * RATE, rel=0.01)
    assert "arrivals dropped: their workers were gone" in killed.reasons
    # Half the rate for 8 s at most, and what the worker had not reported when it was killed.
    assert 0 < arrivals["dropped"] <= 8 * RATE / 2 + min(served, 3 * RATE)
    assert arrivals["started"] == arrivals["scheduled"] - arrivals["dropped"]
    check_the_rate_since(killed, died + BACK_S)


def check_the_rate_since(lab: Lab, since: float) -> None:
    """From a moment [Unix s] on every arrival began, no later than the record says, and once."""
    found = [text for one in lab.folder.glob("*.starts") for text in one.read_text().split()]
    starts = sorted(map(float, found))
    starts = starts[bisect_left(starts, since) :]
    late = HdrHistogram.decode(lab.record["arrivals"]["late_hdr"]).get_max_value() / 1e6 + CLOCK_S
    late = min(late, 1.0)  # it may have been later at the start; half of the rate is 1.5 s of 3
    lasted = starts[-1] - since
    assert lasted > 3
    assert (lasted - late) * RATE - 1 < len(starts) < (lasted + late) * RATE + 1, late


def test_a_worker_that_hears_nothing_serves_nothing_that_others_may_serve(lab: Lab) -> None:
    lab.mix(weights=ONE_CALL, wait="1h")
    target, (master, _) = start(lab, 1, open_profile(lab, 300))
    master.wait_until(lambda: target.requests > RATE, "load on the target")
    master.signal(signal.SIGSTOP)
    seen = [0]

    def stands_still() -> bool:
        time.sleep(1.0)
        seen.append(target.requests)
        assert len(seen) < 40, "Locust itself would end the worker after a minute"
        return seen[-1] == seen[-2]

    try:
        master.wait_until(stands_still, "no more load of a worker without its master")
    finally:
        master.signal(signal.SIGCONT)
    # What it did not begin is its own still: nobody else was there.
    overdue = seen[-1] + 3 * RATE
    master.wait_until(lambda: target.requests > overdue, "load once the master is back")
    master.terminate()
    assert master.end().code == 4
    arrivals = lab.record["arrivals"]
    assert arrivals["started"] <= arrivals["scheduled"] <= lab.record["duration"] * RATE + 1


def test_every_kind_of_user_serves_arrivals(labs: Labs) -> None:
    """The suite's own, and those of Locust, whose clients the suite has no part in."""
    names = "walrus_blobs", "chater_flows", "image_cloud_roundtrip", "file_server_mix"
    runs = {}
    for name in names:
        lab = labs(name)
        runs[lab] = serve(lab, str(ROOT / "locustfiles" / f"{name}.py"))
    lab = labs("plain")
    file = lab.write("plain.py", PLAIN)
    runs[lab] = serve(lab, str(file), "--host", lab.target().address)
    for one, run in runs.items():
        assert run.end().code == 0, (run.output, run.errors)
        assert one.record["arrivals"]["dropped"] == 0
        assert one.record["arrivals"]["started"] == 9
        assert one.record["total"]["service_percentiles_ms"] is not None
    counts = {one["name"]: one["requests"] for one in lab.record["endpoints"]}
    assert set(counts) == {"first", "second", "fast"}
    assert counts["fast"] == pytest.approx(counts["first"] + counts["second"], abs=2)


def serve(lab: Lab, file: str, *options: str) -> Process:
    return lab.headless("--arrivals", "3/s", "-t", "3s", "-s", "30", *options, file=file)


def test_the_page_starts_open_runs_and_closed_ones(calls: Callable[..., Lab]) -> None:
    lab = calls("page", wait="50ms")
    page = serve_page(lab, "--host", lab.target().address, *OFF)
    users = {"user_count": "1", "spawn_rate": "1", "run_time": "3s"}
    refused = page.start(**users, arrivals="ten")
    assert refused["message"].startswith('--arrivals: expected a rate such as "200/s"')
    assert page.start(**users, arrivals="50/s", arrivals_distribution="poisson")["success"]
    record = page.wait_for_runs(1)
    assert record["arrivals"]["started"] == pytest.approx(150, abs=75)  # six standard deviations
    assert record["outcome"]["verdict"] == "PASS"
    assert any(row["threshold"].startswith("Arrivals: ") for row in page.tab)
    assert page.start(**users, arrivals="")["success"]
    record = page.wait_for_runs(2)
    assert record["arrivals"] is None
    assert record["peak_users"] == 1


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        pytest.param(
            ["--arrivals", "fast"],
            '--arrivals: expected a rate such as "200/s" or "12000/min", got \'fast\'',
            id="a rate in words",
        ),
        pytest.param(
            ["--arrivals", "10/s", "--max-users", "0"],
            "--max-users: expected a whole number from 1 to 2**63 - 1, got '0'",
            id="no users",
        ),
    ],
)
def test_a_wrong_option_ends_before_the_load(lab: Lab, options: list[str], mistake: str) -> None:
    ended = lab.run(*options, "-t", "1s")
    assert (ended.code, ended.mistakes) == (2, [mistake])
    assert not lab.results
