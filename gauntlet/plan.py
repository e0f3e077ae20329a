"""What a run is meant to be: made by `gauntlet.planning`, carried out by `gauntlet.run`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gauntlet.models import Model, Profile
from gauntlet.thresholds import Threshold


@dataclass(frozen=True)
class Plan:
    """What the run is meant to be; `planned` seconds, None where it goes on until stopped."""

    system: str | None
    profile_name: str | None
    profile: Profile | None
    environment: str | None
    target: str
    rules: Sequence[Threshold]
    planned: float | None
    results: str
    seed: int
    mix: Model | None
    preflight: Sequence[str]
    addresses: Mapping[str, str] = field(default_factory=dict)
    scale: float = 1.0
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Where the target tells Prometheus of itself, by name where there are several."""
