"""The original tester's reports of the image cloud, made from the record of a run.

    aggregated_metrics.json      test_config, overall, latency, per_server, all_results
    process_N_results.json       process_id, results, total_time, success_count, failure_count, …
    analysis_report.txt          seven sections
    latency_distribution.png, success_rate_by_server.png     with the extra `plots`

Latencies are seconds of the last attempt of pictures that succeeded. Counts, rates and per-server
figures are of all pictures; what tells pictures one by one, and the percentiles made of it, is of
those in `images.json`, which are all up to its limit.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gauntlet.image_verify import RESULTS
from gauntlet.report.images import Row
from gauntlet.report.record import RunRecord, Statistics
from gauntlet.text import counted

NAME = "EncryptionRequest"
WELL = 95.0
"""Percent of success from which the summary speaks of a mostly successful run."""
BINS = 50


class Analysis:
    """What a record and its pictures say, in the original's keys."""

    def __init__(
        self, record: RunRecord, rows: Iterable[Row], decryption: Mapping[str, Any] | None
    ) -> None:
        self.record = record
        self.rows = [row for row in rows if row.task == "encrypt"]
        self.decryption = decryption
        self.latencies = sorted(row.latency for row in self.rows if row.success)
        self.config = test_config(record)

    @property
    def whole(self) -> Statistics:
        """The record's figures of encryption alone, or of all where there is no such name."""
        named = [one for one in self.record.endpoints if one.name == NAME]
        return named[0] if named else self.record.total

    def aggregated(self) -> dict[str, Any]:
        """`aggregated_metrics.json`."""
        return {
            "test_config": self.config,
            "overall": self.overall(),
            "latency": latency(self.latencies),
            "per_server": self.per_server(),
            "all_results": [result(row) for row in self.rows],
        }

    def overall(self) -> dict[str, Any]:
        """Counts, rates and time of the whole run."""
        whole, seconds = self.whole, self.record.duration
        rate = 100 * whole.failures / whole.requests if whole.requests else 0.0
        return {
            "total_images": whole.requests,
            "successful": whole.requests - whole.failures,
            "failed": whole.failures,
            "success_rate": 100 - rate if whole.requests else 0.0,
            "failure_rate": rate,
            "total_time": seconds,
            "throughput": whole.requests / seconds if seconds else 0.0,
            "successful_throughput": (whole.requests - whole.failures) / seconds
            if seconds
            else 0.0,
        }

    def per_server(self) -> dict[str, dict[str, Any]]:
        """Counts and latencies by server, from the record where it has them."""
        told = {}
        for one in self.record.servers:
            good = [row.latency for row in self.rows if row.success and row.server == one.server]
            told[one.server] = {
                "success": one.requests - one.failures,
                "failure": one.failures,
                "total_requests": one.requests,
                "success_rate": 100 * (1 - one.fail_ratio),
                "avg_latency": sum(good) / len(good) if good else 0.0,
                "p50": one.percentiles_ms["p50"] / 1000,
                "p95": one.percentiles_ms["p95"] / 1000,
                "p99": one.percentiles_ms["p99"] / 1000,
            }
        return told

    def processes(self) -> dict[int, dict[str, Any]]:
        """`process_N_results.json`, by N."""
        by_process: dict[int, list[Row]] = {}
        for row in self.rows:
            by_process.setdefault(row.process, []).append(row)
        return {number: _process(number, rows) for number, rows in sorted(by_process.items())}

    # -- the report in words ---------------------------------------------------------------------

    def report(self) -> str:
        """`analysis_report.txt`."""
        sections = [
            ("TEST CONFIGURATION", [f"{key}: {value}" for key, value in self.config.items()]),
            ("OVERALL RESULTS", self._overall_lines()),
            ("LATENCY STATISTICS", self._latency_lines()),
            ("PER-SERVER STATISTICS", self._server_lines()),
            ("DECRYPTION VERIFICATION", self._decryption_lines()),
            ("FAILURE ANALYSIS", self._failure_lines()),
            ("SUMMARY", [self._summary()]),
        ]
        rule = "=" * 60
        text = [rule, "IMAGE CLOUD STRESS TEST - ANALYSIS REPORT", rule]
        for title, lines in sections:
            if lines:
                text += ["", title, "-" * 60, *(f"  {line}" for line in lines)]
        return "\n".join(text) + "\n"

    def _overall_lines(self) -> list[str]:
        told = self.overall()
        return [
            f"Total images: {told['total_images']}",
            f"Successful: {told['successful']} ({told['success_rate']:.2f}%)",
            f"Failed: {told['failed']} ({told['failure_rate']:.2f}%)",
            f"Total time: {seconds(told['total_time'])}",
            f"Throughput: {told['throughput']:.2f} images/s, "
            f"{told['successful_throughput']:.2f} of them successful",
            f"Verdict: {self.record.outcome.verdict}",
        ]

    def _latency_lines(self) -> list[str]:
        if not self.latencies:
            return ["no successful image"]
        told = latency(self.latencies)
        names = {"average": "Average", "median": "Median (P50)", "p95": "P95", "p99": "P99"}
        names |= {"min": "Min", "max": "Max"}
        return [f"{label}: {seconds(told[key])}" for key, label in names.items()]

    def _server_lines(self) -> list[str]:
        return [
            f"{server}: {told['total_requests']} requests, {told['success']} successful "
            f"({told['success_rate']:.2f}%), average {seconds(told['avg_latency'])}, "
            f"P95 {seconds(told['p95'])}"
            for server, told in self.per_server().items()
        ]

    def _decryption_lines(self) -> list[str]:
        told = self.decryption
        if told is None:
            return []
        return [
            f"Images: {told['total']}",
            f"Successful: {told['successes']} ({told['success_rate']:.2f}%)",
            f"Metadata readable: {told['metadata_readable']}",
            f"Metadata as requested: {told['metadata_as_requested']}",
            f"Pixels as in the original (tolerance {told['tolerance']}): {told['pixels_equal']}",
        ]

    def _failure_lines(self) -> list[str]:
        counts = Counter(row.error for row in self.rows if row.error is not None)
        lines = [f"{count} x {text}" for text, count in counts.most_common()]
        named = [
            f"process {row.process}, image {row.image} at {row.server} ({row.request_id}): "
            f"{row.error}"
            for row in self.rows
            if row.error is not None
        ]
        return [*lines, *named]

    def _summary(self) -> str:
        told = self.overall()
        wrong = self.decryption["failures"] if self.decryption else 0
        if told["total_images"] and not told["failed"] and not wrong:
            return "All images passed."
        if told["success_rate"] >= WELL and not wrong:
            return f"Mostly successful: {told['success_rate']:.2f}% of all images passed."
        failed = counted(told["failed"], "image")
        return f"Issues: {failed} failed, {wrong} of those decrypted are not right."


def test_config(record: RunRecord) -> dict[str, Any]:
    """The original's section of that name, from the mix of the record."""
    mix: Mapping[str, Any] = record.mix or {}
    pictures, processes = mix.get("pictures", {}), mix.get("processes", {})
    return {
        "num_processes": processes.get("count") or record.peak_users,
        "images_per_process": processes.get("images") or None,
        "total_images": record.iterations.total if record.iterations else record.total.requests,
        "image_width": pictures.get("width"),
        "image_height": pictures.get("height"),
        "image_format": pictures.get("format"),
        "image_quality": pictures.get("quality"),
    }


def latency(ordered: Sequence[float]) -> dict[str, Any]:
    """Seconds, of latencies in order; zeros where there are none."""
    count = len(ordered)

    def at(share: float) -> float:
        return ordered[int(share * count)] if count else 0.0

    return {
        "average": sum(ordered) / count if count else 0.0,
        "median": at(0.5),
        "p95": at(0.95),
        "p99": at(0.99),
        "min": ordered[0] if count else 0.0,
        "max": ordered[-1] if count else 0.0,
        "all_latencies": list(ordered),
    }


def result(row: Row) -> dict[str, Any]:
    """One picture in the original's keys, and a few more."""
    told: dict[str, Any] = {
        "success": row.success,
        "latency": row.latency if row.success else None,
        "server": row.server,
        "request_id": row.request_id,
        "process_id": row.process,
        "image_id": row.image,
        "image_size": row.image_size,
        "total_time": row.total_time,
        "attempts": row.attempts,
        "first_byte": row.first_byte,
        "chunks": row.pieces,
        "missing_chunks": row.missing,
        "retransmit_rounds": row.rounds,
        "recovered_chunks": row.recovered,
        "verified": row.verified,
    }
    if row.success:
        return told | {"encrypted_size": row.encrypted_size, "decryption_scheduled": True}
    return told | {"error": row.error}


def _process(number: int, rows: Sequence[Row]) -> dict[str, Any]:
    good = sum(row.success for row in rows)
    began = min(row.start for row in rows)
    return {
        "process_id": number,
        "results": [result(row) for row in rows],
        "total_time": max(row.start + row.total_time for row in rows) - began,
        "success_count": good,
        "failure_count": len(rows) - good,
        "decryption_success_count": sum(row.verified is True for row in rows),
        "decryption_failure_count": sum(row.verified is False for row in rows),
    }


def seconds(time: float) -> str:
    """Below a second in ms, below a minute with two decimals, else minutes and seconds."""
    if time < 1:
        return f"{time * 1000:.0f} ms"
    if time < 60:
        return f"{time:.2f} s"
    minutes, rest = divmod(time, 60)
    return f"{minutes:.0f} min {rest:.0f} s"


def write(analysis: Analysis, folder: Path) -> list[Path]:
    """Write all files but the plots; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {"aggregated_metrics.json": analysis.aggregated()}
    for number, told in analysis.processes().items():
        files[f"process_{number}_results.json"] = told
    paths = []
    for name, content in files.items():
        paths.append(folder / name)
        paths[-1].write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    paths.append(folder / "analysis_report.txt")
    paths[-1].write_text(analysis.report(), encoding="utf-8")
    return paths


def can_plot() -> bool:
    """Whether the extra `plots` is there."""
    return find_spec("matplotlib") is not None


def plot(analysis: Analysis, folder: Path) -> list[Path]:
    """Write the two pictures; the paths."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    paths = [folder / "latency_distribution.png", folder / "success_rate_by_server.png"]
    figure, axes = pyplot.subplots(figsize=(9, 5))
    axes.hist(analysis.latencies, bins=BINS, color="#3b6ea5")
    axes.set(title="Latency of successful images", xlabel="seconds", ylabel="images")
    if analysis.latencies:
        for key, style in (("median", "-"), ("p95", "--"), ("p99", ":")):
            value = latency(analysis.latencies)[key]
            axes.axvline(value, linestyle=style, color="#a33", label=f"{key} {seconds(value)}")
        axes.legend()
    _save(figure, paths[0], pyplot)
    figure, axes = pyplot.subplots(figsize=(9, 5))
    servers = analysis.per_server()
    bars = axes.bar(list(servers), [one["success_rate"] for one in servers.values()])
    axes.bar_label(bars, [f"{one['success']}/{one['total_requests']}" for one in servers.values()])
    axes.set(title="Success rate by server", ylabel="%", ylim=(0, 105))
    _save(figure, paths[1], pyplot)
    return paths


def _save(figure: Any, path: Path, pyplot: Any) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def load_decryption(folder: Path) -> dict[str, Any] | None:
    """What `verify-images` found, if it was run."""
    path = folder / RESULTS
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
