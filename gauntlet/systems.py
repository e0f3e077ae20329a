"""The systems that the suite tests, and what belongs to each."""

from dataclasses import dataclass
from typing import NamedTuple

from gauntlet.errors import UsageError
from gauntlet.mixes import (
    ChaterMix,
    FileServerMix,
    ImageCloudMix,
    PredictMix,
    WalrusMix,
)
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

    address_variables: tuple[str, ...] = ()
    """Variables that give the first address instead, the first of them that is set."""

    target_options: tuple[str, ...] = ()
    """What makes the reference target serve each of the addresses."""

    variables: tuple[Variable, ...] = ()

    servers: int = 0
    """Servers that the reference target starts, where a host is a list of them.

    Such a host is written `udp://HOST:PORT,HOST:PORT`.
    """

    settings: str = ""
    """The variable that names a file of settings in the original tester's form."""

    probe: tuple[str, ...] = ()
    """Options that leave in the tasks whose preflight is the lightest call: a suite's probe."""

    progression: tuple[str, ...] = ("smoke", "quick", "standard", "load", "stress")
    """Profiles in the order in which a suite runs them: each asks more than the one before."""

    @property
    def embedded(self) -> int:
        """How many addresses its reference target tells, as a run starts it."""
        return self.servers or max(len(self.addresses), 1)


SYSTEMS = {
    system.name: system
    for system in (
        System(
            "predict",
            PredictMix,
            "predict_mix.py",
            "predict",
            probe=("--tags", "health"),
        ),
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
            "chater",
            ChaterMix,
            "chater_flows.py",
            "chater",
            addresses=("chater",),
            probe=("--tags", "full_flow"),
            progression=("smoke", "low", "normal", "load", "high", "stress"),
            address_variables=("TARGET_HOST", "EATER_TARGET_HOST"),
            # A demo without secrets and limits; the grid of half a second is the original's alone.
            target_options=("--daily-limit", "0", "--answer-grid", "0s", "--slots", "0"),
            variables=(
                Variable("TEST_USER_EMAIL", key="email"),
                Variable("TEST_PHOTO_PATH", key="photo.path"),
                Variable("TEST_PHOTO_TYPE", key="photo.type"),
                Variable("TEST_RECOMMENDATION_DAYS", key="recommendation_days"),
                Variable("TEST_CUSTOM_DATE", key="custom_date"),
                Variable("TEST_LANGUAGE_CODE", key="language"),
                Variable("TEST_ALCOHOL_START", key="alcohol.start"),
                Variable("TEST_ALCOHOL_END", key="alcohol.end"),
                Variable("TEST_FEEDBACK_TEXT", key="feedback"),
                Variable("TEST_AUTH_PROVIDER", key="sign_in.provider"),
                Variable("TEST_AUTH_EMAIL", key="sign_in.email"),
                Variable("TEST_AUTH_NAME", key="sign_in.name"),
                Variable("TEST_AUTH_PROFILE_URL", key="sign_in.picture"),
            ),
        ),
        System(
            "image_cloud",
            ImageCloudMix,
            "image_cloud_roundtrip.py",
            "image-cloud",
            schemes=("udp",),
            target_options=("--nodes", "3", "--pacing", "2ms", "--metrics-port", "0"),
            servers=3,
            progression=("smoke", "light", "standard", "heavy"),
            settings="IMAGE_CLOUD_CONFIG",
            variables=(
                Variable("IMAGE_CLOUD_KEEP", key="output.keep"),
                Variable("IMAGE_CLOUD_PROCESS", key="processes.only"),
            ),
        ),
        System(
            "file_server",
            FileServerMix,
            "file_server_mix.py",
            "file-server",
            schemes=("tcp",),
            probe=("--tags", "list"),
            target_options=("--pool", "50", "--populate", "10,50,100", "--metrics-port", "0"),
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
