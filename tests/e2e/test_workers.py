"""A master with workers: every request is counted once, and no lost worker goes unnoticed.

The target's own count is the witness.
"""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import (
    LOCUSTFILE,
    Json,
    Lab,
    Process,
    Target,
    check_counts,
    counted,
    wait_until,
    wait_until_gone,
)

pytestmark = pytest.mark.e2e

USERS = 4
ALONE = "-s", "10", "--preflight", "off"
"""Nothing but the load reaches the target, and users may finish what they began."""

SLOW = """
import gevent
from locust import events

events.init.add_listener(lambda **_: gevent.sleep(2))
"""

TELLING = """
import pathlib
from locust import events

events.request.add_listener(lambda **_: pathlib.Path("late").touch())
"""

Labs = Callable[[str], Lab]


@pytest.fixture
def target(lab: Lab) -> Target:
    return lab.target()


def start(lab: Lab, target: Target, **profile: Any) -> list[Process]:
    """A master with two workers; the profile lasts three seconds."""
    name = lab.profile(users=USERS, **{"thresholds": ["fail_ratio <= 0%"], **profile})
    return lab.cluster(2, "--load-profile", name, "--host", target.address, *ALONE)


def wait_for_load(master: Process, target: Target) -> None:
    """Wait until the target is under load."""
    master.wait_until(lambda: target.requests > 20, "load on the target")


def meeting_point(worker: Process) -> list[str]:
    """Where a worker meets its master."""
    return worker.command[worker.command.index("--master-host") :]


def check_passed(lab: Lab, target: Target, workers: int) -> None:
    """Nobody was lost, no user broke down, every request of the target is in the record."""
    assert lab.verdict == "PASS", lab.reasons
    assert counted(lab.record) == {"workers": workers, "lost": []}
    assert lab.record["user_errors"] == {}
    check_counts(lab.record, target, USERS)
    check_slices(lab.record)


def check_slices(record: Json) -> None:
    """The slices of all workers hold every request, each within the time of the load."""
    slices, total = record["slices"], record["total"]
    for what in ("requests", "failures"):
        assert sum(one[what] for one in slices) == total[what]
    assert sum(sum(one["counts"][1::2]) for one in slices) == total["requests"]
    assert -1 <= min(one["t"] for one in slices)
    assert (
        max(one["t"] for one in slices) <= record["duration"] + 10
    )  # users finish what they began
    assert {one["phase"] for one in slices} == {one["phase"] for one in record["phases"]}


def test_workers_count_what_the_target_counts(labs: Labs) -> None:
    cluster, fork = labs("three processes"), labs("forked")
    targets = cluster.target(), fork.target()
    master, *workers = start(cluster, targets[0])
    name = fork.profile(users=USERS, thresholds=["fail_ratio <= 0%"])
    parent = fork.forked("--load-profile", name, "--host", targets[1].address, *ALONE)
    parent.wait_until(lambda: len(parent.children()) == 2, "the workers")
    family = parent.children()
    assert (master.end().code, parent.end().code) == (0, 0)
    assert [worker.end().code for worker in workers] == [0, 0]
    check_passed(cluster, targets[0], workers=2)
    check_passed(fork, targets[1], workers=2)
    wait_until_gone(family)


def test_only_the_master_starts_the_embedded_target(lab: Lab) -> None:
    master, *workers = lab.cluster(2, "--load-profile", lab.profile(users=USERS))
    master.wait_for("Shape test updating to 4 users")
    assert [len(worker.children()) for worker in workers] == [0, 0]
    assert master.children()
    assert master.end().code == 0
    assert lab.record["environment"] == "embedded"
    assert lab.record["total"]["failures"] == 0


def test_a_worker_of_another_folder_gets_file_mix_and_host_from_the_master(
    lab: Lab, target: Target, tmp_path: Path
) -> None:
    lab.mix(weights={"health": 1, "predict": 0, "image": 0, "large": 0})
    name, elsewhere = lab.profile(users=USERS), tmp_path / "elsewhere"
    elsewhere.mkdir()
    master, worker = lab.cluster(1, "--load-profile", name, "--host", target.address, *ALONE)
    worker.destroy()
    visitor = lab.locust("--worker", *meeting_point(worker), file="-", folder=elsewhere)
    assert (master.end().code, visitor.end().code) == (0, 0)
    assert {one["name"] for one in lab.record["endpoints"]} == {"/health"}
    check_passed(lab, target, workers=1)


def test_a_worker_that_is_slow_to_listen_holds_nothing_up(lab: Lab, target: Target) -> None:
    """Locust counts it as ready while its `init` listeners still work."""
    name = lab.profile(users=USERS)
    master, worker = lab.cluster(1, "--load-profile", name, "--host", target.address, *ALONE)
    worker.destroy()
    file = lab.write("slow.py", SLOW + LOCUSTFILE.read_text(encoding="utf-8"))
    lab.locust("--worker", *meeting_point(worker), file=file)
    assert master.end().code == 0
    check_passed(lab, target, workers=1)


def test_a_killed_worker_makes_the_run_invalid_unless_the_profile_tolerates_it(
    labs: Labs,
) -> None:
    strict, lenient = labs("strict"), labs("lenient")
    targets = strict.target(), lenient.target()
    clusters = (
        start(strict, targets[0], duration="4s"),
        start(lenient, targets[1], duration="4s", lost_workers=1),
    )
    begun = dict(zip(targets, clusters, strict=True))  # whichever is first under load
    while begun:
        wait_until(lambda: any(target.requests > 20 for target in begun), "load on a target")
        for target in [one for one in begun if one.requests > 20]:
            _, worker, _ = begun.pop(target)
            worker.signal(signal.SIGKILL)
    assert [master.end().code for master, *_ in clusters] == [4, 0]
    assert (strict.verdict, lenient.verdict) == ("INVALID", "PASS")
    for lab in (strict, lenient):
        (lost,) = lab.record["fleet"]["lost"]
        assert lost in ("worker 0", "worker 1")
        assert (f"lost without a last report: {lost}" in lab.reasons) == (lab is strict)


def test_a_worker_killed_in_the_last_second_is_found(lab: Lab, target: Target) -> None:
    phases = [
        {"name": "load", "duration": "3s", "users": USERS},
        {"name": "last-second", "duration": "1500ms", "users": 2},
    ]
    master, worker, _ = start(lab, target, duration="4500ms", phases=phases)
    master.wait_for("Shape test updating to 2 users")
    worker.signal(signal.SIGKILL)
    assert (master.end().code, lab.verdict) == (4, "INVALID")
    assert len(lab.record["fleet"]["lost"]) == 1


def test_a_master_that_lost_all_workers_ends_invalid(lab: Lab, target: Target) -> None:
    master, *workers = start(lab, target, duration="10m")
    wait_for_load(master, target)
    for worker in workers:
        worker.signal(signal.SIGKILL)
    assert (master.end().code, lab.verdict) == (4, "INVALID")
    assert lab.record["fleet"]["lost"] == ["worker 0", "worker 1"]
    assert "cut short" in lab.reasons


def test_a_worker_that_leaves_by_sigterm_reports_and_is_not_lost(lab: Lab, target: Target) -> None:
    master, worker, _ = start(lab, target, duration="4s")
    wait_for_load(master, target)
    worker.terminate()
    assert worker.end().code == 143
    assert master.end().code == 0
    check_passed(lab, target, workers=2)


def test_a_worker_may_join_late(labs: Labs) -> None:
    """Locust may give it users while its `init` listeners still work."""
    heads = {labs("at once"): "", labs("slowly"): SLOW}
    targets = {lab: lab.target() for lab in heads}
    clusters = {lab: start(lab, targets[lab], duration="10m") for lab in heads}
    late = []
    for lab, (master, worker, _) in clusters.items():
        wait_for_load(master, targets[lab])
        text = heads[lab] + LOCUSTFILE.read_text(encoding="utf-8") + TELLING
        file = lab.write("late.py", text)
        late.append(lab.locust("--worker", *meeting_point(worker), file=file))
    for lab, (master, *_) in clusters.items():
        master.wait_until((lab.folder / "late").exists, "a request of the late worker")
        master.terminate()
    for lab, (master, *_) in clusters.items():
        assert master.end().code == 4
        assert lab.reasons.startswith("cut short after ")
        assert counted(lab.record) == {"workers": 3, "lost": []}
        assert lab.record["user_errors"] == {}
        check_counts(lab.record, targets[lab], USERS)
    assert [worker.end().code for worker in late] == [0, 0]


def test_a_worker_without_the_user_class_is_no_green_run(lab: Lab, target: Target) -> None:
    text = LOCUSTFILE.read_text(encoding="utf-8").replace("ImageClient", "Another")
    name = lab.profile(users=USERS)
    master, worker = lab.cluster(1, "--load-profile", name, "--host", target.address)
    worker.destroy()
    lab.locust("--worker", *meeting_point(worker), file=lab.write("other.py", text))
    assert (master.end().code, lab.verdict) == (4, "INVALID")
