"""What the Gauntlet tab says of a run besides its thresholds, a line each.

The tab has columns for thresholds alone; the page at /gauntlet has tables and charts for all of it.
"""

from gauntlet.report import webservers
from gauntlet.report.html.facts import generator
from gauntlet.report.record import RunRecord, Statistics
from gauntlet.text import counted


def lines(record: RunRecord) -> list[str]:
    """Diagnosis, phases, servers, service time, arrivals and the generator."""
    return [
        *(f"Diagnosis: {one}" for one in record.diagnosis),
        *(f"Phase {one.phase}: {_figures(one)}" for one in record.phases),
        *webservers.lines(record.servers),
        *_service(record.total),
        *_arrivals(record),
        f"Generator: {' · '.join(f'{one.name} {one.value}' for one in generator(record))}",
    ]


def _figures(one: Statistics) -> str:
    times = (f"{name.upper()} {one.percentiles_ms[name]:.1f} ms" for name in ("p50", "p95", "p99"))
    return " · ".join(
        (
            counted(one.requests, "request"),
            f"{one.rps:.1f}/s",
            f"{one.failures} failed",
            *times,
        )
    )


def _service(total: Statistics) -> list[str]:
    own = total.service_percentiles_ms
    if not own:
        return []
    pairs = (
        f"{name.upper()} {total.percentiles_ms[name]:.1f} against {own[name]:.1f} ms"
        for name in ("p50", "p95", "p99")
        if name in own
    )
    return [f"Response against service time: {' · '.join(pairs)}"]


def _arrivals(record: RunRecord) -> list[str]:
    told = record.arrivals
    if told is None:
        return []
    waiting = record.timeline[-1].waiting if record.timeline else 0
    return [
        f"Arrivals: {told.scheduled} scheduled · {told.started} started · "
        f"{told.late} over 10 ms late · {told.dropped} dropped · {waiting} waiting"
    ]
