"""Each fault of the reference target turns exactly the thresholds red that it should."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.e2e.support import NAMES, Ended, Json, Lab, Process, Target, broken

pytestmark = pytest.mark.e2e

FAILURES = {name: f'fail_ratio("{name}") <= 5%' for name in NAMES}
"""The rule on the failures of each endpoint."""
PREDICTIONS = {FAILURES[name] for name in NAMES if name != "/health"}
EVERYWHERE = set(FAILURES.values())

USUAL, WORST = "p95 <= 1s", "p99 <= 4s"
"""Far above what a busy machine needs, and below what the faults take."""
RULES = [*FAILURES.values(), USUAL, WORST, "rps >= 1/s"]


class Case(NamedTuple):
    """A fault, the rules that it breaks, and how the failures read that it makes."""

    fault: tuple[str, ...] = ()
    red: frozenset[str] | set[str] = frozenset()
    text: str | None = None
    total: int = 120
    """So many requests, a quarter of them of each kind, however long they take."""


CASES = {
    "no fault": Case(total=200),
    "every answer is late": Case(("--fault-delay", "1500ms"), {USUAL}, total=16),
    # It holds one request of each user: of 200 these are 2 %, above 1 % and below 5 %.
    "a stall": Case(("--fault-stall", "1s:5s"), {WORST}, total=200),
    "server errors": Case(("--fault-5xx", "50%"), EVERYWHERE, "status: expected 200, got 503"),
    "corrupt bodies": Case(
        ("--fault-corrupt", "50%"), EVERYWHERE, "bad shape: expected JSON, got something else"
    ),
    "connections cut": Case(("--fault-cut", "50%"), EVERYWHERE, "connection closed"),
    "missing images": Case(
        ("--fault-missing-image", "100%"),
        {FAILURES["/predict?return_image=True"]},
        "missing image: expected an image, got none",
    ),
    "a model that fails": Case(
        ("--fault-runtime-error", "50%"), PREDICTIONS, "status: expected 200, got 500"
    ),
}
AT_ONCE = 4


class Result(NamedTuple):
    """A run against a target with a fault."""

    record: Json
    ended: Ended


@pytest.fixture(scope="module")
def results(module_labs: Callable[[], Lab]) -> dict[str, Result]:
    """Every case, a few at the same time."""
    results = {}
    names = list(CASES)
    for batch in (names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)):
        labs = {name: module_labs() for name in batch}
        targets = {name: labs[name].target(*CASES[name].fault) for name in batch}
        runs = {name: start(labs[name], targets[name], CASES[name]) for name in batch}
        for name, run in runs.items():
            ended = run.end()
            results[name] = Result(labs[name].record, ended)
    return results


def start(lab: Lab, target: Target, case: Case) -> Process:
    """A run under all rules."""
    lab.mix(wait="30ms-60ms")
    name = lab.profile("faults", duration="5m", users=4, thresholds=RULES)
    exact = "--total-iterations", f"{case.total}", "--exact-mix"
    at = "--host", target.address, "--preflight", "off"
    return lab.headless("--load-profile", name, *at, *exact)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_breaks_its_thresholds_and_no_other(results: dict[str, Result], name: str) -> None:
    (_, red, text, _), (record, ended) = CASES[name], results[name]
    assert broken(record) == red, ended.output
    verdict = (3, "FAIL") if red else (0, "PASS")
    assert (ended.code, record["outcome"]["verdict"]) == verdict
    texts = {failure["text"] for failure in record["failures"]}
    assert len(texts) == (text is not None), texts
    assert text is None or text in texts.pop()
