"""Whose last report has come: real masters and workers in one process."""

from argparse import Namespace
from collections.abc import Iterator
from typing import cast

import pytest
from gevent.event import Event
from locust.runners import MasterRunner, WorkerRunner

from gauntlet.fleet import LAST, LastReport, Ledger
from gauntlet.measure.recorder import RUN, Recorder
from tests.measure.test_merging import fleet
from tests.measure.test_recorder import Fleet


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
    assert arrived.wait(timeout=10)
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
