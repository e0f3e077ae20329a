"""The systems that the suite tests, and what belongs to each."""

from dataclasses import dataclass

from gauntlet.errors import UsageError
from gauntlet.models import Model, PredictMix
from gauntlet.text import nearest


@dataclass(frozen=True)
class System:
    """One system: its name, the model of its mix, its locustfile and its reference target."""

    name: str
    mix: type[Model]
    locustfile: str
    target: str
    """The name that `gauntlet target` knows it by."""

    schemes: tuple[str, ...] = ("http", "https")
    """Schemes of its addresses."""


SYSTEMS = {
    system.name: system for system in (System("predict", PredictMix, "predict_mix.py", "predict"),)
}


def system(name: str) -> System:
    """The system of that name, written with `-` or `_`; UsageError where there is none."""
    found = SYSTEMS.get(name.replace("-", "_"))
    if found is None:
        known = sorted(SYSTEMS)
        raise UsageError(
            f"system: expected one of {', '.join(known)}, got {name!r}{nearest(name, known)}"
        )
    return found
