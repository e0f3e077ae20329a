"""What is told of blobs besides their requests: kinds of results, caching, staleness, each blob.

`stress_test_summary.json` is an array with an object per blob, in the order in which uploads began:

    blob_number           1, 2, 3 …
    blob_id               as the publisher gave it; null if it did not
    upload_time           seconds, further attempts and pauses included; null if it failed
    blob_size_kb          KiB
    download_time_first   seconds of the first, uncached download; null if it failed or was not made
    download_time_cached  seconds of the second one
    status                newlyCreated, alreadyCertified, or the class of the first failure
    verified              whether every byte of both downloads was compared and right
    bytes                 of the blob
    attempts              HTTP requests made for it

Of more than MOST blobs the file holds a random sample of that many, each with the same odds,
whichever worker made it; counts and the shortest and longest times are always of all blobs.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from gauntlet.measure.times import Times
from gauntlet.report.record import Figure, Section
from gauntlet.report.sample import MOST, Sample
from gauntlet.units import format_duration

FILE = "stress_test_summary.json"

FIRST, CACHED, PATIENT, VISIBLE = "first", "cached", "patient", "visible"
"""Kinds of times; `patient` are those of cached downloads that were asked for more than once."""


class Row(NamedTuple):
    """One blob; times in seconds, `start` by the wall clock."""

    start: float
    blob_id: str | None
    upload: float | None
    size: int
    first: float | None
    cached: float | None
    status: str
    verified: bool
    attempts: int


class BlobSummary:
    """The blobs of this process; on a master those of all workers."""

    name = "blobs"

    def __init__(self) -> None:
        self.export = False
        """Whether to write the file."""
        self.clear()

    def clear(self) -> None:
        """Forget everything; a new run begins."""
        self.counts: Counter[str] = Counter()
        self._times = Times(FIRST, CACHED, PATIENT, VISIBLE)
        self._sample = Sample()

    # -- what users tell -------------------------------------------------------------------------

    def stored(self, new: bool, again: bool) -> None:
        """An upload succeeded; `again` if its content had been uploaded before on purpose."""
        self.counts["new" if new else "certified"] += 1
        if again:
            self.counts["new again" if new else "certified again"] += 1

    def read(self, kind: str, seconds: float, state: str) -> None:
        """A cached download, or the first one of a new blob, was right at the first attempt."""
        self.counts[f"{kind} {state}"] += 1
        self._times.add(kind, seconds)

    def read_again(self, seconds: float) -> None:
        """A cached download was right at a further attempt: a time, but none of a cache."""
        self._times.add(PATIENT, seconds)

    def visible(self, seconds: float) -> None:
        """A blob that was answered with 404 at first was seen, so long after its upload."""
        self.counts["stale"] += 1
        self._times.add(VISIBLE, seconds)

    def count(self, what: str) -> None:
        """Count something that is told as `backed off 429` and the like."""
        self.counts[what] += 1

    def add(self, row: Row) -> None:
        """Note a blob."""
        self.counts["blobs"] += 1
        self._sample.add(row)

    # -- between processes -----------------------------------------------------------------------

    def hand_over(self) -> dict[str, Any]:
        """What came since the last time."""
        wire = {
            "counts": dict(self.counts),
            "times": self._times.to_wire(),
            "rows": self._sample.hand_over(),
        }
        self.clear()
        return wire

    def absorb(self, wire: dict[str, Any]) -> None:
        """Add what a worker handed over."""
        self.counts.update(wire["counts"])
        self._times.absorb(wire["times"])
        self._sample.absorb(wire["rows"])

    # -- reports ---------------------------------------------------------------------------------

    @property
    def rows(self) -> list[Row]:
        """The blobs, or a sample of them, in the order in which their uploads began."""
        return [Row(*row) for row in self._sample.rows()]

    def section(self) -> Section | None:
        """The figures; times that nobody measured are left out."""
        if not self.counts:
            return None
        figures = [*self._stored(), *self._reads(), *self._cache(), *self._trouble()]
        return Section(title="Blobs", figures=tuple(figures))

    def write(self, folder: Path) -> None:
        """Write the file, if it is wanted."""
        if self.export:
            told = [_told(number, row) for number, row in enumerate(self.rows, 1)]
            text = json.dumps(told, indent=2) + "\n"
            (folder / FILE).write_text(text, encoding="utf-8")

    def _stored(self) -> list[Figure]:
        new, certified = self.counts["new"], self.counts["certified"]
        again = self.counts["new again"] + self.counts["certified again"]
        figures = [_count("Newly created", new), _count("Already certified", certified)]
        if again:
            figures.append(
                Figure(
                    name="Uploaded again on purpose",
                    value=again,
                    shown=f"{again}, of which {self.counts['certified again']} already certified",
                )
            )
        if self.counts["blobs"] > MOST:
            shown = f"{MOST} of {self.counts['blobs']}"
            figures.append(Figure(name="Blobs told one by one", value=MOST, shown=shown))
        return figures

    def _reads(self) -> list[Figure]:
        first, cached = self._times[FIRST], self._times[CACHED]
        figures = []
        if every := [one for one in (cached, self._times[PATIENT]) if one.requests]:
            shortest, longest = min(one.min_ms for one in every), max(one.max_ms for one in every)
            figures.append(_time("Shortest cached download", shortest))
            figures.append(_time("Longest cached download", longest))
        if first.requests and cached.requests:
            one, other = first.percentile_ms(50), cached.percentile_ms(50)
            ratio = one / other if other else None
            shown = f"{ratio:.2f} (P50 {_shown(one)} / {_shown(other)})" if ratio else "no time"
            figures.append(Figure(name="First to cached", value=ratio, shown=shown))
        return figures

    def _cache(self) -> list[Figure]:
        figures = []
        for kind, name in ((FIRST, "First"), (CACHED, "Cached")):
            hits, misses = self.counts[f"{kind} hit"], self.counts[f"{kind} miss"]
            total = hits + misses + self.counts[f"{kind} unknown"]
            if total:
                said = f"{hits} hits, {misses} misses, {total - hits - misses} without a word"
                shown = said if hits or misses else "no header says"
                value = hits / (hits + misses) if hits or misses else None
                figures.append(
                    Figure(name=f"{name} downloads by cache headers", value=value, shown=shown)
                )
        return figures

    def _trouble(self) -> list[Figure]:
        figures = []
        if self.counts["stale"]:
            times = self._times[VISIBLE]
            shown = (
                f"{self.counts['stale']} ({self.counts['backed off 404']} answers of 404), visible "
                f"after P50 {_shown(times.percentile_ms(50))}, at most {_shown(times.max_ms)}"
            )
            figures.append(Figure(name="Stale at first", value=self.counts["stale"], shown=shown))
            figures.append(_time("Longest time to visibility", times.max_ms))
        for status in (429, 503):
            if count := self.counts[f"backed off {status}"]:
                figures.append(_count(f"Backed off after {status}", count))
        return figures


def _told(number: int, row: Row) -> dict[str, object]:
    return {
        "blob_number": number,
        "blob_id": row.blob_id,
        "upload_time": _rounded(row.upload),
        "blob_size_kb": round(row.size / 1024, 2),
        "download_time_first": _rounded(row.first),
        "download_time_cached": _rounded(row.cached),
        "status": row.status,
        "verified": row.verified,
        "bytes": row.size,
        "attempts": row.attempts,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def _count(name: str, count: int) -> Figure:
    return Figure(name=name, value=count, shown=str(count))


def _time(name: str, ms: float) -> Figure:
    return Figure(name=name, value=ms / 1000, shown=_shown(ms))


def _shown(ms: float) -> str:
    return format_duration(ms / 1000)
