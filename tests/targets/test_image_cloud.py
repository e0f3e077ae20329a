"""The reference nodes of the image cloud, asked with plain sockets."""

import json
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gauntlet.targets._image_cloud_cluster import Cluster
from gauntlet.wire import chunks, cloud
from tests.clients.test_image_cloud import noise
from tests.targets.conftest import DEADLINE_S, end, ended, read_lines, start

PICTURE = noise(40, 30)
LONG = noise(200, 150)


@contextmanager
def running(*options: str, nodes: int = 1) -> Iterator[list[tuple[str, int]]]:
    """Nodes on ports of the kernel's choice; they must end in order and say nothing."""
    command = ("image-cloud", "--port", "0", "--nodes", str(nodes), "--exit-with-parent")
    with ended(start(*command, *options)) as process:
        lines = read_lines(process, nodes)
        assert all(line.startswith("ready udp://127.0.0.1:") for line in lines), lines
        yield [("127.0.0.1", int(line.rpartition(":")[2])) for line in lines]
        process.send_signal(signal.SIGTERM)
        assert end(process) == (0, "", "")


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[str, int]]:
    with running("--pacing", "1ms") as addresses:
        yield addresses[0]


class Asker:
    """A socket that sends datagrams and collects what comes."""

    def __init__(self, node: tuple[str, int]) -> None:
        self._node = node
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.socket.sendto(datagram, self._node)

    def one(self, seconds: float = DEADLINE_S) -> bytes | None:
        """The next datagram; None if none comes so soon."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        return self.socket.recv(65535)

    def message(self) -> cloud.Message:
        """The next message in envelopes, whatever its pieces' order."""
        pieces: dict[int, bytes] = {}
        while True:
            datagram = self.one()
            assert datagram is not None
            packet = chunks.parse(datagram)
            assert isinstance(packet, chunks.Packet)
            pieces[packet.at] = packet.data
            if len(pieces) == packet.total:
                found = cloud.read(b"".join(pieces[index] for index in sorted(pieces)))
                assert found is not None
                return found

    def is_silent(self) -> bool:
        """Whether the node says nothing to what was sent, but answers what comes after it."""
        self.send(b'"CoordinatorQuery"')
        first = self.one()
        assert first is not None
        return b"CoordinatorQueryResponse" in first and self.one(0.2) is None


@pytest.fixture
def asker(node: tuple[str, int]) -> Iterator[Asker]:
    asker = Asker(node)
    yield asker
    asker.socket.close()


def wish(request_id: Any = "one", data: bytes = PICTURE, **changes: Any) -> bytes:
    fields = {
        "request_id": request_id,
        "client_username": "me",
        "image_data": list(data),
        "usernames": ["alice"],
        "quota": 5,
        "forwarded": False,
    }
    fields |= changes
    return json.dumps(
        {"EncryptionRequest": {k: v for k, v in fields.items() if v is not ...}}
    ).encode()


def test_small_questions_are_answered_bare(asker: Asker, node: tuple[str, int]) -> None:
    address = {"coordinator_address": f"{node[0]}:{node[1]}"}
    for question in (b'"CoordinatorQuery"', b'{"CoordinatorQuery":null}'):
        asker.send(question)
        assert json.loads(asker.one() or b"") == {"CoordinatorQueryResponse": address}
    asker.send(*chunks.split(b'{"LoadQuery":{"from_node":7}}', "unused"))
    told = json.loads(asker.one() or b"")["LoadResponse"]
    assert list(told) == ["node_id", "load", "queue_length", "processed_count"]
    assert (told["node_id"], told["load"]) == (1, 0.0)


@pytest.mark.parametrize("framing", ["bare", "single", "multi", "backwards"])
def test_a_request_is_understood_in_every_framing(asker: Asker, framing: str) -> None:
    datagrams = [wish()]
    if framing == "single":
        datagrams = chunks.split(wish(), "unused")
    if framing in ("multi", "backwards"):
        datagrams = chunks.split(wish(data=LONG), "a-chunk-id")
        assert len(datagrams) > 1
    asker.send(*(datagrams[::-1] if framing == "backwards" else datagrams))
    answer = asker.message()
    assert (answer.kind, answer.fields["success"]) == ("EncryptionResponse", True)
    assert list(answer.fields) == ["request_id", "encrypted_image", "success", "error"]


SILENCE = {
    "no JSON": b"{",
    "an unknown message": b'{"Hello":{}}',
    "bad base64": b'{"SinglePacket":"*"}',
    "without forwarded": wish(forwarded=...),
    "a negative quota": wish(quota=-1),
    "a quota that is too large": wish(quota=2**32),
    "a quota in words": wish(quota="5"),
    "names that are none": wish(usernames=[1]),
    "a picture in base64": wish(image_data="AQID"),
    "numbers that are no bytes": wish(image_data=[1000]),
    "no id": wish(request_id=...),
}


@pytest.mark.parametrize("datagram", SILENCE.values(), ids=SILENCE)
def test_what_cannot_be_parsed_is_met_with_silence(asker: Asker, datagram: bytes) -> None:
    asker.send(datagram)
    assert asker.is_silent()


def test_unknown_fields_are_ignored(asker: Asker) -> None:
    asker.send(wish(client_address=None, colour="red"))
    assert asker.message().fields["success"] is True


def test_pieces_are_sent_again_to_the_host_that_they_were_for(asker: Asker) -> None:
    asker.send(*chunks.split(wish(data=LONG), "a-chunk-id"))
    seen: dict[int, bytes] = {}
    while True:
        packet = chunks.parse(asker.one() or b"")
        assert isinstance(packet, chunks.Packet)
        seen[packet.at] = packet.data
        if len(seen) == packet.total:
            break
    asker.send(chunks.ask_again(packet.chunk_id, [2, 0, 999]))
    again = [chunks.parse(asker.one() or b"") for _ in range(2)]
    assert [(one.at, one.data) for one in again if isinstance(one, chunks.Packet)] == [
        (2, seen[2]),
        (0, seen[0]),
    ]
    asker.send(chunks.ask_again("of nobody", [0]), chunks.ask_again("short", [0]))
    assert asker.is_silent()


def test_a_request_in_flight_is_done_once() -> None:
    with running("--fault-original-delays") as (node,):
        asker = Asker(node)
        asker.send(wish(), wish(), wish("two"))
        assert {asker.message().request_id for _ in range(2)} == {"one", "two"}
        assert asker.one(0.2) is None
        asker.send(wish())
        assert asker.message().request_id == "one"
        asker.socket.close()


def test_a_bare_answer_to_decryption_is_one_datagram_or_none() -> None:
    with running("--fault-bare") as (node,):
        asker = Asker(node)
        for number, (data, arrives) in enumerate([(PICTURE, True), (LONG, False)]):
            asker.send(*chunks.split(wish(data=data), f"chunk-{number}-id"))
            array = bytes(asker.message().array)
            request = cloud.decryption_request("back", "me", (array,), [], 0)
            asker.send(*chunks.split(request, f"back-{number}-id"))
            answer = asker.one(DEADLINE_S if arrives else 1.0)
            assert (answer is not None and b"DecryptionResponse" in answer) is arrives
        asker.socket.close()


def test_lost_requests_and_silence_are_what_was_asked_for() -> None:
    for fault in ("--fault-lose-requests", "--fault-silence"):
        with running(fault, "100%") as (node,):
            asker = Asker(node)
            asker.send(*chunks.split(wish(), "unused"))
            assert asker.is_silent()
            asker.socket.close()


def test_wrong_pixels_and_wrong_metadata_are_wrong() -> None:
    from gauntlet.wire.scramble import Metadata
    from gauntlet.wire.verify import Original, verify

    for fault, found in (("pixels", (True, False)), ("metadata", (False, False))):
        with running(f"--fault-wrong-{fault}", "100%") as (node,):
            asker = Asker(node)
            asker.send(wish())
            picture = asker.message().picture()
            told = verify(picture, Original(PICTURE), Metadata(("alice",), 5))
            if fault == "pixels":
                assert (told.as_requested, told.equal) == found
            else:
                assert told.readable and told.as_requested is False
            asker.socket.close()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        pytest.param(
            ["--host", "0.0.0.0"],
            "--host: expected a loopback address, got '0.0.0.0'; --allow-remote allows it",
            id="an address that others reach",
        ),
        pytest.param(
            ["--nodes", "2", "--fault-nodes", "3"],
            "--fault-nodes: expected numbers from 1 to 2, got another",
            id="a node that is none",
        ),
        pytest.param(
            ["--port", "65535", "--nodes", "2"],
            "--host, --port: expected free ports",
            id="more nodes than ports",
        ),
    ],
)
def test_a_wrong_option_is_told_in_one_line(options: list[str], line: str) -> None:
    code, output, errors = end(start("image-cloud", *options))
    assert (code, output) == (2, "")
    assert errors.startswith(line) and errors.count("\n") == 1


# -- the cluster, without sockets ------------------------------------------------------------------


def test_the_first_living_node_holds_the_elections() -> None:
    cluster = Cluster(2, 3, 0.0, 3.0)
    assert (cluster.alive(1.0), cluster.holds_elections(1.0)) == ([1, 2, 3], False)
    cluster.hear(3, 0.0, 0, 4.0)
    assert (cluster.alive(4.0), cluster.holds_elections(4.0)) == ([2, 3], True)
    assert not cluster.has_coordinator(4.0)
    cluster.load = 2.0
    assert cluster.elect(4.0) == 3
    cluster.load = 0.0
    assert cluster.elect(4.0) == 2


def test_a_request_goes_to_the_node_with_the_least_to_do() -> None:
    cluster = Cluster(1, 3, 0.0, 3.0)
    assert cluster.choose(0.0) == 1
    cluster.load = 1.0
    assert cluster.choose(0.0) == 2
    cluster.sent(2)
    cluster.sent(2)
    assert cluster.choose(0.0) == 3
    cluster.hear(3, 5.0, 0, 0.0)
    assert cluster.choose(0.0) == 1
    cluster.sent(2, -2)
    cluster.processed, cluster.load = 10, 0.0
    assert cluster.choose(0.0) == 2
