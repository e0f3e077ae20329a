"""The suite's curves as classes, for locustfiles that fix theirs in code.

    from shapes.profiles import SpikeShape

    class Friday(SpikeShape):
        pass

Locust then always runs that curve. `--load-profile NAME` needs none of these: it chooses a
profile at start. A subclass may name another profile: `profile = "stress"`.
"""

from gauntlet.shape import ProfileShape


class SmokeShape(ProfileShape):
    """A few users for seconds: does it answer at all?"""

    abstract = True
    profile = "smoke"


class RampShape(ProfileShape):
    """Up to a level and hold it: `quick`, `standard`, `load`; `stress` climbs in steps."""

    abstract = True
    profile = "load"


class SpikeShape(ProfileShape):
    """A sudden crowd, and what is left after it."""

    abstract = True
    profile = "spike"


class EnduranceShape(ProfileShape):
    """A level held for long: leaks and slow decay."""

    abstract = True
    profile = "endurance"
