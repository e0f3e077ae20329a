"""What is told of a file server besides its requests: connections, queueing, volumes, sources.

Connect and handshake wait stand apart here. The wait reaches from a request to the first byte of
its first answer; where users outnumber the server's workers, the queueing is in it.
"""

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

from gauntlet.clients.file_server import Call, Watch
from gauntlet.measure.times import Times
from gauntlet.report.record import Figure, Section
from gauntlet.units import format_duration

CONNECT, WAIT = "connect", "wait"
MEGABYTE = 1024 * 1024
_QUANTILES = (50.0, 95.0, 99.0)


class TransferSummary:
    """The transfers of this process; on a master those of all workers."""

    name = "transfers"

    def __init__(self) -> None:
        self.watch = Watch()
        self.clear()

    def clear(self) -> None:
        """Forget everything; a new run begins."""
        self._forget()
        self._others: dict[str, Watch] = {}
        self._who = uuid4().hex  # made after the fork of a worker, at the start of its run
        self.watch.clear()

    def _forget(self) -> None:
        self.counts: Counter[str] = Counter()
        self._times: Counter[str] = Counter()
        self._spans: dict[str, tuple[float, float]] = {}
        self._waited = Times(CONNECT, WAIT)

    # -- what users tell -------------------------------------------------------------------------

    def note(self, call: Call) -> None:
        """An operation is over, well or not."""
        self.counts["sent"] += call.sent
        self.counts["received"] += call.received
        if call.connect_s is not None:
            self._waited.add(CONNECT, call.connect_s)
        if call.wait_s is not None:
            self._waited.add(WAIT, call.wait_s)

    def moved(self, word: str, length: int, call: Call, now: float) -> None:
        """A whole file was verified; `now` by the wall clock."""
        self.counts[f"{word} bytes"] += length
        self.counts[f"{word} files"] += 1
        self._times[word] += call.elapsed  # type: ignore[assignment]  # seconds
        self._span(word, now - call.elapsed, now)

    def count(self, what: str) -> None:
        """Count something that is told as `unverified source` and the like."""
        self.counts[what] += 1

    # -- between processes -----------------------------------------------------------------------

    def hand_over(self) -> dict[str, Any]:
        """What came since the last time."""
        wire = {
            "counts": dict(self.counts),
            "times": dict(self._times),
            "spans": {word: list(span) for word, span in self._spans.items()},
            "waited": self._waited.to_wire(),
            "who": self._who,
            "watch": self.watch.to_wire(),  # always the whole
        }
        self._forget()
        return wire

    def absorb(self, wire: dict[str, Any]) -> None:
        """Add what a worker handed over."""
        self.counts.update(wire["counts"])
        self._times.update(wire["times"])
        for word, (begin, end) in wire["spans"].items():
            self._span(word, begin, end)
        self._waited.absorb(wire["waited"])
        self._others[str(wire["who"])] = Watch.from_wire(wire["watch"])

    # -- reports ---------------------------------------------------------------------------------

    def section(self) -> Section | None:
        """The figures; what nobody measured is left out."""
        if not self.counts:
            return None
        return Section(
            title="Transfers",
            figures=(
                *(figure for word in ("GET", "UPLOAD") for figure in self._moved(word)),
                _figure(
                    "Bytes on the wire", self.counts["sent"] + self.counts["received"], self._wire()
                ),
                *self._waits(),
                *self._sources(),
                *self._diagnosis(),
            ),
        )

    def write(self, folder: Path) -> None:
        """No file of its own."""

    def _moved(self, word: str) -> list[Figure]:
        files, volume = self.counts[f"{word} files"], self.counts[f"{word} bytes"] / MEGABYTE
        if not files:
            return []
        begin, end = self._spans[word]
        alone = volume / max(self._times[word], 1e-9)
        together = volume / max(end - begin, 1e-9)
        return [
            _figure(f"{word} volume", volume, f"{volume:.1f} MB in {files} files"),
            _figure(f"{word} rate per client", alone, f"{alone:.1f} MB/s"),
            _figure(f"{word} rate of all clients", together, f"{together:.1f} MB/s"),
        ]

    def _wire(self) -> str:
        sent, received = self.counts["sent"] / MEGABYTE, self.counts["received"] / MEGABYTE
        return f"{sent:.1f} MB sent, {received:.1f} MB received"

    def _waits(self) -> list[Figure]:
        figures = []
        for kind, name in ((CONNECT, "Connect"), (WAIT, "Handshake wait")):
            series = self._waited[kind]
            if series.requests:
                times = series.percentiles_ms(_QUANTILES)
                shown = ", ".join(f"P{q:g} {format_duration(ms / 1000)}" for q, ms in times.items())
                figures.append(_figure(name, times[95.0] / 1000, shown))
        return figures

    def _sources(self) -> list[Figure]:
        figures = []
        if count := self.counts["unverified source"]:
            shown = f"{count} downloads, compared with the first one of their file only"
            figures.append(_figure("Unverified source", count, shown))
        if count := self.counts["skipped"]:
            shown = f"{count} downloads of files that the server does not list"
            figures.append(_figure("Skipped", count, shown))
        return figures

    def _diagnosis(self) -> list[Figure]:
        watches = [one for one in (self.watch, *self._others.values()) if one.opened]
        figures = [_count("Connections", sum(one.opened for one in watches))]
        if not any(one.outnumbered for one in watches):
            return figures
        most_open, served, queued, starved = (
            sum(getattr(one, name) for one in watches)
            for name in ("most_open", "most_served", "queued", "starved")
        )
        shown = (
            f"more users than the server has workers: up to {most_open} connections at once, of "
            f"which it answered {served} at the same time; {queued} were answered only after "
            f"another had closed, {starved} never"
        )
        return [*figures, _figure("Queueing", queued + starved, shown)]

    def _span(self, word: str, begin: float, end: float) -> None:
        first, last = self._spans.get(word, (begin, end))
        self._spans[word] = min(first, begin), max(last, end)


def _count(name: str, count: int) -> Figure:
    return Figure(name=name, value=count, shown=str(count))


def _figure(name: str, value: float, shown: str) -> Figure:
    return Figure(name=name, value=value, shown=shown)
