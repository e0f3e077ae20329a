"""The shapes of all declarative input: frozen pydantic models, unknown keys refused.

Defaults live here and nowhere else; `gauntlet.config` reads files into these models and makes the
committed JSON Schemas from them.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from gauntlet import curves, thresholds, units

EMBEDDED = "embedded"
"""In an environment's targets: start the reference target for the run."""


class Model(BaseModel):
    """Base of everything read from YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Duration = Annotated[
    float,
    BeforeValidator(units.parse_duration),
    PlainSerializer(units.format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h) ?)+$"}),
]
"""Seconds, written as `30s` or `1m30s`."""

Rule = Annotated[
    thresholds.Threshold,
    BeforeValidator(lambda text: thresholds.parse(str(text))),
    PlainSerializer(lambda rule: rule.text),
    WithJsonSchema({"type": "string", "examples": ['p95("/predict*") < 2s']}),
]

Users = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=100_000, strict=False)]


class PhaseModel(Model):
    """A named stretch of a profile: move to `users` at `spawn_rate`, then hold."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    duration: Duration
    users: Annotated[int, Field(ge=0, le=1_000_000)]
    spawn_rate: Rate | None = None


class Profile(Model):
    """A load curve in phases plus the thresholds that judge it."""

    description: str = Field(min_length=1)
    users: Users
    spawn_rate: Rate
    duration: Duration
    phases: Annotated[tuple[PhaseModel, ...], Field(strict=False)] = ()
    thresholds: Annotated[tuple[Rule, ...], Field(strict=False)] = ()
    lost_workers: int = Field(default=0, ge=0)

    @property
    def curve(self) -> tuple[curves.Phase, ...]:
        """The phases with their rates; without phases a ramp and a hold in one."""
        phases = self.phases or (
            PhaseModel.model_construct(name="load", duration=self.duration, users=self.users),
        )
        return tuple(
            curves.Phase(
                phase.name, phase.duration, phase.users, phase.spawn_rate or self.spawn_rate
            )
            for phase in phases
        )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        whole, names = curves.duration(self.curve), [phase.name for phase in self.phases]
        peak = curves.peak(self.curve)
        if abs(whole - self.duration) > 1e-6:
            wanted, got = units.format_duration(self.duration), units.format_duration(whole)
            raise ValueError(f"phases: expected durations that add up to {wanted}, got {got}")
        if len(set(names)) < len(names):
            raise ValueError(f"phases: expected names that differ, got {', '.join(names)}")
        if peak != self.users:
            raise ValueError(f"users: expected the peak of the phases, {peak}, got {self.users}")
        return self


Address = Annotated[str, Field(pattern=r"^(embedded|[a-z]+://\S+)$")]


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
        return [address for address in found if address != EMBEDDED]


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
Side = Annotated[int, Field(ge=1, le=65_535)]
ImageSize = Annotated[tuple[Side, Side], Field(strict=False)]
"""Width and height in pixels."""


class PredictWeights(Model):
    """How often each task of predict is chosen."""

    health: Weight
    predict: Weight
    image: Weight
    large: Weight

    @model_validator(mode="after")
    def _any(self) -> Self:
        if not sum(self.model_dump().values()):
            raise ValueError("expected at least one weight above 0")
        return self


SizeName = Literal["small", "medium", "large", "xlarge"]


class Pictures(Model):
    """The pool of pictures that uploads are made of."""

    count: int = Field(default=8, ge=1, le=10_000)
    quality: int = Field(default=85, ge=1, le=100)
    folder: str | None = None


class PredictMix(Model):
    """Weights, wait time and pictures of predict."""

    weights: PredictWeights
    wait: Literal["original"] | WaitTime
    image_sizes: dict[SizeName, ImageSize]
    sizes: dict[Literal["predict", "image", "large"], SizeName]
    pictures: Pictures = Pictures()

    @property
    def seconds(self) -> Interval:
        """The wait time; `original` is the 1 to 3 seconds of the original tester."""
        return Interval(low=1.0, high=3.0) if self.wait == "original" else self.wait

    def size_of(self, task: Literal["predict", "image", "large"]) -> tuple[int, int]:
        """Width and height of the pictures that a task uploads."""
        return self.image_sizes[self.sizes[task]]

    @model_validator(mode="after")
    def _sizes_exist(self) -> Self:
        for task in ("predict", "image", "large"):
            name = self.sizes.get(task)
            if name is None or name not in self.image_sizes:
                raise ValueError(
                    f"sizes.{task}: expected one of {', '.join(self.image_sizes)}, got {name!r}"
                )
        return self
