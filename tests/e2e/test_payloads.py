"""No two uploads of a run are equal, and a seed repeats them: a small server keeps their hashes."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gauntlet.draws import SERIAL_BITS, USER_BITS
from gauntlet.payloads.stamps import find_stamp
from tests.e2e.support import Lab, read_record

pytestmark = pytest.mark.e2e


class Keeper:
    """A server that answers predictions wrongly and keeps a hash of each picture."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[int, ...], int]] = []
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
                keeper.keep(body.replace(boundary, b""))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def keep(self, body: bytes) -> None:
        """Note the picture's hash, the stream that it is of, and its serial."""
        picture = body[body.index(b"\xff\xd8") : body.rindex(b"\xff\xd9") + 2]
        stamp = find_stamp(picture)
        assert stamp is not None
        self.seen.append((sha256(picture).hexdigest(), stamp.recipe.stream, stamp.serial))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.close()


MIXED = {"health": 0, "predict": 1, "image": 1, "large": 1}


def options(keeper: Keeper, seed: int, *more: str) -> tuple[str, ...]:
    alone = "-s", "20", "--preflight", "off", "--host", keeper.address
    return "-u", "4", "-r", "4", "--seed", str(seed), *alone, *more


def test_two_workers_never_send_the_same(lab: Lab, keeper: Keeper) -> None:
    lab.mix(weights=MIXED, wait="5ms-5ms")
    master, *_ = lab.cluster(2, *options(keeper, 42, "-t", "3s"))
    master.end()
    assert lab.record["seed"] == 42
    hashes = [one for one, _, _ in keeper.seen]
    assert len(hashes) == len(set(hashes)) > 20
    assert 0 <= len(hashes) - lab.record["total"]["requests"] <= 4  # those cut at the end
    users = {(stream, serial >> SERIAL_BITS - USER_BITS) for _, stream, serial in keeper.seen}
    assert users == {((worker,), user) for worker in (0, 1) for user in (1, 2)}


def test_a_seed_repeats_a_runs_payloads_and_another_does_not(lab: Lab, keeper: Keeper) -> None:
    lab.mix(weights=MIXED, wait="0s-0s")
    sent = []
    for seed in (7, 7, 8):
        lab.run(*options(keeper, seed, "--total-iterations", "60"))
        sent.append({one for one, _, _ in keeper.seen})
        keeper.seen.clear()
    assert [read_record(folder)["seed"] for folder in lab.results] == [7, 7, 8]
    assert len(sent[0]) == 60
    assert sent[0] == sent[1]
    assert not sent[0] & sent[2]


def test_a_seed_repeats_what_each_user_sends_one_after_the_other(lab: Lab, keeper: Keeper) -> None:
    lab.mix(weights=MIXED, wait="0s-20ms")
    runs = []
    for _ in range(2):
        lab.run(*options(keeper, 7, "-t", "2s"))
        by_user: dict[int, list[str]] = {}
        for one, _, serial in keeper.seen:
            by_user.setdefault(serial >> SERIAL_BITS - USER_BITS, []).append(one)
        runs.append(by_user)
        keeper.seen.clear()
    assert set(runs[0]) == set(runs[1]) == {1, 2, 3, 4}
    for user in runs[0]:
        both = min(len(run[user]) for run in runs)
        assert both > 3
        assert runs[0][user][:both] == runs[1][user][:both]
