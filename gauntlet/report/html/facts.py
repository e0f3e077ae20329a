"""Names and values of a run: its key figures, its generator, its surroundings. Pure."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from gauntlet.report.html.figures import clock, count, digits, milliseconds, ratio
from gauntlet.report.record import RunRecord
from gauntlet.text import counted
from gauntlet.units import format_duration


class Fact(NamedTuple):
    """A name and what it is; `alarming` where it takes trust away."""

    name: str
    value: str
    alarming: bool = False


class Reason(NamedTuple):
    """Why a verdict is what it is, and what to do about it, where that is said."""

    text: str
    remedy: str


def reasons(record: RunRecord) -> list[Reason]:
    """The reasons of the verdict; what follows the last semicolon is the remedy."""
    found = []
    for one in record.outcome.reasons:
        text, _, remedy = one.rpartition("; ")
        found.append(Reason(text, remedy) if text else Reason(one, ""))
    return found


def headline(record: RunRecord) -> list[Fact]:
    """The figures that everybody asks for first."""
    total = record.total
    facts = [
        Fact("requests", count(total.requests)),
        Fact("per second", digits(total.rps)),
        Fact("failed", ratio(total.fail_ratio, 3), total.failures > 0),
        *(
            Fact(name, milliseconds(total.percentiles_ms[name]) if total.requests else "–")
            for name in ("p50", "p95", "p99")
            if name in total.percentiles_ms
        ),
        Fact("slowest", milliseconds(total.max_ms) if total.requests else "–"),
        Fact("most users", count(record.peak_users)),
    ]
    return facts


def arrivals(record: RunRecord) -> list[Fact]:
    """How the open model fared."""
    told = record.arrivals
    if told is None:
        return []
    late = [Fact(f"lateness {name}", milliseconds(ms)) for name, ms in told.late_ms.items()]
    return [
        Fact("scheduled", f"{count(told.scheduled)}, {told.distribution}"),
        Fact("started", count(told.started)),
        Fact("started over 10 ms late", count(told.late), told.late > 0),
        Fact("dropped", count(told.dropped), told.dropped > 0),
        Fact("most waiting at once", count(told.most_waiting)),
        *late,
    ]


def generator(record: RunRecord) -> list[Fact]:
    """How the processes fared that made the load."""
    fleet, health, tally = record.fleet, record.health, record.iterations
    processes = counted(fleet.workers, "worker") if fleet.workers else "one"
    if record.masters > 1:
        processes = f"{counted(fleet.workers, 'worker')} of {record.masters} masters"
    facts = [Fact("processes", processes)]
    if fleet.lost:
        facts.append(Fact("lost", ", ".join(fleet.lost), True))
    elif fleet.workers:
        facts.append(Fact("lost", "none"))
    if health is not None:
        if health.cpu_avg is not None and health.cpu_max is not None:
            cpu = f"{health.cpu_avg:.0f} % on average, {health.cpu_max:.0f} % at most"
            facts.append(Fact("CPU of the busiest process, of a core", cpu, health.cpu_max >= 90))
        drift = health.clock_drift
        facts.append(Fact("clock drift", milliseconds(drift * 1000), drift >= 0.1))
    if tally is not None:
        done = f"{count(tally.done)} of {count(tally.total)} done"
        lost = f", {count(tally.lost)} lost with workers" if tally.lost else ""
        facts.append(Fact("iterations", done + lost, tally.done < tally.total))
    return facts


def surroundings(record: RunRecord) -> list[Fact]:
    """What one needs to run it again."""
    addresses = [Fact(f"address, {name}", one) for name, one in record.addresses.items()]
    planned = f" of {format_duration(record.planned)} planned" if record.planned else ""
    facts = [
        Fact("system", record.system or "–"),
        Fact("profile", record.profile or "–"),
        Fact("environment", record.environment or "by address"),
        *(addresses or [Fact("target", record.target)]),
        Fact("started", f"{record.started:%Y-%m-%d %H:%M:%S} UTC"),
        Fact("lasted", f"{format_duration(round(record.duration, 1))}{planned}"),
        Fact("seed", str(record.seed)),
        Fact("tags", ", ".join(record.tags)),
        Fact("excluded tags", ", ".join(record.excluded_tags)),
        Fact("test environment", record.test_env),
        Fact("tested version", record.test_version),
        Fact("description", record.description),
        Fact("versions", _versions(record)),
    ]
    return [one for one in facts if one.value]


def mix(record: RunRecord) -> str:
    """The mix as JSON; nothing where there was none."""
    return json.dumps(record.mix, indent=2, ensure_ascii=False) if record.mix else ""


def title(record: RunRecord) -> str:
    """System and profile."""
    return f"{record.system or 'custom'} · {record.profile or 'no profile'}"


def run_names(records: Sequence[RunRecord]) -> list[str]:
    """A name for each of several runs: a letter, what ran, and when."""
    if len(records) == 1:
        return ["this run"]
    return [
        f"{_letter(index)}: {title(one)}, {one.started:%Y-%m-%d %H:%M:%S}"
        for index, one in enumerate(records)
    ]


def ago(record: RunRecord) -> str:
    """How long the run has gone on, or went on."""
    return clock(record.duration)


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def _versions(record: RunRecord) -> str:
    return f"Gauntlet {record.gauntlet}, Locust {record.locust}, Python {record.python}"
