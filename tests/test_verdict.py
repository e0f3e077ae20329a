"""What spoils a measurement, what fails it, and which of the two speaks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gauntlet.books import Count
from gauntlet.causes import Cause, Flaw
from gauntlet.exitcodes import ExitCode
from gauntlet.thresholds import Check, parse
from gauntlet.verdict import Abort, Evidence, Judgement, Tally, Verdict, judge, naming_servers

FINE = Evidence(requests=100, failures=0, user_errors=0, checks=(), planned=30.0, lasted=30.0)
HELD = Check(parse("p95 < 2s"), 1.0, 100)
BROKEN = Check(parse("p99 < 2s"), 3.0, 100)
UNMATCHED = Check(parse('p95("/nothing") < 2s'), None, 0)

PASS = Judgement(Verdict.PASS, (), ExitCode.PASS)


def failed(*reasons: str) -> Judgement:
    return Judgement(Verdict.FAIL, reasons, ExitCode.THRESHOLD)


def without_thresholds(*reasons: str) -> Judgement:
    return Judgement(Verdict.FAIL, reasons, ExitCode.REQUESTS_FAILED)


def invalid(*reasons: str) -> Judgement:
    return Judgement(Verdict.INVALID, reasons, ExitCode.INVALID)


def said(judgement: Judgement) -> Judgement:
    """Without its causes, which have a test of their own."""
    return replace(judgement, causes=())


EMPTY = "no request was made; check host, tags and duration"
NO_MATCH = 'the threshold p95("/nothing") < 2s matched no request; check its name'
SILENT = replace(UNMATCHED, silent=40)
NO_TIME = (
    'the threshold p95("/nothing") < 2s matched 40 requests that told no response time; '
    "fire them with one, or judge fail_ratio"
)
CUT = "cut short after 10s of 30s; let the run finish"
LOST = "lost without a last report: worker 2; what they measured is missing"
GAP = "worker 1 reported 4 requests, 2 arrived"
HOT = Flaw(Cause.BUSY_GENERATOR, "worker 1 was hot")
TOO_SLOW = "p99 < 2s broke: 3s"


TOO_FEW = (
    "too few requests for {}: {} in {}, {} needed; run longer, or judge a lower percentile or max"
)


def few(rule: str, samples: int) -> Check:
    """A rule that held on so many requests."""
    return Check(parse(rule), 1.0, samples)


@pytest.mark.parametrize(
    ("changes", "judgement"),
    [
        pytest.param({}, PASS, id="nothing failed and nothing judges"),
        pytest.param({"checks": (HELD,)}, PASS, id="the threshold held"),
        pytest.param({"checks": (HELD, HELD)}, PASS, id="every threshold held"),
        pytest.param({"checks": (BROKEN,)}, failed(TOO_SLOW), id="the threshold broke"),
        pytest.param({"checks": (HELD, BROKEN)}, failed(TOO_SLOW), id="one of two broke"),
        pytest.param(
            {"checks": (BROKEN, BROKEN)}, failed(TOO_SLOW, TOO_SLOW), id="each broken one is said"
        ),
        pytest.param(
            {"failures": 7, "checks": (HELD,)}, PASS, id="failures are the thresholds' to judge"
        ),
        pytest.param(
            {"user_errors": 3, "checks": (HELD,)},
            without_thresholds("user code raised 3 exceptions, which no threshold judges"),
            id="exceptions that no threshold can judge",
        ),
        pytest.param(
            {"user_errors": 1, "checks": (HELD, BROKEN)},
            failed(TOO_SLOW, "user code raised 1 exception, which no threshold judges"),
            id="a broken threshold outranks exceptions",
        ),
        pytest.param(
            {"user_errors": 1, "checks": (UNMATCHED,)},
            invalid(NO_MATCH),
            id="an invalid run outranks exceptions",
        ),
        pytest.param(
            {"failures": 7},
            without_thresholds("7 requests failed and no threshold judges that"),
            id="failures that no threshold judges",
        ),
        pytest.param(
            {"failures": 1},
            without_thresholds("1 request failed and no threshold judges that"),
            id="a single failure",
        ),
        pytest.param(
            {"user_errors": 3},
            without_thresholds("user code raised 3 exceptions"),
            id="exceptions in user code",
        ),
        pytest.param(
            {"failures": 2, "user_errors": 1},
            without_thresholds(
                "2 requests failed and no threshold judges that", "user code raised 1 exception"
            ),
            id="failures and exceptions",
        ),
        pytest.param({"requests": 0}, invalid(EMPTY), id="no request"),
        pytest.param(
            {"requests": 0, "checks": (UNMATCHED,)},
            invalid(EMPTY),
            id="no request explains why nothing matched",
        ),
        pytest.param(
            {"requests": 0, "user_errors": 9}, invalid(EMPTY), id="no request but exceptions"
        ),
        pytest.param({"checks": (UNMATCHED,)}, invalid(NO_MATCH), id="nothing matched"),
        pytest.param({"checks": (SILENT,)}, invalid(NO_TIME), id="what matched told no time"),
        pytest.param({"checks": (HELD, UNMATCHED)}, invalid(NO_MATCH), id="one of two matched"),
        pytest.param(
            {"checks": (BROKEN, UNMATCHED)}, invalid(NO_MATCH), id="nothing matched outranks broken"
        ),
        pytest.param({"lost_workers": ("worker 2",)}, invalid(LOST), id="a lost worker"),
        pytest.param(
            {"gaps": (GAP,), "tolerated_losses": 1, "checks": (HELD,)},
            invalid(GAP),
            id="a report that was lost on its way",
        ),
        pytest.param(
            {"lost_workers": ("worker 2",), "checks": (BROKEN,)},
            invalid(LOST),
            id="a lost worker outranks broken",
        ),
        pytest.param(
            {"lost_workers": ("worker 2",), "tolerated_losses": 1},
            PASS,
            id="a loss that the profile tolerates",
        ),
        pytest.param(
            {"lost_workers": ("worker 1", "worker 2"), "tolerated_losses": 1},
            invalid(
                "lost without a last report: worker 1, worker 2; what they measured is missing"
            ),
            id="more losses than tolerated",
        ),
        pytest.param(
            {"lost_workers": ("worker 2",), "tolerated_losses": 1, "checks": (BROKEN,)},
            failed(TOO_SLOW),
            id="a tolerated loss leaves the thresholds to judge",
        ),
        pytest.param({"iterations": Tally(100, 100, 0)}, PASS, id="all iterations done"),
        pytest.param(
            {"iterations": Tally(100, 90, 0)},
            invalid("10 of 100 iterations not done"),
            id="iterations not done",
        ),
        pytest.param(
            {"iterations": Tally(100, 90, 4), "checks": (BROKEN,)},
            invalid("10 of 100 iterations not done, 4 of them lost with workers"),
            id="iterations not done outrank broken",
        ),
        pytest.param({"cut_short": True, "lasted": 10.0}, invalid(CUT), id="cut short"),
        pytest.param(
            {"cut_short": True, "lasted": 10.0, "terminated": True},
            invalid("cut short after 10s of 30s by SIGTERM; let the run finish"),
            id="cut short by SIGTERM",
        ),
        pytest.param(
            {"troubles": (HOT,), "checks": (BROKEN,)},
            invalid("worker 1 was hot"),
            id="a generator in trouble outranks broken",
        ),
        pytest.param(
            {
                "cut_short": True,
                "lasted": 10.0,
                "checks": (BROKEN, UNMATCHED),
                "aborted": Abort("p99 < 2s", 10.2),
                "iterations": Tally(100, 50, 0),
            },
            failed(TOO_SLOW, "aborted after 10s of 30s by p99 < 2s"),
            id="a run that a rule aborted is not cut short, whatever it did not get to",
        ),
        pytest.param(
            {
                "checks": (BROKEN,),
                "aborted": Abort("p99 < 2s", 10.2),
                "lost_workers": ("worker 2",),
            },
            invalid(LOST),
            id="a lost worker outranks an abort",
        ),
        pytest.param(
            {
                "checks": (BROKEN,),
                "aborted": Abort("p99 < 2s", 10.2),
                "arrivals": Count(scheduled=90, started=80, dropped=10),
            },
            failed(
                TOO_SLOW,
                "aborted after 10s of 30s by p99 < 2s",
                "10 of 90 arrivals dropped: all users were busy",
            ),
            id="arrivals that an abort's own target made drop",
        ),
        pytest.param(
            {
                "checks": (BROKEN,),
                "aborted": Abort("p99 < 2s", 10.2, sure=False),
                "arrivals": Count(scheduled=90, started=80, dropped=10),
            },
            invalid(
                "10 of 90 arrivals dropped: all users were busy; "
                "raise --max-users, add workers, or lower the rate"
            ),
            id="arrivals whose waiting may have broken the rule outrank its abort",
        ),
        pytest.param({"checks": (few("p95 < 2s", 20),)}, PASS, id="just enough requests"),
        pytest.param(
            {"checks": (few("p95 < 2s", 19),)},
            invalid(TOO_FEW.format("p95 < 2s", 19, "all", 20)),
            id="one too few",
        ),
        pytest.param(
            {"checks": (few("p99.9 < 2s over 10s", 999),)},
            invalid(TOO_FEW.format("p99.9 < 2s over 10s", 999, "the fullest window", 1000)),
            id="too few in every window",
        ),
        pytest.param(
            {"checks": (few('recovers("p95 < 2s") < 3s', 9),)},
            invalid(TOO_FEW.format('recovers("p95 < 2s") < 3s', 9, "the fullest window", 20)),
            id="too few to say that it recovered",
        ),
        pytest.param(
            {"checks": (few("p99 < 2s", 5), BROKEN)},
            failed(TOO_SLOW),
            id="too few spoil a pass alone",
        ),
        pytest.param({"checks": (few("max < 2s", 1),)}, PASS, id="a maximum needs one request"),
        pytest.param({"checks": (few("p100 < 2s", 1),)}, PASS, id="which p100 is"),
        pytest.param(
            {"cut_short": True, "lasted": 10.0, "checks": (BROKEN,)},
            invalid(CUT),
            id="cut short outranks broken",
        ),
        pytest.param(
            {"cut_short": True, "lasted": 10.0, "planned": None},
            PASS,
            id="stopped where no end was planned",
        ),
        pytest.param(
            {
                "checks": (BROKEN, UNMATCHED),
                "lost_workers": ("worker 2",),
                "cut_short": True,
                "lasted": 10.0,
            },
            invalid(NO_MATCH, LOST, CUT),
            id="all causes are said at once",
        ),
    ],
)
def test_the_verdict_is_the_worst_that_the_evidence_says(
    changes: dict[str, Any], judgement: Judgement
) -> None:
    assert said(judge(replace(FINE, **changes))) == judgement


@pytest.mark.parametrize(
    ("changes", "judgement"),
    [
        pytest.param({"requests": 0}, PASS, id="no request yet"),
        pytest.param({"checks": (UNMATCHED,)}, PASS, id="nothing matched yet"),
        pytest.param({"cut_short": True, "lasted": 10.0}, PASS, id="not at its end yet"),
        pytest.param({"iterations": Tally(100, 1, 0)}, PASS, id="iterations not done yet"),
        pytest.param({"checks": (BROKEN,)}, failed(TOO_SLOW), id="a threshold is broken now"),
        pytest.param({"lost_workers": ("worker 2",)}, invalid(LOST), id="a worker is lost already"),
    ],
)
def test_a_running_load_is_not_held_against_its_own_plan(
    changes: dict[str, Any], judgement: Judgement
) -> None:
    assert said(judge(replace(FINE, **changes), final=False)) == judgement


def test_a_verdict_reads_as_its_name() -> None:
    assert [str(verdict) for verdict in Verdict] == ["PASS", "FAIL", "INVALID"]


def test_a_fail_names_the_servers_that_failed_more_than_the_whole() -> None:
    failed = Judgement(Verdict.FAIL, ("broke",), ExitCode.THRESHOLD)
    servers = [("one:1", 10, 1), ("two:1", 10, 9), ("three:1", 10, 10), ("idle:1", 0, 0)]
    named = naming_servers(failed, servers)
    assert named.reasons == (
        "broke",
        "server three:1: 10 of 10 requests failed",
        "server two:1: 9 of 10 requests failed",
    )
    assert (named.verdict, named.exit_code) == (failed.verdict, failed.exit_code)


@pytest.mark.parametrize("verdict", Verdict)
def test_servers_are_named_only_where_one_stands_out(verdict: Verdict) -> None:
    judgement = Judgement(verdict, (), ExitCode.PASS)
    for servers in ([("one:1", 10, 5)], [("one:1", 10, 5), ("two:1", 10, 5)], []):
        assert naming_servers(judgement, servers) == judgement
    if verdict is not Verdict.FAIL:
        assert naming_servers(judgement, [("one:1", 9, 1), ("two:1", 9, 9)]) == judgement


def test_tasks_that_never_ended_spoil_a_pass_alone() -> None:
    cut = (
        "3 tasks cut at the end, unfinished (--stop-timeout 30s): what they waited for is in no "
        "figure; see what hangs, or raise it"
    )
    hung = replace(FINE, cut=3, patience=30.0)
    for checks in ((), (HELD,)):
        assert said(judge(replace(hung, checks=checks))) == invalid(cut)
        assert judge(replace(hung, checks=checks), final=False) == PASS
        assert judge(replace(hung, checks=checks, patience=0.0)) == PASS, "cut as somebody wanted"
    assert judge(replace(hung, checks=(BROKEN,))).verdict is Verdict.FAIL


CROWDED = 'target("requests_total").rate <= 0'


def test_series_that_were_not_kept_spoil_a_pass_alone() -> None:
    crowded = replace(FINE, checks=(HELD,), crowded=(CROWDED,))
    assert said(judge(crowded)) == invalid(
        f"the threshold {CROWDED} means more series of the target than are kept; name labels in "
        "the rules about it, so that they mean fewer"
    )
    assert judge(crowded, final=False) == PASS
    assert judge(replace(crowded, checks=(BROKEN,))).verdict is Verdict.FAIL


CAUSES: dict[Cause, dict[str, Any]] = {
    Cause.NO_REQUESTS: {"requests": 0},
    Cause.UNMATCHED_RULE: {"checks": (UNMATCHED,)},
    Cause.LOST_WORKER: {"lost_workers": ("worker 2",)},
    Cause.LOST_REPORT: {"gaps": (GAP, GAP)},
    Cause.BUSY_GENERATOR: {"troubles": (HOT,)},
    Cause.DROPPED_ARRIVALS: {"arrivals": Count(scheduled=9, dropped=1, missing=1)},
    Cause.ITERATIONS_NOT_DONE: {"iterations": Tally(9, 8, 0)},
    Cause.CUT_SHORT: {"cut_short": True},
    Cause.TOO_FEW_REQUESTS: {"checks": (few("p99 < 2s", 9),)},
    Cause.TOO_MANY_SERIES: {"checks": (HELD,), "crowded": (CROWDED,)},
    Cause.UNFINISHED_TASKS: {"cut": 1, "patience": 30.0},
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_is_told_once_in_a_word(cause: Cause) -> None:
    assert judge(replace(FINE, **CAUSES[cause])).causes == (cause,)


def test_the_words_for_causes_are_a_contract() -> None:
    assert sorted(Cause) == sorted([*CAUSES, "clock_set", "off_curve"])  # by `gauntlet.vitals`
    assert {*Cause} == {
        *("no_requests", "unmatched_rule", "lost_worker", "lost_report", "busy_generator"),
        *("clock_set", "off_curve", "dropped_arrivals", "iterations_not_done", "cut_short"),
        *("too_few_requests", "too_many_series", "unfinished_tasks"),
    }
    documented = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text("utf-8")
    assert all(f"`{cause}`" in documented for cause in Cause)
    spoiled = replace(FINE, requests=0, troubles=(HOT,), cut_short=True)
    several = (Cause.NO_REQUESTS, Cause.BUSY_GENERATOR, Cause.CUT_SHORT)
    assert judge(spoiled).causes == several
    assert judge(replace(FINE, checks=(BROKEN,))).causes == ()
