"""What is told of pictures besides their requests: loss and recovery, verification, each picture.

`images.json` in the run's folder is an object with `counts` and `images`, one per picture:

    process, image     its labels; request_id of the last attempt, server
    task               encrypt or decrypt
    success            whether the last attempt was right
    latency            seconds of the last attempt; total_time with all attempts and pauses
    first_byte         seconds to the first piece of the answer; null if none came
    attempts, pieces, missing, rounds, recovered
    image_size, encrypted_size   bytes; null where there was no answer
    verified           true, false, or null where nobody looked
    error              text; null on success

Of more than MOST pictures the file holds all that failed, up to MOST, and a random sample of
the others; counts are always of all.
"""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from gauntlet.report.html.figures import size
from gauntlet.report.record import Figure, Section
from gauntlet.report.sample import MOST, Sample

FILE = "images.json"


class Row(NamedTuple):
    """One picture; `start` by the wall clock, times in seconds."""

    start: float
    process: int
    image: int
    task: str
    request_id: str
    server: str
    success: bool
    latency: float
    total_time: float
    first_byte: float | None
    attempts: int
    pieces: int
    missing: int
    rounds: int
    recovered: int
    image_size: int
    encrypted_size: int | None
    verified: bool | None
    error: str | None


class ImageSummary:
    """The pictures of this process; on a master those of all workers."""

    name = "images"

    def __init__(self) -> None:
        self.metrics: str | None = None
        """A folder that gets the record as well, where files of single pictures are written."""
        self.asked_buffer = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything; a new run begins."""
        self.counts: Counter[str] = Counter()
        self._sample = Sample()
        self._buffer: int | None = None

    # -- what users tell -------------------------------------------------------------------------

    def count(self, **counts: int) -> None:
        """Add to counts by name."""
        self.counts.update(counts)

    def granted(self, size: int) -> None:
        """What the kernel granted as receive buffer; the smallest is told."""
        self._buffer = size if self._buffer is None else min(size, self._buffer)

    def add(self, row: Row) -> None:
        """Note a picture."""
        self.counts["images"] += 1
        self._sample.add(row, first=not row.success or row.verified is False)

    # -- between processes -----------------------------------------------------------------------

    def hand_over(self) -> dict[str, Any]:
        """What came since the last time."""
        buffer = self._buffer
        wire = {"counts": dict(self.counts), "rows": self._sample.hand_over(), "buffer": buffer}
        self.clear()
        self._buffer = buffer
        return wire

    def absorb(self, wire: dict[str, Any]) -> None:
        """Add what a worker handed over."""
        self.counts.update(wire["counts"])
        self._sample.absorb(wire["rows"])
        if wire["buffer"] is not None:
            self.granted(wire["buffer"])

    # -- reports ---------------------------------------------------------------------------------

    @property
    def rows(self) -> list[Row]:
        """The pictures, or a sample of them, in the order in which they began."""
        return [Row(*row) for row in self._sample.rows()]

    def section(self) -> Section | None:
        """The figures."""
        if not self.counts:
            return None
        counts = self.counts
        figures = [
            _figure("Verified", counts["verified"], f"{counts['verified']} of {counts['images']}"),
            _figure("Metadata readable", counts["readable"]),
            _figure("Metadata as requested", counts["as_requested"]),
            _figure("Pixels as in the original", counts["equal"]),
            _figure("Recovered by retransmission", counts["recovered_answers"], self._recovery()),
            _figure("Datagrams sent", counts["datagrams_out"], self._sent()),
            _figure("Datagrams received", counts["datagrams_in"], self._received()),
            _figure("Late datagrams", counts["late"]),
            _figure("Duplicate datagrams", counts["duplicates"]),
            _figure("Strange datagrams", counts["strange"]),
            _figure("Nothing came", counts["nothing"]),
            _figure("Answer in part only", counts["partial"]),
        ]
        if self._buffer is not None:
            shown = f"{size(self._buffer)} of {size(self.asked_buffer)} asked for"
            figures.append(_figure("Receive buffer granted", self._buffer, shown))
        if counts["images"] > MOST:
            shown = f"{MOST} of {counts['images']}"
            figures.append(_figure("Pictures told one by one", MOST, shown))
        return Section(title="Pictures", figures=tuple(figures))

    def write(self, folder: Path) -> None:
        """Write the file; where pictures are kept, lay the record beside them as well."""
        told = {"counts": dict(self.counts), "images": [row._asdict() for row in self.rows]}
        (folder / FILE).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        if self.metrics is not None:
            place = Path(self.metrics)
            place.mkdir(parents=True, exist_ok=True)
            for name in (FILE, "run.json"):
                shutil.copyfile(folder / name, place / name)

    def _recovery(self) -> str:
        counts = self.counts
        return (
            f"{counts['recovered_answers']} answers, {counts['recovered']} chunks in "
            f"{counts['wishes']} requests to retransmit"
        )

    def _sent(self) -> str:
        return f"{self.counts['datagrams_out']}, {size(self.counts['bytes_out'])}"

    def _received(self) -> str:
        return f"{self.counts['datagrams_in']}, {size(self.counts['bytes_in'])}"


def _figure(name: str, value: int, shown: str | None = None) -> Figure:
    return Figure(name=name, value=value, shown=shown or str(value))
