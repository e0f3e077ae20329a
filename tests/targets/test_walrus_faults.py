"""Every switch of the Walrus target does what it says, as often as asked, and nothing else."""

import http.client
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.targets._walrus import (
    QUICK,
    UNKNOWN,
    Answer,
    Service,
    Walrus,
    ask,
    blob_of,
    noise,
    walrus,
)
from tests.targets.conftest import in_one_of_five, wait_until

BODY = noise(100_000)
TEXT = "text/plain; charset=utf-8"
SHED = "the {} is receiving too many requests; please try again later"


def test_without_switches_nothing_goes_wrong() -> None:
    with walrus(*QUICK) as target:
        for seed in range(200):
            body = noise(1000 + seed, seed)
            blob = target.store(body)
            assert [target.read(blob).body for _ in range(2)] == [body, body]


@pytest.mark.parametrize(
    ("fault", "status", "reason", "struck"),
    [
        pytest.param("--fault-internal", 500, "INTERNAL_ERROR", "both", id="internal"),
        pytest.param("--fault-unavailable", 503, "BLOB_UNAVAILABLE", "reads", id="unavailable"),
        pytest.param(
            *("--fault-unconfirmed", 504, "INSUFFICIENT_CONFIRMATIONS", "writes"), id="unconfirmed"
        ),
    ],
)
def test_an_injected_error_has_its_reason(
    fault: str, status: int, reason: str, struck: str
) -> None:
    with walrus(fault, "100%") as target:
        write, read = target.put(BODY), target.read(UNKNOWN)
    if struck in ("writes", "both"):
        assert (write.status, write.reason) == (status, reason)
    else:
        assert write.status == 200
    if struck in ("reads", "both"):
        assert (read.status, read.reason) == (status, reason)
    else:
        assert read.status == 404


def test_an_upload_that_was_not_confirmed_is_not_stored_and_may_be_tried_again() -> None:
    with walrus("--fault-unconfirmed", "50%", "--seed", "1") as target:
        statuses: list[int] = []
        while 200 not in statuses or 504 not in statuses:
            answer = target.put(noise(10, len(statuses)))
            statuses.append(answer.status)
            assert answer.status == 504 or "newlyCreated" in answer.content
            assert len(statuses) < 50


def test_injected_overload_is_the_429_of_the_service_itself() -> None:
    with walrus("--fault-overload", "100%") as target:
        write, read, status = target.put(BODY), target.read(UNKNOWN), target.get("/status")
    assert (write.status, write.headers["content-type"]) == (429, TEXT)
    assert (write.body, read.body) == (
        SHED.format("publisher").encode(),
        SHED.format("aggregator").encode(),
    )
    assert status.status == 200


def test_the_same_seed_strikes_the_same_requests() -> None:
    def statuses(seed: str) -> list[int]:
        with walrus("--fault-internal", "40%", "--seed", seed) as target:
            return [target.put(b"x").status for _ in range(30)]

    once = statuses("7")
    assert set(once) == {200, 500}
    assert statuses("7") == once


def test_a_short_read_lacks_its_end_and_says_so() -> None:
    with walrus("--fault-short", "100%") as target:
        answer = target.read(target.store(BODY))
    assert (answer.status, answer.body) == (200, BODY[:75_000])
    assert answer.headers["content-length"] == "75000"


def test_an_upload_may_be_answered_in_an_unknown_shape() -> None:
    with walrus("--fault-shape", "100%") as target:
        blob, quilt = target.put(BODY), target.put_quilt({"a": b"a"})
        stored = blob.content["stored"]["blob"]
        assert target.read(stored).body == BODY
    assert (blob.status, list(blob.content)) == (200, ["stored"])
    assert list(quilt.content["blobStoreResult"]) == ["stored"]


def test_corrupt_reads_have_the_right_head_and_wrong_bytes() -> None:
    with walrus("--fault-corrupt", "100%", "--fault-scope", "reads") as target:
        blob = target.store(BODY)
        answer = target.read(blob)
    assert (answer.status, answer.headers["etag"]) == (200, blob)
    assert len(answer.body) == len(BODY) and answer.body != BODY


def test_cut_reads_end_in_the_middle() -> None:
    with walrus("--fault-cut", "100%", "--fault-scope", "reads") as target:
        blob = target.store(BODY)
        with pytest.raises(http.client.IncompleteRead) as cut:
            target.read(blob)
    assert cut.value.partial == BODY[:50_000]


def test_faults_of_writes_leave_reads_alone() -> None:
    with walrus("--fault-5xx", "100%", "--fault-scope", "writes") as target:
        assert (target.put(BODY).status, target.read(UNKNOWN).status) == (503, 404)


@pytest.fixture(scope="module")
def cache() -> Iterator[Walrus]:
    with walrus("--first-read", "400ms", "--cache-headers", "--workers", "2") as shared:
        yield shared


def test_the_first_read_takes_longer_and_all_later_ones_do_not(cache: Walrus) -> None:
    blob, other = cache.store(noise(1000, 1)), cache.store(noise(1000, 2))
    first, *cached = [cache.read(blob).seconds for _ in range(6)]
    by_part = cache.get(f"/v1/blobs/{other}/byte-range?start=0&length=1").seconds
    after_part = cache.read(other).seconds
    assert first >= 0.4 and by_part >= 0.4
    assert max(*cached, after_part) < 0.4


def test_a_blob_that_was_read_stays_cached_when_it_is_stored_again(cache: Walrus) -> None:
    blob = cache.store(noise(1000, 3))
    answers = [cache.read(blob)]
    cache.store(noise(1000, 3), "?force=true")
    answers.append(cache.read(blob))
    assert [answer.headers["x-cache"] for answer in answers] == ["MISS", "HIT"]


def test_a_cache_tells_what_it_did_and_how_old_the_answer_is(cache: Walrus) -> None:
    blob = cache.store(noise(1000, 4))
    first, second = cache.read(blob), cache.read(blob)
    assert (first.headers["x-cache"], first.headers.get("age")) == ("MISS", None)
    assert (second.headers["x-cache"], second.headers["age"]) == ("HIT", "0")
    wait_until(lambda: int(cache.read(blob).headers["age"]) > 0, "the answer ages")


def test_time_can_be_added_to_uploads_and_to_reads() -> None:
    def apart() -> bool:
        write = target.put(BODY)
        reads = [target.read(blob_of(write)) for _ in range(2)]
        assert write.seconds >= 0.3
        assert all(answer.seconds >= 0.9 for answer in reads)
        return write.seconds < 0.9 and all(answer.seconds < 1.2 for answer in reads)

    with walrus("--store-time", "300ms", "--read-time", "900ms", *QUICK) as target:
        assert in_one_of_five(apart)


def test_a_new_blob_is_not_seen_for_a_while() -> None:
    with walrus("--stale-404", "2s", *QUICK) as target:
        blob, begin = target.store(BODY), time.perf_counter()
        answer = target.read(blob)
        assert (answer.status, answer.reason) == (404, "BLOB_NOT_FOUND")
        while target.read(blob).status == 404:
            assert time.perf_counter() - begin < 30
            time.sleep(0.02)
        assert time.perf_counter() - begin > 1.9
        assert "alreadyCertified" in target.put(BODY).content
        assert target.read(blob).status == 200


def test_some_of_the_new_blobs_may_not_be_seen_always_the_same_ones() -> None:
    with walrus("--stale-404", "1m:50%", *QUICK) as target:
        blobs = [target.store(noise(10, seed)) for seed in range(40)]
        stale = [[target.read(blob).status for blob in blobs] for _ in range(2)]
    assert stale[0] == stale[1]
    assert 8 < stale[0].count(404) < 32


def all_at_once(service: Service, count: int, method: str, path: str) -> list[Answer]:
    """As many requests, all sent before the first is answered."""
    together = threading.Barrier(count)

    def one(_: int) -> Answer:
        connection = service.connect()
        connection.connect()
        together.wait()
        try:
            return ask(connection, method, path, b"x" if method == "PUT" else b"")
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


UPLOADS = ("publisher", "PUT", "/v1/blobs")
READS = ("aggregator", "GET", f"/v1/blobs/{UNKNOWN}")


@pytest.mark.parametrize("workers", [1, 2])
def test_beyond_the_slots_of_all_workers_together_requests_are_shed(workers: int) -> None:
    slots = ("--publisher-slots", "2:5", "--aggregator-slots", "2:5", "--workers", str(workers))
    with walrus(*slots, "--store-time", "400ms", "--read-time", "400ms") as target:
        for service, method, path in (UPLOADS, READS):
            answers = all_at_once(target, 9, method, path)
            shed = [answer for answer in answers if answer.status == 429]
            assert len(shed) == 4
            assert {answer.body for answer in shed} == {SHED.format(service).encode()}
            assert {answer.headers["content-type"] for answer in shed} == {TEXT}
            served = sorted(answer.seconds for answer in answers if answer.status != 429)
            assert all(
                s >= least for s, least in zip(served, (0.4, 0.4, 0.8, 0.8, 1.2), strict=True)
            )
            assert served[-1] < 5 * 0.4  # one after the other would take as long as that
            again = target.ask(method, path, b"x" if method == "PUT" else b"")
            assert again.status in (200, 404)


def test_slots_of_uploads_and_reads_are_apart_and_come_back_after_errors() -> None:
    with walrus("--publisher-slots", "1:1", "--aggregator-slots", "1:1", *QUICK) as target:
        for _ in range(5):
            assert target.put(b"x", "?nonsense").status == 400
            assert target.read("nonsense").status == 400
        with target_busy(partial(all_at_once, target, 1, "PUT", "/v1/blobs")):
            assert target.read(UNKNOWN).status == 404
        assert target.put(b"x").status == 200


class target_busy:
    """Some work in the background of a block."""

    def __init__(self, work: object) -> None:
        assert callable(work)
        self._thread = threading.Thread(target=work)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def test_there_are_8_and_8_slots_for_uploads_and_320_for_reads_unless_told() -> None:
    with walrus("--store-time", "500ms", "--read-time", "500ms") as target:
        writes = all_at_once(target, 20, "PUT", "/v1/blobs")
        reads = all_at_once(target, 20, "GET", f"/v1/blobs/{UNKNOWN}")
    assert sorted(answer.status for answer in writes) == [200] * 16 + [429] * 4
    assert {answer.status for answer in reads} == {404}
