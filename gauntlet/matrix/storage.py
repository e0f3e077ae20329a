"""The folder that all targets of a matrix serve, and the hashes of what lies in it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from xxhash import xxh3_64

from gauntlet.matrix.plan import Cell
from gauntlet.targets._file_store import folder_of

_BLOCK = 1024 * 1024


def storage(todo: Sequence[Cell]) -> AbstractContextManager[Path]:
    """A folder with the files to download; in memory where the uploads of any cell have room."""
    volumes = sorted({cell.volume for cell in todo if cell.operation == "download"})
    return folder_of(None, volumes, reserve=max(map(_at_once, todo), default=0))


def _at_once(cell: Cell) -> int:
    """MB of uploads that may lie there at the same time; each is deleted when it was verified."""
    if cell.operation != "upload" or cell.server_pool is None:
        return 0
    bound = cell.mode == "thread"  # a worker of the mode process has a thread per connection
    return cell.volume * (min(cell.client_pool, cell.server_pool) if bound else cell.client_pool)


def hashes(folder: Path, names: Mapping[int, str]) -> dict[int, str]:
    """The xxh3 of each file that is there, by volume."""
    found = {}
    for volume, name in names.items():
        if (folder / name).is_file():
            digest = xxh3_64()
            with (folder / name).open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
            found[volume] = digest.hexdigest()
    return found
