"""Finds and reads profiles, mixes and environments, and settles which value counts.

Files are looked for in `./profiles`, then in the installed package. A profile is laid in layers,
top-level key by top-level key, the later over the earlier:

    profiles/SYSTEM/default.yaml  <  profiles/NAME.yaml  <  profiles/SYSTEM/NAME.yaml

This module is the only reader of YAML and of the variables that belong to one system; options and
their variables arrive through Locust's parser.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from gauntlet import image_config
from gauntlet.documents import Document, dotted, read, validate
from gauntlet.errors import UsageError, gathering
from gauntlet.explain import Location
from gauntlet.matrix.plan import Axes
from gauntlet.models import EMBEDDED, Environment, Model, Profile
from gauntlet.systems import SYSTEMS, System
from gauntlet.text import nearest, shown

DEFAULT = "default"
MIX = "mix"
MATRIX = "matrix/file-server"
RUNNING_TARGET = "GAUNTLET_RUNNING_TARGET"
"""Tells a run of a reference target that goes on without it, which commands of ours set."""
EXTRA_PROFILES = "GAUNTLET_PROFILES"
"""Names one more folder of profiles, which commands of ours write for the runs they start."""
_PACKAGE = Path(__file__).resolve().parent
_MOST = 1_000_000_000
_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


def roots() -> list[Path]:
    """The folders that hold declarative input, the first to be asked first."""
    extra = _variable(EXTRA_PROFILES)
    shipped = _PACKAGE / "profiles"  # in the wheel; a checkout has them beside the package
    candidates = [Path("profiles"), *([Path(extra)] if extra else [])]
    candidates.append(shipped if shipped.is_dir() else _PACKAGE.parent / "profiles")
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
    if not _is_profile(name, system):
        raise _unknown("profile", name, profile_names(system), "a file in profiles/")
    layers = [name]
    if system is not None:
        layers = [f"{system.name}/{DEFAULT}", name, f"{system.name}/{name}"]
    found = {layer: read(path) for layer in layers if (path := _find(f"{layer}.yaml"))}
    whole = Document()
    for document in found.values():
        whole.overlay(document)
    own = found.get(name) or found[layers[-1]]
    whole.where[()] = own.where[()]  # a missing key is missing there, not in another layer
    return validate(Profile, whole)


def load_mix(system: System) -> Model:
    """The mix of a system: weights, wait time, payloads; variables outrank the file."""
    path = _find(f"{system.name}/{MIX}.yaml")
    if path is None:
        raise UsageError(f"profiles/{system.name}/{MIX}.yaml: expected this file, got nothing")
    document = read(path)
    if system.settings and (settings := _variable(system.settings)):
        image_config.read(settings).lay_on(document)
    for variable in system.variables:
        if variable.key and (text := _variable(variable.name)):
            document.put(tuple(variable.key.split(".")), text, variable.name)
    return validate(system.mix, document)


def load_settings(system: System) -> tuple[Model, dict[str, Any]]:
    """The mix, and what variables say for Locust's options; mistakes of both at once."""
    mistakes: list[str] = []
    with gathering(mistakes):
        mix = load_mix(system)
    with gathering(mistakes):
        defaults = option_defaults(system)
    if mistakes:
        raise UsageError(dict.fromkeys(mistakes))
    return mix, defaults


def load_matrix(given: Mapping[str, tuple[object, str]]) -> Axes:
    """The dimensions of the file server's matrix; values that options give outrank the file.

    `given` holds them by key, with the option's name.
    """
    path = _find(f"{MATRIX}.yaml")
    if path is None:
        raise UsageError(f"profiles/{MATRIX}.yaml: expected this file, got nothing")
    document = read(path)
    for key, (value, option) in given.items():
        document.data[key] = value
        document.where = {at: place for at, place in document.where.items() if at[:1] != (key,)} | {
            (key,): option
        }
    return validate(Axes, document)


def option_defaults(system: System) -> dict[str, Any]:
    """What the system's variables say for options of Locust that nobody gives."""
    found: dict[str, Any] = {}
    if system.settings and (settings := _variable(system.settings)):
        only_one = any(
            one.key == "processes.only" and _variable(one.name) for one in system.variables
        )
        found |= image_config.read(settings).option_defaults(only_one)
    mistakes: list[str] = []
    for name, _, options in system.variables:
        text = _variable(name) if options else ""
        if text and not (text.isdecimal() and 1 <= int(text) <= _MOST):
            expected = f"a whole number from 1 to {_MOST}"
            mistakes.append(f"{name}: expected {expected}, got {shown(text)}")
        elif text:
            found |= dict.fromkeys(options, int(text))
    if mistakes:
        raise UsageError(mistakes)
    return found


def given_addresses(system: System | None) -> dict[str, str]:
    """Addresses that variables give, by name: PUBLISHER_URL for `publisher`."""
    names = system.addresses if system else ()
    texts = {name: _variable(variable_of(name)) for name in names}
    return {name: text.rstrip("/") for name, text in texts.items() if text}


class RunningTarget(NamedTuple):
    """Addresses of a reference target, and where it tells Prometheus of itself."""

    addresses: list[str]
    metrics: list[str]


def running_target() -> RunningTarget | None:
    """A reference target that runs already and stands for the embedded one.

    The runs of a suite so share one; None where a run starts its own.
    """
    text = _variable(RUNNING_TARGET)
    return RunningTarget(*json.loads(text)) if text else None


def variable_of(address: str) -> str:
    """The variable that gives the address of that name; of several, the first that is set."""
    for system in SYSTEMS.values():
        if system.address_variables and address == system.addresses[0]:
            given = (name for name in system.address_variables if _variable(name))
            return next(given, system.address_variables[0])
    return f"{address.upper()}_URL"


def secret(name: str) -> str | None:
    """A secret from the variable of that name, or from the file that NAME_FILE names.

    Neither the value nor the path is ever repeated: one may have been put in place of the other.
    """
    value, path = _variable(name), _variable(f"{name}_FILE")
    if value and path:
        raise UsageError(f"{name}: expected this or {name}_FILE, got both")
    if not path:
        return value or None
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise UsageError(f"{name}_FILE: expected a readable file, got none") from None
    if not value:
        raise UsageError(f"{name}_FILE: expected a file with a secret, got an empty one")
    return value


def _variable(name: str) -> str:
    """The text of a variable; an empty one is none."""
    return os.environ.get(name, "").strip()


def environment_names() -> list[str]:
    """The environments that there are."""
    return sorted(set(_stems("environments")))


def load_environment(name: str) -> Environment:
    """The environment of that name."""
    known = environment_names()
    path = _find(f"environments/{name}.yaml")
    if path is None or name not in known:
        raise _unknown("environment", name, known, "a file in profiles/environments/")
    document = read(path)
    environment = validate(Environment, document)
    mistakes = [
        f"{document.place(at)}: {dotted(at)}: {text}"
        for at, text in [
            *_wrong_targets(environment.targets),
            *_wrong_systems(environment.target_metrics),
        ]
    ]
    if mistakes:
        raise UsageError(mistakes)
    return environment


def _wrong_targets(
    targets: Mapping[str, str | Mapping[str, str]],
) -> Iterator[tuple[Location, str]]:
    """Systems that are none, and addresses that their systems do not have, or lack."""
    yield from _wrong_systems(targets, "targets")
    for name, target in targets.items():
        if name not in SYSTEMS:
            continue
        known = SYSTEMS[name].addresses
        if isinstance(target, str) or not known:
            continue
        for one, address in target.items():
            if one not in known:
                hint = nearest(one, known)
                yield (
                    ("targets", name, one),
                    f"expected one of {', '.join(known)}, got {one!r}{hint}",
                )
            elif address == EMBEDDED:
                yield ("targets", name, one), f"expected an address, got {EMBEDDED!r}"
        for one in known:
            if one not in target:
                yield ("targets", name, one), "expected this key, got nothing"


def _wrong_systems(named: object, key: str = "target_metrics") -> Iterator[tuple[Location, str]]:
    """Systems that are none, where something is given by system."""
    for name in named if isinstance(named, Mapping) else ():
        if name not in SYSTEMS:
            hint = nearest(name, SYSTEMS)
            yield (key, name), f"expected one of {', '.join(SYSTEMS)}, got {name!r}{hint}"


def protected_by(address: str) -> str | None:
    """The protected environment that an address belongs to, whatever its spelling.

    An address without a port that is known counts as on any. Ports 80 and 443 count as one: what
    listens on the one sends its callers to the other.
    """
    host, port = _origin(address)
    for name in environment_names():
        environment = load_environment(name)
        for protected_host, protected_port in map(_origin, environment.addresses()):
            same_port = port == protected_port or None in (port, protected_port)
            if environment.protected and host == protected_host and same_port:
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


def _unknown(kind: str, name: str, known: list[str], otherwise: str) -> UsageError:
    expected = f"one of {', '.join(known)}" if known else otherwise
    return UsageError(f"{kind}: expected {expected}, got {shown(name)}{nearest(name, known)}")


def _everything() -> Iterator[tuple[str, Any]]:
    for environment in environment_names():
        yield f"environment {environment}", lambda name=environment: load_environment(name)
    yield "file_server matrix", lambda: load_matrix({})
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
    most = profile.users or max(phase.arrivals or 0.0 for phase in profile.curve)
    return most * 1e6 + profile.duration


def _stems(folder: str) -> list[str]:
    files = [path for root in roots() for path in (root / folder).glob("*.yaml")]
    return [path.stem for path in files if path.is_file()]


def _find(name: str) -> Path | None:
    return next((root / name for root in roots() if (root / name).is_file()), None)


def _origin(address: str) -> tuple[str, int | None]:
    """Host and port of an address; the scheme's own port where none is given."""
    bare = address.strip()
    try:
        parts = urlsplit(bare if _SCHEME.match(bare) else f"//{bare}")
    except ValueError:
        return bare, None
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        port = None
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        host = parts.hostname or ""  # no name that a resolver knows
    return host.rstrip(".").lower(), _PORTS["https"] if port == _PORTS["http"] else port
