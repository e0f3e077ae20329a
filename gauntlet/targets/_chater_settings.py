"""How a Chater target behaves; every value is given by the command line."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gauntlet.targets.faults import Seconds, Share


class ChaterSettings(BaseModel):
    """What `gauntlet target chater` takes; see its help."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer_grid_s: Seconds
    """The waiting request looks for its answer at once and then this often; 0: told at once."""
    slots: Annotated[int, Field(ge=0)]
    """Requests that a process handles at a time; 0: any number."""
    work_time_s: Seconds
    photo_time_s: Seconds
    recommendation_time_s: Seconds
    timeout_scale: Annotated[float, Field(ge=0)]
    """Of the original's 20 to 90 seconds."""
    daily_limit: Annotated[int, Field(ge=0)]
    """Photos and recommendations per e-mail and UTC day; 0: any number."""
    exempt_email: str
    weight_layout: Literal["server", "readme"]
    unsigned_id_tokens: bool
    worker_error_share: Share
    worker_timeout_share: Share
    kafka_down_share: Share
    failed_share: Share
    empty_share: Share
    content_type_share: Share
    undone_share: Share
    lost_weight_share: Share
    totals_share: Share
    seed: int
