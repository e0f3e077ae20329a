"""The UDP client against reference nodes, and against servers that misbehave on purpose."""

import gc
import json
import socket as plain
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from random import Random

import gevent
import gevent.event
import numpy as np
import psutil
import pytest
from PIL import Image

from gauntlet.clients.image_cloud import ImageCloudClient, NoAnswer, PacketLoss, Reply, Request
from gauntlet.embedded import EmbeddedTarget
from gauntlet.errors import WrongAnswer
from gauntlet.wire import chunks, cloud, numbers
from gauntlet.wire.mailbox import Rule
from gauntlet.wire.scramble import Metadata
from gauntlet.wire.verify import Original, verify, verify_plain

USUAL = Metadata(("alice", "bob", "charlie"), 5)
QUICK = Rule(first_byte_s=30.0, idle_s=0.3, total_s=50.0)


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with gevent.Timeout(120):
        yield


def noise(width: int, height: int, kind: str = "PNG", seed: int = 1) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@contextmanager
def nodes(*options: str, count: int = 1) -> Iterator[list[str]]:
    """Reference nodes; their addresses as HOST:PORT."""
    given = ("--nodes", str(count), "--pacing", "0.2ms", *options)
    target = EmbeddedTarget("image-cloud", given, count)
    try:
        yield [address.removeprefix("udp://") for address in target.addresses]
    finally:
        target.stop()


def client(servers: list[str], rule: Rule = QUICK, attempts: int = 1) -> ImageCloudClient:
    return ImageCloudClient(servers, rule, attempts=attempts, pause_s=0.01)


def request(data: bytes, request_id: str = "one", metadata: Metadata = USUAL) -> Request:
    array = (numbers.encode(data),)
    return Request(request_id, "worker_1", array, metadata.usernames, metadata.quota)


def encrypted(reply: Reply) -> bytes:
    assert reply.error is None, reply.error
    assert reply.answer is not None
    return reply.answer.message.picture()


# -- against nodes ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    with nodes() as addresses:
        yield addresses[0]


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(USUAL, id="the usual ones"),
        pytest.param(Metadata(("zoë", "王", 'a"b\\c\n', "😀"), 10), id="beyond ASCII"),
        pytest.param(Metadata((), 0), id="nobody"),
        pytest.param(Metadata(("",), 2**32 - 1), id="the largest quota"),
    ],
)
def test_a_picture_comes_back_and_can_be_undone(node: str, metadata: Metadata) -> None:
    data = noise(200, 150)
    with closing(client([node])) as ours:
        reply = ours.encrypt(node, request(data, "one", metadata))
        picture = encrypted(reply)
        found = verify(picture, Original(data), metadata)
        assert (found.readable, found.as_requested, found.equal) == (True, True, True)
        assert (reply.attempts, reply.size) == (1, len(picture))
        assert reply.first_byte is not None and 0 < reply.first_byte <= reply.elapsed
        back = ours.decrypt(node, request(picture, "two", metadata))
        decrypted = verify_plain(encrypted(back), Original(data), metadata.bits, 0)
        assert decrypted.equal


def test_a_jpeg_is_compared_within_the_tolerance(node: str) -> None:
    data = noise(120, 90, "JPEG")
    with closing(client([node])) as ours:
        picture = encrypted(ours.encrypt(node, request(data)))
    assert verify(picture, Original(data), USUAL).equal
    assert verify(picture, Original(noise(120, 90, "JPEG", 2)), USUAL).equal is False
    assert verify(picture, Original(data), Metadata(("eve",), 5)).as_requested is False


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(noise(8, 8), "Image too small", id="too small"),
        pytest.param(b"no picture at all", "Cannot detect image format", id="no picture"),
        pytest.param(noise(64, 64)[:3000], "Failed to decode", id="truncated"),
    ],
)
def test_what_a_node_refuses_is_its_error(node: str, data: bytes, text: str) -> None:
    with closing(client([node], attempts=2)) as ours:
        reply = ours.encrypt(node, request(data))
    assert isinstance(reply.error, WrongAnswer)
    assert str(reply.error) == f"server error: {text}"
    assert (reply.attempts, reply.request_id) == (2, "one_2")


def test_lost_reordered_and_doubled_pieces_do_no_harm() -> None:
    options = ("--fault-lose-answers", "20%", "--fault-reorder", "30%", "--fault-duplicate", "20%")
    data = noise(200, 150)
    with nodes(*options, "--seed", "3") as (server,), closing(client([server])) as ours:
        replies = [ours.encrypt(server, request(data, f"r{number}")) for number in range(5)]
        assert all(verify(encrypted(one), Original(data), USUAL).right for one in replies)
        assert sum(one.rounds for one in replies) > 0
        assert sum(one.recovered for one in replies) == ours.tally.recovered > 0
        assert ours.tally.duplicates > 0


def test_answers_from_another_port_count_and_late_failures_do_not() -> None:
    options = ("--fault-other-port", "100%", "--fault-late-failure", "300ms")
    data = noise(100, 75)
    with nodes(*options) as (server,), closing(client([server])) as ours:
        assert verify(encrypted(ours.encrypt(server, request(data))), Original(data), USUAL).right
        number = 1
        while not ours.tally.late:  # it is read with the answer to a later request
            gevent.sleep(0.5)
            number += 1
            later = ours.encrypt(server, request(data, f"r{number}"))
            assert verify(encrypted(later), Original(data), USUAL).right


def test_a_cluster_answers_through_every_node_and_a_split_one_through_none() -> None:
    data = noise(60, 60)
    with nodes(count=3) as servers, closing(client(servers)) as ours:
        for number, server in enumerate(servers * 2):
            reply = ours.encrypt(server, request(data, f"r{number}"))
            assert verify(encrypted(reply), Original(data), USUAL).right
    split = ("--fault-split-brain", "--relay-timeout", "300ms")
    with nodes(*split, count=3) as servers, closing(client(servers)) as ours:
        reply = ours.encrypt(servers[0], request(data))
        assert str(reply.error) == "server error: Coordinator did not respond"


def test_memory_is_flat_over_two_thousand_pictures(node: str) -> None:
    data, process = noise(72, 72), psutil.Process()
    ready = request(data)
    with closing(client([node])) as ours:
        ours._pacing_s = 0.0
        held = []
        for number in range(2000):
            reply = ours.encrypt(node, ready._replace(request_id=f"r{number}"))
            assert reply.error is None
            if number % 500 == 499:
                gc.collect()
                held.append(process.memory_info().rss)
        assert ours.held == 0
    assert held[-1] - held[0] < 6 << 20, held


# -- against servers that misbehave ----------------------------------------------------------------

Script = Callable[[plain.socket, bytes, tuple[str, int]], None]


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """A server that does what a script says with every datagram; its address."""
    sock = plain.socket(plain.AF_INET, plain.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    ended = gevent.event.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                datagram, sender = sock.recvfrom(65535)
            except OSError:
                return
            script(sock, datagram, sender)

    greenlet = gevent.spawn(serve)
    try:
        yield f"127.0.0.1:{sock.getsockname()[1]}"
    finally:
        ended.set()
        greenlet.kill()
        sock.close()


def asked(datagram: bytes) -> str | None:
    """The id of the request that a datagram begins."""
    packet = chunks.parse(datagram)
    return cloud.id_at(packet.data) if isinstance(packet, chunks.Packet) else None


def good(request_id: str, size: int = 60) -> bytes:
    return cloud.response(cloud.ENCRYPTED, request_id, numbers.encode(noise(size, size)))


def test_silence_ends_at_the_first_byte_deadline_of_every_attempt() -> None:
    with scripted(lambda *_: None) as server:
        with closing(client([server], Rule(first_byte_s=0.2), attempts=3)) as ours:
            reply = ours.encrypt(server, request(noise(20, 20)))
    assert isinstance(reply.error, NoAnswer)
    assert (reply.attempts, reply.first_byte, reply.troubles) == (3, None, ["NoAnswer"] * 2)
    assert reply.elapsed >= 0.6


def test_a_long_request_arrives_whole_in_a_node_with_the_usual_small_buffer() -> None:
    """28 datagrams of 60 kB, of which the buffer holds three; sent at once most are lost."""
    arrived: list[int] = []

    def script(_: plain.socket, datagram: bytes, __: tuple[str, int]) -> None:
        packet = chunks.parse(datagram)
        assert isinstance(packet, chunks.Packet)
        arrived.append(packet.at)

    for pacing_s, whole in ((None, True), (0.0, False)):
        arrived.clear()
        with scripted(script) as server, closing(client([server], Rule(first_byte_s=0.5))) as ours:
            if pacing_s is not None:
                ours._pacing_s = pacing_s
            ours.encrypt(server, request(bytes([200]) * 300_000))
        assert (arrived == list(range(27))) is whole


def test_pieces_that_never_come_are_named_by_number() -> None:
    wishes: list[bytes] = []

    def script(sock: plain.socket, datagram: bytes, sender: tuple[str, int]) -> None:
        if (request_id := asked(datagram)) is None:
            wishes.append(datagram)
        else:
            sock.sendto(chunks.split(good(request_id, 200), "a-chunk")[0], sender)

    with scripted(script) as server:
        with closing(client([server], Rule(idle_s=0.1))) as ours:
            reply = ours.encrypt(server, request(noise(20, 20)))
    assert isinstance(reply.error, PacketLoss)
    assert str(reply.error) == "packet loss: chunks missing after 3 retries"
    assert (reply.missing, reply.pieces, reply.rounds) == (9, 10, 3)
    assert len(wishes) == 3


def test_a_late_answer_to_the_first_attempt_is_not_the_seconds() -> None:
    first: list[str] = []

    def script(sock: plain.socket, datagram: bytes, sender: tuple[str, int]) -> None:
        request_id = asked(datagram)
        assert request_id is not None
        if not first:
            first.append(request_id)
            return
        late = cloud.response(cloud.ENCRYPTED, first[0], b"[]", "Coordinator did not respond")
        sock.sendto(late, sender)
        sock.sendto(good(request_id, 30), sender)

    with scripted(script) as server:
        with closing(client([server], Rule(first_byte_s=0.3), attempts=2)) as ours:
            reply = ours.encrypt(server, request(noise(20, 20)))
            assert (reply.error, reply.attempts, ours.tally.late) == (None, 2, 1)


WRONG = {
    "no PNG": (b"[" + b"1," * 99 + b"1]", True, None, "content type"),
    "too short": (b"[137,80]", True, None, "wrong length"),
    "cut off": (numbers.encode(noise(30, 30)[:-5]), True, None, "truncated"),
    "no numbers": (b'["a"]', True, None, "bad shape"),
    "an error besides success": (b"[]", True, "but", "bad shape"),
    "an unknown error": (b"[]", False, "my password is 1234", "server error"),
    "no success": (b"[]", None, None, "bad shape"),
}


@pytest.mark.parametrize(("array", "success", "error", "outcome"), WRONG.values(), ids=WRONG)
def test_an_answer_that_is_not_right_says_what_is_wrong(
    array: bytes, success: bool | None, error: str | None, outcome: str
) -> None:
    def script(sock: plain.socket, datagram: bytes, sender: tuple[str, int]) -> None:
        end = json.dumps({"success": success, "error": error}).encode()[1:]
        head = f'{{"EncryptionResponse":{{"request_id":"{asked(datagram)}","encrypted_image":'
        sock.sendto(head.encode() + array + b"," + end + b"}", sender)

    with scripted(script) as server, closing(client([server])) as ours:
        reply = ours.encrypt(server, request(noise(20, 20)))
    assert isinstance(reply.error, WrongAnswer)
    assert reply.error.outcome == outcome
    assert "1234" not in str(reply.error)


def test_hostile_datagrams_neither_break_it_nor_grow_it() -> None:
    def script(sock: plain.socket, datagram: bytes, sender: tuple[str, int]) -> None:
        request_id = asked(datagram)
        assert request_id is not None
        pieces, source = chunks.split(good(request_id, 150), "ours"), Random(1)
        for number in range(400):
            for hostile in (
                source.randbytes(500),
                pieces[1].replace(b"ours", b"them%d" % number),
                pieces[0].replace(b'"chunk_index":0', b'"chunk_index":-1'),
                pieces[0].replace(b'"total_chunks":', b'"total_chunks":9999999'),
            ):
                sock.sendto(hostile, sender)
            if number % 8 == 0:
                gevent.sleep(0.001)
        for piece in pieces:
            sock.sendto(piece, sender)
            gevent.sleep(0.001)

    with scripted(script) as server, closing(client([server])) as ours:
        reply = ours.encrypt(server, request(noise(20, 20)))
        assert reply.error is None
        assert ours.held == 0
        assert ours.tally.strange > 0


def test_the_kernel_says_what_it_grants() -> None:
    with closing(client(["127.0.0.1:9"])) as ours:
        assert ours.receive_buffer > 0
