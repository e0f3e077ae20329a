"""What the users of the image cloud do."""

from typing import Annotated, Literal

from pydantic import Field

from gauntlet.models import Duration, Interval, Model, WaitTime, Weight, Weights
from gauntlet.wire.cloud import LARGEST_QUOTA
from gauntlet.wire.verify import TOLERANCE

Side = Annotated[int, Field(ge=1, le=8192)]
Share = Annotated[float, Field(ge=0, le=1)]


class ImageCloudWeights(Weights):
    """How often each task of the image cloud is chosen."""

    encrypt: Weight
    decrypt: Weight = 0


class CloudPictures(Model):
    """What is uploaded."""

    width: Side = 1280
    height: Side = 720
    quality: int = Field(default=85, ge=1, le=100)
    format: Literal["JPEG", "PNG"] = "JPEG"
    count: int = Field(default=8, ge=1, le=1000)
    """Pictures with pixels of their own; what makes each upload unique is a comment in it."""


class Encryption(Model):
    """What the servers are asked to write into each picture."""

    usernames: Annotated[tuple[str, ...], Field(strict=False)] = ("alice", "bob", "charlie")
    quota: int = Field(default=5, ge=0, le=LARGEST_QUOTA)


class Answering(Model):
    """How long users wait for an answer, and what they do about one that stays away."""

    first_byte: Duration = 5.0
    """For the first piece of an answer."""
    idle: Duration = 5.0
    """Between two pieces; then those that lack are asked for again."""
    total: Duration = 30.0
    attempts: int = Field(default=3, ge=1, le=100)
    pause: Duration = 1.0
    """Between two attempts."""


class Sending(Model):
    """How datagrams leave."""

    pacing: Literal["none"] | Duration = 0.002
    """Between two datagrams of a request."""
    receive_buffer: int = Field(default=8 << 20, ge=4096, le=1 << 30)
    """Bytes that the kernel is asked for."""

    @property
    def pacing_s(self) -> float:
        """Seconds."""
        return 0.0 if self.pacing == "none" else self.pacing


class Verifying(Model):
    """Which answers are looked into while the load runs, and how closely."""

    share: Share = 0.1
    tolerance: int = Field(default=TOLERANCE, ge=0, le=255)
    """Levels by which two decoders of JPEG may differ; of lossless pictures none."""


class Output(Model):
    """Files of single pictures."""

    folder: str = "output"
    test_images: str | None = None
    """Folders of their own; by default below `folder`."""
    encrypted: str | None = None
    decrypted: str | None = None
    metrics: str | None = None
    save_test_images: bool = False
    save_encrypted_images: bool = False
    save_decrypted_images: bool = False
    keep: bool = False
    """Keep what a verification after the run needs, whatever the three say."""

    def place(self, name: Literal["test_images", "encrypted", "decrypted", "metrics"]) -> str:
        """The folder of that name."""
        own: str | None = getattr(self, name)
        return own or f"{self.folder}/{name}"

    @property
    def any(self) -> bool:
        """Whether files of single pictures are written."""
        return self.keep or self.save_test_images or self.save_encrypted_images


class Logical(Model):
    """The processes of the original tester: labels of pictures, dealt out by iteration."""

    count: int = Field(default=0, ge=0, le=1_000_000)
    """0: each user is one."""
    images: int = Field(default=0, ge=0, le=1_000_000_000)
    """Of each process."""
    only: int | None = Field(default=None, ge=1)
    """The one that runs; by default all do."""


class ImageCloudMix(Model):
    """Weights, wait time, pictures and manners of the image cloud."""

    weights: ImageCloudWeights
    wait: Literal["original"] | WaitTime
    pictures: CloudPictures = CloudPictures()
    encryption: Encryption = Encryption()
    answers: Answering = Answering()
    sending: Sending = Sending()
    verify: Verifying = Verifying()
    output: Output = Output()
    processes: Logical = Logical()

    @property
    def seconds(self) -> Interval:
        """The wait time; the original tester had none."""
        return Interval(low=0.0, high=0.0) if self.wait == "original" else self.wait
