"""A master with workers: every request is counted once, and no lost worker goes unnoticed.

The target's own count is the witness.
"""

import shutil
import signal
from pathlib import Path

import pytest

from tests.e2e.support import (
    LOCUSTFILE,
    Lab,
    Process,
    Target,
    check_counts,
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


@pytest.fixture
def target(lab: Lab) -> Target:
    return lab.target()


def start(lab: Lab, target: Target, *options: str, **profile: object) -> list[Process]:
    """A master with two workers under load; the profile lasts three seconds."""
    name = lab.profile(users=USERS, **({"duration": "3s"} | profile))  # type: ignore[arg-type]
    cluster = lab.cluster(2, "--load-profile", name, "--host", target.address, *ALONE, *options)
    cluster[0].wait_until(lambda: target.requests > 20, "load on the target")
    return cluster


def test_three_processes_count_what_the_target_counts(lab: Lab, target: Target) -> None:
    master, *workers = start(lab, target, thresholds=["fail_ratio <= 0%", "rps > 10"])
    assert master.end().code == 0
    assert lab.record["fleet"] == {"workers": 2, "lost": []}
    assert lab.verdict == "PASS"
    assert [worker.end().code for worker in workers] == [0, 0]
    check_counts(lab.record, target, USERS)


def test_two_forked_workers_count_what_the_target_counts(lab: Lab, target: Target) -> None:
    name = lab.profile(users=USERS, thresholds=["fail_ratio <= 0%"])
    master = lab.forked("--load-profile", name, "--host", target.address, *ALONE)
    master.wait_until(lambda: len(master.children()) == 2, "the workers")
    family = master.children()
    assert master.end().code == 0
    assert lab.record["fleet"] == {"workers": 2, "lost": []}
    check_counts(lab.record, target, USERS)
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
    at = worker.command[worker.command.index("--master-host") :]
    visitor = lab.locust("--worker", *at, file="-", folder=elsewhere)
    assert (master.end().code, visitor.end().code) == (0, 0)
    assert {one["name"] for one in lab.record["endpoints"]} == {"/health"}
    check_counts(lab.record, target, USERS)


def test_a_worker_that_is_slow_to_listen_holds_nothing_up(lab: Lab, target: Target) -> None:
    """Locust counts it as ready while its `init` listeners still work."""
    text = SLOW + LOCUSTFILE.read_text(encoding="utf-8")
    name = lab.profile(users=USERS)
    master, worker = lab.cluster(1, "--load-profile", name, "--host", target.address, *ALONE)
    worker.destroy()
    at = worker.command[worker.command.index("--master-host") :]
    lab.locust("--worker", *at, file=lab.write("slow.py", text))
    assert (master.end().code, lab.verdict) == (0, "PASS")
    check_counts(lab.record, target, USERS)


def test_a_killed_worker_makes_the_run_invalid(lab: Lab, target: Target) -> None:
    master, worker, _ = start(lab, target, duration="4s", thresholds=["fail_ratio <= 100%"])
    worker.signal(signal.SIGKILL)
    assert (master.end().code, lab.verdict) == (4, "INVALID")
    (lost,) = lab.record["fleet"]["lost"]
    assert lost in ("worker 0", "worker 1")
    assert f"lost without a last report: {lost}" in lab.reasons


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


def test_a_profile_may_tolerate_a_lost_worker(lab: Lab, target: Target) -> None:
    master, worker, _ = start(
        lab, target, duration="4s", thresholds=["fail_ratio <= 0%"], lost_workers=1
    )
    worker.signal(signal.SIGKILL)
    assert (master.end().code, lab.verdict) == (0, "PASS")
    assert len(lab.record["fleet"]["lost"]) == 1


def test_a_master_that_lost_all_workers_ends_invalid(lab: Lab, target: Target) -> None:
    master, *workers = start(lab, target, duration="30s")
    for worker in workers:
        worker.signal(signal.SIGKILL)
    assert (master.end().code, lab.verdict) == (4, "INVALID")
    assert "worker 0, worker 1" in lab.reasons
    assert "cut short" in lab.reasons


def test_a_worker_that_leaves_by_sigterm_reports_and_is_not_lost(lab: Lab, target: Target) -> None:
    master, worker, _ = start(lab, target, duration="4s", thresholds=["fail_ratio <= 0%"])
    worker.signal(signal.SIGTERM)
    assert worker.end().code == 0
    assert (master.end().code, lab.verdict) == (0, "PASS")
    assert lab.record["fleet"] == {"workers": 2, "lost": []}
    check_counts(lab.record, target, USERS)


@pytest.mark.parametrize("head", [pytest.param("", id="at once"), pytest.param(SLOW, id="slowly")])
def test_a_worker_may_join_late(lab: Lab, target: Target, head: str) -> None:
    """Locust may give it users while its `init` listeners still work."""
    master, worker, _ = start(lab, target, duration="6s", thresholds=["fail_ratio <= 0%"])
    at = worker.command[worker.command.index("--master-host") :]
    file = lab.write("late.py", head + LOCUSTFILE.read_text(encoding="utf-8"))
    late = lab.locust("--worker", *at, file=file)
    assert (master.end().code, lab.verdict) == (0, "PASS")
    assert late.end().code == 0
    assert lab.record["fleet"] == {"workers": 3, "lost": []}
    assert lab.record["user_errors"] == {}
    check_counts(lab.record, target, USERS)


def test_a_worker_without_the_user_class_is_no_green_run(lab: Lab, target: Target) -> None:
    other = lab.write(
        "other.py", LOCUSTFILE.read_text(encoding="utf-8").replace("ImageClient", "Another")
    )
    shutil.copyfile(LOCUSTFILE, lab.folder / "own.py")
    name = lab.profile(users=USERS)
    master, worker = lab.cluster(1, "--load-profile", name, "--host", target.address)
    worker.destroy()
    at = worker.command[worker.command.index("--master-host") :]
    lab.locust("--worker", *at, file=other)
    assert (master.end().code, lab.verdict) == (4, "INVALID")
