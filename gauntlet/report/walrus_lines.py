"""A line per blob while a run goes on, coloured as the original tester's; on a terminal only.

    blob uploaded 0.132s  95.3 KiB  first 0.210s  cached 0.012s
    blob already certified 0.101s  92.7 KiB  first 0.020s  cached 0.012s
    blob failed: wrong bytes

Green is an upload and a cached download, yellow an existing blob and the size, magenta a first
download, red an error. Of many blobs only some are told: AT_ONCE, then PER_S a second, and as many
failures beside them; a line says how many were left out since the last one.
"""

import sys
from argparse import Namespace
from time import perf_counter

from gauntlet.report.walrus import Row

AT_ONCE = 20
PER_S = 10.0

_CLEAR = "\r\x1b[K"
"""What else may stand on the line, such as the progress."""
_GREEN, _YELLOW, _MAGENTA, _RED = 32, 33, 35, 31
_WORDS = {"newlyCreated": "uploaded", "alreadyCertified": "already certified"}


class _Allowance:
    """AT_ONCE, then PER_S a second."""

    def __init__(self) -> None:
        self._room = float(AT_ONCE)
        self._last = perf_counter()

    def take(self) -> bool:
        """Whether there is room for one more."""
        now = perf_counter()
        self._room = min(AT_ONCE, self._room + (now - self._last) * PER_S)
        self._last = now
        if self._room < 1:
            return False
        self._room -= 1
        return True


class Lines:
    """Tells blobs on standard output, if that is a terminal."""

    def __init__(self) -> None:
        # Failures among many good blobs must not be those that are left out.
        self._good, self._failed = _Allowance(), _Allowance()
        self._untold = 0

    def wanted(self, options: Namespace | None) -> bool:
        """Whether somebody looks on."""
        return sys.stdout.isatty() and not getattr(options, "json", False)

    def tell(self, row: Row) -> None:
        """Tell a blob, unless too many were told just now."""
        allowance = self._good if row.status in _WORDS else self._failed
        if not allowance.take():
            self._untold += 1
            return
        more = f"  ({self._untold} more untold)" if self._untold else ""
        self._untold = 0
        sys.stdout.write(f"{_CLEAR}{line(row)}{more}\n")
        sys.stdout.flush()


def line(row: Row) -> str:
    """The line of a blob, with its colours."""
    if row.upload is None:
        return _coloured(_RED, f"blob failed: {row.status}")
    known = row.status == "alreadyCertified"
    parts = [
        _coloured(
            _YELLOW if known else _GREEN,
            f"blob {_WORDS.get(row.status, 'uploaded')} {row.upload:.3f}s",
        ),
        _coloured(_YELLOW, f"{row.size / 1024:.1f} KiB"),
    ]
    if row.first is not None:
        parts.append(_coloured(_MAGENTA, f"first {row.first:.3f}s"))
    if row.cached is not None:
        parts.append(_coloured(_GREEN, f"cached {row.cached:.3f}s"))
    if row.status not in _WORDS:
        parts.append(_coloured(_RED, f"failed: {row.status}"))
    return "  ".join(parts)


def _coloured(colour: int, text: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"
