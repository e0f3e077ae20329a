"""What may happen to a distributed run; each as a function of the lab that it happens in.

The first line of each says what happens, as docs/fleet.md tells it.
"""

import signal
import time
from collections.abc import Callable

from tests.fleet.lab import WINDOW_S, FleetLab, Seen
from tests.fleet.network import LOAD, MESSAGES

Scenario = Callable[[FleetLab], Seen]


def baseline(lab: FleetLab) -> Seen:
    """nothing, and the master is stopped"""
    lab.start(2)
    lab.fault()
    lab.settle()
    return lab.end("worker0", "worker1")


def kill_worker(lab: FleetLab) -> Seen:
    """kill -9 of a worker"""
    lab.start(2)
    lab.processes["worker1"].signal(signal.SIGKILL)
    lab.fault()
    lab.settle()
    lab.take_over()
    return lab.end("worker0", "worker1")


def cut_link(lab: FleetLab) -> Seen:
    """a worker's link cut, then healed"""
    return _cut(lab, lab.timers.cut, MESSAGES, LOAD)


def drop_messages(lab: FleetLab) -> Seen:
    """port 5557 dropped, then let through"""
    return _cut(lab, lab.timers.cut, MESSAGES)


def drop_messages_long(lab: FleetLab) -> Seen:
    """port 5557 dropped for longer than a worker waits"""
    lab.start(2)
    lab.network.cut("worker1", MESSAGES)
    lab.fault()
    began = time.monotonic()
    lab.watch(lab.timers.silence)
    _until_quiet(lab, 1, began, lab.timers.long)
    lab.watch(began + lab.timers.long - time.monotonic())
    lab.take_over()
    lab.settle()
    lab.seen.codes["worker1"] = lab.finish("worker1")
    return lab.end("worker0")


def _cut(lab: FleetLab, seconds: float, *nets: str) -> Seen:
    lab.start(2)
    lab.network.cut("worker1", *nets)
    lab.fault()
    began = time.monotonic()
    if nets == (MESSAGES,):
        lab.watch(lab.timers.silence)
        _until_quiet(lab, 1, began, seconds)
    lab.watch(began + seconds - time.monotonic())
    lab.take_over()
    lab.network.heal("worker1", *nets)
    lab.settle()
    return lab.end("worker0", "worker1")


def _until_quiet(lab: FleetLab, worker: int, began: float, seconds: float) -> None:
    after = "never, while cut"
    while time.monotonic() < began + seconds:
        if not lab.asking(worker):
            lab.seen.quiet = time.monotonic() - began - WINDOW_S
            after = f"{lab.seen.quiet:.0f} s"
            break
        lab.watch(0.1)
    lab.seen.notes.append(f"cut-off worker quiet after {after}")


def freeze_worker(lab: FleetLab) -> Seen:
    """a worker stopped (SIGSTOP), then continued"""
    lab.start(2)
    lab.processes["worker1"].signal(signal.SIGSTOP)
    lab.fault()
    lab.watch(max(lab.timers.silence, 8.0))
    lab.processes["worker1"].signal(signal.SIGCONT)
    lab.settle()
    return lab.end("worker0", "worker1")


def freeze_master(lab: FleetLab) -> Seen:
    """the master stopped for longer than workers wait, then continued"""
    lab.start(2)
    lab.processes["master"].signal(signal.SIGSTOP)
    lab.fault()
    lab.watch(lab.timers.silence + 4.0)
    lab.processes["master"].signal(signal.SIGCONT)
    lab.settle()
    return lab.end("worker0", "worker1")


def terminate_worker(lab: FleetLab) -> Seen:
    """SIGTERM to a worker"""
    lab.start(2)
    lab.processes["worker1"].terminate()
    lab.fault()
    lab.settle()
    return lab.end("worker0", "worker1")


def two_leave(lab: FleetLab) -> Seen:
    """two of three workers leave by SIGTERM, one after the other"""
    lab.start(3)
    lab.processes["worker2"].terminate()
    lab.fault()
    lab.finish("worker2")
    lab.settle()
    lab.processes["worker1"].terminate()
    lab.fault()
    lab.settle()
    return lab.end("worker0", "worker1", "worker2")


def kill_all_workers(lab: FleetLab) -> Seen:
    """kill -9 of all workers"""
    lab.start(2, "-t", "10m" if lab.guard else "40s")
    for name in ("worker0", "worker1"):
        lab.processes[name].signal(signal.SIGKILL)
    began = time.monotonic()
    lab.finish("master")
    lab.seen.notes.append(f"the master ends after {time.monotonic() - began:.0f} s")
    return lab.end("worker0", "worker1", stop=None)


def kill_master(lab: FleetLab) -> Seen:
    """kill -9 of the master"""
    lab.start(2)
    lab.processes["master"].signal(signal.SIGKILL)
    lab.fault()
    began = time.monotonic()
    while lab.asking():
        lab.watch(0.1)
    lab.seen.quiet = time.monotonic() - began - WINDOW_S
    lab.seen.notes.append(f"load goes on for {lab.seen.quiet:.0f} s")
    lab.finish("worker0")
    lab.seen.notes.append(f"workers end after {time.monotonic() - began:.0f} s")
    return lab.end("worker0", "worker1", stop=None)


def restart_master(lab: FleetLab) -> Seen:
    """the master killed, a new one started at its address"""
    lab.start(2)
    lab.processes["master"].signal(signal.SIGKILL)
    lab.fault()
    time.sleep(lab.timers.restart)
    lab.old = {user for users in lab.counts()[1].values() for user in users}
    lab.master("--expect-workers-max-wait", "60", name="second")
    if lab.guard:
        lab.settle()
    else:
        lab.watch(lab.timers.give_up + 4.0)
    seen = lab.end("worker0", "worker1", master="second")
    seen.asked = sum(
        count
        for users in lab.counts()[1].values()
        for user, (count, *_) in users.items()
        if user not in lab.old
    )
    return seen


def terminate_master(lab: FleetLab) -> Seen:
    """SIGTERM to a master whose run has a planned end"""
    lab.start(2, "-t", "10m")
    return lab.end("worker0", "worker1", stop=signal.SIGTERM)


def too_few_workers(lab: FleetLab) -> Seen:
    """a worker too few, --expect-workers-max-wait"""
    lab.master("--expect-workers-max-wait", "6", workers=2)
    lab.worker(0)
    return lab.end("worker0", stop=None)


def no_master(lab: FleetLab) -> Seen:
    """a worker whose master was never there"""
    lab.worker(0)
    lab.seen.codes["worker0"] = lab.finish("worker0")
    return lab.seen


SCENARIOS: dict[str, tuple[int, Scenario]] = {
    one.__name__: (workers, one)
    for workers, one in (
        (2, drop_messages_long),
        (2, kill_master),
        (2, restart_master),
        (2, drop_messages),
        (2, cut_link),
        (3, two_leave),
        (2, freeze_worker),
        (2, freeze_master),
        (2, kill_worker),
        (2, terminate_worker),
        (2, kill_all_workers),
        (2, terminate_master),
        (2, baseline),
        (1, too_few_workers),
        (1, no_master),
    )
}
"""By name, with the workers that each needs; the longest first."""
