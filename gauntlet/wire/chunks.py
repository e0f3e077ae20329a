"""Envelopes of the image cloud: cutting messages into datagrams and putting them together again.

    {"SinglePacket":"<base64>"}
    {"MultiPacket":{"chunk_id":"…","chunk_index":0,"total_chunks":3,"data":"<base64>"}}
    {"RetransmitRequest":{"chunk_id":"…","missing_indices":[1,2]}}

A message of up to CHUNK bytes is one packet, a longer one is cut every CHUNK bytes and each piece
is coded on its own. Nothing here reads a socket or a clock: times are arguments, in seconds.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
import pybase64

CHUNK = 45_000
"""Bytes of a message in one envelope, before base64."""

LARGEST_DATAGRAM = 65_535
MOST_CHUNKS = 100_000
"""Nothing that a datagram says makes a message longer."""

_HEAD = re.compile(
    rb'\{"MultiPacket":\{"chunk_id":"([^"\\]{1,128})","chunk_index":(\d{1,10}),'
    rb'"total_chunks":(\d{1,10}),"data":"'
)
_MULTI_END, _SINGLE, _SINGLE_END = b'"}}', b'{"SinglePacket":"', b'"}'


class Packet(NamedTuple):
    """A piece of a message, or all of it where the id is empty."""

    chunk_id: str
    at: int
    total: int
    data: bytes


class Missing(NamedTuple):
    """A wish to have pieces once more."""

    chunk_id: str
    indices: tuple[int, ...]


def parse(datagram: bytes) -> Packet | Missing | None:
    """What an envelope holds; None for all that is none, however it came about."""
    try:
        return _quick(datagram) or _thorough(orjson.loads(datagram))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _quick(datagram: bytes) -> Packet | None:
    """An envelope in the form that nodes write: the text is not parsed, only cut."""
    found = _HEAD.match(datagram)
    if found is not None and datagram.endswith(_MULTI_END):
        data = _decoded(memoryview(datagram)[found.end() : -len(_MULTI_END)])
        return _packet(found[1].decode(), int(found[2]), int(found[3]), data)
    if datagram.startswith(_SINGLE) and datagram.endswith(_SINGLE_END):
        return Packet("", 0, 1, _decoded(memoryview(datagram)[len(_SINGLE) : -len(_SINGLE_END)]))
    return None


def _thorough(content: Any) -> Packet | Missing | None:
    """An envelope in any legal JSON."""
    if not isinstance(content, dict) or len(content) != 1:
        return None
    if isinstance(single := content.get("SinglePacket"), str):
        return Packet("", 0, 1, _decoded(single))
    if multi := content.get("MultiPacket"):
        data = _decoded(multi["data"])
        return _packet(multi["chunk_id"], multi["chunk_index"], multi["total_chunks"], data)
    if wish := content.get("RetransmitRequest"):
        chunk_id, indices = wish["chunk_id"], wish["missing_indices"]
        if isinstance(chunk_id, str) and all(type(one) is int and one >= 0 for one in indices):
            return Missing(chunk_id, tuple(indices))
    return None


def _decoded(text: str | memoryview) -> bytes:
    return pybase64.b64decode(text, validate=True)


def _packet(chunk_id: Any, index: Any, total: Any, data: bytes) -> Packet | None:
    """A piece, unless its numbers are impossible."""
    if type(chunk_id) is not str or type(index) is not int or type(total) is not int:
        return None
    if not chunk_id or len(chunk_id) > 128 or not 0 <= index < total <= MOST_CHUNKS:
        return None
    return Packet(chunk_id, index, total, data)


def split(message: bytes | memoryview, chunk_id: str) -> list[bytes]:
    """The datagrams of a message, in order."""
    if len(message) <= CHUNK:
        return [_SINGLE + pybase64.b64encode(message) + _SINGLE_END]
    view = memoryview(message)
    total = -(-len(view) // CHUNK)
    head = b'{"MultiPacket":{"chunk_id":"%b","chunk_index":' % chunk_id.encode()
    tail = b',"total_chunks":%d,"data":"' % total
    return [
        b"".join((head, b"%d" % at, tail, pybase64.b64encode(piece), _MULTI_END))
        for at, piece in enumerate(view[cut : cut + CHUNK] for cut in range(0, len(view), CHUNK))
    ]


def ask_again(chunk_id: str, indices: Sequence[int]) -> bytes:
    """The datagram that asks for pieces once more."""
    return orjson.dumps(
        {"RetransmitRequest": {"chunk_id": chunk_id, "missing_indices": list(indices)}}
    )


@dataclass(slots=True)
class Partial:
    """A message of which pieces have come."""

    chunk_id: str
    total: int
    sender: Any
    began: float
    pieces: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    rounds: int = 0
    """How often pieces were asked for again."""
    recovered: int = 0
    """Pieces that came after that."""
    duplicates: int = 0

    @property
    def complete(self) -> bool:
        """Whether all pieces are there."""
        return len(self.pieces) == self.total

    @property
    def missing(self) -> Iterator[int]:
        """Indices that have not come, lowest first."""
        return (index for index in range(self.total) if index not in self.pieces)

    @property
    def start(self) -> bytes:
        """The beginning of the message, as far as the first piece tells it."""
        return self.pieces.get(0, b"")

    def add(self, packet: Packet) -> None:
        """Keep a piece; a second copy changes nothing."""
        if packet.at in self.pieces:
            self.duplicates += 1
            return
        self.pieces[packet.at] = packet.data
        self.size += len(packet.data)
        self.recovered += self.rounds > 0

    def message(self) -> bytes:
        """The whole message."""
        return b"".join(self.pieces[index] for index in range(self.total))


class Assembly:
    """Messages that are on their way, in bounded number, size and age; the oldest make room.

    Keys are whatever tells messages apart: the chunk id, with the sender where that is known.
    """

    def __init__(self, *, messages: int, size: int, age_s: float) -> None:
        self._messages, self._size, self._age_s = messages, size, age_s
        self._partials: dict[Any, Partial] = {}
        self._held = 0

    def __len__(self) -> int:
        return len(self._partials)

    @property
    def partials(self) -> list[Partial]:
        """All messages, the oldest first."""
        return list(self._partials.values())

    @property
    def held(self) -> int:
        """Bytes of all pieces."""
        return self._held

    def add(self, key: Any, packet: Packet, sender: Any, now: float) -> Partial | None:
        """Take a piece in; its message, or None where the piece does not fit what came before."""
        partial = self._partials.get(key)
        if partial is None:
            if packet.total * CHUNK > self._size + CHUNK:
                return None
            partial = Partial(packet.chunk_id, packet.total, sender, now)
            self._partials[key] = partial
        elif partial.total != packet.total:
            return None
        before = partial.size
        partial.add(packet)
        self._held += partial.size - before
        self._make_room(key, now)
        return partial

    def get(self, key: Any) -> Partial | None:
        """A message, if it is kept."""
        return self._partials.get(key)

    def put(self, key: Any, partial: Partial) -> None:
        """Take over a message that another assembly began."""
        self._partials[key] = partial
        self._held += partial.size

    def drop(self, key: Any) -> None:
        """Forget a message."""
        if (partial := self._partials.pop(key, None)) is not None:
            self._held -= partial.size

    def clear(self) -> None:
        """Forget all."""
        self._partials.clear()
        self._held = 0

    def _make_room(self, newest: Any, now: float) -> None:
        for key, partial in list(self._partials.items()):
            full = len(self._partials) > self._messages or self._held > self._size
            if not full and now - partial.began <= self._age_s:
                return
            if key != newest:
                self.drop(key)
