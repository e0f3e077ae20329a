"""The folder of the file server's reference target: names resolved in it alone, however written.

A name is only ever looked up among the folder's entries, relative to its open descriptor and
without following links, so no name leads out of it. Uploads grow under hidden names and get their
own when they are whole.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import BinaryIO

from gauntlet.errors import UsageError
from gauntlet.text import shown

MEGABYTE = 1024 * 1024
MEMORY = Path("/dev/shm")
SPARE_BYTES = 1024 * MEGABYTE
"""What must be free in memory beside the files before a folder is made there."""
PREFIX = "gauntlet-files-"
NEW_S = 10.0
_HIDDEN = ".upload-"
_BLOCK = 4 * MEGABYTE
_NUMBERS = count()


class Refused(Exception):
    """A name that is not served; the text is the answer's."""


class Full(Exception):
    """An upload that cannot be kept; the text is the answer's."""


class Store:
    """One folder of files, open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def names(self) -> list[str]:
        """What LIST shows: names with a dot in them that do not begin with one."""
        return [name for name in self._entries() if "." in name[1:] and name[0] != "."]

    def open(self, name: str) -> tuple[BinaryIO, int]:
        """The file of that name, whatever its capitals, and its length."""
        try:
            found = self._find(name)  # by then somebody else may have deleted it
            file = os.fdopen(
                os.open(found, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._descriptor), "rb", 0
            )
        except OSError as error:
            raise Refused(_told(error, name)) from error
        return file, os.fstat(file.fileno()).st_size

    def delete(self, name: str) -> None:
        """Remove the file of that name."""
        try:
            os.unlink(self._find(name), dir_fd=self._descriptor)
        except OSError as error:
            raise Refused(_told(error, name)) from error

    @contextlib.contextmanager
    def upload(self) -> Iterator["Upload"]:
        """A file that grows; it is gone at the end unless it was kept."""
        name = f"{_HIDDEN}{os.getpid()}-{next(_NUMBERS)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            descriptor = os.open(name, flags, 0o644, dir_fd=self._descriptor)
        except OSError as error:
            raise Full(f"[Errno {error.errno}] {error.strerror}") from error
        upload = Upload(self._descriptor, name, descriptor)
        try:
            yield upload
        finally:
            os.close(descriptor)
            if not upload.kept:
                os.unlink(name, dir_fd=self._descriptor)

    def _entries(self) -> list[str]:
        # By a descriptor of its own: threads that read one would share its place in the folder.
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._descriptor)
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def _find(self, name: str) -> str:
        """The entry that a name means: a plain file, its capitals aside."""
        if name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
            # The original served every path; it is asked for a folder only by this one.
            wrong = "[Errno 21] Is a directory: '.'" if name == "." else "name is not allowed"
            raise Refused(wrong)
        wanted = name.lower()
        entries = () if wanted.startswith(".") else self._entries()
        entry = next((one for one in entries if one.lower() == wanted), None)
        if entry is None:
            raise Refused(f"[Errno 2] No such file or directory: {wanted!r}")
        mode = os.stat(entry, dir_fd=self._descriptor, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            raise Refused(f"[Errno 21] Is a directory: {wanted!r}")
        if not stat.S_ISREG(mode):
            raise Refused("name is not allowed")
        return entry


class Upload:
    """A file that grows under a hidden name."""

    def __init__(self, folder: int, name: str, descriptor: int) -> None:
        self._folder, self._name, self._descriptor = folder, name, descriptor
        self.kept = False

    def write(self, data: bytes) -> None:
        """Append."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise Full(f"[Errno {error.errno}] {error.strerror}") from error

    def keep(self, name: str) -> None:
        """Give the whole file its name, over one of the same name."""
        os.replace(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self.kept = True


@contextlib.contextmanager
def folder_of(storage: str | None, megabytes: Sequence[int], reserve: int = 0) -> Iterator[Path]:
    """The folder that was named, or one for the while: in memory if there is room.

    `megabytes` are the files to make; so much more is reserved for uploads.
    """
    if storage is not None:
        try:
            Path(storage).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=storage):
                pass
            _populate(Path(storage), megabytes)
        except OSError as error:
            raise UsageError(
                f"--storage: expected a folder to write to, got {shown(storage)} "
                f"({(error.strerror or str(error)).lower()})"
            ) from error
        yield Path(storage)
        return
    place = _memory(sum(megabytes) + reserve)
    _sweep(Path(tempfile.gettempdir()) if place is None else place)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place, ignore_cleanup_errors=True) as made:
        with _held(Path(made)):
            _populate(Path(made), megabytes)
            yield Path(made)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock the folder for as long as this process, or a worker of it, lives."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _sweep(place: Path) -> None:
    """Remove the folders of processes that were killed: nobody holds them any more."""
    for folder in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < NEW_S:
                continue  # perhaps not yet held
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _memory(megabytes: int) -> Path | None:
    try:
        free = os.statvfs(MEMORY)
    except OSError:
        return None
    room = free.f_bavail * free.f_frsize
    return MEMORY if room >= megabytes * MEGABYTE + SPARE_BYTES else None


def _populate(folder: Path, megabytes: Sequence[int]) -> None:
    """Make `file_<V>mb.bin` for each, unless it is there in full; random bytes."""
    block = os.urandom(_BLOCK)
    for size in megabytes:
        path, length = folder / f"file_{size}mb.bin", size * MEGABYTE
        if path.is_file() and path.stat().st_size == length:
            continue
        with path.open("wb") as file:
            left, turn = length, 0
            while left:
                turn = (turn + 1_000_003) % _BLOCK  # no two stretches lie alike
                piece = (block[turn:] + block[:turn])[:left]
                left -= file.write(piece)


def _told(error: OSError, name: str) -> str:
    return f"[Errno {error.errno}] {error.strerror}: {name.lower()!r}"
