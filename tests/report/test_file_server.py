"""What is told of transfers: queueing seen from outside, merged over workers, sources, hashes."""

import hashlib
from pathlib import Path

import pytest
from xxhash import xxh3_64

from gauntlet.clients.file_server import Call, Watch
from gauntlet.errors import UsageError
from gauntlet.payloads import manifest
from gauntlet.report.file_server import MEGABYTE, TransferSummary
from gauntlet.report.record import Section

CALL = Call(10.0, 12.0, connect_s=0.1, wait_s=0.5, sent=5 * MEGABYTE, received=3 * MEGABYTE)


def shown(section: Section | None) -> dict[str, str]:
    assert section is not None
    return {figure.name: figure.shown for figure in section.figures}


def queue(watch: Watch, users: int, workers: int) -> None:
    """Users come at once; workers take one after the other, in order."""
    waiting = [watch.connect() for _ in range(users)]
    served = waiting[:workers]
    for one in served:
        one.answered()
    for one in waiting[workers:]:
        served.pop(0).closed()
        one.answered()
        served.append(one)
    for one in served:
        one.closed()


def test_nothing_is_told_of_nothing() -> None:
    assert TransferSummary().section() is None


@pytest.mark.parametrize(
    ("users", "workers", "queued"),
    [
        pytest.param(100, 5, 95, id="twenty for each"),
        pytest.param(6, 5, 1, id="one too many"),
        pytest.param(5, 5, 0, id="one for each"),
        pytest.param(5, 50, 0, id="more workers than users"),
    ],
)
def test_users_that_outnumber_the_workers_are_seen(users: int, workers: int, queued: int) -> None:
    watch = Watch()
    queue(watch, users, workers)
    assert (watch.opened, watch.starved, watch.queued) == (users, 0, queued)
    assert watch.outnumbered is (queued > 0)
    assert watch.most_served == min(users, workers)


def test_connections_that_never_get_a_worker_are_counted_as_such() -> None:
    watch = Watch()
    first, second = watch.connect(), watch.connect()
    first.answered()
    second.closed()
    first.closed()
    first.closed()
    assert (watch.starved, watch.outnumbered) == (1, True)
    watch.clear()
    assert (watch.opened, watch.starved, watch.outnumbered) == (0, 0, False)


def test_two_workers_tell_together_what_one_would() -> None:
    alone, master = TransferSummary(), TransferSummary()
    workers = TransferSummary(), TransferSummary()
    for at in range(6):
        for one in (alone, workers[at % 2]):
            one.note(CALL)
            one.moved("GET", MEGABYTE, CALL, now=100.0 + at)
            one.count("unverified source")
        if at % 3 == 2:  # reports come in pieces
            for worker in workers:
                master.absorb(worker.hand_over())
    for watch in (workers[0].watch, workers[1].watch, alone.watch):
        queue(watch, 20, 5)
    queue(alone.watch, 20, 5)
    for worker in workers:
        master.absorb(worker.hand_over())
        master.absorb(worker.hand_over())  # nothing new
    told, alone_told = shown(master.section()), shown(alone.section())
    assert told.pop("Queueing") == (
        "more users than the server has workers: up to 40 connections at once, of which it "
        "answered 10 at the same time; 30 were answered only after another had closed, 0 never"
    )
    alone_told.pop("Queueing")
    assert told == alone_told
    assert told["GET volume"] == "6.0 MB in 6 files"
    assert told["GET rate per client"] == "0.5 MB/s"
    assert told["GET rate of all clients"] == "0.9 MB/s"  # 6 MB in the 7 s from first to last
    assert told["Handshake wait"] == "P50 500ms, P95 500ms, P99 500ms"
    assert told["Connections"] == "40"
    master.clear()
    assert master.section() is None


DIGESTS = {
    "md5": hashlib.md5(b"content").hexdigest(),
    "sha1": hashlib.sha1(b"content").hexdigest(),
    "sha256": hashlib.sha256(b"content").hexdigest(),
    "xxh3": xxh3_64(b"content").hexdigest(),
}


@pytest.mark.parametrize("digest", DIGESTS.values(), ids=DIGESTS)
def test_a_manifest_tells_its_kind_of_hash_by_its_length(tmp_path: Path, digest: str) -> None:
    path = tmp_path / "sums.txt"
    path.write_text(f"# a comment\n\n{digest.upper()} *files/File_10MB.bin\n")
    assert manifest.read(str(path)) == {"file_10mb.bin": digest}
    known = manifest.new(digest)
    known.update(b"content")
    assert known.hexdigest() == digest


def test_a_wrong_manifest_is_told_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "sums.txt"
    path.write_text(f"abc  x\n{'0' * 32}  y\n{'g' * 32}  z\n")
    with pytest.raises(UsageError) as caught:
        manifest.read(str(path))
    assert [line.split(": ")[0] for line in caught.value.mistakes] == [f"{path}:1", f"{path}:3"]
