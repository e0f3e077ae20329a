"""Whose last report has come: real masters and workers in one process."""

from argparse import Namespace
from collections.abc import Iterator
from typing import cast

import pytest
from gevent.event import Event
from locust import runners
from locust.dispatch import UsersDispatcher
from locust.runners import MasterRunner, WorkerRunner

from gauntlet.arriving import OPEN
from gauntlet.balance import Balance
from gauntlet.fleet import LAST, LastReport, Ledger, Part
from gauntlet.measure.recorder import RUN, Recorder
from gauntlet.orphans import SILENCE_S
from tests.measure.test_merging import fleet
from tests.measure.test_recorder import Fleet, Nobody, fire


@pytest.fixture
def group() -> Iterator[Fleet]:
    """A master and a worker, both in the first run."""
    with fleet(1) as group:
        for environment in (group.master, *group.workers):
            environment.parsed_options = Namespace(headless=False, **{RUN: 1})
        yield group


def send_last(group: Fleet, last: LastReport, run: int | None = None) -> None:
    """Send a worker's last report and wait until the master has it."""
    arrived = Event()

    def note(client_id: str, data: dict[str, object]) -> None:
        if data.get(LAST) is not None:
            arrived.set()

    group.master.events.worker_report.add_listener(note)
    last._send(run)
    assert arrived.wait(timeout=60)
    group.master.events.worker_report.remove_listener(note)


def test_a_last_report_of_the_run_before_does_not_excuse_a_lost_worker(group: Fleet) -> None:
    [worker] = group.workers
    ledger = Ledger(group.master, cast(MasterRunner, group.master.runner))
    Recorder(worker)
    last = LastReport(worker, cast(WorkerRunner, worker.runner))
    assert group.master.parsed_options is not None and worker.parsed_options is not None

    ledger.begin()
    setattr(group.master.parsed_options, RUN, 2)
    ledger.begin()
    send_last(group, last)
    assert ledger.lost == ["worker 0"]

    setattr(worker.parsed_options, RUN, 2)
    send_last(group, last)
    assert ledger.lost == []


def test_a_worker_that_was_never_started_answers_for_the_run_it_is_asked_about(
    group: Fleet,
) -> None:
    [worker] = group.workers
    ledger = Ledger(group.master, cast(MasterRunner, group.master.runner))
    LastReport(worker, cast(WorkerRunner, worker.runner))
    setattr(group.master.parsed_options, RUN, 2)
    ledger.begin()
    ledger.finish()
    assert (ledger.size, ledger.lost) == (1, [])


def test_a_report_that_was_lost_on_the_way_shows_in_numbers(group: Fleet) -> None:
    [worker] = group.workers
    ledger = Ledger(group.master, cast(MasterRunner, group.master.runner))
    Recorder(group.master)
    Recorder(worker)
    LastReport(worker, cast(WorkerRunner, worker.runner))
    ledger.begin()
    fire(worker)
    group.report(worker)
    assert ledger.gaps == []

    fire(worker)
    fire(worker)
    worker.events.report_to_master.fire(client_id="any", data={})  # made, and never sent
    fire(worker)
    group.report(worker)
    assert ledger.gaps == ["worker 0 reported 4 requests, 2 arrived"]
    (member,) = ledger.fleet().members
    assert (member.requests, member.missing, member.lost) == (2, 2, True)


def test_a_worker_is_held_to_account_until_it_must_have_stopped() -> None:
    part = Part(index=0, heard=100.0, reported=98.0)
    assert part.unrecorded(105.0) == 7.0
    assert part.unrecorded(200.0) == SILENCE_S + 2.0
    part.finished = True
    assert part.unrecorded(200.0) == 0.0


def test_a_report_of_another_masters_run_counts_nowhere(group: Fleet) -> None:
    [worker] = group.workers
    master, runner = group.master, cast(MasterRunner, group.master.runner)
    master.parsed_options = Namespace(no_rebalancing=True, **{RUN: 7})
    Balance(master, runner)
    recorder, _ = Recorder(master), Recorder(worker)
    fire(worker)
    group.report(worker)
    assert (master.stats.total.num_requests, recorder.series) == (0, {})

    worker.parsed_options = Namespace(**{RUN: 7})
    Recorder(worker)._options = worker.parsed_options
    fire(worker)
    group.report(worker)
    assert master.stats.total.num_requests == 1


def test_users_that_the_pool_added_are_no_excess(
    group: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or their shares would be sent again for ever, and `--reset-stats` obeyed each time."""
    master, runner = group.master, cast(MasterRunner, group.master.runner)
    monkeypatch.setattr(runners, "WORKER_REPORT_INTERVAL", -1.0)  # patience is over at once
    clients = list(runner.clients.values())
    dispatcher = UsersDispatcher(clients, [Nobody])
    dispatcher.new_dispatch(target_user_count=1, spawn_rate=1)
    assert len(list(dispatcher)) == 1
    runner._users_dispatcher = dispatcher
    clients[0].state, clients[0].user_classes_count = runners.STATE_RUNNING, {"Nobody": 9}
    master.parsed_options = Namespace(no_rebalancing=True, **{RUN: 1})
    balance = Balance(master, runner)
    for most, excess in ((0, True), (1000, False)):
        setattr(master.parsed_options, OPEN, most)
        assert balance._too_many() is excess


def test_users_move_unless_somebody_says_they_should_not() -> None:
    for given, moves in ((False, True), (True, False)):
        with fleet(1) as other:
            runner = cast(MasterRunner, other.master.runner)
            other.master.parsed_options = Namespace(
                no_rebalancing=given, enable_rebalancing=False, **{RUN: 1}
            )
            Balance(other.master, runner)
            assert runner.rebalancing_enabled() is moves
