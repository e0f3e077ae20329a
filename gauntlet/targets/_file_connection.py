"""One connection of the reference file server: commands in, answers out, in bounded memory."""

import contextlib
import socket
import struct
import time
from dataclasses import dataclass
from random import Random
from threading import Lock

from pybase64 import b64encode

from gauntlet.targets._file_store import Full, Refused, Store, Upload
from gauntlet.wire import file_protocol as wire
from gauntlet.wire.file_requests import (
    Broken,
    Command,
    Event,
    Requests,
    UploadBegun,
    UploadData,
    UploadEnded,
)

PIECE_BYTES = 256 * 1024
"""Of base64 that are received at once."""
BLOCK_BYTES = 3 * 16 * 1024
"""Of a file that are sent at once; a multiple of 3, so that the pieces of base64 fit together."""
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Limits:
    """Bytes and seconds that a connection may take."""

    upload: int = 1024 * 1024 * 1024
    line: int = 16 * 1024 * 1024
    idle_s: float = 300.0


@dataclass(frozen=True)
class Faults:
    """What goes wrong on purpose: shares of operations, unless it is said otherwise."""

    slow_s: float = 0.0
    """Before each answer."""
    silent: float = 0.0
    """Of connections: never answered."""
    reset: float = 0.0
    """Uploads reset in the middle."""
    error: float = 0.0
    """Uploads answered with ERROR in the end."""
    wrong_name: float = 0.0
    """Uploads answered with another name."""
    corrupt: float = 0.0
    """Downloads with a wrong byte."""
    cut: float = 0.0
    """Downloads whose connection closes in the middle."""
    split: bool = False
    """The end of each answer comes in two segments."""
    seed: int = 0


class Row:
    """What one worker served, in memory that all processes share."""

    WIDTH = 3

    def __init__(self, cells: memoryview, worker: int) -> None:
        self._cells, self._at = cells, worker * self.WIDTH
        self._lock = Lock()  # a worker of process mode has a thread per connection

    def connected(self) -> None:
        """A connection came."""
        self._add(0)

    def served(self, well: bool) -> None:
        """An operation is done, before its client can know."""
        self._add(1 if well else 2)

    def numbers(self) -> tuple[int, int, int]:
        """Connections, operations that went well, operations that failed."""
        first, second, third = self._cells[self._at : self._at + self.WIDTH]
        return int(first), int(second), int(third)

    def _add(self, column: int) -> None:
        with self._lock:
            self._cells[self._at + column] += 1


class _Closed(Exception):
    """The connection ends here."""


class Connection:
    """Serves one client until it leaves."""

    def __init__(
        self,
        peer: socket.socket,
        store: Store,
        row: Row,
        limits: Limits,
        faults: Faults,
        dice: Random,
    ) -> None:
        self._socket, self._store, self._row = peer, store, row
        self._limits, self._faults, self._dice = limits, faults, dice
        self._requests = Requests(limits.line)
        self._upload: Upload | None = None

    def serve(self) -> None:
        """Answer what comes; returns when the client is gone or was told off."""
        self._row.connected()
        self._socket.settimeout(self._limits.idle_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = bytearray(PIECE_BYTES)
        silent = self._strikes(self._faults.silent)
        with contextlib.suppress(OSError, _Closed), contextlib.ExitStack() as uploads:
            while received := self._socket.recv_into(buffer):
                if silent:
                    continue
                for event in self._requests.feed(buffer, received):
                    try:
                        self._handle(event, uploads)
                    except Full as full:
                        self._handle(Broken(str(full)), uploads)
        if self._upload is not None:
            self._row.served(False)

    def _handle(self, event: Event, uploads: contextlib.ExitStack) -> None:
        match event:
            case UploadData(data):
                self._grow(data)
            case UploadBegun():
                self._upload = uploads.enter_context(self._store.upload())
                self._naming = wire.Naming()
                self._doomed = self._strikes(self._faults.reset)
                self._send(wire.READY + wire.END)
            case UploadEnded():
                self._finish(uploads)
            case Broken(text):
                self._upload = None
                self._row.served(False)
                self._send(wire.refused(text, bare=True))
                raise _Closed
            case Command(word, name):
                self._command(word, name)

    def _command(self, word: str, name: str | None) -> None:
        try:
            if word == "list":
                self._answer(wire.listed(self._store.names()))
            elif word == "unknown":
                raise Refused(wire.UNKNOWN)
            elif name is None:
                raise Refused(wire.NO_NAME)
            elif word == "delete":
                self._store.delete(name)
                self._answer(wire.deleted())
            elif not name:
                self._answer(wire.NOTHING)
            else:
                self._get(name)
        except Refused as refused:
            self._answer(wire.refused(str(refused)), well=False)

    def _get(self, name: str) -> None:
        file, length = self._store.open(name)
        with file:
            time.sleep(self._faults.slow_s)
            corrupt, cut = self._strikes(self._faults.corrupt), self._strikes(self._faults.cut)
            self._socket.sendall(wire.file_head(name.lower()))
            left, block = length, bytearray(min(BLOCK_BYTES, length))
            while left:
                size = _fill(file, memoryview(block)[:left])
                if corrupt and left <= BLOCK_BYTES:
                    block[size - 1] ^= 1
                if cut and left <= length // 2 + BLOCK_BYTES:
                    self._row.served(False)
                    raise _Closed
                self._socket.sendall(b64encode(memoryview(block)[:size]))
                left -= size
        self._answer(wire.FILE_TAIL, slow=False)

    def _grow(self, data: bytes) -> None:
        assert self._upload is not None
        self._naming.feed(data)
        if self._naming.length > self._limits.upload:
            self._handle(Broken("file is too large"), contextlib.ExitStack())
        if self._doomed:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            raise _Closed
        self._upload.write(data)

    def _finish(self, uploads: contextlib.ExitStack) -> None:
        assert self._upload is not None
        upload, self._upload = self._upload, None
        name = self._naming.name
        if self._strikes(self._faults.error):
            uploads.close()
            self._answer(wire.refused("upload failed on purpose"), well=False)
            return
        upload.keep(name)
        uploads.close()
        if self._strikes(self._faults.wrong_name):
            name = f"{'0' * 32}{name[32:]}"
        self._answer(wire.stored(name))

    def _answer(self, text: bytes, well: bool = True, slow: bool = True) -> None:
        if slow and self._faults.slow_s:
            time.sleep(self._faults.slow_s)
        self._row.served(well)
        self._send(text)

    def _send(self, text: bytes) -> None:
        if self._faults.split:
            self._socket.sendall(text[:-2])
            time.sleep(0.02)  # so that the network keeps the two apart
            text = text[-2:]
        self._socket.sendall(text)

    def _strikes(self, share: float) -> bool:
        return share > 0 and self._dice.random() < share


def _fill(file: object, view: memoryview) -> int:
    """Read until the view is full; a file that shrank ends the connection."""
    at = 0
    while at < len(view):
        got = file.readinto(view[at:])  # type: ignore[attr-defined]  # a raw file
        if not got:
            raise _Closed
        at += got
    return at
