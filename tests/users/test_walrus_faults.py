"""The Walrus user against targets with faults: each under its class, and what is waited out."""

from random import Random

import pytest

from gauntlet.clients import walrus as api
from gauntlet.clients.http import HttpClient
from gauntlet.measure.outcomes import outcome_of
from gauntlet.mixes.walrus import Patience
from tests.users._targets import Targets
from tests.users._walrus import ALL, FIRST, FLOW, PUT, QUICK, READS, Make
from users._walrus_ask import Manners

pytestmark = pytest.mark.usefixtures("patience")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        pytest.param(["--fault-corrupt", ALL, *READS], f"{FIRST}: wrong bytes", id="corrupt"),
        pytest.param(["--fault-cut", ALL, *READS], f"{FIRST}: truncated", id="cut"),
        pytest.param(["--fault-short", ALL], f"{FIRST}: wrong length", id="short"),
        pytest.param(["--fault-unavailable", ALL], f"{FIRST}: unavailable", id="unavailable"),
        pytest.param(["--fault-5xx", ALL, *READS], f"{FIRST}: unavailable", id="a bare 503"),
        pytest.param(["--read-limit", "100"], f"{FIRST}: too large", id="aggregator's limit"),
        pytest.param(["--stale-404", "1h"], f"{FIRST}: not found", id="never visible"),
        pytest.param(["--fault-shape", ALL], f"{PUT}: bad shape", id="shape"),
        pytest.param(["--fault-unconfirmed", ALL], f"{PUT}: unconfirmed", id="unconfirmed"),
        pytest.param(["--fault-overload", ALL], f"{PUT}: overloaded", id="overload"),
        pytest.param(["--fault-internal", ALL], f"{PUT}: status", id="internal"),
        pytest.param(["--blob-limit", "100"], f"{PUT}: too large", id="publisher's limit"),
        pytest.param(["--mode", "aggregator"], f"{PUT}: not found", id="no publisher"),
        pytest.param(["--fault-cut", ALL, "--fault-scope", "writes"], f"{PUT}: truncated", id="w"),
    ],
)
def test_a_fault_is_found_under_its_class_and_no_other(
    client: Make, targets: Targets, options: list[str], found: str
) -> None:
    (address,) = targets.start(*options)
    one = client(address, patience=QUICK | {"visible_within": "200ms"})
    for _ in range(3):
        one.user.roundtrip()
    assert one.outcomes == {found: 3}
    outcome = found.partition(": ")[2]
    assert len({str(meta["exception"]) for meta in one.events if meta["exception"]}) == 1
    assert {row.status for row in one.extra.rows} == {outcome}
    assert not any(row.verified for row in one.extra.rows)
    assert not any(meta["context"].get("verified") for meta in one.events)


@pytest.mark.parametrize(
    ("options", "task", "found"),
    [
        pytest.param(["--fault-short", ALL], "head", f"{api.HEAD}: wrong length", id="head"),
        pytest.param(["--stale-404", "1h"], "head", f"{api.HEAD}: not found", id="head of nothing"),
        pytest.param(
            ["--fault-corrupt", ALL, *READS], "by_object", f"{api.OBJECT}: wrong bytes", id="object"
        ),
        pytest.param(
            ["--fault-corrupt", ALL, *READS], "range", f"{api.RANGE}: wrong bytes", id="range"
        ),
        pytest.param(
            ["--fault-cut", ALL, *READS], "byte_range", f"{api.BYTE_RANGE}: truncated", id="bytes"
        ),
        pytest.param(
            ["--fault-corrupt", ALL, *READS], "quilt", f"{api.PATCH}: wrong bytes", id="quilt"
        ),
    ],
)
def test_other_ways_of_reading_find_faults_as_well(
    client: Make, targets: Targets, options: list[str], task: str, found: str
) -> None:
    (address,) = targets.start(*options)
    one = client(address, patience=QUICK | {"visible_within": "200ms"})
    getattr(one.user, task)()
    assert one.outcomes == {found: 1}


def test_some_faults_strike_some_requests_and_the_others_are_right(
    client: Make, targets: Targets
) -> None:
    (address,) = targets.start("--fault-corrupt", "20%", *READS, "--fault-short", "20%")
    one = client(address)
    for _ in range(60):
        one.user.roundtrip()
    assert {key.partition(": ")[2] for key in one.outcomes} == {"wrong bytes", "wrong length"}
    right = [row for row in one.extra.rows if row.verified]
    assert len(right) == 60 - sum(one.outcomes.values())
    assert {row.status for row in right} == {"newlyCreated"}


def test_nobody_there_is_refused(client: Make) -> None:
    one = client("http://127.0.0.1:1")
    one.user.roundtrip()
    assert one.outcomes == {f"{PUT}: refused": 1}


# -- trying again ----------------------------------------------------------------------------------


def test_a_blob_that_is_not_visible_yet_is_asked_for_again(client: Make, targets: Targets) -> None:
    (address,) = targets.start("--stale-404", "300ms")
    one = client(address)
    one.user.roundtrip()
    assert not one.outcomes and one.names == FLOW
    assert one.events[1]["context"]["attempts"] > 1
    assert one.events[1]["response_time"] >= 200, "the wait is inside"
    assert "attempts" not in one.events[2]["context"]
    assert one.extra.counts["stale"] == 1
    assert one.extra.counts["backed off 404"] == one.events[1]["context"]["attempts"] - 1
    section = one.extra.section()
    assert section is not None
    values = {figure.name: figure.value for figure in section.figures}
    visible = values["Longest time to visibility"]
    assert visible is not None and 0.2 <= visible < 10
    assert "First to cached" not in values, "a read that waited is no first read of a cache"
    assert one.extra.rows[0].attempts == one.events[1]["context"]["attempts"] + 2


def test_a_blob_that_was_seen_may_not_vanish(client: Make, targets: Targets) -> None:
    (address,) = targets.start("--store-limit", "5000", "--blob-limit", "5000")
    one = client(address, blobs={"smallest": 4, "largest": 4})
    blob, _, known, _ = one.user._store()
    assert known is not None and one.user._read(known, blob).problem is None
    one.user._store()  # pushes the first one out
    before = len(one.events)
    assert outcome_of(one.user._read(known, blob).problem or OSError()) == "not found"
    assert one.extra.counts["backed off 404"] == 0 and len(one.events) == before + 1


def test_too_many_requests_are_waited_out(client: Make, targets: Targets) -> None:
    (address,) = targets.start("--fault-overload", "40%", "--seed", "3")
    one = client(address, patience=QUICK | {"attempts": 50})
    for _ in range(20):
        one.user.roundtrip()
    assert not one.outcomes
    retried = sum(meta["context"].get("attempts", 1) - 1 for meta in one.events)
    assert retried == one.extra.counts["backed off 429"] > 5
    assert one.figure("Backed off after 429") == str(retried)
    assert sum(row.attempts for row in one.extra.rows) == 60 + retried


def test_an_unavailable_blob_is_waited_for(client: Make, targets: Targets) -> None:
    (address,) = targets.start("--fault-unavailable", "40%", "--seed", "3")
    one = client(address, patience=QUICK | {"attempts": 50})
    for _ in range(20):
        one.user.roundtrip()
    assert not one.outcomes
    assert one.extra.counts["backed off 503"] > 5
    assert one.figure("Backed off after 429") is None


def test_pauses_grow_and_end() -> None:
    manners = Manners(Patience.model_validate(QUICK), Random(1))
    answer = HttpClient("http://127.0.0.1:1").request("GET", "/")
    problem = api.refusal(503, None, b"")
    pauses = [manners.pause(problem, answer, attempts, None) for attempts in (1, 2, 3, 4)]
    assert pauses[3] is None
    for pause, most in zip(pauses, (0.01, 0.02, 0.04), strict=False):
        assert pause is not None and most / 2 <= pause <= most
    assert manners.pause(api.refusal(500, None, b""), answer, 1, None) is None
    assert manners.pause(api.refusal(404, None, b""), answer, 1, None) is None
    assert manners.pause(api.refusal(504, None, b""), answer, 1, None) is None
