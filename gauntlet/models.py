"""The shapes of all declarative input: frozen pydantic models, unknown keys refused.

Defaults live here and nowhere else; `gauntlet.config` reads files into these models and makes the
committed JSON Schemas from them.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from gauntlet import curves, rules, thresholds, units
from gauntlet.arrivals import Distribution, Schedule, scheduled
from gauntlet.text import counted, nearest, shown

EMBEDDED = "embedded"
"""In an environment's targets: start the reference target for the run."""


class Model(BaseModel):
    """Base of everything read from YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def refuse(mistakes: list[str]) -> None:
    """Let a validator say all that is wrong at once, a line each."""
    if mistakes:
        raise ValueError("\n".join(mistakes))


def _duration(value: Any) -> float:
    seconds = units.parse_duration(value)
    if not seconds:
        raise ValueError(f"expected a duration above 0, got {shown(value)}")
    return seconds


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(units.format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h) ?)+$"}),
]
"""Seconds, written as `30s` or `1m30s`."""

Rule = Annotated[
    thresholds.Threshold,
    BeforeValidator(thresholds.parse),
    PlainSerializer(lambda rule: rule.text),
    WithJsonSchema({"type": "string", "examples": ['p95("/predict*") < 2s']}),
]

Users = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=100_000)]

ArrivalRate = Annotated[
    float,
    BeforeValidator(units.parse_rate),
    Field(ge=0, le=100_000),
    PlainSerializer(units.format_rate),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)? */(s|min|h)$"}),
]
"""Arrivals per second, written as `200/s` or `12000/min`."""

_NAME = r"^[a-z][a-z0-9_-]*$"


def _name(text: str) -> str:
    if not re.search(_NAME, text):
        raise ValueError(f'expected a lower-case name such as "steady-1", got {shown(text)}')
    return text


Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": _NAME})]


class PhaseModel(Model):
    """A named stretch of a profile: move to `users` or `arrivals`, then hold."""

    name: Name
    duration: Duration
    users: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    spawn_rate: Rate | None = None
    arrivals: ArrivalRate | None = None
    """Iterations started per second, whatever became of those before: an open phase."""
    ramp: Duration | None = None
    """How long the move to `arrivals` takes; without it, none."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        refuse([*self._disagreements()])
        return self

    def _disagreements(self) -> Iterator[str]:
        if self.arrivals is None:
            if self.users is None:
                yield "users: expected this or arrivals, got nothing"
            if self.ramp is not None:
                yield "ramp: expected arrivals with it, got none"
            return
        for key in ("users", "spawn_rate"):
            if getattr(self, key) is not None:
                yield f"{key}: expected no such key beside arrivals, got one"


class Profile(Model):
    """A load curve in phases plus the thresholds that judge it."""

    description: str = Field(min_length=1)
    users: Users | None = None
    spawn_rate: Rate | None = None
    arrivals: ArrivalRate | None = None
    """Without phases: iterations started per second, instead of users."""
    duration: Duration
    phases: Annotated[tuple[PhaseModel, ...], Field(strict=False)] = ()
    thresholds: Annotated[tuple[Rule, ...], Field(strict=False)] = ()
    lost_workers: int = Field(default=0, ge=0)
    iterations: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    """Tasks in all; the run ends when they are done. `--total-iterations` outranks it."""
    arrivals_distribution: Distribution = "constant"
    """How arrivals lie in time."""
    max_users: Users | None = None
    """The most users that open phases may add in each process. `--max-users` outranks it."""

    @property
    def curve(self) -> tuple[curves.Phase, ...]:
        """The phases with their rates; without phases a ramp and a hold in one."""
        phases = self.phases or (
            PhaseModel.model_construct(
                name="load", duration=self.duration, users=self.users, arrivals=self.arrivals
            ),
        )
        return tuple(
            curves.Phase(
                phase.name,
                phase.duration,
                phase.users or 0,
                phase.spawn_rate or self.spawn_rate or 1.0,
                phase.arrivals,
                phase.ramp or 0.0,
            )
            for phase in phases
        )

    @property
    def numbers(self) -> str:
        """The most that it wants, as people read it: `40 users`, `200/s`, or both."""
        rates = [phase.arrivals for phase in self.curve if phase.arrivals is not None]
        users = [counted(self.users, "user")] if self.users else []
        return " · ".join([*users, units.format_rate(max(rates))] if rates else users)

    @property
    def counts_users(self) -> bool:
        """Whether any phase wants users, not arrivals."""
        return any(phase.arrivals is None for phase in self.curve)

    def schedule(self, seed: int) -> Schedule | None:
        """The arrivals of its open phases; None where it has none."""
        stretches = curves.stretches(self.curve)
        return scheduled(stretches, self.arrivals_distribution, seed)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        refuse([*self._disagreements()])
        return self

    def _disagreements(self) -> Iterator[str]:
        whole, peak = curves.duration(self.curve), curves.peak(self.curve)
        if abs(whole - self.duration) > 1e-6:
            wanted, got = units.format_duration(self.duration), units.format_duration(whole)
            yield f"phases: expected durations that add up to {wanted}, got {got}"
        names = [phase.name for phase in self.phases]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield f"phases[{index}].name: expected a name of its own, got {name!r} again"
        for index, mistake in rules.mistakes(self.thresholds, self.curve):
            yield f"thresholds[{index}]: {mistake}"
        if self.arrivals is not None and self.phases:
            yield "arrivals: expected no such key beside phases, got one"
        if not self.counts_users:
            for key in ("users", "spawn_rate"):
                if getattr(self, key) is not None:
                    yield f"{key}: expected no such key where no phase wants users, got one"
            return
        missing = [key for key in ("users", "spawn_rate") if getattr(self, key) is None]
        yield from (f"{key}: expected this key, got nothing" for key in missing)
        if peak != self.users and not missing:
            what = "the peak of the phases" if self.phases else "what the spawn rate reaches"
            yield f"users: expected {what}, {peak}, got {self.users}"


_ADDRESS = r"^(embedded|[a-z]+://\S+)$"


def _address(text: str) -> str:
    scheme, _, rest = text.partition("://")
    listed = [f"{scheme}://{one}" for one in rest.split(",")] if scheme == "udp" else [text]
    try:
        several = [urlsplit(one) for one in listed]
        right = re.search(_ADDRESS, text) and (
            text == EMBEDDED or all(one.hostname for one in several)
        )
        _ = [one.port for one in several]
    except ValueError:
        right = None
    if not right:
        example = 'an address such as "http://localhost:8000"'
        hint = nearest(text, [EMBEDDED])
        raise ValueError(f"expected {EMBEDDED} or {example}, got {shown(text)}{hint}")
    return text


Address = Annotated[
    str, AfterValidator(_address), WithJsonSchema({"type": "string", "pattern": _ADDRESS})
]


class Environment(Model):
    """A named set of targets, one address (or several named ones) per system."""

    description: str = Field(min_length=1)
    protected: bool = False
    targets: dict[str, Address | dict[str, Address]] = {}

    def addresses(self) -> list[str]:
        """Every address of the environment."""
        found: list[str] = []
        for target in self.targets.values():
            found += [target] if isinstance(target, str) else target.values()
        # Of a list of servers, `udp://HOST:PORT,HOST:PORT`, each is one.
        return [one for address in found if address != EMBEDDED for one in address.split(",")]


class Interval(Model):
    """Seconds to wait between two tasks of a user, uniform between the two."""

    low: float
    high: float


def _interval(value: Any) -> Any:
    if isinstance(value, Interval):
        return value
    low, high = units.parse_interval(value)
    return {"low": low, "high": high}


WaitTime = Annotated[
    Interval,
    BeforeValidator(_interval),
    PlainSerializer(
        lambda wait: f"{units.format_duration(wait.low)}-{units.format_duration(wait.high)}"
    ),
    WithJsonSchema({"type": "string", "examples": ["0.1s-0.5s"]}),
]

Weight = Annotated[int, Field(ge=0, le=1_000_000)]


class Weights(Model):
    """How often each task of a system is chosen."""

    @model_validator(mode="after")
    def _any(self) -> Self:
        if not sum(self.model_dump().values()):
            raise ValueError("expected a weight above 0, got 0 for all")
        return self
