"""Why a measurement cannot be trusted: a closed list, for whoever counts or alerts. Pure."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Cause(StrEnum):
    """A word for each kind of sentence that explains an INVALID; the names are a contract."""

    NO_REQUESTS = "no_requests"
    UNMATCHED_RULE = "unmatched_rule"
    """A threshold matched nothing, or had too few values of the target."""
    LOST_WORKER = "lost_worker"
    LOST_REPORT = "lost_report"
    """A worker reported other numbers than arrived."""
    BUSY_GENERATOR = "busy_generator"
    CLOCK_SET = "clock_set"
    OFF_CURVE = "off_curve"
    DROPPED_ARRIVALS = "dropped_arrivals"
    ITERATIONS_NOT_DONE = "iterations_not_done"
    CUT_SHORT = "cut_short"
    TOO_FEW_REQUESTS = "too_few_requests"
    """For a percentile that held."""
    TOO_MANY_SERIES = "too_many_series"
    """That a rule about the target means: not all are kept."""
    UNFINISHED_TASKS = "unfinished_tasks"
    """Cut at the end, after all the time that they were given."""


class Flaw(NamedTuple):
    """What spoils a measurement, as a word and as a sentence."""

    cause: Cause
    text: str


def causes_of(flaws: Iterable[Flaw]) -> tuple[Cause, ...]:
    """The words of all, each once."""
    return tuple(dict.fromkeys(one.cause for one in flaws))
