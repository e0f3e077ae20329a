"""Rules laid on the phases of a profile: which phase each is about, and what does not fit. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gauntlet.curves import Phase
from gauntlet.text import nearest, shown
from gauntlet.thresholds import Threshold

SPIKE = "spike"
"""The phase after which a target recovers."""


def mistakes(rules: Sequence[Threshold], curve: Sequence[Phase]) -> Iterator[tuple[int, str]]:
    """Each rule that names no phase of the curve, by index; no profile is an empty curve."""
    names = [phase.name for phase in curve]
    for index, rule in enumerate(rules):
        if rule.phase is not None and rule.phase not in names:
            expected = f"a phase ({', '.join(names)})" if names else "a profile with that phase"
            hint = nearest(rule.phase, names)
            yield index, f"expected {expected} behind in, got {shown(rule.phase)}{hint}"
        elif rule.inner and rule.phase is None and _after_spike(names) is None:
            yield index, f"expected 'in PHASE', as no phase follows one named {SPIKE}, got none"


def settled(rules: Sequence[Threshold], curve: Sequence[Phase]) -> list[Threshold]:
    """The rules, with the phase after the spike for a recovery that names none."""
    after = _after_spike([phase.name for phase in curve])
    return [
        replace(rule, phase=after) if rule.inner and rule.phase is None else rule for rule in rules
    ]


def _after_spike(names: Sequence[str]) -> str | None:
    behind = names[names.index(SPIKE) + 1 :] if SPIKE in names else []
    return behind[0] if behind else None
