"""How the Walrus target behaves; every value is given by the command line."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gauntlet.targets.faults import Seconds, Share

Bytes = Annotated[int, Field(ge=0)]


class TokenRules(BaseModel):
    """What the publisher wants of tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: bytes | None
    """Without one, signatures are not checked."""
    algorithm: str
    lifetime_s: Annotated[int, Field(ge=0)]
    """Exact seconds from `iat` to `exp`; 0: any."""
    verify_upload: bool
    """Whether the claims about the upload are compared with it."""


class WalrusSettings(BaseModel):
    """Everything but addresses and faults of the HTTP layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store_limit: Annotated[int, Field(gt=0)]
    blob_limit: Bytes
    quilt_limit: Bytes
    read_limit: Bytes
    """Longest blob the aggregator serves; 0: any."""
    epoch_s: Annotated[float, Field(gt=0)]
    store_time_s: Seconds
    read_time_s: Seconds
    first_read_s: Seconds
    stale_s: Seconds
    stale_share: Share
    cache_headers: bool
    forbidden: frozenset[str]
    attributes: tuple[tuple[str, str], ...]
    tag_headers: bool
    tokens: TokenRules | None
    overload_share: Share
    internal_share: Share
    unavailable_share: Share
    unconfirmed_share: Share
    short_share: Share
    shape_share: Share
    seed: int
