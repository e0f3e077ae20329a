"""A profile in less time: the same users, phases and thresholds, every duration shorter. Pure.

What is counted in time moves with it: users come and go faster by as much, so that each phase gets
as far as before, and a profile that ends after so many iterations ends after fewer.
"""

import math
from typing import Any

from gauntlet.models import PhaseModel, Profile

_SECONDS = ("duration", "ramp")
_PER_SECOND = ("spawn_rate",)


def scaled(profile: Profile, factor: float) -> Profile:
    """The profile with all its durations times `factor`."""
    if factor == 1:
        return profile
    changes = _changes(profile, factor)
    if profile.iterations is not None:
        changes["iterations"] = max(1, math.ceil(profile.iterations * factor))
    changes["phases"] = tuple(_phase(phase, factor) for phase in profile.phases)
    return profile.model_copy(update=changes)


def _phase(phase: PhaseModel, factor: float) -> PhaseModel:
    return phase.model_copy(update=_changes(phase, factor))


def _changes(model: Profile | PhaseModel, factor: float) -> dict[str, Any]:
    """What changes of a profile or of a phase alike; not every model has every key."""
    known = {name: getattr(model, name, None) for name in (*_SECONDS, *_PER_SECOND)}
    return {
        name: value * factor if name in _SECONDS else value / factor
        for name, value in known.items()
        if value is not None
    }
