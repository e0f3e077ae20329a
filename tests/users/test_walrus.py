"""The Walrus user against a target without faults: every variant, every byte, flat memory."""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import gevent
import pytest
from gevent import subprocess as green
from gevent.server import StreamServer

from gauntlet.clients import walrus as api
from gauntlet.mixes.walrus import WalrusWeights
from tests.users._targets import ROOT, Targets
from tests.users._walrus import FLOW, Make
from users.walrus import WalrusUser

MIB = 1 << 20

pytestmark = pytest.mark.usefixtures("patience")


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


@pytest.mark.parametrize("task", ["upload", "quilt"])
def test_an_upload_says_how_long_its_body_is(client: Make, task: str) -> None:
    heads: list[bytes] = []

    def answer(connection: Any, _: object) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(1 << 16)
        head, _, body = received.partition(b"\r\n\r\n")
        heads.append(head.lower())
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

    server = StreamServer(("127.0.0.1", 0), answer)
    server.start()
    one = client(f"http://127.0.0.1:{server.server_port}")
    getattr(one.user, task)()
    server.stop(timeout=1)
    assert [meta["context"]["sent"] > 1024 for meta in one.events] == [True]
    (head,) = heads
    assert b"content-length: %d\r\n" % one.last["context"]["sent"] in head + b"\r\n"
    assert b"transfer-encoding" not in head


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
    (row,) = one.extra.rows
    assert (row.status, row.verified) == ("newlyCreated", False), "whoever uploads it, it is told"


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


def test_two_classes_in_a_process_never_make_the_same_blob(client: Make, well: str) -> None:
    one = client(well)

    class Other(WalrusUser):
        host = well

    Other.configure(one.user.mix)
    Other.prepare(one.preparation)
    other = Other(one.user.environment)
    contents = [user._new().content for user in (one.user, other) for _ in range(50)]
    assert len(set(contents)) == 100


def test_every_task_has_its_tag() -> None:
    tags = {
        name: getattr(task, "locust_tag_set", None)
        for name, task in vars(WalrusUser).items()
        if name in WalrusWeights.model_fields
    }
    own = {name: {name} for name in ("roundtrip", "upload", "download", "head", "quilt")}
    assert tags == {**own, "by_object": {"object"}, "range": {"range"}, "byte_range": {"range"}}
    assert tags.keys() == WalrusWeights.model_fields.keys()


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
    assert one.last["response_length"] == one.extra.rows[0].size


@pytest.mark.parametrize("task", ["head", "by_object", "range", "byte_range"])
def test_a_blob_that_was_touched_is_no_evidence_of_a_first_read(
    client: Make, well: str, task: str
) -> None:
    one = client(well)
    getattr(one.user, task)()
    one.user.download()
    one.user.download()
    assert one.names[-2:] == FLOW[1:] and not one.outcomes
    kinds = Counter(key.split()[0] for key in one.extra.counts if key not in ("new", "blobs"))
    assert kinds == {"cached": 1}


def test_nobody_reads_a_blob_before_its_own_round_trip_has(client: Make, targets: Targets) -> None:
    (address,) = targets.start("--read-time", "200ms")
    one = client(address)
    others: list[gevent.Greenlet[..., None]] = []

    def as_soon_as_it_is_there(**_: object) -> None:
        if not others:
            others.append(gevent.spawn(one.user.download))

    one.user.environment.events.request.add_listener(as_soon_as_it_is_there)
    one.user.roundtrip()
    others[0].get()
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
    (address,) = targets.start("--first-read", "500ms")
    one = client(address)
    for _ in range(3):
        one.user.roundtrip()
    section = one.extra.section()
    assert section is not None
    values = {figure.name: figure.value for figure in section.figures}
    assert all(row.first is not None and row.first >= 0.5 for row in one.extra.rows)
    ratio = values["First to cached"]
    assert ratio is not None and ratio > 1.0
    shortest, longest = values["Shortest cached download"], values["Longest cached download"]
    cached = sorted(row.cached or 0.0 for row in one.extra.rows)
    assert shortest == pytest.approx(cached[0])
    assert longest == pytest.approx(cached[-1])


# -- memory ----------------------------------------------------------------------------------------

_SCRIPT = """
import locust, json, resource, sys
sys.path.insert(0, ".")
from tests.users._walrus import Client

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
