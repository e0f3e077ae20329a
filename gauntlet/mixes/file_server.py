"""What the users of the file server do."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gauntlet.models import Duration, Interval, Model, WaitTime, Weight, Weights
from gauntlet.text import shown

Megabytes = Annotated[int, Field(ge=1, le=100_000)]
"""MB of 1024 * 1024 bytes."""


class FileWeights(Weights):
    """How often each task of the file server is chosen."""

    list: Weight
    get: Weight
    upload: Weight


class FileDeadlines(Model):
    """How long an operation, or a part of it, may take."""

    connect: Duration = 10.0
    handshake: Duration = 60.0
    """Until the first answer begins: a full pool of workers lets it wait."""
    idle: Duration = 60.0
    total: Duration = 300.0


class FileServerMix(Model):
    """Weights, wait time, volumes and manners of the file server."""

    weights: FileWeights
    wait: Literal["original"] | WaitTime
    volumes: Annotated[tuple[Megabytes, ...], Field(strict=False)] = (10,)
    """Sizes of uploads and downloads, each as likely as the others."""
    read: Literal["served", "own"] = "served"
    """What is downloaded: `file_<V>mb.bin` of the server, or an own upload."""
    connection: Literal["operation", "kept"] = "operation"
    """One per operation, or kept by the user."""
    keep_uploads: bool = False
    deadlines: FileDeadlines = FileDeadlines()

    @field_validator("volumes")
    @classmethod
    def _once(cls, volumes: tuple[int, ...]) -> tuple[int, ...]:
        if not volumes:
            raise ValueError("expected at least one volume, got none")
        if len(set(volumes)) < len(volumes):
            raise ValueError(f"expected each volume once, got {shown(list(volumes))}")
        return volumes

    @property
    def seconds(self) -> Interval:
        """The wait time; the original tester had none."""
        return Interval(low=0.0, high=0.0) if self.wait == "original" else self.wait
