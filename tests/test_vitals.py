"""What spoils a measurement from within: saturation, clocks that were set, users off the curve."""

from collections.abc import Callable

import pytest
from locust import User
from locust.env import Environment

from gauntlet.causes import Cause
from gauntlet.curves import Phase
from gauntlet.pulse import Clocks, Pulse
from gauntlet.vitals import Following, Process, Vitals


class Nobody(User):
    """A user class, because Locust wants one."""

    abstract = True


HOT = (
    "worker 1 was over 90% of a core for 10s in a row, and its times are too long; "
    "use more workers or fewer users"
)


@pytest.mark.parametrize(
    ("shares", "findings"),
    [
        pytest.param([95.0] * 10, [HOT], id="ten seconds"),
        pytest.param([95.0] * 9, [], id="nine seconds"),
        pytest.param([90.0] * 60, [], id="at the limit"),
        pytest.param([*[95.0] * 9, 20.0, *[95.0] * 9], [], id="not in a row"),
        pytest.param([*[95.0] * 10, 20.0], [HOT], id="over by the end"),
    ],
)
def test_a_process_is_saturated_after_ten_seconds_in_a_row(
    shares: list[float], findings: list[str]
) -> None:
    vitals = Vitals({"worker 0": Process()})
    vitals.of("worker 0").add(1.0, 30.0)
    for share in shares:
        vitals.of("worker 1").add(1.0, share)
    assert [one.text for one in vitals.findings()] == findings
    assert vitals.most == max(shares)


def test_a_sample_that_came_late_counts_for_its_time() -> None:
    """A loop that was blocked for ten seconds takes one sample of them."""
    process = Process()
    process.add(10.5, 99.0)
    assert Vitals({"worker 1": process}).latest == 99.0
    assert len([*Vitals({"worker 1": process}).findings()]) == 1


@pytest.mark.parametrize(("drift", "findings"), [(1.0, 0), (1.1, 1)])
def test_a_clock_that_was_set_is_named(drift: float, findings: int) -> None:
    found = [*Vitals({"worker 3": Process(drift=drift)}).findings()]
    assert len(found) == findings
    assert all(one.text.startswith("the clock of worker 3 was set by 1.1s") for one in found)
    assert all(one.cause is Cause.CLOCK_SET for one in found)


class Hands:
    """Clocks that go as a test says."""

    def __init__(self) -> None:
        self.wall, self.steady, self.cpu = 1000.0, 50.0, 5.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.steady, lambda: self.cpu)

    def go(self, seconds: float, share: float, wall: float = 0.0) -> None:
        """Let time go by; the wall clock is set by `wall` on the way."""
        self.steady += seconds
        self.cpu += seconds * share / 100
        self.wall += seconds + wall


def test_a_process_samples_its_core_and_its_clocks() -> None:
    environment, hands = Environment(user_classes=[Nobody]), Hands()
    runner = environment.create_local_runner()
    pulse = Pulse(environment, hands.clocks)
    hands.go(1.0, 100.0)
    pulse.sample()
    assert pulse.vitals.latest is None, "there are no users yet"
    runner.user_greenlets.spawn(lambda: None)
    hands.go(1.0, 40.0)
    pulse.sample()
    hands.go(1.0, 80.0, wall=-2.5)
    pulse.sample()
    vitals = pulse.vitals
    assert (vitals.latest, vitals.average, vitals.most) == pytest.approx((80.0, 60.0, 80.0))
    assert vitals.drift == pytest.approx(2.5)
    assert [one.text.split(" was ")[0] for one in vitals.findings()] == [
        "the clock of the load generator"
    ]
    pulse.clear()
    assert pulse.vitals.drift == 0.0


# -- the curve -----------------------------------------------------------------------------------

CURVE = [
    Phase("ramp", 10.0, 100, 10.0),
    Phase("steady", 60.0, 100, 10.0),
    Phase("fade", 9.0, 1, 99.0),
]


def findings(users: dict[int, int], lag: int = 0) -> list[str]:
    """What is said of users that follow with a lag, but for these seconds."""
    following = Following(CURVE)
    for t in range(79):
        wanted = following.wanted(max(t - lag, 0))
        following.note(float(t), users.get(t, round(wanted or 0)))
    return [one.text for one in following.findings()]


@pytest.mark.parametrize(
    ("users", "found"),
    [
        pytest.param({}, False, id="on the curve"),
        pytest.param(dict.fromkeys(range(20, 60), 95), False, id="within five percent"),
        pytest.param(dict.fromkeys(range(20, 60), 94), True, id="beyond five percent"),
        pytest.param(dict.fromkeys(range(20, 60), 106), True, id="too many"),
        pytest.param(dict.fromkeys(range(20, 31), 50), False, id="for ten seconds"),
        pytest.param(dict.fromkeys(range(20, 32), 50), True, id="for more than ten seconds"),
        pytest.param({20: 0, 30: 0, 40: 0, 50: 0}, False, id="now and then"),
        pytest.param(dict.fromkeys(range(79), 0), True, id="users that never came"),
    ],
)
def test_users_off_the_curve_for_more_than_ten_seconds_are_told(
    users: dict[int, int], found: bool
) -> None:
    assert bool(findings(users)) is found


def test_users_that_come_a_few_seconds_late_follow_the_curve() -> None:
    assert findings({}, lag=5) == []


def test_users_who_finish_what_they_do_may_be_too_many_for_as_long_as_they_are_given() -> None:
    curve = [Phase("burst", 20.0, 100, 100.0), Phase("after", 80.0, 10, 100.0)]
    for overhang, patience, found in ((40, 30.0, False), (60, 30.0, True), (40, 0.0, True)):
        following = Following(curve, patience)
        for t in range(100):
            following.note(float(t), 100 if t < 20 + overhang else 10)
        assert bool([*following.findings()]) is found, (overhang, patience)


def test_where_users_were_off_is_told() -> None:
    assert findings(dict.fromkeys(range(25, 41), 80)) == [
        "users were off the curve for 15s from 25s on: 80 where 100 were wanted; "
        "use more workers, and look for users that end by themselves"
    ]


@pytest.mark.parametrize(
    ("users", "found"),
    [
        pytest.param(lambda t: min(10 * t, 50) if t < 30 else 60, False, id="as Locust was told"),
        pytest.param(lambda t: min(5 * t, 50) if t < 30 else 60, False, id="a little late"),
        pytest.param(lambda t: min(2 * t, 50) if t < 30 else 60, True, id="a ramp far too slow"),
        pytest.param(lambda t: min(10 * t, 50), True, id="ten that somebody added never came"),
    ],
)
def test_without_a_profile_the_curve_is_the_ramp_of_locust(
    users: Callable[[int], int], found: bool
) -> None:
    following = Following([])
    for t in range(60):
        following.steer(float(t), 50 if t < 30 else 60, 10.0)
        following.note(float(t), users(t))
    assert bool([*following.findings()]) is found
    assert following.wanted(30.0) is None  # a curve that the record tells is a profile's


def test_without_a_profile_and_a_ramp_there_is_no_curve() -> None:
    following = Following([])
    following.note(5.0, 3)
    assert (following.wanted(5.0), [*following.findings()]) == (None, [])
