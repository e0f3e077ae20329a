"""Hashes of files that somebody else has, as `md5sum`, `sha256sum` or `xxhsum -H3` write them.

    d41d8cd98f00b204e9800998ecf8427e  file_10mb.bin

The length of the hash tells its kind.
"""

import hashlib
import re
from pathlib import Path
from typing import Protocol

from xxhash import xxh3_64

from gauntlet.errors import UsageError
from gauntlet.text import shown

_LINE = re.compile(
    r"(?:XXH3_)?([0-9a-fA-F]{16}|[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}) [ *]?(.+)"
)
_KINDS = {32: "md5", 40: "sha1", 64: "sha256"}


class Hash(Protocol):
    """What all hash objects can."""

    def update(self, data: bytes, /) -> object:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """The hash so far."""


def new(digest: str) -> Hash:
    """A hash object of the kind that a hexadecimal digest is of."""
    kind = _KINDS.get(len(digest))
    return hashlib.new(kind, usedforsecurity=False) if kind else xxh3_64()


def read(path: str) -> dict[str, str]:
    """Hashes by lower-case file name, without folders; UsageError with a line per mistake."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"--files-manifest: expected a readable file of hashes, got {shown(path)}"
        ) from None
    found: dict[str, str] = {}
    mistakes: list[str] = []
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line.strip())
        if match:
            found[Path(match[2]).name.lower()] = match[1].lower()
        elif line.strip() and not line.startswith("#"):
            example = f'"{"0" * 32}  file_10mb.bin"'
            mistakes.append(
                f"{path}:{number}: expected a line such as {example}, got {shown(line)}"
            )
    if mistakes:
        raise UsageError(mistakes[:10])
    return found
