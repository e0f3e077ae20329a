"""Each fault of the reference target turns exactly the thresholds red that it should."""

import pytest

from tests.e2e.support import NAMES, Lab, broken

pytestmark = pytest.mark.e2e

FAILURES = {name: f'fail_ratio("{name}") <= 5%' for name in NAMES}
"""The rule on the failures of each endpoint."""
PREDICTIONS = {FAILURES[name] for name in NAMES if name != "/health"}
EVERYWHERE = set(FAILURES.values())

USUAL, WORST = "p95 <= 400ms", "p99 <= 1200ms"
RULES = [*FAILURES.values(), USUAL, WORST, "rps >= 1/s"]


@pytest.mark.parametrize(
    ("fault", "red", "text"),
    [
        pytest.param([], set(), None, id="no fault"),
        pytest.param(["--fault-delay", "600ms"], {USUAL}, None, id="every answer is late"),
        pytest.param(["--fault-stall", "1s:2s"], {WORST}, None, id="a stall"),
        pytest.param(
            ["--fault-5xx", "50%"],
            EVERYWHERE,
            "status: expected 200, got 503",
            id="server errors",
        ),
        pytest.param(
            ["--fault-corrupt", "50%"],
            EVERYWHERE,
            "bad shape: expected JSON, got something else",
            id="corrupt bodies",
        ),
        pytest.param(
            ["--fault-cut", "50%"],
            EVERYWHERE,
            "connection closed",
            id="connections cut",
        ),
        pytest.param(
            ["--fault-missing-image", "100%"],
            {FAILURES["/predict?return_image=True"]},
            "missing image: expected an image, got none",
            id="missing images",
        ),
        pytest.param(
            ["--fault-runtime-error", "50%"],
            PREDICTIONS,
            "status: expected 200, got 500",
            id="a model that fails",
        ),
    ],
)
def test_a_fault_breaks_its_thresholds_and_no_other(
    lab: Lab, fault: list[str], red: set[str], text: str | None
) -> None:
    lab.profile("faults", duration="4s", users=4, thresholds=RULES)
    target = lab.target(*fault)
    chosen = "--load-profile", "faults", "--host", target.address, "--preflight", "off"
    ended = lab.run(*chosen)
    assert broken(lab.record) == red, ended.output
    assert (ended.code, lab.verdict) == ((3, "FAIL") if red else (0, "PASS"))
    texts = {failure["text"] for failure in lab.record["failures"]}
    assert len(texts) == (text is not None), texts
    assert text is None or text in texts.pop()
