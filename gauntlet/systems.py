"""The systems that the suite tests, and what belongs to each."""

from dataclasses import dataclass
from typing import NamedTuple

from gauntlet.errors import UsageError
from gauntlet.mixes import FileServerMix, PredictMix, WalrusMix
from gauntlet.models import Model
from gauntlet.text import nearest


class Variable(NamedTuple):
    """A variable of the environment by its old name, and what it stands for here.

    A variable of the mix names a key, dotted; one of Locust's options their names in its parser.
    """

    name: str
    key: str = ""
    options: tuple[str, ...] = ()


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

    addresses: tuple[str, ...] = ()
    """Names of its addresses where it has several; the first is what Locust calls the host.

    Each has a variable: `publisher` is also given by PUBLISHER_URL.
    """

    target_options: tuple[str, ...] = ()
    """What makes the reference target serve each of the addresses."""

    variables: tuple[Variable, ...] = ()


SYSTEMS = {
    system.name: system
    for system in (
        System("predict", PredictMix, "predict_mix.py", "predict"),
        System(
            "walrus",
            WalrusMix,
            "walrus_blobs.py",
            "walrus",
            addresses=("publisher", "aggregator"),
            target_options=("--mode", "daemon", "--aggregator-port", "0"),
            variables=(
                Variable("BLOB_MIN_SIZE", key="blobs.smallest"),
                Variable("BLOB_MAX_SIZE", key="blobs.largest"),
                Variable("EXPORT_RESULTS", key="export"),
                Variable("BLOBS_NUM", options=("total_iterations",)),
                Variable("MAX_THREADS", options=("num_users", "spawn_rate")),
            ),
        ),
        System(
            "file_server",
            FileServerMix,
            "file_server_mix.py",
            "file-server",
            schemes=("tcp",),
            target_options=("--pool", "50", "--populate", "10,50,100"),
        ),
    )
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
