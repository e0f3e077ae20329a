"""The directory of a Walrus target: the given one, or one that goes with the target.

A directory of ours is in memory where the machine has a file system there with enough room. Its
owner holds a lock on the file `alive` in it, so what a killed target left is found and removed by
the next one.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gauntlet.errors import UsageError

_MEMORY = Path("/dev/shm")
_PREFIX = "gauntlet-walrus-"
_DRAFT = f"new-{_PREFIX}"
"""Until its lock is held, a directory has a name that nobody sweeps."""


@contextlib.contextmanager
def store_directory(given: str, limit: int) -> Iterator[Path]:
    """A directory that can be written to. Raises UsageError."""
    if given:
        yield _prepared(Path(given))
        return
    parent = _parent(limit)
    _sweep(parent)
    path = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=parent))
    try:
        with open(path / "alive", "wb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)
            path = path.rename(parent / path.name.replace(_DRAFT, _PREFIX))
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _prepared(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "permission denied")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(
            f"--directory: expected a directory to write to, got '{path}' ({reason})"
        ) from error
    return path


def _parent(limit: int) -> Path:
    """Where the blobs go: into memory if they all fit there."""
    if os.access(_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(_MEMORY).free > limit:
        return _MEMORY
    return Path(tempfile.gettempdir())


def _sweep(parent: Path) -> None:
    """Remove directories whose target is gone."""
    for path in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), open(path / "alive", "rb") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
