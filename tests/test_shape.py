"""The shape that Locust ticks: the curve's users, at a rate that reaches them at once."""

from pathlib import Path

import pytest
from locust import LoadTestShape

from gauntlet import config, curves
from gauntlet.errors import UsageError
from gauntlet.shape import ProfileShape, shape_for
from gauntlet.systems import SYSTEMS

PREDICT = SYSTEMS["predict"]


class Spike(ProfileShape):
    """A spike whose clock a test sets."""

    profile = "spike"
    now = 0.0

    def get_run_time(self) -> float:
        return self.now

    def at(self, now: float) -> tuple[int, float] | None:
        self.now = now
        return self.tick()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start in an empty folder, where only what is shipped is found."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("step", [1.0, 0.7, 3.0], ids=["each second", "faster", "with gaps"])
@pytest.mark.parametrize("profile", ["smoke", "quick", "spike", "stress"])
def test_every_tick_asks_for_the_curves_users(profile: str, step: float) -> None:
    shape = type("Timed", (Spike,), {"profile": profile})()
    curve = config.load_profile(profile, None).curve
    ticks = int(curves.duration(curve) / step)
    for tick in range(ticks):
        asked = shape.at(tick * step)
        assert asked is not None
        assert asked[0] == curves.users_at(curve, tick * step)


def test_the_rate_reaches_the_users_within_the_tick() -> None:
    shape = Spike()
    moments = (0, 0.1, 0.2, 1, 20, 20.5, 21, 22, 60, 60.5, 61, 119)
    assert [shape.at(now) for now in moments] == [
        (0, 1.0),
        (5, 5.0),
        (10, 5.0),
        (10, 5.0),  # nothing to do: the rate of the last move stands
        (10, 5.0),
        (35, 25.0),
        (60, 25.0),
        (100, 40.0),
        (100, 40.0),
        (75, 25.0),
        (50, 25.0),
        (10, 40.0),
    ]


@pytest.mark.parametrize("profile", ["smoke", "spike", "stress"])
def test_the_rate_is_never_zero_and_always_the_whole_difference(profile: str) -> None:
    shape = type("Timed", (Spike,), {"profile": profile})()
    before = 0
    for second in range(int(shape.plan.duration)):
        tick = shape.at(second)
        assert tick is not None
        users, rate = tick
        assert rate > 0
        if users != before:
            assert rate == abs(users - before)
        before = users


@pytest.mark.parametrize("now", [120.0, 120.001, 1e6])
def test_the_shape_ends_with_its_profile(now: float) -> None:
    shape = Spike()
    assert shape.at(119.999) is not None
    assert shape.at(now) is None


def test_while_it_is_held_the_clock_stands() -> None:
    shape = Spike()
    shape.hold()
    assert [shape.at(now) for now in (0, 10, 1000)] == [(0, 1.0)] * 3


def test_a_release_starts_the_clock_anew() -> None:
    shape = shape_for("spike", None)
    shape.start_time -= 1000
    assert shape.tick() is None
    shape.hold()
    assert shape.tick() == (0, 1.0)
    shape.release()
    assert shape.get_run_time() < 1
    tick = shape.tick()
    assert tick is not None and tick[0] <= 10


def test_a_second_run_begins_at_the_bottom() -> None:
    shape = Spike()
    assert shape.at(30) == (100, 100.0)
    shape.reset_time()
    assert shape.at(0) == (0, 1.0)
    assert shape.at(0.2) == (10, 10.0)


def test_a_shape_is_named_after_its_profile() -> None:
    shape = shape_for("smoke", PREDICT)
    assert isinstance(shape, LoadTestShape)
    assert type(shape).__name__ == "smoke"
    assert type(shape).__doc__ == "Profile smoke."
    assert not type(shape).abstract
    assert (shape.profile, shape.system) == ("smoke", PREDICT)


def test_a_shape_runs_its_systems_profile() -> None:
    assert len(shape_for("smoke", PREDICT).plan.thresholds) == 4
    assert shape_for("smoke", None).plan.thresholds == ()


def test_a_profile_is_read_when_it_is_asked_for_and_then_kept(tmp_path: Path) -> None:
    shape = shape_for("later", None)
    with pytest.raises(UsageError):
        _ = shape.plan
    file = tmp_path / "profiles" / "later.yaml"
    file.parent.mkdir()
    file.write_text("description: d\nusers: 1\nspawn_rate: 1\nduration: 10s\n")
    plan = shape.plan
    file.unlink()
    assert shape.plan is plan
    assert shape.tick() is not None
