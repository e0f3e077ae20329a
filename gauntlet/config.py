"""Finds and reads profiles, mixes and environments, and settles which value counts.

Files are looked for in `./profiles`, then in the installed package. A profile is laid in layers,
top-level key by top-level key, the later over the earlier:

    profiles/NAME.yaml  <  profiles/SYSTEM/default.yaml  <  profiles/SYSTEM/NAME.yaml

This module is the only reader of YAML; options and their variables arrive through Locust's parser.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gauntlet.documents import Document, read, validate
from gauntlet.errors import UsageError
from gauntlet.models import Environment, Model, Profile
from gauntlet.systems import SYSTEMS, System
from gauntlet.text import nearest

DEFAULT = "default"
MIX = "mix"
_PACKAGE = Path(__file__).resolve().parent
_PORTS = {"http": 80, "https": 443}


def roots() -> list[Path]:
    """The folders that hold declarative input, the first to be asked first."""
    candidates = [Path("profiles"), _PACKAGE / "profiles", _PACKAGE.parent / "profiles"]
    found: dict[Path, Path] = {}
    for folder in candidates:
        if folder.is_dir():
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def profile_names(system: System | None) -> list[str]:
    """The profiles that a system can run, shortest first where they can be read."""
    names = set(_stems(""))
    if system is not None:
        names |= set(_stems(system.name)) - {DEFAULT, MIX}
    return sorted(names, key=lambda name: (_seconds(name, system), name))


def load_profile(name: str, system: System | None) -> Profile:
    """The profile of that name for a system, all layers laid."""
    layers = [name]
    if system is not None:
        layers += [f"{system.name}/{DEFAULT}", f"{system.name}/{name}"]
    known = profile_names(system) if not _is_profile(name, system) else []
    if known:
        raise UsageError(
            f"profile: expected one of {', '.join(known)}, got {name!r}{nearest(name, known)}"
        )
    whole = Document()
    for layer in layers:
        path = _find(f"{layer}.yaml")
        if path is not None:
            whole.overlay(read(path))
    return validate(Profile, whole)


def load_mix(system: System) -> Model:
    """The mix of a system: weights, wait time, payloads."""
    path = _find(f"{system.name}/{MIX}.yaml")
    if path is None:
        raise UsageError(f"profiles/{system.name}/{MIX}.yaml: expected this file, got nothing")
    return validate(system.mix, read(path))


def environment_names() -> list[str]:
    """The environments that there are."""
    return sorted(_stems("environments"))


def load_environment(name: str) -> Environment:
    """The environment of that name."""
    path = _find(f"environments/{name}.yaml")
    if path is None or name not in environment_names():
        known = environment_names()
        raise UsageError(
            f"environment: expected one of {', '.join(known)}, got {name!r}{nearest(name, known)}"
        )
    document = read(path)
    environment = validate(Environment, document)
    unknown = [name for name in environment.targets if name not in SYSTEMS]
    if unknown:
        raise UsageError(
            f"{document.place(('targets', one))}: targets.{one}: expected one of "
            f"{', '.join(SYSTEMS)}, got {one!r}{nearest(one, SYSTEMS)}"
            for one in unknown
        )
    return environment


def protected_by(address: str) -> str | None:
    """The protected environment that an address belongs to, whatever its spelling."""
    origin = _origin(address)
    for name in environment_names():
        environment = load_environment(name)
        if environment.protected and origin in map(_origin, environment.addresses()):
            return name
    return None


def check_all() -> tuple[list[str], list[str]]:
    """Read every file there is: `(what was read, mistakes)`."""
    checked: list[str] = []
    mistakes: list[str] = []
    for label, load in _everything():
        try:
            load()
            checked.append(label)
        except UsageError as error:
            mistakes += error.mistakes
    return checked, list(dict.fromkeys(mistakes))


def _everything() -> Iterator[tuple[str, Any]]:
    for environment in environment_names():
        yield f"environment {environment}", lambda name=environment: load_environment(name)
    for system in SYSTEMS.values():
        yield f"{system.name} mix", lambda system=system: load_mix(system)
        for profile in _profile_files(system):
            yield (
                f"{system.name} profile {profile}",
                lambda name=profile, system=system: load_profile(name, system),
            )


def _profile_files(system: System) -> list[str]:
    return sorted(set(_stems("")) | set(_stems(system.name)) - {DEFAULT, MIX})


def _is_profile(name: str, system: System | None) -> bool:
    return name in _stems("") or (
        system is not None and name in set(_stems(system.name)) - {DEFAULT, MIX}
    )


def _seconds(name: str, system: System | None) -> float:
    try:
        profile = load_profile(name, system)
    except UsageError:
        return float("inf")
    return profile.users * 1e6 + profile.duration


def _stems(folder: str) -> list[str]:
    return [path.stem for root in roots() for path in (root / folder).glob("*.yaml")]


def _find(name: str) -> Path | None:
    return next((root / name for root in roots() if (root / name).is_file()), None)


def _origin(address: str) -> tuple[str, int | None]:
    """Host and port of an address; the scheme's own port where none is given."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port
    except ValueError:
        port = None
    host = (parts.hostname or "").rstrip(".").lower()
    return host, port or _PORTS.get(parts.scheme.lower())
