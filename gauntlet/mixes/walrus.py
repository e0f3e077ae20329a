"""What the users of walrus do."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gauntlet.models import Duration, Interval, Model, WaitTime, Weight, Weights

Share = Annotated[float, Field(ge=0, le=1)]
Kilobytes = Annotated[int, Field(ge=1, le=14_257_356)]
"""KiB; the most is what the protocol can encode."""


class WalrusWeights(Weights):
    """How often each task of walrus is chosen."""

    roundtrip: Weight
    upload: Weight = 0
    download: Weight = 0
    head: Weight = 0
    by_object: Weight = 0
    range: Weight = 0
    byte_range: Weight = 0
    quilt: Weight = 0


class Blobs(Model):
    """What is uploaded; sizes in kB of 1024 bytes, uniform between the two."""

    smallest: Kilobytes = 90
    largest: Kilobytes = 100
    text_share: Share = 0.5
    """Of UTF-8 text; the others are random bytes."""
    reupload_share: Share = 0.0
    """Of uploads that repeat the content of an earlier one."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.smallest > self.largest:
            raise ValueError(
                f"smallest: expected at most the largest, {self.largest}, got {self.smallest}"
            )
        return self


class Storing(Model):
    """How the publisher is asked to store; what is null is not said in the request."""

    epochs: Annotated[int, Field(ge=1, le=53)] | None = None
    kind: Literal["deletable", "permanent"] | None = None


class Quilts(Model):
    """Several files that are stored as one, and how one of them is read back."""

    files: Annotated[int, Field(ge=1, le=666)] = 3
    read: Literal["patch", "name"] = "patch"


class Token(Model):
    """Tokens for a publisher that asks for them; their secret comes from the environment."""

    use: Literal["auto", "always", "never"] = "auto"
    """`auto`: where there is a secret."""
    algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    lifetime: Duration = 60.0
    """In whole seconds; less than one makes a token that has expired."""
    claims: Annotated[tuple[Literal["size", "epochs"], ...], Field(strict=False)] = ()


class Patience(Model):
    """How often and how long users try again."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """Of a request that is answered with 429 for too many, or with 503."""
    pause: Duration = 0.2
    """Before the second attempt; each further one waits twice as long."""
    longest_pause: Duration = 5.0
    visible_within: Duration = 30.0
    """How long after its upload a blob may be answered with 404."""
    visible_pause: Duration = 0.1
    """Between two reads of such a blob."""


class Waiting(Model):
    """Deadlines of a request."""

    first_byte: Duration = 60.0
    total: Duration = 300.0


class WalrusMix(Model):
    """Weights, wait time, blobs and manners of walrus."""

    weights: WalrusWeights
    wait: Literal["original"] | WaitTime
    blobs: Blobs = Blobs()
    store: Storing = Storing()
    longest_range: Kilobytes = 16
    """Of range and byte-range reads, in kB; the shortest is one byte."""
    quilts: Quilts = Quilts()
    token: Token = Token()
    patience: Patience = Patience()
    deadlines: Waiting = Waiting()
    export: bool = True
    """Whether the results of single blobs are written to a file."""

    @property
    def seconds(self) -> Interval:
        """The wait time; the original tester had none."""
        return Interval(low=0.0, high=0.0) if self.wait == "original" else self.wait
