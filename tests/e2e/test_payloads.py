"""No two uploads of a run are equal, and a seed repeats them: a small server keeps their hashes."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

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


def options(keeper: Keeper, total: int, seed: int) -> tuple[str, ...]:
    alone = "-s", "20", "--preflight", "off", "--host", keeper.address
    return "-u", "4", "-r", "4", "--total-iterations", str(total), "--seed", str(seed), *alone


def test_two_workers_never_send_the_same(lab: Lab, keeper: Keeper) -> None:
    lab.mix(weights={"health": 0, "predict": 1, "image": 0, "large": 1}, wait="5ms-5ms")
    master, *workers = lab.cluster(2, *options(keeper, 200, 42))
    master.end()
    assert lab.record["seed"] == 42
    hashes = [one for one, _, _ in keeper.seen]
    assert len(hashes) == len(set(hashes)) == 200
    assert {stream for _, stream, _ in keeper.seen} == {(0,), (1,)}


def test_a_seed_repeats_a_runs_payloads_and_another_does_not(lab: Lab, keeper: Keeper) -> None:
    lab.mix(weights={"health": 0, "predict": 1, "image": 0, "large": 0}, wait="0s-0s")
    sent = []
    for seed in (7, 7, 8):
        lab.run(*options(keeper, 40, seed))
        sent.append({one for one, _, _ in keeper.seen})
        keeper.seen.clear()
    assert [read_record(folder)["seed"] for folder in lab.results] == [7, 7, 8]
    assert len(sent[0]) == 40
    assert sent[0] == sent[1]
    assert not sent[0] & sent[2]
