"""How the nodes of the image cloud behave; every value is given by the command line."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gauntlet.targets.faults import Seconds, Share


class NodeFaults(BaseModel):
    """What is to go wrong; the default is nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lost_requests: Share = 0.0
    """Of the datagrams that clients send."""
    lost_answers: Share = 0.0
    """Of the datagrams that go to clients, those that are sent again included."""
    reordered: Share = 0.0
    """Of the datagrams that go to clients: they change places with the next one."""
    duplicated: Share = 0.0
    silent: Share = 0.0
    """Of the requests: they are never answered."""
    late_failure_s: Seconds = 0.0
    late_failure_share: Share = 0.0
    """Of the requests: another answer, a failure, comes so much later from another port."""
    other_port: Share = 0.0
    """Of the answers: they come from a port of their own, and no piece can be had again."""
    wrong_pixels: Share = 0.0
    wrong_metadata: Share = 0.0
    bare: bool = False
    """Answers to DecryptionRequest are one bare datagram, which a large one does not fit into."""
    split_brain: bool = False
    """Each node takes the next one for the coordinator."""
    original_delays: bool = False
    """500 ms and 1 ms for each 100 bytes to encrypt, 200 ms to decrypt."""
    nodes: tuple[int, ...] = ()
    """The nodes that all this is about; none means all."""


class NodeSettings(BaseModel):
    """How a node behaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pacing_s: Seconds = 0.010
    """Between two datagrams of an answer."""
    relay_pacing_s: Seconds = 0.002
    """The same between nodes, and of pieces that are sent again."""
    relay_timeout_s: Seconds = 30.0
    """How long a node waits for another one."""
    election_s: Annotated[float, Field(gt=0)] = 15.0
    """Between two elections."""
    heartbeat_s: Annotated[float, Field(gt=0)] = 0.5
    peer_timeout_s: Annotated[float, Field(gt=0)] = 3.0
    """A node that is silent for so long has failed."""
    longest: Annotated[int, Field(gt=0)] = 64 << 20
    """Bytes of a message that is put together; of all that are on their way, twice as much."""
    cache_limit: Annotated[int, Field(ge=0)] = 256 << 20
    """Bytes of answers that are kept so that their pieces can be sent again."""
    cache_age_s: Seconds = 60.0
    seed: int = 0
    faults: NodeFaults = NodeFaults()
