"""How a node sends: in envelopes, paced, with the faults it was told to have; and what it keeps.

Answers of several pieces are kept so that pieces can be sent again, in bounded size and age. They
are sent again only to the host that they were for: whoever else asks could only want to have others
flooded.
"""

import random
import socket
import time
import uuid
from collections import OrderedDict
from threading import Lock
from typing import Any

from gauntlet.targets._image_cloud_settings import NodeSettings
from gauntlet.targets.faults import chance
from gauntlet.wire import chunks
from gauntlet.wire.chunks import CHUNK, Missing

Address = Any


class Post:
    """The sending side of a node's socket."""

    def __init__(self, sock: socket.socket, settings: NodeSettings, source: random.Random) -> None:
        self._socket = sock
        self._settings = settings
        self._source = source
        self._kept: OrderedDict[str, tuple[bytes, str, float]] = OrderedDict()
        self._held = 0
        self._lock = Lock()

    def bare(self, message: bytes, to: Address) -> None:
        """One datagram as it is; what is too long for one is never heard of again."""
        self._send(self._socket, message, to)

    def answer(self, message: bytes, to: Address) -> None:
        """An answer to a client, in envelopes."""
        chunk_id = str(uuid.uuid4())
        elsewhere = chance(self._settings.faults.other_port, self._source)
        if elsewhere:
            with socket.socket(self._socket.family, socket.SOCK_DGRAM) as other:
                self._paced(other, chunks.split(message, chunk_id), to)
            return
        if len(message) > CHUNK:
            self._keep(chunk_id, message, to[0])
        self._paced(self._socket, chunks.split(message, chunk_id), to)

    def to_node(self, message: bytes, to: Address) -> None:
        """An answer to another node: with short pauses and without the faults of clients."""
        chunk_id = str(uuid.uuid4())
        if len(message) > CHUNK:
            self._keep(chunk_id, message, to[0])
        for number, datagram in enumerate(chunks.split(message, chunk_id)):
            if number:
                time.sleep(self._settings.relay_pacing_s)
            self._send(self._socket, datagram, to)

    def again(self, missing: Missing, to: Address) -> None:
        """Pieces that a client did not get, in the order in which it names them."""
        with self._lock:
            kept = self._kept.get(missing.chunk_id)
        if kept is None or kept[1] != to[0]:
            return
        datagrams = chunks.split(kept[0], missing.chunk_id)
        for number, index in enumerate(one for one in missing.indices if one < len(datagrams)):
            if number:
                time.sleep(self._settings.relay_pacing_s)
            self._lossy(self._socket, datagrams[index], to)

    def _paced(self, sock: socket.socket, datagrams: list[bytes], to: Address) -> None:
        faults = self._settings.faults
        for place in range(len(datagrams) - 1):
            if chance(faults.reordered, self._source):
                datagrams[place : place + 2] = datagrams[place + 1], datagrams[place]
        for number, datagram in enumerate(datagrams):
            if number:
                time.sleep(self._settings.pacing_s)
            self._lossy(sock, datagram, to)
            if chance(faults.duplicated, self._source):
                self._lossy(sock, datagram, to)

    def _lossy(self, sock: socket.socket, datagram: bytes, to: Address) -> None:
        if not chance(self._settings.faults.lost_answers, self._source):
            self._send(sock, datagram, to)

    def _send(self, sock: socket.socket, datagram: bytes, to: Address) -> None:
        try:
            sock.sendto(datagram, to)
        except OSError:
            pass  # too long, or nobody there: nodes say nothing either

    def _keep(self, chunk_id: str, message: bytes, host: str) -> None:
        now = time.monotonic()
        with self._lock:
            self._kept[chunk_id] = message, host, now
            self._held += len(message)
            while self._kept and (
                self._held > self._settings.cache_limit
                or now - next(iter(self._kept.values()))[2] > self._settings.cache_age_s
            ):
                _, (dropped, _, _) = self._kept.popitem(last=False)
                self._held -= len(dropped)
