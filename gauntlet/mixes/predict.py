"""What the users of predict do."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gauntlet.models import Interval, Model, WaitTime, Weight, Weights, refuse
from gauntlet.text import shown

Side = Annotated[int, Field(ge=1, le=65_535)]


def _two(value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2:
        got = f"a list of {len(value)}" if isinstance(value, list | tuple) else shown(value)
        raise ValueError(f"expected width and height such as [640, 480], got {got}")
    return value


ImageSize = Annotated[tuple[Side, Side], Field(strict=False), BeforeValidator(_two)]
"""Width and height in pixels."""


class PredictWeights(Weights):
    """How often each task of predict is chosen."""

    health: Weight
    predict: Weight
    image: Weight
    large: Weight


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
        known = ", ".join(self.image_sizes) or "the image_sizes"
        chosen = {task: self.sizes.get(task) for task in ("predict", "image", "large")}
        refuse(
            [
                f"sizes.{task}: expected one of {known}, got {shown(name)}"
                for task, name in chosen.items()
                if name not in self.image_sizes
            ]
        )
        return self
