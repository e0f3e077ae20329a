"""A profile in less time is still the same profile."""

import pytest

from gauntlet import config, curves
from gauntlet.models import Profile
from gauntlet.scaling import scaled
from gauntlet.systems import SYSTEMS

EVERY = [
    pytest.param(system.name, name, id=f"{system.name} {name}")
    for system in SYSTEMS.values()
    for name in config.profile_names(system)
]


@pytest.mark.parametrize(("system", "name"), EVERY)
def test_the_users_at_a_tenth_of_the_time_are_those_of_the_whole(system: str, name: str) -> None:
    profile = config.load_profile(name, SYSTEMS[system])
    short = scaled(profile, 0.1)
    assert short.duration == pytest.approx(profile.duration / 10)
    assert curves.duration(short.curve) == pytest.approx(short.duration)
    for tenth in range(1, 10):
        at = profile.duration * tenth / 10 + 0.01
        assert curves.users_at(short.curve, at / 10) == curves.users_at(profile.curve, at)
    assert short.thresholds == profile.thresholds and short.users == profile.users
    Profile.model_validate(short.model_dump(), strict=False)  # still one that agrees with itself


def test_a_profile_that_ends_after_iterations_ends_after_fewer() -> None:
    heavy = config.load_profile("heavy", SYSTEMS["image_cloud"])
    assert (heavy.iterations, scaled(heavy, 0.01).iterations) == (1000, 10)


def test_a_scale_of_one_changes_nothing() -> None:
    profile = config.load_profile("smoke", SYSTEMS["predict"])
    assert scaled(profile, 1.0) is profile
