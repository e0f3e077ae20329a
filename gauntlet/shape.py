"""A profile's curve made Locust-shaped.

On a master Locust blocks the shape until a ramp is done, so a ramp given as one step would run
differently there. This shape gives the interpolated number of users at every tick, with a spawn
rate that reaches it at once: the same users over time in one process, with `--processes` and on
a master.
"""

from typing import ClassVar

from locust import LoadTestShape

from gauntlet import config, curves
from gauntlet.models import Profile
from gauntlet.scaling import scaled
from gauntlet.systems import System

Tick = tuple[int, float]


class ProfileShape(LoadTestShape):
    """Runs the profile that `profile` names; the suite sets `system` before the run."""

    abstract = True
    profile: ClassVar[str] = "smoke"

    def __init__(self) -> None:
        super().__init__()
        self.system: System | None = None
        self.scale = 1.0
        """Factor on the profile's durations."""
        self._plan: Profile | None = None
        self._last: Tick = (0, 1.0)
        self._held = False
        self._lead = 0.0

    @property
    def plan(self) -> Profile:
        """The profile, read when it is first asked for."""
        if self._plan is None:
            self._plan = scaled(config.load_profile(self.profile, self.system), self.scale)
        return self._plan

    def reset_time(self) -> None:
        """Begin again at the start of the curve, or a little before it."""
        super().reset_time()
        self.start_time += self._lead
        self._last = (0, 1.0)

    def hold(self) -> None:
        """Keep the clock at zero while the run is prepared."""
        self._held = True

    def release(self, lead: float = 0.0) -> None:
        """Start the clock; the curve begins after `lead` seconds."""
        self._held, self._lead = False, lead
        self.reset_time()

    def tick(self) -> Tick | None:
        """Users wanted now and the rate that reaches them within this tick; None at the end."""
        elapsed = 0.0 if self._held else self.get_run_time()
        stretch = curves.stretch_at(self.plan.curve, max(elapsed, 0.0))
        if stretch is None:
            return None
        users = round(stretch.users_at(max(elapsed, 0.0)))
        if stretch.arrivals is not None:
            users = max(users, self._fixed)
        if users != self._last[0]:
            self._last = (users, float(abs(users - self._last[0])))
        return self._last

    @property
    def _fixed(self) -> int:
        """Users of a fixed number: they have a pace of their own, in an open phase as well."""
        return sum(kind.fixed_count for kind in self.runner.user_classes) if self.runner else 0


def shape_for(profile: str, system: System | None, scale: float = 1.0) -> ProfileShape:
    """A concrete shape, named after its profile, as Locust's picker shows it."""
    kind = type(profile, (ProfileShape,), {"profile": profile, "__doc__": f"Profile {profile}."})
    shape: ProfileShape = kind()
    shape.system, shape.scale = system, scale
    return shape
