"""The reference target of the image cloud: nodes that encrypt pictures over UDP.

Each node is a process with a port of its own. A request may be sent to any of them: that node hands
it to the coordinator, the coordinator to the node with the least load, and the answer takes the
same way back. Format A is the original's to the bit. What nobody can parse is answered with
silence, as there; sessions and stored pictures, which no tester uses, are left out.
"""

import mmap
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gauntlet.targets import _image_cloud_pictures as pictures
from gauntlet.targets import _image_cloud_relay as relay
from gauntlet.targets._image_cloud_cluster import Cluster
from gauntlet.targets._image_cloud_post import Address, Post
from gauntlet.targets._image_cloud_settings import NodeFaults, NodeSettings
from gauntlet.targets.faults import chance
from gauntlet.wire import chunks, cloud, numbers
from gauntlet.wire.chunks import LARGEST_DATAGRAM, Assembly, Missing
from gauntlet.wire.cloud import Message
from gauntlet.wire.scramble import Metadata

THREADS = 256
"""Requests under way; most of them wait for another node or between two datagrams."""
INCOMPLETE_S = 30.0
MESSAGES = 256
"""Messages of which pieces still lack, at most."""

NO_COORDINATOR = "Coordinator did not respond"
NO_NODE = "Selected node did not respond"


def cells(count: int) -> memoryview:
    """A number for each node in memory that all processes share."""
    return memoryview(mmap.mmap(-1, 8 * count)).cast("Q")


class Node:
    """Node `number` (from 1) of a cluster, whose addresses are known from the start.

    It counts the pictures that it worked on in its cell of `done`.
    """

    def __init__(
        self,
        sock: socket.socket,
        settings: NodeSettings,
        number: int,
        peers: Sequence[Address],
        done: memoryview,
    ) -> None:
        self._done = done
        faults = settings.faults
        if faults.nodes and number not in faults.nodes:
            faults = NodeFaults()
        self._settings = settings = settings.model_copy(update={"faults": faults})
        self._faults = faults
        self._socket, self._number, self._peers = sock, number, peers
        self._source = random.Random(f"image-cloud:{settings.seed}:{number}")
        self._post = Post(sock, settings, random.Random(f"{settings.seed}:{number}:post"))
        self._cluster = Cluster(number, len(peers), time.monotonic(), settings.peer_timeout_s)
        self._assembly = Assembly(messages=MESSAGES, size=2 * settings.longest, age_s=INCOMPLETE_S)
        self._pool = ThreadPoolExecutor(THREADS)
        self._working: set[str] = set()
        self._lock = threading.Lock()
        self._hands = threading.Lock()
        """One picture at a time: the others of this process gain nothing by taking turns."""
        relay.widen(sock)

    def serve(self, up: Callable[[], None]) -> None:
        """Work until the process is ended."""
        sys.setswitchinterval(0.001)  # the socket must be read while pictures are worked on
        if len(self._peers) > 1:
            threading.Thread(target=self._keep_in_touch, daemon=True).start()
        up()
        while True:
            try:
                datagram, sender = self._socket.recvfrom(LARGEST_DATAGRAM)
            except OSError:  # what an earlier send met; the socket is as good as before
                continue
            self._receive(datagram, sender)

    # -- messages --------------------------------------------------------------------------------

    def _receive(self, datagram: bytes, sender: Address) -> None:
        packet = chunks.parse(datagram)
        if isinstance(packet, Missing):
            self._pool.submit(self._post.again, packet, sender)
            return
        text: bytes | None = datagram
        if packet is not None:
            if chance(self._faults.lost_requests, self._source):
                return
            text = self._join(packet, sender)
        if text is not None:
            self._pool.submit(self._handle, text, sender)

    def _join(self, packet: chunks.Packet, sender: Address) -> bytes | None:
        if not packet.chunk_id:
            return packet.data
        key = sender, packet.chunk_id
        partial = self._assembly.add(key, packet, sender, time.monotonic())
        if partial is None or not partial.complete:
            return None
        self._assembly.drop(key)
        return partial.message()

    def _handle(self, text: bytes, sender: Address) -> None:
        message = cloud.read(text)
        if message is None:
            return
        fields, cluster = message.fields, self._cluster
        if message.kind in (cloud.ENCRYPT, cloud.DECRYPT):
            if _is_request(message):
                self._work(message, sender)
        elif message.kind == cloud.COORDINATOR_QUERY:
            host, port = self._peers[self._coordinator() - 1][:2]
            address = {"coordinator_address": f"{host}:{port}"}
            self._post.bare(cloud.write("CoordinatorQueryResponse", address), sender)
        elif message.kind == "LoadQuery" and type(fields.get("from_node")) is int:
            said = self._said() | {"queue_length": int(cluster.load)}
            order = ("node_id", "load", "queue_length", "processed_count")
            told = {key: said["from_node" if key == "node_id" else key] for key in order}
            self._post.bare(cloud.write("LoadResponse", told), sender)
        elif message.kind == "Heartbeat" and _is_told(fields):
            node, load = fields["from_node"], float(fields["load"])
            cluster.hear(node, load, fields["processed_count"], time.monotonic())
        elif message.kind == "Coordinator" and type(fields.get("node_id")) is int:
            if 1 <= fields["node_id"] <= len(self._peers):
                cluster.coordinator = fields["node_id"]

    def _work(self, message: Message, sender: Address) -> None:
        request_id = message.request_id or ""
        if "via" not in message.fields and chance(self._faults.silent, self._source):
            return
        # The coordinator may hand a request back to the node that it came through.
        comes_back = bool(message.fields.get("forwarded"))
        if not comes_back and not self._begin(request_id):
            return
        try:
            answer = self._answer(message)
        finally:
            if not comes_back:
                self._end(request_id)
        if "via" in message.fields:
            self._post.to_node(answer, sender)
            return
        if chance(self._faults.late_failure_share, self._source):
            self._fail_later(request_id, sender)
        if message.kind == cloud.DECRYPT and self._faults.bare:
            self._post.bare(answer, sender)
        else:
            self._post.answer(answer, sender)

    def _begin(self, request_id: str) -> bool:
        """Whether the request is not in flight already."""
        with self._lock:
            if request_id in self._working:
                return False
            self._working.add(request_id)
            return True

    def _end(self, request_id: str) -> None:
        with self._lock:
            self._working.discard(request_id)

    def _fail_later(self, request_id: str, to: Address) -> None:
        answer = cloud.response(cloud.ENCRYPTED, request_id, b"[]", NO_COORDINATOR)

        def fail() -> None:
            with socket.socket(self._socket.family, socket.SOCK_DGRAM) as other:
                for datagram in chunks.split(answer, "unused"):
                    other.sendto(datagram, to)

        timer = threading.Timer(self._faults.late_failure_s, fail)
        timer.daemon = True
        timer.start()

    # -- who does it -----------------------------------------------------------------------------

    def _answer(self, message: Message) -> bytes:
        if message.kind == cloud.DECRYPT or message.fields["forwarded"]:
            return self._do(message)
        coordinator = self._coordinator()
        if coordinator != self._number:
            return self._relay(message, coordinator, NO_COORDINATOR, forwarded=False)
        chosen = self._cluster.choose(time.monotonic())
        if chosen == self._number:
            return self._do(message)
        return self._relay(message, chosen, NO_NODE, forwarded=True)

    def _coordinator(self) -> int:
        if self._faults.split_brain:
            return self._number % len(self._peers) + 1
        return self._cluster.coordinator

    def _relay(self, message: Message, node: int, error: str, *, forwarded: bool) -> bytes:
        request_id, fields = message.request_id or "", message.fields
        text = cloud.encryption_request(
            request_id,
            fields["client_username"],
            (bytes(message.array),),
            fields["usernames"],
            fields["quota"],
            forwarded,
        )
        # A field of our own, which other nodes ignore: the answer to a node needs no long pauses.
        text = text[:-2] + b',"via":%d}}' % self._number
        self._cluster.sent(node)
        try:
            to = self._peers[node - 1]
            answer = relay.ask(text, request_id, cloud.ENCRYPTED, to, self._settings)
        finally:
            self._cluster.sent(node, -1)
        if answer is None:
            return cloud.response(cloud.ENCRYPTED, request_id, b"[]", error)
        told = None if answer.fields.get("success") else str(answer.fields.get("error"))
        return cloud.response(cloud.ENCRYPTED, request_id, bytes(answer.array), told)

    def _do(self, message: Message) -> bytes:
        """Do it here."""
        request_id, fields = message.request_id or "", message.fields
        encrypts = message.kind == cloud.ENCRYPT
        kind = cloud.ENCRYPTED if encrypts else cloud.DECRYPTED
        self._count(1)
        try:
            data = message.picture()
            if self._faults.original_delays:
                time.sleep(0.5 + len(data) / 100_000 if encrypts else 0.2)
            with self._hands:
                made = self._encrypt(data, fields) if encrypts else pictures.decrypt(data)
            return cloud.response(kind, request_id, numbers.encode(made))
        except (pictures.Refused, ValueError) as error:
            return cloud.response(kind, request_id, b"[]", str(error))
        finally:
            self._count(-1)

    def _encrypt(self, data: bytes, fields: dict[str, Any]) -> bytes:
        names, quota = tuple(fields["usernames"]), fields["quota"]
        wrong = chance(self._faults.wrong_metadata, self._source)
        metadata = Metadata(names, (quota + 1) % 2**32 if wrong else quota)
        made = pictures.encrypt(data, metadata)
        return pictures.spoiled(made) if chance(self._faults.wrong_pixels, self._source) else made

    def _count(self, change: int) -> None:
        with self._lock:
            self._cluster.load += change
            self._cluster.processed += change < 0
            self._done[self._number - 1] = self._cluster.processed

    # -- the cluster -----------------------------------------------------------------------------

    def _keep_in_touch(self) -> None:
        """Tell the others of this node; hold elections where that is this node's part."""
        elected = time.monotonic()
        while True:
            self._tell("Heartbeat", self._said())
            time.sleep(self._settings.heartbeat_s)
            now = time.monotonic()
            due = now - elected >= self._settings.election_s
            failed = not self._cluster.has_coordinator(now)
            if (due or failed) and self._cluster.holds_elections(now):
                elected = now
                winner = self._cluster.elect(now)
                self._tell("Coordinator", {"node_id": winner, "load": self._cluster.load})

    def _said(self) -> dict[str, Any]:
        return {
            "from_node": self._number,
            "load": self._cluster.load,
            "processed_count": self._cluster.processed,
        }

    def _tell(self, kind: str, fields: dict[str, Any]) -> None:
        for number, peer in enumerate(self._peers, 1):
            if number != self._number:
                self._post.bare(cloud.write(kind, fields), peer)


def _is_request(message: Message) -> bool:
    """Whether all fields are there and of their types; what is not so is never answered."""
    fields = message.fields
    names, quota = fields.get("usernames"), fields.get("quota")
    return (
        isinstance(fields.get("request_id"), str)
        and isinstance(fields.get("client_username"), str)
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and type(quota) is int
        and 0 <= quota <= cloud.LARGEST_QUOTA
        and (message.kind == cloud.DECRYPT or isinstance(fields.get("forwarded"), bool))
        and _is_array(message)
    )


def _is_array(message: Message) -> bool:
    try:
        numbers.count(message.array)
    except ValueError:
        return False
    return True


def _is_told(fields: dict[str, Any]) -> bool:
    return (
        type(fields.get("from_node")) is int
        and isinstance(fields.get("load"), int | float)
        and type(fields.get("processed_count")) is int
    )
