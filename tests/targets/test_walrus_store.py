"""The store behind the Walrus target: shared by all processes, bounded, and gone at the end."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import psutil
import pytest

from gauntlet.targets._walrus_directory import store_directory
from gauntlet.targets._walrus_ids import MIB
from gauntlet.targets._walrus_store import Store
from gauntlet.targets.cli import target as target_group
from tests.targets._walrus import QUICK, Walrus, blob_of, end_of, noise, walrus
from tests.targets.conftest import DEADLINE_S, ROOT, end, in_one_of_five, read_line, wait_until

LARGE = 64
COMMAND = target_group.commands["walrus"]


def place(process: "subprocess.Popen[str]") -> Path:
    """The directory of a target."""
    worker = psutil.Process(process.pid).children()[0]
    (state,) = {file.path for file in worker.open_files() if file.path.endswith("/state")}
    return Path(state).parent


def test_two_addresses_write_and_read_the_same_blobs() -> None:
    with walrus("--aggregator-port", "0", *QUICK) as target:
        assert target.port != target.reader.port
        blob = target.store(b"shared")
        assert target.reader.read(blob).body == b"shared"
        assert (target.read(blob).status, target.reader.put(b"x").status) == (404, 404)
        assert target.get("/status").body == target.reader.get("/status").body == b"OK"


def test_publisher_and_aggregator_may_be_two_targets_over_one_directory(tmp_path: Path) -> None:
    place = ("--directory", str(tmp_path / "new" / "store"), *QUICK)
    with (
        walrus("--mode", "publisher", *place) as publisher,
        walrus("--mode", "aggregator", *place) as aggregator,
    ):
        blob = publisher.store(b"shared")
        assert aggregator.read(blob).body == b"shared"
        assert (publisher.read(blob).status, aggregator.put(b"x").status) == (404, 404)


def test_a_given_directory_outlives_the_target(tmp_path: Path) -> None:
    with walrus("--directory", str(tmp_path)) as target:
        blob = target.store(b"kept")
    with walrus("--directory", str(tmp_path)) as target:
        assert target.read(blob).body == b"kept"
        assert "alreadyCertified" in target.put(b"kept").content


def test_a_directory_of_its_own_is_in_memory_and_goes_with_the_target() -> None:
    with walrus() as target:
        target.store(b"gone")
        path = place(target.process)
        assert path.exists()
    assert path.parent == Path("/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir())
    assert not path.exists()


def test_a_directory_without_room_in_memory_is_among_the_temporary_files() -> None:
    with store_directory("", 1 << 60) as path:
        assert path.parent == Path(tempfile.gettempdir())


def test_what_a_killed_target_left_is_removed_by_the_next_one_and_nothing_else() -> None:
    with walrus() as living:
        with walrus() as killed:
            left, kept = place(killed.process), place(living.process)
            killed.process.kill()
            end(killed.process)

        def is_swept() -> bool:  # its workers need a moment to see that it is gone
            with store_directory("", MIB):
                return not left.exists()

        wait_until(is_swept, "the directory goes")
        assert kept.exists()


def test_all_workers_see_every_blob_at_once() -> None:
    with walrus("--workers", "2", *QUICK) as target:
        assert len(target.workers()) == 2

        def cycle(seed: int) -> bool:
            body = noise(5000, seed)
            blob = target.store(body)
            return all(target.read(blob).body == body for _ in range(4))

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(cycle, range(100)))


def test_the_same_content_uploaded_at_once_is_created_once() -> None:
    slots = ("--publisher-slots", "8:100")
    with walrus("--workers", "2", "--store-time", "100ms", *slots, *QUICK) as target:
        for seed in range(5):
            body = noise(5000, seed)
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(target.put, [body] * 8))
            kinds = [next(iter(answer.content)) for answer in answers]
            assert sorted(kinds) == ["alreadyCertified"] * 7 + ["newlyCreated"]
            assert len({blob_of(answer) for answer in answers}) == 1


def test_processes_that_store_at_once_do_not_lose_count(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from gauntlet.targets._walrus_chain import Terms
from gauntlet.targets._walrus_store import Store
store = Store(Path(sys.argv[1]), 50_000, 86400.0)
print("ready", flush=True)
sys.stdin.read()
for number in range(600):
    upload = store.begin_upload()
    upload.write(f"{sys.argv[2]} {number:05}".encode() * 10)
    store.certify(upload, Terms())
    upload.close()
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for process in processes:
        read_line(process)
    for process in processes:
        assert process.stdin
        process.stdin.close()
    assert [process.wait(DEADLINE_S) for process in processes] == [0, 0]
    for process in processes:
        assert process.stdout
        process.stdout.close()
    store = Store(tmp_path, 50_000, 86400.0)
    sizes = [path.stat().st_size for path in (tmp_path / "blobs").iterdir()]
    assert (sum(sizes), len(sizes)) == (50_000 // 90 * 90, 50_000 // 90)
    assert (store.used, store.count) == (sum(sizes), len(sizes))


def test_the_oldest_blobs_make_room_for_new_ones(tmp_path: Path) -> None:
    options = ("--store-limit", str(10 * 1000), "--directory", str(tmp_path), *QUICK)
    with walrus(*options) as target:
        created = [
            target.put(noise(1000, seed)).content["newlyCreated"]["blobObject"]
            for seed in range(25)
        ]
        read = [target.read(blob["blobId"]).status for blob in created]
        by_object = [target.get(f"/v1/blobs/by-object-id/{blob['id']}").status for blob in created]
        assert read == by_object == [404] * 15 + [200] * 10
        assert "newlyCreated" in target.put(noise(1000, 0)).content
        assert "alreadyCertified" in target.put(noise(1000, 0)).content
        assert target.put(b"x" * 10_001).status == 500
        files = {name: len(list((tmp_path / name).iterdir())) for name in FOLDERS}
    assert files == {"blobs": 10, "records": 10, "objects": 10, "cached": 9, "incoming": 0}


FOLDERS = ("blobs", "records", "objects", "cached", "incoming")


def test_a_blob_that_never_fits_is_a_500_and_does_not_push_others_out() -> None:
    with walrus("--store-limit", "1000", *QUICK) as target:
        blob = target.store(b"small")
        answer = target.put(b"x" * 1001)
        assert (answer.status, answer.reason) == (500, "INTERNAL_ERROR")
        assert target.read(blob).body == b"small"


def test_a_blob_is_gone_when_its_epochs_are_over() -> None:
    with walrus("--epoch-time", "1s", "--cache-headers", *QUICK) as target:
        blob = target.store(b"short", "?epochs=1")
        lasting = target.store(b"long", "?epochs=53")
        wait_until(lambda: target.read(blob).status == 404, "the epoch ends")
        again = target.put(b"short", "?epochs=53").content["newlyCreated"]["blobObject"]
        assert again["registeredEpoch"] > 1
        assert again["storage"]["endEpoch"] == again["registeredEpoch"] + 53
        answers = [target.read(blob) for _ in range(2)]
        assert [answer.body for answer in answers] == [b"short"] * 2
        assert [answer.headers["x-cache"] for answer in answers] == ["MISS", "HIT"]
        assert target.read(lasting).body == b"long"


@pytest.fixture(scope="module")
def roomy() -> Iterator[Walrus]:
    limits = ("--blob-limit", str(LARGE * MIB), "--quilt-limit", str(LARGE * 2 * MIB))
    with walrus(*limits, *QUICK) as target:
        yield target


def memory(target: Walrus) -> int:
    """Bytes that the worker ever held at once."""
    (worker,) = target.workers()
    status = Path(f"/proc/{worker.pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    return int(peak[1]) * 1024


def test_memory_does_not_grow_with_a_blob(roomy: Walrus) -> None:
    roomy.read(roomy.store(noise(MIB)))
    before = memory(roomy)
    piece = noise(MIB, 2)
    headers = {"content-length": str(LARGE * MIB)}
    blob = blob_of(roomy.ask("PUT", "/v1/blobs", [piece] * LARGE, headers))
    chunked = blob_of(roomy.ask("PUT", "/v1/blobs", [piece] * LARGE))
    answer = roomy.read(blob)
    part = roomy.get(f"/v1/blobs/{blob}/byte-range?start={MIB}&length={50 * MIB}")
    assert blob == chunked
    assert answer.body == piece * LARGE and part.body == piece * 50
    assert memory(roomy) - before < 8 * MIB


def test_memory_does_not_grow_with_a_quilt(roomy: Walrus) -> None:
    roomy.put_quilt({"a": noise(MIB)})
    before = memory(roomy)
    files = {"a": noise(MIB, 3) * (LARGE // 2), "b": noise(MIB, 4) * (LARGE // 2)}
    stored = roomy.put_quilt(files).content["storedQuiltBlobs"]
    answer = roomy.get(f"/v1/blobs/by-quilt-patch-id/{stored[1]['quiltPatchId']}")
    assert answer.body == files["b"]
    assert memory(roomy) - before < 8 * MIB


def test_clients_that_leave_during_a_long_read_do_no_harm(roomy: Walrus) -> None:
    piece = noise(MIB, 5)
    blob = blob_of(roomy.ask("PUT", "/v1/blobs", [piece] * LARGE))
    for _ in range(20):
        connection = roomy.connect()
        connection.request("GET", f"/v1/blobs/{blob}")
        connection.getresponse().read(1000)
        connection.close()
    assert in_one_of_five(lambda: roomy.get("/status").seconds < 1)
    (worker,) = roomy.workers()
    wait_until(lambda: open_blobs(worker) == 0, "the blob is closed")


def open_blobs(process: psutil.Process) -> int:
    return sum("/blobs/" in file.path for file in process.open_files())


def test_long_reads_do_not_hold_up_each_other(roomy: Walrus) -> None:
    piece = noise(MIB, 6)
    blob = blob_of(roomy.ask("PUT", "/v1/blobs", [piece] * LARGE))
    slow = roomy.connect()
    slow.request("GET", f"/v1/blobs/{blob}")
    response = slow.getresponse()
    assert response.read(10) == piece[:10]
    assert roomy.read(blob).body == piece * LARGE
    assert response.read() == (piece * LARGE)[10:]
    slow.close()


def test_the_counts_tell_reads_and_writes_apart(service_paths: dict[str, str]) -> None:
    with walrus(*QUICK) as target:
        blob = target.store(b"counted")
        target.put_quilt({"a": b"a"})
        for path in service_paths.values():
            target.get(path.format(blob=blob))
        content = target.get("/__count").content
        requests = {name: columns["requests"] for name, columns in content.items()}
    assert requests == {"/v1/blobs": 1, "/v1/quilts": 1, "other": 0} | dict.fromkeys(
        service_paths, 1
    )


@pytest.fixture
def service_paths() -> dict[str, str]:
    """Endpoint of the counts -> a path that belongs to it."""
    return {
        "/v1/blobs/*": "/v1/blobs/{blob}",
        "/v1/blobs/by-object-id/*": "/v1/blobs/by-object-id/x",
        "/v1/blobs/by-quilt-id/*": "/v1/blobs/by-quilt-id/x/y",
        "/v1/blobs/by-quilt-patch-id/*": "/v1/blobs/by-quilt-patch-id/x",
        "/v1/quilts/*": "/v1/quilts/{blob}/patches",
        "/status": "/status",
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(("--mode", "both"), "'--mode'", id="an unknown mode"),
        pytest.param(("--publisher-slots", "8"), "expected RUNNING:TAKEN", id="one slot number"),
        pytest.param(("--publisher-slots", "8:4"), "expected RUNNING:TAKEN", id="more than taken"),
        pytest.param(("--aggregator-slots", "0:4"), "expected RUNNING:TAKEN", id="no slot"),
        pytest.param(("--forbid", "short"), "expected a blob id", id="no blob id"),
        pytest.param(("--attribute", "link"), "expected NAME=VALUE", id="half an attribute"),
        pytest.param(("--stale-404", "2"), "expected a duration", id="a time without unit"),
        pytest.param(("--stale-404", "2s:x"), "expected a share", id="a vague share"),
        pytest.param(("--epoch-time", "0s"), "longer than nothing", id="an epoch of nothing"),
        pytest.param(("--store-limit", "0"), "'--store-limit'", id="no room"),
    ],
)
def test_a_bad_option_is_refused(options: tuple[str, str], told: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        COMMAND.make_context("walrus", list(options))
    text = refused.value.format_message()
    assert options[0] in text and told in text


def test_every_option_is_explained_and_those_with_a_value_say_their_default() -> None:
    for parameter in COMMAND.params:
        assert isinstance(parameter, click.Option)
        assert parameter.help
        assert parameter.is_flag or parameter.multiple or parameter.default is not None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(
            ("--mode", "publisher", "--aggregator-port", "0"),
            "--aggregator-port: expected --mode daemon, got --mode publisher\n",
            id="a second address of half a daemon",
        ),
        pytest.param(
            ("--directory", "/dev/null/x"),
            "--directory: expected a directory to write to, got '/dev/null/x' (not a directory)\n",
            id="a directory that cannot be made",
        ),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(options: tuple[str, ...], told: str) -> None:
    assert end_of(*options) == (2, "", told)
