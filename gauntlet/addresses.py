"""Which target a run tests: option over variable over environment file over embedded default."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from locust.env import Environment

from gauntlet import config
from gauntlet.errors import UsageError
from gauntlet.models import EMBEDDED
from gauntlet.systems import System


def check_address(address: str, system: System | None, allow_protected: bool) -> None:
    """UsageError where load on `address` is not to be, or cannot be, made."""
    schemes = system.schemes if system else ()
    if "@" in address:
        raise UsageError(
            "host: expected an address without user and password, got one with; "
            "credentials come from the environment"
        )
    if schemes and not _is_address(address, schemes):
        raise UsageError(f"host: expected an address such as {schemes[0]}://…, got {address!r}")
    guardian = config.protected_by(address)
    if guardian and not allow_protected:
        raise UsageError(
            f"host: expected an address that is not protected, got one of environment {guardian}; "
            "--allow-protected allows it"
        )


def _is_address(text: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # what it says of brackets and ports is in no form of ours
        return False


@dataclass(frozen=True)
class Target:
    """An address and the environment that it comes from; None where nobody named one."""

    address: str | None
    environment: str | None
    embedded: bool = False


def resolve(system: System | None, environment: Environment, name: str | None) -> Target:
    """The target of a run; `embedded` where its reference target has still to be started.

    Locust already put `--host` over `LOCUST_HOST` into `environment.host`.
    """
    if environment.host:
        if name:
            config.load_environment(name)
        return Target(environment.host, None)
    if name is None and any(user.host for user in environment.user_classes):
        return Target(None, None)
    if system is None:
        if name is not None:
            raise UsageError(
                f"--environment: expected register(system=…) in the locustfile, got {name!r} "
                "without a system"
            )
        return Target(None, None)
    return _from_environment(system, name or EMBEDDED)


def _from_environment(system: System, name: str) -> Target:
    chosen = config.load_environment(name)
    address = chosen.targets.get(system.name)
    if not isinstance(address, str):
        known = ", ".join(chosen.targets) or "none"
        raise UsageError(
            f"environment {name}: targets: expected a target of {system.name}, got {known}"
        )
    if address == EMBEDDED:
        return Target(None, name, embedded=True)
    return Target(address.rstrip("/"), name)
