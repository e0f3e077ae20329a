"""Which target a run tests: option over variable over environment file over embedded default.

A system may have several addresses by name. The first is Locust's host; the others are forwarded
to workers with the mix. A host that somebody gives stands for each of them that no variable gives:
one server may well do all.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gauntlet import config
from gauntlet.errors import UsageError
from gauntlet.models import EMBEDDED
from gauntlet.systems import System
from gauntlet.text import shown

_HOST = re.compile(r"[^\s/?#@<>\[\]\\^`{|}%\"]+(%\S+)?")
"""A name or an IP address, of IPv6 perhaps with a zone."""

if TYPE_CHECKING:  # the `gauntlet` command looks at addresses too and starts quickly
    from locust.env import Environment


def check_address(
    address: str, system: System | None, allow_protected: bool, where: str = "host"
) -> None:
    """UsageError where load on `address` is not to be, or cannot be, made."""
    if system is not None and system.servers:
        for server in check_servers(address, system, where):
            _check_allowed(f"{system.schemes[0]}://{server}", allow_protected, where)
        return
    check_form(address, system, where)
    _check_allowed(address, allow_protected, where)


def _check_allowed(address: str, allow_protected: bool, where: str) -> None:
    guardian = config.protected_by(address)
    if guardian and not allow_protected:
        raise UsageError(
            f"{where}: expected an address that is not protected, got one of environment "
            f"{guardian}; --allow-protected allows it"
        )


def check_form(address: str, system: System | None, where: str = "host") -> None:
    """UsageError where this is no address, or one that must not be shown to anybody."""
    if system is not None and system.servers:
        check_servers(address, system, where)
        return
    schemes = system.schemes if system else ()
    if "@" in address:
        raise UsageError(
            f"{where}: expected an address without user and password, got one with; "
            "credentials come from the environment"
        )
    if schemes and not _is_address(address, schemes):
        raise UsageError(f"{where}: expected an address such as {schemes[0]}://…, got {address!r}")


def servers(host: str) -> list[str]:
    """The servers of a host that is a list, each as HOST:PORT, in their order."""
    bare = host.partition("://")[2] if "://" in host else host
    return list(dict.fromkeys(one.strip().strip("/") for one in bare.split(",") if one.strip()))


def joined(system: System, addresses: Sequence[str]) -> str:
    """What Locust calls the host: the first address, or a list of all servers."""
    if not system.servers:
        return addresses[0]
    bare = ",".join(address.partition("://")[2] for address in addresses)
    return f"{system.schemes[0]}://{bare}"


def check_servers(address: str, system: System, where: str = "host") -> list[str]:
    """The servers of a list; UsageError where it is none."""
    scheme = system.schemes[0]
    found = servers(address)
    if "@" in address or not found or not address.startswith(f"{scheme}://"):
        raise UsageError(
            f"{where}: expected servers such as {scheme}://HOST:PORT,HOST:PORT, "
            f"got {_without_user(address)}"
        )
    for server in found:
        single = f"{scheme}://{server}"
        if not _is_address(single, system.schemes) or not server.rpartition(":")[2].isdecimal():
            raise UsageError(f"{where}: expected servers as HOST:PORT, got {shown(server)}")
    return found


def _without_user(address: str) -> str:
    """The address for a message; what may be a password is left out."""
    return "one with user or password" if "@" in address else shown(address)


def _is_address(text: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        return parts.scheme in schemes and bool(_HOST.fullmatch(host)) and parts.port != 0
    except ValueError:  # what it says of brackets and ports is in no form of ours
        return False


@dataclass(frozen=True)
class Target:
    """An address and the environment that it comes from; None where nobody named one."""

    address: str | None
    environment: str | None
    embedded: bool = False
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Where it tells Prometheus of itself, by the label that tells several apart."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Further addresses by name, where the system has several."""

    def named(self, system: System, host: str) -> dict[str, str]:
        """Every named address of a run against `host`, which may be another than ours."""
        others = self.others if host == self.address else config.given_addresses(system)
        return {name: others.get(name, host) for name in system.addresses} | {
            name: host for name in system.addresses[:1]
        }


def targets(
    system: System,
    addresses: Mapping[str, str],
    environment: str | None,
    metrics: Mapping[str, str] = MappingProxyType({}),
) -> Target:
    """A target of a system with several addresses; one that is missing is what another one is."""
    first = addresses.get(system.addresses[0]) or next(iter(addresses.values()))
    others = {name: addresses.get(name, first) for name in system.addresses[1:]}
    return Target(first, environment, others=others, metrics=metrics)


def resolve(system: System | None, environment: "Environment", name: str | None) -> Target:
    """The target of a run; `embedded` where its reference target has still to be started.

    Locust already put `--host` over `LOCUST_HOST` into `environment.host`.
    """
    given = config.given_addresses(system)
    if environment.host:
        if name:
            config.load_environment(name)
        return Target(environment.host, None, others=given)
    if system is not None and given:
        found = _from_environment(system, name) if name else Target(None, None)
        if found.address:
            given = {system.addresses[0]: found.address, **found.others, **given}
        return targets(system, given, None)
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
    if system.addresses and isinstance(address, Mapping):
        urls = {key: url.rstrip("/") for key, url in address.items()}
        return targets(system, urls, name, chosen.metrics(system.name))
    if not isinstance(address, str):
        known = ", ".join(chosen.targets) or "none"
        raise UsageError(
            f"environment {name}: targets: expected a target of {system.name}, got {known}"
        )
    if address == EMBEDDED:
        return Target(None, name, embedded=True)
    return Target(address.rstrip("/"), name, metrics=chosen.metrics(system.name))
