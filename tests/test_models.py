"""The shapes of declarative input: what they refuse, on which line, and what they make of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from gauntlet.curves import Phase
from gauntlet.documents import read, validate
from gauntlet.errors import UsageError
from gauntlet.mixes import PredictMix
from gauntlet.models import Environment, Interval, Model, Profile

PROFILE = """\
description: d
users: 10
spawn_rate: 5
duration: 1m
phases:
  - {name: ramp, duration: 10s, users: 10}
  - {name: steady, duration: 50s, users: 10}
thresholds:
  - p95 <= 2s
"""
ENVIRONMENT = """\
description: d
protected: false
targets:
  predict: http://localhost:8000
  others:
    one: http://localhost:1
    two: http://localhost:2
"""
MIX = """\
weights: {health: 10, predict: 60, image: 20, large: 10}
wait: 0.1s-0.5s
image_sizes:
  small: [640, 480]
  large: [1920, 1080]
sizes: {predict: small, image: small, large: large}
pictures: {count: 8, quality: 85, folder: null}
"""

Load = Callable[[type[Model], str], Model]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Read a model from text in a file called `f`."""

    def load(model: type[Model], text: str) -> Model:
        path = tmp_path / "f.yaml"
        path.write_text(text)
        return validate(model, read(path, "f"))

    return load


def mistakes(load: Load, model: type[Model], text: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load(model, text)
    return caught.value.mistakes


DURATION = 'expected a duration such as "30s" or "1m30s"'
WAIT = 'expected original or an interval such as "0.1s-0.5s"'
ADDRESS = 'expected embedded or an address such as "http://localhost:8000"'
SIZE = "expected width and height such as [640, 480]"
METRICS = "fail_ratio, rps, requests, failures, avg, min, max, pNN"


def test_the_examples_of_this_file_are_right(load: Load) -> None:
    assert load(Profile, PROFILE)
    assert load(Environment, ENVIRONMENT)
    assert load(PredictMix, MIX)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        pytest.param(
            "description: d",
            "description: ''",
            ["f:1: description: expected text of 1 or more characters, got ''"],
            id="an empty description",
        ),
        pytest.param(
            "description: d",
            "description: [d]",
            ["f:1: description: expected text, got a list"],
            id="a list as description",
        ),
        pytest.param(
            "users: 10\nsp",
            "users: ten\nsp",
            ["f:2: users: expected a whole number, got 'ten'"],
            id="users in words",
        ),
        pytest.param(
            "users: 10\nsp",
            "users: '10'\nsp",
            ["f:2: users: expected a whole number, got '10'"],
            id="users in quotes",
        ),
        pytest.param(
            "users: 10\nsp",
            "users: 10.0\nsp",
            ["f:2: users: expected a whole number, got 10.0"],
            id="users with a point",
        ),
        pytest.param(
            "users: 10\nsp",
            "users: true\nsp",
            ["f:2: users: expected a whole number, got true"],
            id="users as truth value",
        ),
        pytest.param(
            "users: 10\nsp",
            "users:\nsp",
            ["f:2: users: expected this key, got nothing"],
            id="users left empty",
        ),
        pytest.param(
            "users: 10\nsp",
            "users: 0\nsp",
            ["f:2: users: expected 1 or more, got 0"],
            id="no users",
        ),
        pytest.param(
            "users: 10\nsp",
            "users: 1000001\nsp",
            ["f:2: users: expected 1000000 or less, got 1000001"],
            id="over a million users",
        ),
        pytest.param(
            "users: 10\nsp",
            "users: 11\nsp",
            ["f:2: users: expected the peak of the phases, 10, got 11"],
            id="users that the phases do not reach",
        ),
        pytest.param(
            "users: 10\nsp",
            "user: 10\nsp",
            [
                "f:2: user: expected one of description, users, spawn_rate, arrivals, duration, "
                "phases, thresholds, lost_workers, iterations, arrivals_distribution, max_users, "
                "got 'user'; did you mean users?",
            ],
            id="a key misspelled",
        ),
        pytest.param(
            "spawn_rate: 5",
            "spawn_rate: 0",
            ["f:3: spawn_rate: expected more than 0, got 0"],
            id="no spawn rate",
        ),
        pytest.param(
            "spawn_rate: 5",
            "spawn_rate: -1.5",
            ["f:3: spawn_rate: expected more than 0, got -1.5"],
            id="a negative spawn rate",
        ),
        pytest.param(
            "spawn_rate: 5",
            "spawn_rate: 1e6",
            ["f:3: spawn_rate: expected 100000 or less, got 1000000.0"],
            id="a spawn rate too high",
        ),
        pytest.param(
            "spawn_rate: 5",
            "spawn_rate: true",
            ["f:3: spawn_rate: expected a number, got true"],
            id="a spawn rate as truth value",
        ),
        pytest.param(
            "spawn_rate: 5",
            "spawn_rate: 5/s",
            ["f:3: spawn_rate: expected a number, got '5/s'"],
            id="a spawn rate with a unit",
        ),
        pytest.param(
            "spawn_rate: 5",
            "spawn_rate: .inf",
            ["f:3: spawn_rate: expected a number, got '.inf'"],
            id="an infinite spawn rate",
        ),
        pytest.param(
            "duration: 1m",
            "duration: 60",
            [f"f:4: duration: {DURATION}, got 60"],
            id="a duration without unit",
        ),
        pytest.param(
            "duration: 1m",
            "duration: 1:00",
            [f"f:4: duration: {DURATION}, got '1:00'"],
            id="a duration as on a clock",
        ),
        pytest.param(
            "duration: 1m",
            "duration: 5 minutes",
            [f"f:4: duration: {DURATION}, got '5 minutes'"],
            id="a duration in words",
        ),
        pytest.param(
            "duration: 1m",
            "duration: 0s",
            ["f:4: duration: expected a duration above 0, got '0s'"],
            id="no duration",
        ),
        pytest.param(
            "duration: 1m",
            "duration: 59s",
            ["f:5: phases: expected durations that add up to 59s, got 1m"],
            id="durations that do not add up",
        ),
        pytest.param(
            "name: steady",
            "name: Steady State",
            [
                'f:7: phases[1].name: expected a lower-case name such as "steady-1", '
                "got 'Steady State'"
            ],
            id="a phase in capitals",
        ),
        pytest.param(
            "name: steady",
            "name: ramp",
            ["f:7: phases[1].name: expected a name of its own, got 'ramp' again"],
            id="two phases of one name",
        ),
        pytest.param(
            "duration: 50s, users: 10",
            "duration: 0s, users: 10",
            ["f:7: phases[1].duration: expected a duration above 0, got '0s'"],
            id="a phase of no duration",
        ),
        pytest.param(
            "duration: 50s, users: 10",
            "duration: 50s, users: -1, spawn_rate: 0",
            [
                "f:7: phases[1].users: expected 0 or more, got -1",
                "f:7: phases[1].spawn_rate: expected more than 0, got 0",
            ],
            id="two mistakes in one phase",
        ),
        pytest.param(
            "{name: steady, duration: 50s, users: 10}",
            "steady",
            ["f:7: phases[1]: expected a mapping, got 'steady'"],
            id="a phase that is only a name",
        ),
        pytest.param(
            "name: steady, dur",
            "nam: steady, dur",
            [
                "f:7: phases[1].name: expected this key, got nothing",
                "f:7: phases[1].nam: expected one of name, duration, users, spawn_rate, "
                "arrivals, ramp, got 'nam'; did you mean name?",
            ],
            id="a key of a phase misspelled",
        ),
        pytest.param(
            "  - p95 <= 2s",
            "  p95: 2s",
            ["f:8: thresholds: expected a list, got a mapping"],
            id="thresholds as a mapping",
        ),
        pytest.param(
            "  - p95 <= 2s",
            "  - p95 <= 2s\n  - p95 <= 2\n  - latency < 1s\n  - {p99: 5s}\n  -",
            [
                f"f:10: thresholds[1]: {DURATION}, got '2'",
                f"f:11: thresholds[2]: expected a metric ({METRICS}), got 'latency'",
                "f:12: thresholds[3]: expected a threshold such as 'p95(\"/predict*\") < 2s', "
                "got a mapping",
                "f:13: thresholds[4]: expected a threshold such as 'p95(\"/predict*\") < 2s', "
                "got nothing",
            ],
            id="several thresholds",
        ),
        pytest.param(
            "duration: 1m",
            "duration: 1m\nlost_workers: -1",
            ["f:5: lost_workers: expected 0 or more, got -1"],
            id="a negative number of lost workers",
        ),
        pytest.param(
            "duration: 1m\nphases:\n  - {name: ramp, duration: 10s, users: 10}\n"
            "  - {name: steady, duration: 50s, users: 10}\n",
            "duration: 1s\n",
            ["f:2: users: expected what the spawn rate reaches, 5, got 10"],
            id="a curve without phases that is too short",
        ),
        pytest.param(
            "duration: 1m\nphases:\n  - {name: ramp, duration: 10s, users: 10}\n",
            "duration: 2m\nphases:\n  - {name: steady, duration: 10s, users: 20}\n",
            [
                "f:5: phases: expected durations that add up to 2m, got 1m",
                "f:7: phases[1].name: expected a name of its own, got 'steady' again",
                "f:2: users: expected the peak of the phases, 20, got 10",
            ],
            id="several rules over the whole profile",
        ),
    ],
)
def test_a_wrong_profile_is_refused(load: Load, old: str, new: str, lines: list[str]) -> None:
    assert PROFILE.count(old) == 1
    assert mistakes(load, Profile, PROFILE.replace(old, new)) == lines


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        pytest.param(
            "protected: false",
            "protected: maybe",
            ["f:2: protected: expected true or false, got 'maybe'"],
            id="protected in words",
        ),
        pytest.param(
            "protected: false",
            "protected: yes",
            ["f:2: protected: expected true or false, got 'yes'"],
            id="protected with a yes",
        ),
        pytest.param(
            "protected: false",
            "protect: true",
            [
                "f:2: protect: expected one of description, protected, targets, target_metrics, "
                "got 'protect'; did you mean protected?"
            ],
            id="a key misspelled",
        ),
        pytest.param(
            "http://localhost:8000",
            "localhost:8000",
            [f"f:4: targets.predict: {ADDRESS}, got 'localhost:8000'"],
            id="an address without scheme",
        ),
        pytest.param(
            "http://localhost:8000",
            "http://",
            [f"f:4: targets.predict: {ADDRESS}, got 'http://'"],
            id="an address without host",
        ),
        pytest.param(
            "http://localhost:8000",
            "http://localhost:80000",
            [f"f:4: targets.predict: {ADDRESS}, got 'http://localhost:80000'"],
            id="an address with a port that is none",
        ),
        pytest.param(
            "http://localhost:8000",
            "'http://[::1'",
            [f"f:4: targets.predict: {ADDRESS}, got 'http://[::1'"],
            id="an address with half a bracket",
        ),
        pytest.param(
            "http://localhost:8000",
            "http://local host",
            [f"f:4: targets.predict: {ADDRESS}, got 'http://local host'"],
            id="an address with a blank",
        ),
        pytest.param(
            "http://localhost:8000",
            "embeded",
            [f"f:4: targets.predict: {ADDRESS}, got 'embeded'; did you mean embedded?"],
            id="embedded misspelled",
        ),
        pytest.param(
            "http://localhost:8000",
            "8000",
            ["f:4: targets.predict: expected text or a mapping, got 8000"],
            id="only a port",
        ),
        pytest.param(
            "predict: http://localhost:8000",
            "predict:",
            ["f:4: targets.predict: expected text or a mapping, got nothing"],
            id="no address",
        ),
        pytest.param(
            "http://localhost:8000",
            "[http://a, http://b]",
            ["f:4: targets.predict: expected text or a mapping, got a list"],
            id="a list of addresses",
        ),
        pytest.param(
            "one: http://localhost:1",
            "one: localhost",
            [f"f:6: targets.others.one: {ADDRESS}, got 'localhost'"],
            id="one of several addresses",
        ),
        pytest.param(
            "one: http://localhost:1",
            "one: {host: localhost}",
            ["f:6: targets.others.one: expected text, got a mapping"],
            id="several addresses in several",
        ),
    ],
)
def test_a_wrong_environment_is_refused(load: Load, old: str, new: str, lines: list[str]) -> None:
    assert ENVIRONMENT.count(old) == 1
    assert mistakes(load, Environment, ENVIRONMENT.replace(old, new)) == lines


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        pytest.param(
            "health: 10",
            "health: -1",
            ["f:1: weights.health: expected 0 or more, got -1"],
            id="a negative weight",
        ),
        pytest.param(
            "health: 10",
            "health: 10%",
            ["f:1: weights.health: expected a whole number, got '10%'"],
            id="a weight in percent",
        ),
        pytest.param(
            "health: 10, ",
            "",
            ["f:1: weights.health: expected this key, got nothing"],
            id="no weight",
        ),
        pytest.param(
            "{health: 10, predict: 60, image: 20, large: 10}",
            "{health: 0, predict: 0, image: 0, large: 0}",
            ["f:1: weights: expected a weight above 0, got 0 for all"],
            id="all weights zero",
        ),
        pytest.param(
            "0.1s-0.5s", "0.5s-0.1s", [f"f:2: wait: {WAIT}, got '0.5s-0.1s'"], id="a wait backwards"
        ),
        pytest.param("0.1s-0.5s", "0.5", [f"f:2: wait: {WAIT}, got 0.5"], id="a wait of no unit"),
        pytest.param(
            "0.1s-0.5s",
            "orginal",
            [f"f:2: wait: {WAIT}, got 'orginal'; did you mean original?"],
            id="original misspelled",
        ),
        pytest.param(
            "0.1s-0.5s",
            "{low: 0.1, high: 0.5}",
            [f"f:2: wait: {WAIT}, got a mapping"],
            id="a wait as a mapping",
        ),
        pytest.param(
            "[640, 480]",
            "640x480",
            [f"f:4: image_sizes.small: {SIZE}, got '640x480'"],
            id="a size in words",
        ),
        pytest.param(
            "[640, 480]",
            "[640]",
            [f"f:4: image_sizes.small: {SIZE}, got a list of 1"],
            id="a size of one side",
        ),
        pytest.param(
            "[640, 480]",
            "[640, 480, 3]",
            [f"f:4: image_sizes.small: {SIZE}, got a list of 3"],
            id="a size of three sides",
        ),
        pytest.param(
            "[640, 480]",
            "[0, 65536]",
            [
                "f:4: image_sizes.small[0]: expected 1 or more, got 0",
                "f:4: image_sizes.small[1]: expected 65535 or less, got 65536",
            ],
            id="sides beyond what JPEG holds",
        ),
        pytest.param(
            "  small: [640",
            "  smal: [640",
            [
                "f:4: image_sizes.smal: expected one of small, medium, large, xlarge, got 'smal'; "
                "did you mean small?"
            ],
            id="an unknown size",
        ),
        pytest.param(
            "predict: small,",
            "predict: xlarge,",
            ["f:6: sizes.predict: expected one of small, large, got 'xlarge'"],
            id="a size that is not given",
        ),
        pytest.param(
            "{predict: small, image: small, large: large}",
            "{predict: xlarge}",
            [
                "f:6: sizes.predict: expected one of small, large, got 'xlarge'",
                "f:6: sizes.image: expected one of small, large, got nothing",
                "f:6: sizes.large: expected one of small, large, got nothing",
            ],
            id="sizes for some tasks only",
        ),
        pytest.param(
            "quality: 85",
            "quality: 101",
            ["f:7: pictures.quality: expected 100 or less, got 101"],
            id="a quality above all",
        ),
        pytest.param(
            "folder: null",
            "folder: 5",
            ["f:7: pictures.folder: expected text, got 5"],
            id="a number as folder",
        ),
    ],
)
def test_a_wrong_mix_is_refused(load: Load, old: str, new: str, lines: list[str]) -> None:
    assert MIX.count(old) == 1
    assert mistakes(load, PredictMix, MIX.replace(old, new)) == lines


# -- what the models make of it ------------------------------------------------------------------


def made(load: Load, text: str) -> Profile:
    profile = load(Profile, text)
    assert isinstance(profile, Profile)
    return profile


def test_a_phase_without_a_rate_takes_the_profiles(load: Load) -> None:
    profile = made(load, PROFILE.replace("50s, users: 10", "50s, users: 5, spawn_rate: 0.5"))
    assert profile.curve == (Phase("ramp", 10.0, 10, 5.0), Phase("steady", 50.0, 5, 0.5))


def test_a_profile_without_phases_ramps_and_holds(load: Load) -> None:
    profile = made(load, "description: d\nusers: 10\nspawn_rate: 5\nduration: 1m\n")
    assert profile.curve == (Phase("load", 60.0, 10, 5.0),)
    assert (profile.thresholds, profile.lost_workers) == ((), 0)


def test_a_profile_says_the_same_after_it_was_written(load: Load) -> None:
    profile = made(load, PROFILE)
    written = profile.model_dump(mode="json")
    assert written["duration"] == "1m"
    assert written["thresholds"] == ["p95 <= 2s"]
    assert Profile.model_validate(written) == profile


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        pytest.param("0.1s-0.5s", Interval(low=0.1, high=0.5), id="an interval"),
        pytest.param("2s", Interval(low=2.0, high=2.0), id="always the same"),
        pytest.param("0s", Interval(low=0.0, high=0.0), id="no wait"),
        pytest.param("original", Interval(low=1.0, high=3.0), id="as the original tester"),
    ],
)
def test_a_mix_says_the_same_after_a_way_to_the_workers(
    load: Load, wait: str, seconds: Interval
) -> None:
    mix = load(PredictMix, MIX.replace("0.1s-0.5s", wait))
    assert isinstance(mix, PredictMix)
    arrived = PredictMix.model_validate(mix.model_dump(mode="json"), strict=False)
    assert arrived == mix
    assert arrived.seconds == seconds


def test_a_mix_knows_the_size_of_each_tasks_pictures(load: Load) -> None:
    mix = load(PredictMix, MIX)
    assert isinstance(mix, PredictMix)
    sizes = {task: mix.size_of(task) for task in ("predict", "image", "large")}
    assert sizes == {"predict": (640, 480), "image": (640, 480), "large": (1920, 1080)}


def test_an_environment_lists_every_address_but_the_embedded(load: Load) -> None:
    text = ENVIRONMENT + "  third: embedded\n"
    environment = load(Environment, text)
    assert isinstance(environment, Environment)
    assert environment.addresses() == [
        "http://localhost:8000",
        "http://localhost:1",
        "http://localhost:2",
    ]


def test_what_is_read_is_not_changed(load: Load) -> None:
    profile = made(load, PROFILE)
    with pytest.raises(ValidationError):
        profile.users = 11
