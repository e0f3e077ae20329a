"""The Walrus user against the reference target: every variant, each fault under its class."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import gevent
import pytest
from gevent import subprocess as green
from locust.env import Environment

from gauntlet.clients import walrus as api
from gauntlet.clients.http import HttpClient
from gauntlet.errors import UsageError
from gauntlet.measure.outcomes import outcome_of
from gauntlet.mixes.walrus import Patience, WalrusMix
from gauntlet.report.walrus import BlobSummary
from gauntlet.user import Preparation
from tests.clients.torture import PATIENCE_S
from users._walrus_ask import Manners
from users.walrus import WalrusUser

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
SECRET = "a secret of the publisher, 40 bytes long"
QUICK = {"attempts": 4, "pause": "10ms", "longest_pause": "40ms", "visible_pause": "20ms"}

SEEDS = count()
"""A run never repeats the blobs of another."""

Meta = dict[str, Any]


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with gevent.Timeout(4 * PATIENCE_S):
        yield


class Targets:
    """Reference targets of a test, ended with it."""

    def __init__(self) -> None:
        self._processes: list[green.Popen[str]] = []

    def start(self, *options: str, addresses: int = 1) -> list[str]:
        """Start one; its addresses."""
        command = [sys.executable, "-m", "gauntlet.targets", "walrus", "--port", "0"]
        process = green.Popen(
            [*command, "--first-read", "0s", "--exit-with-parent", *options],
            cwd=ROOT,
            stdin=green.PIPE,
            stdout=green.PIPE,
            text=True,
        )
        assert process.stdin is not None and process.stdout is not None
        self._processes.append(process)
        lines = [process.stdout.readline() for _ in range(addresses)]
        assert all(line.startswith("ready ") for line in lines), lines
        return [line.split()[1] for line in lines]

    def close(self) -> None:
        for process in self._processes:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.wait(PATIENCE_S)
            process.stdout.close()


@pytest.fixture
def targets() -> Iterator[Targets]:
    targets = Targets()
    yield targets
    targets.close()


@pytest.fixture(scope="module")
def well() -> Iterator[str]:
    """A target without any fault, for all tests that need no other."""
    targets = Targets()
    yield targets.start("--cache-headers")[0]
    targets.close()


class Client:
    """A user in no runner, and what its requests said."""

    def __init__(self, publisher: str, aggregator: str | None = None, **mix: Any) -> None:
        class Someone(WalrusUser):
            host = publisher
            extra = BlobSummary()

        sizes = {"smallest": 1, "largest": 4} | mix.pop("blobs", {})
        whole = {"weights": {"roundtrip": 1}, "wait": "0s", "blobs": sizes, "patience": QUICK}
        Someone.configure(WalrusMix.model_validate(whole | mix))
        named = {"publisher": publisher, "aggregator": aggregator or publisher}
        Someone.prepare(Preparation(next(SEEDS), 0, lambda: None, named))
        self.events: list[Meta] = []
        environment = Environment()
        environment.events.request.add_listener(lambda **meta: self.events.append(meta))
        self.user = Someone(environment)

    def close(self) -> None:
        self.user.client.close()
        self.user.aggregator.close()

    @property
    def extra(self) -> BlobSummary:
        return self.user.extra

    @property
    def last(self) -> Meta:
        return self.events[-1]

    @property
    def names(self) -> list[str]:
        return [f"{meta['request_type']} {meta['name']}" for meta in self.events]

    @property
    def outcomes(self) -> Counter[str]:
        """Requests by name and class of failure."""
        found: Counter[str] = Counter()
        for meta in self.events:
            if meta["exception"] is not None:
                found[f"{meta['name']}: {outcome_of(meta['exception'])}"] += 1
        return found

    def figure(self, name: str) -> str | None:
        section = self.extra.section()
        assert section is not None
        return next((one.shown for one in section.figures if one.name == name), None)


Make = Callable[..., Client]


@pytest.fixture
def client() -> Iterator[Make]:
    """Makes clients and closes them."""
    made: list[Client] = []

    def make(*addresses: str, **mix: Any) -> Client:
        made.append(Client(*addresses, **mix))
        return made[-1]

    yield make
    for one in made:
        one.close()


FLOW = ["PUT /v1/blobs", "GET /v1/blobs/{id} first", "GET /v1/blobs/{id} cached"]


# -- round trips -----------------------------------------------------------------------------------


def test_a_round_trip_is_an_upload_and_two_verified_downloads(client: Make, well: str) -> None:
    one = client(well)
    one.user.roundtrip()
    assert one.names == FLOW
    assert [meta["exception"] for meta in one.events] == [None] * 3
    assert [meta["context"].get("verified", False) for meta in one.events] == [False, True, True]
    (row,) = one.extra.rows
    assert (row.status, row.verified, row.attempts) == ("newlyCreated", True, 3)
    assert row.upload == pytest.approx(one.events[0]["response_time"] / 1000)
    assert row.first == pytest.approx(one.events[1]["response_time"] / 1000)
    assert row.cached == pytest.approx(one.events[2]["response_time"] / 1000)
    assert {meta["response_length"] for meta in one.events[1:]} == {row.size}
    assert one.events[0]["context"]["sent"] == row.size
    for meta in one.events:
        assert 0 < meta["context"]["time_to_first_byte"] <= meta["response_time"]


def test_a_slash_at_the_end_of_an_address_changes_nothing(client: Make, well: str) -> None:
    one = client(f"{well}/", f"{well}/")
    one.user.roundtrip()
    assert one.names == FLOW and not one.outcomes


def test_publisher_and_aggregator_may_lie_apart(client: Make, targets: Targets) -> None:
    publisher, aggregator = targets.start("--aggregator-port", "0", addresses=2)
    one = client(publisher, aggregator)
    one.user.roundtrip()
    assert one.names == FLOW and not one.outcomes
    assert one.events[0]["url"].startswith(publisher)
    assert one.events[1]["url"].startswith(aggregator)
    wrong = client(aggregator, publisher)
    wrong.user.roundtrip()
    assert wrong.names == FLOW[:1], "an aggregator takes no uploads"


@pytest.mark.parametrize("sizes", [(1, 1), (90, 100), (10_240, 10_240)], ids=str)
@pytest.mark.parametrize("text", [0.0, 1.0], ids=["bytes", "text"])
def test_blobs_of_every_size_come_back(
    client: Make, well: str, sizes: tuple[int, int], text: float
) -> None:
    one = client(well, blobs={"smallest": sizes[0], "largest": sizes[1], "text_share": text})
    one.user.roundtrip()
    assert not one.outcomes
    assert sizes[0] <= one.extra.rows[0].size / 1024 <= sizes[1]


@pytest.mark.parametrize("kind", [None, "deletable", "permanent"])
@pytest.mark.parametrize("epochs", [None, 5])
def test_blobs_are_stored_as_asked(
    client: Make, well: str, kind: str | None, epochs: int | None
) -> None:
    one = client(well, store={"epochs": epochs, "kind": kind})
    one.user.roundtrip()
    assert not one.outcomes
    assert one.events[0]["url"] == well + api.upload_path("/v1/blobs", epochs, kind)
    assert one.events[0]["name"] == "/v1/blobs"


def test_more_epochs_than_there_are_is_a_failure_of_that_status(client: Make, well: str) -> None:
    with pytest.raises(ValueError, match="less than or equal to 53"):
        client(well, store={"epochs": 54})


def test_content_that_is_uploaded_again_is_told_apart(client: Make, well: str) -> None:
    one = client(well, blobs={"smallest": 2, "largest": 3, "reupload_share": 1.0})
    for _ in range(5):
        one.user.roundtrip()
    assert not one.outcomes
    statuses = Counter(row.status for row in one.extra.rows)
    assert statuses["alreadyCertified"] >= 4
    counts = one.extra.counts
    assert counts["certified again"] == 4 and counts["new again"] == 0
    states = ("hit", "miss", "unknown")
    assert sum(counts[f"first {state}"] for state in states) == 1, "others were read before"
    assert sum(counts[f"cached {state}"] for state in states) == 5
    assert one.figure("Uploaded again on purpose") == "4, of which 4 already certified"


def test_downloads_are_of_what_was_uploaded(client: Make, well: str) -> None:
    one = client(well)
    for _ in range(3):
        one.user.download()
    assert one.names == FLOW + FLOW[2:] and not one.outcomes


def test_an_upload_is_nothing_but_an_upload(client: Make, well: str) -> None:
    one = client(well)
    one.user.upload()
    assert one.names == FLOW[:1]
    (row,) = one.extra.rows
    assert (row.verified, row.first, row.cached) == (False, None, None)


def test_parts_are_compared_too(client: Make, well: str) -> None:
    one = client(well, longest_range=1)
    for _ in range(20):
        one.user.range()
        one.user.byte_range()
    assert not one.outcomes
    names = Counter(one.names)
    assert names["GET /v1/blobs/{id} range"] == names["GET /v1/blobs/{id}/byte-range"] == 20
    assert all(meta["context"]["verified"] for meta in one.events[1:])
    assert all(1 <= meta["response_length"] <= 1024 for meta in one.events[1:])


def test_a_head_request_tells_of_a_blob_without_its_bytes(client: Make, well: str) -> None:
    one = client(well)
    one.user.head()
    assert one.names == ["PUT /v1/blobs", "HEAD /v1/blobs/{id}"] and not one.outcomes
    assert one.last["response_length"] == 0
    assert "verified" not in one.last["context"], "no byte was compared"


def test_a_blob_is_found_by_its_object(client: Make, well: str) -> None:
    one = client(well)
    one.user.by_object()
    assert one.names == ["PUT /v1/blobs", f"GET {api.OBJECT}"] and not one.outcomes
    assert one.last["context"]["verified"]
    assert one.last["response_length"] == one.user.pool.blob(0).length


@pytest.mark.parametrize("task", ["head", "by_object", "range", "byte_range"])
def test_a_blob_that_was_touched_is_no_evidence_of_a_first_read(
    client: Make, well: str, task: str
) -> None:
    one = client(well)
    getattr(one.user, task)()
    one.user.download()
    one.user.download()
    assert one.names[-2:] == FLOW[1:] and not one.outcomes
    kinds = Counter(key.split()[0] for key in one.extra.counts if key != "new")
    assert kinds == {"cached": 1}


def test_nobody_reads_a_blob_before_its_own_round_trip_has(client: Make, targets: Targets) -> None:
    (address,) = targets.start("--read-time", "200ms")
    one = client(address)
    trip = gevent.spawn(one.user.roundtrip)
    while not one.events:
        gevent.sleep(0.01)
    one.user.download()
    trip.get()
    assert Counter(one.names) == {FLOW[0]: 2, FLOW[1]: 2, FLOW[2]: 1}


@pytest.mark.parametrize("read", ["patch", "name"])
@pytest.mark.parametrize("files", [1, 7])
def test_a_file_of_a_quilt_comes_back(client: Make, well: str, read: str, files: int) -> None:
    one = client(well, quilts={"files": files, "read": read})
    one.user.quilt()
    name = {"patch": api.PATCH, "name": api.NAMED}[read]
    assert one.names == ["PUT /v1/quilts", f"GET {name}"] and not one.outcomes
    assert one.last["context"]["verified"]


def test_the_cache_is_asked_what_it_did(client: Make, well: str) -> None:
    one = client(well)
    for _ in range(3):
        one.user.roundtrip()
    said = one.figure("First downloads by cache headers")
    assert said == "0 hits, 3 misses, 0 without a word"
    said = one.figure("Cached downloads by cache headers")
    assert said == "3 hits, 0 misses, 0 without a word"


def test_the_first_read_is_the_slow_one(client: Make, targets: Targets) -> None:
    (address,) = targets.start("--first-read", "150ms")
    one = client(address)
    for _ in range(3):
        one.user.roundtrip()
    section = one.extra.section()
    assert section is not None
    values = {figure.name: figure.value for figure in section.figures}
    assert all(row.first is not None and row.first >= 0.15 for row in one.extra.rows)
    ratio = values["First to cached"]
    assert ratio is not None and ratio > 1.0
    shortest, longest = values["Shortest cached download"], values["Longest cached download"]
    cached = sorted(row.cached or 0.0 for row in one.extra.rows)
    assert shortest == pytest.approx(cached[0])
    assert longest == pytest.approx(cached[-1])


# -- faults ----------------------------------------------------------------------------------------

ALL = "100%"
PUT, FIRST = "/v1/blobs", "/v1/blobs/{id} first"
READS = ("--fault-scope", "reads")


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


# -- tokens ----------------------------------------------------------------------------------------


@pytest.fixture
def guarded(targets: Targets, tmp_path: Path) -> str:
    """A publisher that wants tokens of 60 seconds that say size and epochs."""
    (tmp_path / "secret").write_text(SECRET)
    rules = "--jwt-secret-file", str(tmp_path / "secret"), "--jwt-verify-upload"
    return targets.start(*rules, "--jwt-expiring-sec", "60")[0]


TOKEN = {"lifetime": "60s", "claims": ["size", "epochs"]}


def test_each_upload_has_a_token_of_its_own(
    client: Make, guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALRUS_JWT_SECRET", SECRET)
    one = client(guarded, token=TOKEN, store={"epochs": 3})
    for _ in range(5):
        one.user.roundtrip()
    one.user.quilt()
    assert not one.outcomes
    assert SECRET not in repr([vars(one.user), one.events, one.extra.section()])


def test_the_secret_may_lie_in_a_file(
    client: Make, guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALRUS_JWT_SECRET_FILE", str(tmp_path / "secret"))
    one = client(guarded, token=TOKEN)
    one.user.roundtrip()
    assert not one.outcomes


@pytest.mark.parametrize(
    ("secret", "token", "outcome"),
    [
        pytest.param(None, {}, "status", id="none"),
        pytest.param("another secret, and a long one as well", {}, "token refused", id="signature"),
        pytest.param(SECRET, {"lifetime": "61s"}, "token refused", id="lifetime"),
        pytest.param(SECRET, {"use": "never"}, "status", id="switched off"),
    ],
)
def test_a_token_that_will_not_do_has_its_class(
    client: Make,
    guarded: str,
    monkeypatch: pytest.MonkeyPatch,
    secret: str | None,
    token: Meta,
    outcome: str,
) -> None:
    if secret is not None:
        monkeypatch.setenv("WALRUS_JWT_SECRET", secret)
    one = client(guarded, token=TOKEN | token)
    one.user.roundtrip()
    assert one.outcomes == {f"{PUT}: {outcome}": 1}
    assert "attempts" not in one.last["context"]


def test_an_expired_token_is_no_gateways_timeout(
    client: Make, targets: Targets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (address,) = targets.start("--jwt-secret-file", str(tmp_path / "secret"))
    monkeypatch.setenv("WALRUS_JWT_SECRET", SECRET)
    one = client(address, token={"lifetime": "1ms"})
    one.user.roundtrip()
    assert one.outcomes == {f"{PUT}: token expired": 1}
    assert list(one.user.preflight(address, {"roundtrip"})) == [
        "PUT /v1/blobs of the publisher answered wrongly: "
        "token expired: expected 200, got 504 (the token has expired)"
    ]


def test_a_token_that_was_used_is_no_overload(
    client: Make, guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALRUS_JWT_SECRET", SECRET)
    one = client(guarded, token={"lifetime": "60s"})
    assert one.user.tokens is not None
    header = one.user.tokens.header(None, None)

    class Again(api.Tokens):
        def header(self, size: int | None, epochs: int | None) -> dict[str, str]:
            return header

    type(one.user).tokens = Again(SECRET, "HS256", 60.0, ())
    one.user.upload()
    one.user.upload()
    assert one.outcomes == {f"{PUT}: token used": 1}
    assert one.extra.counts["backed off 429"] == 0


@pytest.mark.parametrize(
    ("variables", "token", "line"),
    [
        pytest.param(
            {},
            {"use": "always"},
            "WALRUS_JWT_SECRET: expected the publisher's secret, got nothing",
            id="no secret",
        ),
        pytest.param(
            {"WALRUS_JWT_SECRET": "x", "WALRUS_JWT_SECRET_FILE": "y"},
            {},
            "WALRUS_JWT_SECRET: expected this or WALRUS_JWT_SECRET_FILE, got both",
            id="two secrets",
        ),
        pytest.param(
            {"WALRUS_JWT_SECRET_FILE": "/no/such/secret"},
            {},
            "WALRUS_JWT_SECRET_FILE: expected a readable file, got none",
            id="no file",
        ),
        pytest.param(
            {"WALRUS_JWT_SECRET_FILE": "/dev/null"},
            {},
            "WALRUS_JWT_SECRET_FILE: expected a file with a secret, got an empty one",
            id="an empty file",
        ),
    ],
)
def test_a_secret_that_is_not_there_is_one_line(
    client: Make,
    well: str,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    token: Meta,
    line: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        client(well, token=token)
    assert caught.value.mistakes == [line]


# -- the preflight ---------------------------------------------------------------------------------


def test_the_preflight_of_a_well_target_says_nothing(client: Make, well: str) -> None:
    one = client(well)
    assert list(one.user.preflight(well, {"roundtrip"})) == []
    assert not one.events


@pytest.mark.parametrize(
    ("options", "tasks", "lines"),
    [
        pytest.param(
            ["--fault-corrupt", ALL, *READS],
            {"roundtrip"},
            [
                "GET /v1/blobs/{id} of the aggregator answered wrongly: "
                "wrong bytes: not the bytes that were stored"
            ],
            id="corrupt reads",
        ),
        pytest.param(["--fault-corrupt", ALL, *READS], {"upload"}, [], id="nobody reads"),
        pytest.param(
            ["--blob-limit", "100"],
            {"roundtrip"},
            [
                "PUT /v1/blobs of the publisher answered wrongly: "
                "too large: expected 200, got 413 (more than the publisher takes)"
            ],
            id="too large",
        ),
    ],
)
def test_the_preflight_says_what_is_wrong(
    client: Make, targets: Targets, options: list[str], tasks: set[str], lines: list[str]
) -> None:
    (address,) = targets.start(*options)
    assert list(client(address).user.preflight(address, tasks)) == lines


# -- memory ----------------------------------------------------------------------------------------

_SCRIPT = """
import locust, json, resource, sys
sys.path.insert(0, ".")
from tests.users.test_walrus import Client

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def live(kib, times):
    client = Client(sys.argv[1], blobs={"smallest": kib, "largest": kib})
    for _ in range(times):
        client.user.roundtrip()
    assert not client.outcomes, client.outcomes
    assert all(row.verified for row in client.extra.rows)
    client.user.range()
    client.user.quilt()
    assert not client.outcomes, client.outcomes
    client.close()

live(1024, 2)
before = peak()
live(int(sys.argv[2]), 2)
print(json.dumps(peak() - before))
"""


@pytest.mark.timeout(280)
def test_memory_does_not_grow_with_the_size_of_a_blob(targets: Targets) -> None:
    limit = 400 * MIB
    (address,) = targets.start(
        *("--blob-limit", str(limit), "--quilt-limit", str(limit), "--store-limit", str(2 * limit))
    )
    done = green.run(
        [sys.executable, "-c", _SCRIPT, address, str(64 * 1024)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) < 24 * MIB
