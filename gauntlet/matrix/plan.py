"""Which cells a matrix has and which of them are still to do: pure.

The order is mode, operation, volume, client pool, server pool, the last one the fastest.
"""

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator

from gauntlet.models import Duration, Model
from gauntlet.text import shown

Mode = Literal["thread", "process"]
Operation = Literal["upload", "download", "list"]
Whole = Annotated[int, Field(ge=1, le=100_000)]
Pool = Annotated[int, Field(ge=1, le=1000)]


class Axes(Model):
    """The dimensions of the matrix."""

    modes: Annotated[tuple[Mode, ...], Field(strict=False)]
    operations: Annotated[tuple[Operation, ...], Field(strict=False)]
    volumes: Annotated[tuple[Whole, ...], Field(strict=False)]
    client_pools: Annotated[tuple[Pool, ...], Field(strict=False)]
    server_pools: Annotated[tuple[Pool, ...], Field(strict=False)]
    cell_limit: Duration = 300.0

    @field_validator("modes", "operations", "volumes", "client_pools", "server_pools")
    @classmethod
    def _once(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        if not values:
            raise ValueError("expected at least one value, got none")
        if len(set(values)) < len(values):
            raise ValueError(f"expected each value once, got {', '.join(map(str, values))}")
        return values


class Cell(NamedTuple):
    """One combination; `server_pool` is None against a server that somebody else runs."""

    mode: Mode
    operation: Operation
    volume: int
    client_pool: int
    server_pool: int | None

    @property
    def label(self) -> str:
        """As the progress tells it."""
        pool = "" if self.server_pool is None else f", server pool {self.server_pool}"
        return f"{self.mode} {self.operation} {self.volume}MB, {self.client_pool} clients{pool}"

    @property
    def weight(self) -> float:
        """About how long it takes, next to others: a start, and what has to move."""
        moved = 0 if self.operation == "list" else self.volume * self.client_pool
        return 200.0 + moved


def cells(axes: Axes, foreign: bool = False) -> list[Cell]:
    """Every cell in order; without the server's pools where the server is somebody else's."""
    pools: Sequence[int | None] = (None,) if foreign else axes.server_pools
    return [
        Cell(*values)
        for values in product(axes.modes, axes.operations, axes.volumes, axes.client_pools, pools)
    ]


def remaining(planned: Sequence[Cell], done: Sequence[Cell]) -> list[Cell]:
    """What is still to do; ValueError where the rows are not the beginning of this plan."""
    for number, (wanted, found) in enumerate(zip(planned, done, strict=False), start=1):
        if wanted != found:
            raise ValueError(
                f"expected row {number} to be {wanted.label!r}, got {found.label!r}: "
                "resume with the options that the file was begun with"
            )
    if len(done) > len(planned):
        raise ValueError(f"expected at most {len(planned)} rows, got {len(done)}")
    return list(planned[len(done) :])


def parse_list(text: str) -> list[str]:
    """The values between commas; ValueError where there is none."""
    values = [part.strip() for part in text.split(",") if part.strip()]
    if not values:
        raise ValueError(f"expected values between commas, got {shown(text)}")
    return values
