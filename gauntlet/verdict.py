"""The verdict over a run: PASS, FAIL or INVALID, with its reasons and its exit code. Pure.

INVALID outranks FAIL: where the measurement cannot be trusted, a broken threshold says nothing
about the target. The causes that this module weighs:

    no request was made · a threshold matched nothing · a worker was lost · a report of one was
    lost · the run was cut short · a process was saturated, or its clock was set · users were off
    the curve (`gauntlet.vitals`) · arrivals were dropped

Too few requests for a percentile, more series of the target than are kept, and tasks that did not
end when the load had, spoil a PASS alone: a limit that broke is broken. A run that ended itself
because a rule broke is no run cut short, and arrivals that were dropped do not spoil it where the
target broke the rule without their help.

Thresholds judge requests, failed ones too. An exception in user code is no request: what it kept
from being asked is in no figure, so it turns a PASS into a FAIL.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gauntlet.books import Count
from gauntlet.causes import Cause, Flaw, causes_of
from gauntlet.exitcodes import ExitCode
from gauntlet.text import counted
from gauntlet.thresholds import Check
from gauntlet.units import format_duration


class Verdict(StrEnum):
    """What a run says about its target; INVALID says nothing but why."""

    PASS = "PASS"
    FAIL = "FAIL"
    INVALID = "INVALID"


class Tally(NamedTuple):
    """Iterations asked for, done, and held by workers that are gone."""

    total: int
    done: int
    lost: int


class Abort(NamedTuple):
    """A rule that ended the run, and the second of the run in which it did."""

    rule: str
    after: float
    sure: bool = True
    """Whether the target alone broke it, however many arrivals found no user."""


@dataclass(frozen=True)
class Evidence:
    """What a run left behind; times in seconds."""

    requests: int
    failures: int
    user_errors: int
    checks: Sequence[Check]
    planned: float | None = None
    lasted: float = 0.0
    cut_short: bool = False
    lost_workers: Sequence[str] = ()
    gaps: Sequence[str] = ()
    """Workers that reported other numbers of requests than arrived."""
    tolerated_losses: int = 0
    iterations: Tally | None = None
    cut: int = 0
    """Tasks that were killed half-way."""
    patience: float = 0.0
    """Seconds that tasks were given to end; 0 where they were cut at once, as somebody wanted."""
    terminated: bool = False
    """Whether SIGTERM ended it."""
    aborted: Abort | None = None
    troubles: Sequence[Flaw] = ()
    """What the generator says against its own measurement."""
    arrivals: Count | None = None
    crowded: Sequence[str] = ()
    """Rules about more series of the target than were kept."""


@dataclass(frozen=True)
class Judgement:
    """A verdict, the sentences that explain it, and the process's exit code."""

    verdict: Verdict
    reasons: tuple[str, ...]
    exit_code: ExitCode
    causes: tuple[Cause, ...] = ()
    """Of an INVALID: its reasons in words that do not change."""


def judge(evidence: Evidence, final: bool = True) -> Judgement:
    """The verdict on `evidence`; `final` False while the load still runs.

    A running load is not held against its own plan: it is neither cut short nor empty yet.
    """
    spoiled = [*_spoiled(evidence, final)]
    if spoiled:
        return invalid(spoiled)
    if evidence.checks:
        return _by_thresholds(evidence, final)
    return _without_thresholds(evidence, final)


def invalid(flaws: Sequence[Flaw]) -> Judgement:
    """INVALID, for what spoils the measurement."""
    reasons = tuple(one.text for one in flaws)
    return Judgement(Verdict.INVALID, reasons, ExitCode.INVALID, causes_of(flaws))


def naming_servers(judgement: Judgement, servers: Sequence[tuple[str, int, int]]) -> Judgement:
    """A FAIL with the servers that failed more than the whole did, worst first.

    `servers` are names with requests and failures; where there is one, there is nothing to tell.
    """
    requests = sum(one[1] for one in servers)
    failures = sum(one[2] for one in servers)
    if judgement.verdict is not Verdict.FAIL or not failures or len(servers) < 2:
        return judgement
    worse = [one for one in servers if one[1] and one[2] / one[1] > failures / requests]
    worse.sort(key=lambda one: (-one[2] / one[1], one[0]))
    named = tuple(
        f"server {name}: {failed} of {counted(count, 'request')} failed"
        for name, count, failed in worse
    )
    return Judgement(judgement.verdict, judgement.reasons + named, judgement.exit_code)


def _spoiled(evidence: Evidence, final: bool) -> Iterator[Flaw]:
    whole = final and evidence.aborted is None
    if final and not evidence.requests:
        yield Flaw(Cause.NO_REQUESTS, "no request was made; check host, tags and duration")
    if whole and evidence.requests:
        for check in evidence.checks:
            if check.value is None:
                yield Flaw(Cause.UNMATCHED_RULE, _unmatched(check))
    if len(evidence.lost_workers) > evidence.tolerated_losses:
        names = ", ".join(evidence.lost_workers)
        text = f"lost without a last report: {names}; what they measured is missing"
        yield Flaw(Cause.LOST_WORKER, text)
    yield from (Flaw(Cause.LOST_REPORT, gap) for gap in evidence.gaps)
    yield from evidence.troubles
    yield from (Flaw(Cause.DROPPED_ARRIVALS, text) for text in _dropped(evidence))
    tally = evidence.iterations
    if whole and tally is not None and tally.done < tally.total:
        lost = f", {tally.lost} of them lost with workers" if tally.lost else ""
        text = f"{tally.total - tally.done} of {tally.total} iterations not done{lost}"
        yield Flaw(Cause.ITERATIONS_NOT_DONE, text)
    if whole and evidence.cut_short and evidence.planned is not None:
        lasted, planned = format_duration(evidence.lasted), format_duration(evidence.planned)
        by = " by SIGTERM" if evidence.terminated else ""
        text = f"cut short after {lasted} of {planned}{by}; let the run finish"
        yield Flaw(Cause.CUT_SHORT, text)


def _unmatched(check: Check) -> str:
    rule = check.threshold
    if check.silent:
        return (
            f"the threshold {rule.text} matched {counted(check.silent, 'request')} that told no "
            "response time; fire them with one, or judge fail_ratio"
        )
    if rule.selector is None:
        return f"the threshold {rule.text} matched no request; check its name"
    return (
        f"the threshold {rule.text} had too few values of the target; check its name, and that "
        "target_metrics names an address that answers"
    )


def _dropped(evidence: Evidence) -> list[str]:
    count = evidence.arrivals
    if count is None:
        return []
    reasons, whole = [], counted(count.scheduled, "arrival")
    if count.dropped and not _surely_broken(evidence):
        remedy = "raise --max-users, add workers, or lower the rate"
        reasons.append(f"{count.dropped} of {whole} dropped: all users were busy; {remedy}")
    if count.missing and not _tolerated(evidence):
        remedy = "find out what ended them"
        reasons.append(f"{count.missing} of {whole} dropped: their workers were gone; {remedy}")
    return reasons


def _surely_broken(evidence: Evidence) -> bool:
    """Whether a rule ended the run that broke without dropped arrivals."""
    return evidence.aborted is not None and evidence.aborted.sure


def _tolerated(evidence: Evidence) -> bool:
    """Whether the run may have lost the workers that it lost."""
    return 0 < len(evidence.lost_workers) <= evidence.tolerated_losses


def _by_thresholds(evidence: Evidence, final: bool) -> Judgement:
    checks, user_errors = evidence.checks, evidence.user_errors
    broken = [
        f"{check.threshold.text} broke: {check.threshold.show(check.value)}"
        for check in checks
        if check.value is not None and not check.held
    ]
    if evidence.aborted is not None:
        after = format_duration(round(evidence.aborted.after))
        of = f" of {format_duration(evidence.planned)}" if evidence.planned else ""
        broken.append(f"aborted after {after}{of} by {evidence.aborted.rule}")
        if evidence.arrivals is not None and evidence.arrivals.dropped:
            whole = counted(evidence.arrivals.scheduled, "arrival")
            broken.append(f"{evidence.arrivals.dropped} of {whole} dropped: all users were busy")
    raised = f"user code raised {counted(user_errors, 'exception')}, which no threshold judges"
    reasons = [*broken, raised] if user_errors else broken
    if reasons:
        code = ExitCode.THRESHOLD if broken else ExitCode.REQUESTS_FAILED
        return Judgement(Verdict.FAIL, tuple(reasons), code)
    return _passed(evidence, final)


def _passed(evidence: Evidence, final: bool) -> Judgement:
    """PASS, unless what speaks for it is too little, or the slowest are not in it."""
    passed = Judgement(Verdict.PASS, (), ExitCode.PASS)
    if not final:
        return passed
    flaws = [*_too_few(evidence.checks), *_crowded(evidence), *_unanswered(evidence)]
    return invalid(flaws) if flaws else passed


def _crowded(evidence: Evidence) -> Iterator[Flaw]:
    """Rules that hold for the series that were kept, and nobody knows whether for the others."""
    for rule in evidence.crowded:
        yield Flaw(
            Cause.TOO_MANY_SERIES,
            f"the threshold {rule} means more series of the target than are kept; name labels in "
            "the rules about it, so that they mean fewer",
        )


def _unanswered(evidence: Evidence) -> Iterator[Flaw]:
    """Tasks that did not end in the time that they were given: the slowest, and in no figure."""
    if evidence.cut and evidence.patience:
        tasks, waited = counted(evidence.cut, "task"), format_duration(evidence.patience)
        yield Flaw(
            Cause.UNFINISHED_TASKS,
            f"{tasks} cut at the end, unfinished (--stop-timeout {waited}): what they waited for "
            "is in no figure; see what hangs, or raise it",
        )


def _too_few(checks: Sequence[Check]) -> Iterator[Flaw]:
    """Rules that hold on a percentile of so few requests that it is just their maximum."""
    for check in checks:
        needed = check.threshold.needs
        if check.samples < needed and check.threshold.quantile is not None:
            where = "the fullest window" if check.threshold.windowed else "all"
            yield Flaw(
                Cause.TOO_FEW_REQUESTS,
                f"too few requests for {check.threshold.text}: {check.samples} in {where}, "
                f"{needed} needed; run longer, or judge a lower percentile or max",
            )


def _without_thresholds(evidence: Evidence, final: bool) -> Judgement:
    reasons = []
    if evidence.failures:
        requests = counted(evidence.failures, "request")
        reasons.append(f"{requests} failed and no threshold judges that")
    if evidence.user_errors:
        reasons.append(f"user code raised {counted(evidence.user_errors, 'exception')}")
    if reasons:
        return Judgement(Verdict.FAIL, tuple(reasons), ExitCode.REQUESTS_FAILED)
    return _passed(evidence, final)
