"""Rules and the phases of a profile: what does not fit, and which phase a recovery is about."""

import pytest

from gauntlet import rules
from gauntlet.curves import Phase
from gauntlet.thresholds import parse

SPIKE = [Phase(name, 10.0, 5, 1.0) for name in ("baseline", "spike", "recovery")]
BARE = [Phase("load", 10.0, 5, 1.0)]
RECOVERS = 'recovers("p95 < 2s") < 30s'


@pytest.mark.parametrize(
    ("rule", "curve", "mistake"),
    [
        pytest.param("p95 < 2s in spike", SPIKE, None, id="a phase of the profile"),
        pytest.param("p95 < 2s", [], None, id="no phase"),
        pytest.param("p95 < 2s in load", BARE, None, id="the one phase of a profile without any"),
        pytest.param(
            "p95 < 2s in recovry",
            SPIKE,
            "expected a phase (baseline, spike, recovery) behind in, got 'recovry'; "
            "did you mean recovery?",
            id="a phase misspelled",
        ),
        pytest.param(
            "p95 < 2s in steady",
            [],
            "expected a profile with that phase behind in, got 'steady'",
            id="no profile",
        ),
        pytest.param(RECOVERS, SPIKE, None, id="a recovery after the spike"),
        pytest.param(
            RECOVERS,
            SPIKE[:2],
            "expected 'in PHASE', as no phase follows one named spike, got none",
            id="nothing after the spike",
        ),
        pytest.param(f"{RECOVERS} in spike", SPIKE[:2], None, id="a recovery within a phase"),
    ],
)
def test_a_rule_names_a_phase_of_its_profile(
    rule: str, curve: list[Phase], mistake: str | None
) -> None:
    expected = [] if mistake is None else [(1, mistake)]
    assert [*rules.mistakes([parse("rps > 1"), parse(rule)], curve)] == expected


@pytest.mark.parametrize(
    ("rule", "phase"),
    [
        pytest.param(RECOVERS, "recovery", id="the phase after the spike"),
        pytest.param(f"{RECOVERS} in baseline", "baseline", id="the phase that is named"),
        pytest.param("p95 < 2s", None, id="no recovery"),
    ],
)
def test_a_recovery_is_about_the_phase_after_the_spike(rule: str, phase: str | None) -> None:
    [settled] = rules.settled([parse(rule)], SPIKE)
    assert (settled.phase, settled.text) == (phase, rule)
