"""What a proof does to each reference target, and which thresholds that must break.

A fault is of a strength that stands here, whatever a profile's limits are: a limit loosened beyond
it stays green, and that is what a proof is for. Delays are those that the shipped limits forbid,
shares of wrong answers what a few dozen requests cannot miss.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from gauntlet.thresholds import Kind, Threshold


class Reddens(NamedTuple):
    """Thresholds that a fault must break: of a kind, with a glob that this pattern matches.

    A threshold without a glob is about the whole run: its glob counts as empty.
    """

    kind: Kind
    about: str = "*"

    def names(self, rule: Threshold) -> bool:
        """Whether the rule is one of them; one about a recovery is what it asks for again."""
        judged = rule.inner or rule
        return judged.kind == self.kind and fnmatchcase(judged.glob or "", self.about)


@dataclass(frozen=True)
class Fault:
    """One way in which a target misbehaves."""

    name: str
    target: tuple[str, ...]
    """Options of the reference target."""
    reddens: tuple[Reddens, ...]
    run: tuple[str, ...] = ()
    """Options of the run, such as the tags of the tasks that it strikes."""
    lasts: float = 0.0
    """Seconds that a task takes under it: the slowest go first."""

    def must_redden(self, rule: Threshold) -> bool:
        """Whether the rule must break under it."""
        return any(one.names(rule) for one in self.reddens)


@dataclass(frozen=True)
class Proof:
    """How the thresholds of one system are proved; each run asks for `seconds` of load."""

    faults: tuple[Fault, ...]
    seconds: float = 3.0
    run: tuple[str, ...] = ()
    """Options of every run: the tasks that the thresholds are about."""


TIME, RATE, RATIO = Reddens("time"), Reddens("rate"), Reddens("ratio")

PROOFS = {
    "predict": Proof(
        (
            Fault("slow", ("--fault-delay", "6s"), (TIME, RATE), lasts=6),
            Fault("errors", ("--fault-5xx", "30%"), (RATIO,)),
            Fault("wrong", ("--fault-corrupt", "30%"), (RATIO,)),
        )
    ),
    "walrus": Proof(
        (
            Fault("slow stores", ("--store-time", "11s"), (Reddens("time", "PUT*"),), lasts=11),
            Fault(
                "slow reads",
                ("--read-time", "3s"),
                (Reddens("time", "*first"), Reddens("time", "*cached")),
                lasts=6,
            ),
            Fault("errors", ("--fault-internal", "30%"), (RATIO,)),
            Fault("wrong", ("--fault-corrupt", "30%"), (RATIO,)),
        )
    ),
    "chater": Proof(
        (
            Fault("slow", ("--fault-delay", "6s"), (TIME, RATE), lasts=50),
            Fault("errors", ("--fault-5xx", "40%"), (RATIO,)),
            Fault("wrong", ("--fault-corrupt", "40%"), (RATIO,)),
        ),
        seconds=6.0,
        run=("--tags", "full_flow"),
    ),
    "image_cloud": Proof(
        (
            # Pieces that are lost are asked for again and again: that takes longest.
            Fault("loss", ("--fault-lose-answers", "60%"), (TIME, RATIO), lasts=60),
            Fault(
                "silence",
                ("--fault-silence", "100%", "--fault-nodes", "2,3"),
                (RATIO,),
                lasts=17,
            ),
        ),
        seconds=5.0,
    ),
    "file_server": Proof(
        (
            Fault(
                "slow lists",
                ("--fault-slow", "3s"),
                (Reddens("time", "LIST*"),),
                ("--tags", "list"),
                lasts=3,
            ),
            Fault(
                "slow reads",
                ("--fault-slow", "31s"),
                (Reddens("time", "GET*"),),
                ("--tags", "get"),
                lasts=31,
            ),
            Fault(
                "slow writes",
                ("--fault-slow", "31s"),
                (Reddens("time", "UPLOAD*"),),
                ("--tags", "upload"),
                lasts=31,
            ),
            Fault("errors", ("--fault-error", "30%"), (RATIO,)),
            Fault("wrong", ("--fault-corrupt", "30%"), (RATIO,)),
        ),
        seconds=6.0,
    ),
}
