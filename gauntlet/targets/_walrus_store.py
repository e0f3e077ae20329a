"""The blobs of the Walrus target: files in one directory that all its processes share.

    blobs/ID       content           objects/0x…   link whose text is the blob id
    records/ID     what is known     cached/ID     exists once the blob was read; when: its mtime
    incoming/…     uploads under way tokens/HASH   a used token; its mtime is when it expires
    state          numbers and the order of the blobs, mapped into memory by every process

Readers take no lock: files appear whole, by renaming, and content before its record. Writers hold
the lock of `state` for some microseconds. When the blobs together are longer than the limit,
the oldest ones go, as if they had expired. Nothing is synced to a disk.
"""

import contextlib
import fcntl
import hashlib
import itertools
import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

from gauntlet.targets._walrus_chain import (
    Patch,
    Record,
    Result,
    Terms,
    forget_surplus,
    load_record,
    settle,
)
from gauntlet.targets._walrus_ids import blob_id, decode, encode

MAX_BLOBS = 1 << 17
"""Blobs kept at a time, however short."""
_USED, _HEAD, _TAIL, _BORN, TOKENS, PURGED = range(6)
"""The numbers in `state`: bytes, youngest and oldest blob, begin; used tokens and their purge."""
_CELLS = 8
_SLOT = 40  # 32 bytes of id, 8 of length
_STATE_BYTES = 8 * _CELLS + _SLOT * MAX_BLOBS
_FOLDERS = ("blobs", "cached", "incoming", "objects", "records", "tokens")


class Upload:
    """Content on its way into the store: written through to a file, hashed on the way."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size = 0
        self._hash = hashlib.blake2b(digest_size=32)
        self._file = open(path, "xb", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Append; raises OSError when there is no room."""
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        self._hash.update(chunk)
        self.size += len(chunk)

    def blob_id(self) -> str:
        """The id of what was written so far."""
        return encode(blob_id(self.size, self._hash.digest()))

    def close(self) -> None:
        """Drop the upload, unless the store took it over."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


class Store:
    """One process's view of the directory, with at most `limit` bytes of blobs."""

    def __init__(self, directory: Path, limit: int, epoch_s: float) -> None:
        self.directory = directory
        self.limit = limit
        self._epoch_s = epoch_s
        self._serial = itertools.count()
        for name in _FOLDERS:
            (directory / name).mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(directory / "state", os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._descriptor, _STATE_BYTES)
        self._bytes = memoryview(mmap.mmap(self._descriptor, _STATE_BYTES))
        self.cells = self._bytes[: 8 * _CELLS].cast("Q")
        with self.locked():
            self.cells[_BORN] = self.cells[_BORN] or time.time_ns()

    @property
    def used(self) -> int:
        """Bytes of all blobs together."""
        return self.cells[_USED]

    @property
    def count(self) -> int:
        """How many blobs there are."""
        return self.cells[_HEAD] - self.cells[_TAIL]

    def epoch(self) -> int:
        """The current epoch, counted from 1 since the store was made."""
        return 1 + int((time.time() - self.cells[_BORN] / 1e9) / self._epoch_s)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other processes out."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def begin_upload(self) -> Upload:
        """A new upload, to be closed in any case."""
        return Upload(self._path("incoming", f"{os.getpid()}-{next(self._serial)}"))

    def certify(self, upload: Upload, terms: Terms, patches: list[Patch] | None = None) -> Result:
        """Keep the content as the terms say; returns the content of the answer."""
        blob = upload.blob_id()
        with self.locked():
            known = self.find(blob)
            record = known or Record(upload.size, time.time(), patches=patches)
            if known and not known.is_valid(self.epoch()):
                record.created_s = time.time()
                self._unlink(self._path("cached", blob))
            if not known:
                os.rename(upload.path, self._path("blobs", blob))
            is_now_quilt = patches is not None and record.patches is None
            if is_now_quilt:
                record.patches = patches
            result = settle(record, blob, terms, self.epoch())
            if "newlyCreated" in result or is_now_quilt:
                self._write_record(blob, record)
            if not known:
                self._count_in(blob, record.size)
        return result

    def find(self, blob: str) -> Record | None:
        """What is known of a blob, valid or not."""
        try:
            with open(self._path("records", blob), "rb") as file:
                return load_record(file.read())
        except FileNotFoundError:
            return None

    def blob_of_object(self, name: str) -> str | None:
        """The id of the blob that belongs to an object."""
        try:
            return os.readlink(self._path("objects", name))
        except FileNotFoundError:
            return None

    def open_blob(self, blob: str) -> int | None:
        """A descriptor of the content; None if it has just been evicted."""
        try:
            return os.open(self._path("blobs", blob), os.O_RDONLY)
        except FileNotFoundError:
            return None

    def cached_s(self, blob: str) -> float | None:
        """Seconds since the first read of a blob; None before it."""
        try:
            return max(0.0, time.time() - os.stat(self._path("cached", blob)).st_mtime)
        except FileNotFoundError:
            return None

    def mark_cached(self, blob: str) -> None:
        """Note the first read of a blob."""
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path("cached", blob), os.O_CREAT | os.O_EXCL, 0o600))

    def _path(self, folder: str, name: str) -> str:
        return f"{self.directory}/{folder}/{name}"

    def _write_record(self, blob: str, record: Record) -> None:
        gone = forget_surplus(record)
        self._unlink(*(self._path("objects", name) for name in gone))
        for item in record.registrations:
            for name in item.objects:
                with contextlib.suppress(FileExistsError):
                    os.symlink(blob, self._path("objects", name))
        draft = self._path("incoming", f"record-{os.getpid()}")
        with open(draft, "wb", buffering=0) as file:
            file.write(record.dump())
        os.rename(draft, self._path("records", blob))

    def _count_in(self, blob: str, size: int) -> None:
        """Note a new blob as the youngest one; the oldest ones make room."""
        cells, raw = self.cells, decode(blob)
        assert raw is not None
        cells[_USED] += size
        self._slot(cells[_HEAD])[:] = raw + size.to_bytes(8, "little")
        cells[_HEAD] += 1
        while self.used > self.limit or self.count >= MAX_BLOBS:
            oldest = bytes(self._slot(cells[_TAIL]))
            cells[_TAIL] += 1
            cells[_USED] -= int.from_bytes(oldest[32:], "little")
            self._evict(encode(oldest[:32]))

    def _slot(self, number: int) -> memoryview:
        begin = 8 * _CELLS + _SLOT * (number % MAX_BLOBS)
        return self._bytes[begin : begin + _SLOT]

    def _evict(self, blob: str) -> None:
        record = self.find(blob)
        objects = [name for item in record.registrations for name in item.objects] if record else []
        paths = [self._path(folder, blob) for folder in ("records", "blobs", "cached")]
        self._unlink(*paths, *(self._path("objects", name) for name in objects))

    @staticmethod
    def _unlink(*paths: str) -> None:
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
