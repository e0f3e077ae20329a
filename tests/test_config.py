"""Profiles, mixes and environments: what is shipped, how layers lie, and whose an address is."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gauntlet import config
from gauntlet.errors import UsageError
from gauntlet.mixes import PredictMix
from gauntlet.systems import SYSTEMS

PREDICT = SYSTEMS["predict"]
PROFILES = "smoke, quick, standard, endurance, load, spike, stress"
ENVIRONMENTS = "compose, embedded, k8s, local, production"
Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start in an empty folder, where only what is shipped is found."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of one's own into ./profiles."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "profiles" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def mistakes(call: Callable[[], object]) -> list[str]:
    with pytest.raises(UsageError) as caught:
        call()
    return caught.value.mistakes


# -- what is shipped -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "users", "spawn_rate", "seconds"),
    [
        ("smoke", 5, 1, 30),
        ("quick", 10, 2, 60),
        ("standard", 20, 5, 5 * 60),
        ("load", 50, 5, 10 * 60),
        ("spike", 100, 50, 2 * 60),
        ("endurance", 20, 2, 30 * 60),
        ("stress", 100, 10, 15 * 60),
    ],
)
def test_a_shipped_profile_has_these_numbers(
    name: str, users: int, spawn_rate: float, seconds: float
) -> None:
    profile = config.load_profile(name, PREDICT)
    assert (profile.users, profile.spawn_rate, profile.duration) == (users, spawn_rate, seconds)
    assert profile.lost_workers == 0


@pytest.mark.parametrize(
    ("name", "phases"),
    [
        ("smoke", [("ramp", 5, 5), ("steady", 25, 5)]),
        ("quick", [("ramp", 5, 10), ("steady", 55, 10)]),
        ("standard", [("ramp", 4, 20), ("steady", 296, 20)]),
        ("load", [("ramp", 10, 50), ("steady", 590, 50)]),
        ("spike", [("baseline", 20, 10), ("spike", 40, 100), ("recovery", 60, 10)]),
        ("endurance", [("ramp", 10, 20), ("steady", 1790, 20)]),
        (
            "stress",
            [("step-25", 180, 25), ("step-50", 180, 50), ("step-75", 180, 75)]
            + [("step-100", 360, 100)],
        ),
    ],
)
def test_a_shipped_profile_has_these_phases(
    name: str, phases: list[tuple[str, float, int]]
) -> None:
    profile = config.load_profile(name, PREDICT)
    assert [(phase.name, phase.duration, phase.users) for phase in profile.phases] == phases
    assert {phase.spawn_rate for phase in profile.phases} == {None}


def test_there_are_seven_profiles_from_the_smallest_load_to_the_largest() -> None:
    assert config.profile_names(PREDICT) == [
        *("smoke", "quick", "standard", "endurance", "load", "spike", "stress")
    ]
    assert config.profile_names(None) == config.profile_names(PREDICT)


@pytest.mark.parametrize(
    "name", ["smoke", "quick", "standard", "load", "spike", "endurance", "stress"]
)
def test_every_profile_of_predict_is_judged_by_the_same_four_limits(name: str) -> None:
    limits = ["fail_ratio <= 1%", "p95 <= 2s", "p99 <= 5s", "rps >= 10/s"]
    recovery = ['recovers("p95 <= 2s") < 30s'] if name == "spike" else []
    rules = config.load_profile(name, PREDICT).thresholds
    assert [rule.text for rule in rules] == limits + recovery
    assert config.load_profile(name, None).thresholds == ()


def test_the_mix_of_predict_has_these_numbers() -> None:
    mix = config.load_mix(PREDICT)
    assert isinstance(mix, PredictMix)
    assert mix.weights.model_dump() == {"health": 10, "predict": 60, "image": 20, "large": 10}
    assert (mix.seconds.low, mix.seconds.high) == (0.1, 0.5)
    assert mix.image_sizes == {
        "small": (640, 480),
        "medium": (1280, 720),
        "large": (1920, 1080),
        "xlarge": (3840, 2160),
    }
    assert mix.sizes == {"predict": "small", "image": "small", "large": "large"}
    assert mix.pictures.model_dump() == {"count": 8, "quality": 85, "folder": None}


@pytest.mark.parametrize(
    ("name", "address", "protected"),
    [
        ("embedded", "embedded", False),
        ("local", "http://localhost:8000", False),
        ("compose", "http://predict:8000", False),
        ("k8s", "http://localhost:30080", False),
        ("production", "https://api.example.com", True),
    ],
)
def test_a_shipped_environment_has_this_target(name: str, address: str, protected: bool) -> None:
    environment = config.load_environment(name)
    assert (environment.targets["predict"], environment.protected) == (address, protected)


def test_there_are_five_environments() -> None:
    assert config.environment_names() == ["compose", "embedded", "k8s", "local", "production"]


def test_all_that_is_shipped_is_right() -> None:
    checked, wrong = config.check_all()
    assert wrong == []
    assert set(checked) == {
        *(f"environment {name}" for name in ENVIRONMENTS.split(", ")),
        "file_server matrix",
        *(f"{name} mix" for name in SYSTEMS),
        *(f"{name} profile {profile}" for name in SYSTEMS for profile in PROFILES.split(", ")),
        *(f"chater profile {profile}" for profile in ("low", "normal", "high")),
        *(f"image_cloud profile {profile}" for profile in ("light", "heavy")),
    }
    assert len(checked) == len(set(checked))


# -- one's own files -----------------------------------------------------------------------------

OWN = "description: own\nusers: 3\nspawn_rate: 1\nduration: 10s\n"


def test_a_file_of_ones_own_comes_before_the_shipped_one(write: Write) -> None:
    write("smoke.yaml", OWN)
    profile = config.load_profile("smoke", PREDICT)
    assert (profile.description, profile.users) == ("own", 3)
    assert config.load_profile("quick", PREDICT).users == 10
    assert len(profile.thresholds) == 4, "those of predict still lie over it"


def test_a_profile_of_ones_own_is_found_by_name(write: Write) -> None:
    write("evening.yaml", OWN)
    assert config.load_profile("evening", None).users == 3
    assert config.profile_names(None)[0] == "evening"


def test_a_profile_of_a_system_alone_is_found_for_that_system(write: Write) -> None:
    write("predict/pictures.yaml", OWN)
    assert config.load_profile("pictures", PREDICT).users == 3
    assert "pictures" in config.profile_names(PREDICT)
    assert "pictures" not in config.profile_names(None)


def test_a_mix_and_an_environment_of_ones_own_come_first(write: Write) -> None:
    write("environments/local.yaml", "description: d\ntargets: {predict: http://here:1}\n")
    assert config.load_environment("local").addresses() == ["http://here:1"]
    assert config.environment_names() == ["compose", "embedded", "k8s", "local", "production"]
    shipped = (config.roots()[-1] / "predict" / "mix.yaml").read_text()
    write("predict/mix.yaml", shipped.replace("health: 10", "health: 90"))
    mix = config.load_mix(PREDICT)
    assert isinstance(mix, PredictMix)
    assert mix.weights.health == 90


@pytest.mark.parametrize("name", ["note.yml", "note.txt", "note.yaml~", "sub/folder.yaml"])
def test_another_file_is_no_profile(write: Write, name: str) -> None:
    write(name, OWN)
    assert len(config.profile_names(PREDICT)) == 7


def test_a_folder_that_is_named_like_a_file_is_none(write: Write) -> None:
    write("folder.yaml/readme.txt", "")
    write("environments/folder.yaml/readme.txt", "")
    assert "folder" not in config.profile_names(PREDICT)
    assert "folder" not in config.environment_names()


# -- layers --------------------------------------------------------------------------------------

LAYERS = {
    "tea.yaml": OWN + "thresholds: [p95 < 1s]\n",
    "predict/default.yaml": "thresholds: [p95 < 2s]\nlost_workers: 1\n",
    "predict/tea.yaml": "thresholds: [p95 < 3s]\ndescription: of predict\n",
}


@pytest.mark.parametrize(
    ("later", "description", "limit", "lost"),
    [
        pytest.param([], "own", 1.0, 0, id="the base alone"),
        pytest.param(["default"], "own", 1.0, 1, id="the base over the system's default"),
        pytest.param(["tea"], "of predict", 3.0, 0, id="the system's own over the base"),
        pytest.param(["default", "tea"], "of predict", 3.0, 1, id="all three"),
    ],
)
def test_a_later_layer_lies_over_an_earlier_one(
    write: Write, later: list[str], description: str, limit: float, lost: int
) -> None:
    write("predict/default.yaml", "{}\n")  # hides the shipped one
    for name in ["tea.yaml", *(f"predict/{layer}.yaml" for layer in later)]:
        write(name, LAYERS[name])
    profile = config.load_profile("tea", PREDICT)
    [rule] = profile.thresholds
    assert (profile.description, rule.limit, profile.lost_workers) == (description, limit, lost)
    assert profile.users == 3


def test_without_a_system_only_the_base_counts(write: Write) -> None:
    for name, text in LAYERS.items():
        write(name, text)
    profile = config.load_profile("tea", None)
    assert (profile.users, profile.thresholds[0].limit) == (3, 1.0)


def test_a_mistake_names_the_layer_that_it_is_in(write: Write) -> None:
    write("tea.yaml", OWN.replace("users: 3", "users: none"))
    write("predict/default.yaml", "\nlost_workers: one\n")
    write("predict/tea.yaml", "# over all\n\nspawn_rate: fast\n")
    assert mistakes(lambda: config.load_profile("tea", PREDICT)) == [
        "profiles/tea.yaml:2: users: expected a whole number, got 'none'",
        "profiles/predict/tea.yaml:3: spawn_rate: expected a number, got 'fast'",
        "profiles/predict/default.yaml:2: lost_workers: expected a whole number, got 'one'",
    ]


@pytest.mark.parametrize(
    ("own", "other"),
    [("tea.yaml", "predict/tea.yaml"), ("predict/tea.yaml", "predict/default.yaml")],
    ids=["in the base", "in the system's own where there is no base"],
)
def test_a_missing_key_is_missing_in_the_profile_and_not_in_what_lies_over_it(
    write: Write, own: str, other: str
) -> None:
    write(own, OWN.replace("users: 3\n", ""))
    write("predict/default.yaml", "lost_workers: 1\n")
    write(other, "lost_workers: 2\n")
    assert mistakes(lambda: config.load_profile("tea", PREDICT)) == [
        f"profiles/{own}:1: users: expected this key, got nothing"
    ]


def test_an_override_alone_is_no_profile(write: Write) -> None:
    write("predict/default.yaml", "lost_workers: 1\n")
    assert config.load_profile("smoke", PREDICT).lost_workers == 1
    for name in ("default", "mix"):
        [line] = mistakes(partial(config.load_profile, name, PREDICT))
        assert line == f"profile: expected one of {PROFILES}, got '{name}'"


def test_a_profile_is_read_strictly_even_when_it_is_merged(write: Write) -> None:
    """A quoted number in an override is refused like one in the base."""
    write("predict/smoke.yaml", "users: '5'\n")
    [line] = mistakes(lambda: config.load_profile("smoke", PREDICT))
    assert line == "profiles/predict/smoke.yaml:1: users: expected a whole number, got '5'"


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "line"),
    [
        pytest.param(
            lambda: config.load_profile("smok", PREDICT),
            f"profile: expected one of {PROFILES}, got 'smok'; did you mean smoke?",
            id="a profile misspelled",
        ),
        pytest.param(
            lambda: config.load_profile("xyz", None),
            f"profile: expected one of {PROFILES}, got 'xyz'",
            id="a profile near to none",
        ),
        pytest.param(
            lambda: config.load_profile("environments/local", PREDICT),
            f"profile: expected one of {PROFILES}, got 'environments/local'",
            id="a path as profile",
        ),
        pytest.param(
            lambda: config.load_profile("../profiles/smoke", PREDICT),
            f"profile: expected one of {PROFILES}, got '../profiles/smoke'",
            id="a way around as profile",
        ),
        pytest.param(
            lambda: config.load_environment("prodution"),
            f"environment: expected one of {ENVIRONMENTS}, got 'prodution'; "
            "did you mean production?",
            id="an environment misspelled",
        ),
        pytest.param(
            lambda: config.load_environment("../smoke"),
            f"environment: expected one of {ENVIRONMENTS}, got '../smoke'",
            id="a way around as environment",
        ),
    ],
)
def test_an_unknown_name_gets_the_known_ones(call: Callable[[], object], line: str) -> None:
    [found] = mistakes(call)
    assert found == line


@pytest.mark.parametrize(
    ("call", "line"),
    [
        pytest.param(
            lambda: config.load_profile("smoke", PREDICT),
            "profile: expected a file in profiles/, got 'smoke'",
            id="a profile",
        ),
        pytest.param(
            lambda: config.load_environment("local"),
            "environment: expected a file in profiles/environments/, got 'local'",
            id="an environment",
        ),
        pytest.param(
            lambda: config.load_mix(PREDICT),
            "profiles/predict/mix.yaml: expected this file, got nothing",
            id="a mix",
        ),
    ],
)
def test_where_nothing_is_installed_the_missing_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object], line: str
) -> None:
    monkeypatch.setattr(config, "_PACKAGE", tmp_path / "somewhere" / "gauntlet")
    assert mistakes(call) == [line]


def test_in_a_wheel_the_profiles_lie_in_the_package(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "gauntlet"
    (package / "profiles").mkdir(parents=True)
    (package / "profiles" / "tea.yaml").write_text(OWN)
    (package.parent / "profiles").mkdir()
    (package.parent / "profiles" / "foreign.yaml").write_text(OWN)
    monkeypatch.setattr(config, "_PACKAGE", package)
    write("own.yaml", OWN)
    assert config.profile_names(None) == ["own", "tea"]


def test_a_target_of_an_unknown_system_is_refused_with_its_line(write: Write) -> None:
    text = "description: d\ntargets:\n  predict: http://a\n  predikt: http://b\n  x: http://c\n"
    write("environments/mine.yaml", text)
    known = ", ".join(SYSTEMS)
    assert mistakes(lambda: config.load_environment("mine")) == [
        f"profiles/environments/mine.yaml:4: targets.predikt: expected one of {known}, "
        "got 'predikt'; did you mean predict?",
        f"profiles/environments/mine.yaml:5: targets.x: expected one of {known}, got 'x'",
    ]


def test_every_mistake_of_every_file_is_found_once(write: Write) -> None:
    write("predict/default.yaml", "thresholds: [p95 < 2]\n")
    write("environments/mine.yaml", "description: d\ntargets: {predict: a}\n")
    write("environments/broken.yaml", "description: 'd\n")
    checked, wrong = config.check_all()
    assert wrong == [
        "profiles/environments/broken.yaml:1: expected a closing quote, got none",
        "profiles/environments/mine.yaml:2: targets.predict: expected embedded or an address such "
        "as \"http://localhost:8000\", got 'a'",
        'profiles/predict/default.yaml:1: thresholds[0]: expected a duration such as "30s" or '
        "\"1m30s\", got '2'",
    ]
    assert "predict mix" in checked
    ok = [label for label in checked if label.startswith("predict profile")]
    assert ok == ["predict profile spike"], "it has thresholds of its own"


def test_a_profile_that_cannot_be_read_is_listed_last(write: Write) -> None:
    write("a-broken.yaml", "users: [\n")
    assert config.profile_names(PREDICT)[-1] == "a-broken"


# -- protected addresses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://api.example.com", id="as it is written"),
        pytest.param("https://api.example.com/", id="with a slash"),
        pytest.param("https://api.example.com/v1?x=1#y", id="with a path"),
        pytest.param("https://api.example.com:443", id="with its port"),
        pytest.param("https://api.example.com:", id="with an empty port"),
        pytest.param("https://api.example.com.", id="with a final dot"),
        pytest.param("https://api.example.com.:443/", id="with all of it"),
        pytest.param("HTTPS://API.Example.COM", id="in capitals"),
        pytest.param("https://user:secret@api.example.com", id="with a user"),
        pytest.param(" https://api.example.com ", id="with blanks"),
        pytest.param("http://api.example.com", id="without TLS, which sends on to it"),
        pytest.param("http://api.example.com:443", id="without TLS on its port"),
        pytest.param("api.example.com", id="without a scheme"),
        pytest.param("api.example.com:443", id="without a scheme, with its port"),
        pytest.param("//api.example.com", id="with half a scheme"),
        pytest.param("https://api.example.com:99999", id="with a port that is none"),
        pytest.param("https://api。example。com", id="with full-width dots"),
        pytest.param("https://ａｐｉ.example.com", id="with full-width letters"),
    ],
)
def test_a_protected_address_is_known_in_every_spelling(address: str) -> None:
    assert config.protected_by(address) == "production"


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://api.example.com:8443", id="another port"),
        pytest.param("https://example.com", id="the domain above"),
        pytest.param("https://test.api.example.com", id="a host below"),
        pytest.param("https://api.example.com.evil.org", id="its name in another"),
        pytest.param("https://localhost/api.example.com", id="its name in a path"),
        pytest.param("https://api.example.com@localhost", id="its name as a user"),
        pytest.param("http://localhost:8000", id="a target that is not protected"),
        pytest.param("http://[::1]:8000", id="a numeric address"),
        pytest.param("http://[::1", id="no address"),
        pytest.param("https://" + "a" * 70 + ".com", id="a name too long for any resolver"),
        pytest.param("", id="nothing"),
    ],
)
def test_another_address_is_not_protected(address: str) -> None:
    assert config.protected_by(address) is None


@pytest.mark.parametrize(
    ("protected", "address", "guarded"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example/", True),
        ("https://xn--bcher-kva.example", "https://BÜCHER.example", True),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080/predict", True),
        ("http://10.0.0.1:8080", "http://10.0.0.1", False),
        ("http://[2001:DB8::1]:80", "http://[2001:db8::1]/", True),
        ("tcp://files.example:9000", "files.example:9000", True),
        ("tcp://files.example:9000", "tcp://files.example", True),
        ("tcp://files.example:9000", "udp://files.example:9001", False),
    ],
)
def test_an_environment_of_ones_own_is_protected_as_well(
    write: Write, protected: str, address: str, guarded: bool
) -> None:
    text = f"description: d\nprotected: true\ntargets: {{predict: {{a: '{protected}'}}}}\n"
    write("environments/mine.yaml", text)
    assert config.protected_by(address) == ("mine" if guarded else None)


def test_what_is_embedded_protects_nothing(write: Write) -> None:
    write(
        "environments/mine.yaml",
        "description: d\nprotected: true\ntargets: {predict: embedded}\n",
    )
    assert config.protected_by("embedded") is None


def test_the_first_address_of_chater_has_two_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    system = SYSTEMS["chater"]
    monkeypatch.delenv("TARGET_HOST", raising=False)
    monkeypatch.setenv("EATER_TARGET_HOST", "http://second/")
    assert config.given_addresses(system) == {"chater": "http://second"}
    assert config.variable_of("chater") == "EATER_TARGET_HOST"
    monkeypatch.setenv("TARGET_HOST", "http://first")
    assert config.given_addresses(system) == {"chater": "http://first"}


def test_the_address_in_the_cluster_is_that_of_environment_k8s_alone() -> None:
    address = "http://chater-ui.chater-ui.svc.cluster.local:5000"
    found = {name: config.load_environment(name).targets for name in config.environment_names()}
    assert [name for name, one in found.items() if one.get("chater") == address] == ["k8s"]
