"""Which target a run tests, and which addresses it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
from locust import User
from locust.env import Environment

from gauntlet.addresses import Target, check_address, joined, resolve, servers
from gauntlet.errors import UsageError
from gauntlet.systems import SYSTEMS, System

PREDICT = SYSTEMS["predict"]


class Homeless(User):
    """Names no host of its own."""


class Settled(User):
    """Names its host in code."""

    host = "http://own.example"


@pytest.fixture(autouse=True)
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment of one's own beside the shipped ones."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "profiles" / "environments"
    folder.mkdir(parents=True)
    (folder / "staging.yaml").write_text(
        "description: d\ntargets:\n  predict: http://staging.example:81/\n"
    )
    (folder / "empty.yaml").write_text("description: d\n")
    (folder / "many.yaml").write_text("description: d\ntargets: {predict: {a: http://a}}\n")


@pytest.mark.parametrize(
    ("system", "host", "users", "name", "target"),
    [
        pytest.param(
            PREDICT, None, [Homeless], None, Target(None, "embedded", True), id="nothing is named"
        ),
        pytest.param(
            PREDICT,
            None,
            [Homeless],
            "staging",
            Target("http://staging.example:81", "staging"),
            id="an environment is named",
        ),
        pytest.param(
            PREDICT,
            None,
            [Homeless],
            "embedded",
            Target(None, "embedded", True),
            id="the embedded environment is named",
        ),
        pytest.param(
            PREDICT,
            "http://given.example",
            [Homeless],
            "staging",
            Target("http://given.example", None),
            id="a host outranks the environment",
        ),
        pytest.param(
            PREDICT,
            "http://given.example",
            [Settled],
            None,
            Target("http://given.example", None),
            id="a host outranks the class",
        ),
        pytest.param(
            PREDICT,
            None,
            [Homeless, Settled],
            None,
            Target(None, None),
            id="a class names its host",
        ),
        pytest.param(
            PREDICT,
            None,
            [Settled],
            "staging",
            Target("http://staging.example:81", "staging"),
            id="an environment outranks the class",
        ),
        pytest.param(None, None, [Homeless], None, Target(None, None), id="no system and nothing"),
        pytest.param(
            None,
            "http://given.example",
            [Homeless],
            None,
            Target("http://given.example", None),
            id="no system but a host",
        ),
    ],
)
def test_the_target_is_the_first_that_is_named(
    system: System | None,
    host: str | None,
    users: list[type[User]],
    name: str | None,
    target: Target,
) -> None:
    environment = Environment(user_classes=users, host=host)
    assert resolve(system, environment, name) == target


@pytest.mark.parametrize(
    ("system", "host", "name", "line"),
    [
        pytest.param(
            PREDICT,
            None,
            "stagin",
            "environment: expected one of compose, embedded, empty, k8s, local, many, "
            "production, staging, got 'stagin'; did you mean staging?",
            id="an unknown environment",
        ),
        pytest.param(
            PREDICT,
            "http://given.example",
            "stagin",
            "environment: expected one of compose, embedded, empty, k8s, local, many, "
            "production, staging, got 'stagin'; did you mean staging?",
            id="an unknown environment that a host outranks",
        ),
        pytest.param(
            PREDICT,
            None,
            "empty",
            "environment empty: targets: expected a target of predict, got none",
            id="an environment without targets",
        ),
        pytest.param(
            None,
            None,
            "staging",
            "--environment: expected register(system=…) in the locustfile, got 'staging' "
            "without a system",
            id="an environment without a system",
        ),
    ],
)
def test_an_environment_that_has_no_target_is_refused(
    system: System | None, host: str | None, name: str, line: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(system, Environment(user_classes=[Homeless], host=host), name)
    assert caught.value.mistakes == [line]


def refusal(call: Callable[[], None]) -> str:
    with pytest.raises(UsageError) as caught:
        call()
    [line] = caught.value.mistakes
    return line


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8000",
        "https://staging.example/base/",
        "http://[::1]:8000",
        "HTTP://localhost",
    ],
)
def test_an_address_of_the_system_is_allowed(address: str) -> None:
    check_address(address, PREDICT, allow_protected=False)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("localhost:8000", id="no scheme"),
        pytest.param("localhost", id="only a name"),
        pytest.param("ftp://localhost", id="another scheme"),
        pytest.param("http://", id="no host"),
        pytest.param("http://:8000", id="only a port"),
        pytest.param("http://localhost:80000", id="a port that is none"),
        pytest.param("http://localhost:http", id="a port in words"),
        pytest.param("http://[::1", id="half a bracket"),
        pytest.param("http://local host", id="a blank"),
        pytest.param("http://<host>:80", id="a placeholder"),
    ],
)
def test_what_is_no_address_of_the_system_is_refused(address: str) -> None:
    line = refusal(lambda: check_address(address, PREDICT, allow_protected=False))
    assert line == f"host: expected an address such as http://…, got '{address}'"


def test_without_a_system_any_address_will_do() -> None:
    check_address("tcp://files.example:9000", None, allow_protected=False)


@pytest.mark.parametrize("address", ["http://user:secret@localhost", "http://token@localhost/"])
@pytest.mark.parametrize("system", [PREDICT, None], ids=["of a system", "of none"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(
    address: str, system: System | None
) -> None:
    line = refusal(lambda: check_address(address, system, allow_protected=True))
    assert line.startswith("host: expected an address without user and password, got one with")
    assert "secret" not in line and "token" not in line


@pytest.mark.parametrize("system", [PREDICT, None], ids=["with a system", "without one"])
def test_a_protected_address_needs_leave(system: System | None) -> None:
    line = refusal(
        lambda: check_address("https://API.example.com:443/", system, allow_protected=False)
    )
    assert line == (
        "host: expected an address that is not protected, got one of environment production; "
        "--allow-protected allows it"
    )
    check_address("https://API.example.com:443/", system, allow_protected=True)


# -- several addresses -----------------------------------------------------------------------------

WALRUS = SYSTEMS["walrus"]
P, A = "http://publisher.example", "http://aggregator.example"


@pytest.mark.parametrize(
    ("host", "name", "variables", "target"),
    [
        pytest.param(None, None, {}, Target(None, "embedded", True), id="nothing is named"),
        pytest.param(
            None,
            None,
            {"PUBLISHER_URL": f"{P}/", "AGGREGATOR_URL": A},
            Target(P, None, others={"aggregator": A}),
            id="both by variables",
        ),
        pytest.param(
            None,
            None,
            {"AGGREGATOR_URL": A},
            Target(A, None, others={"aggregator": A}),
            id="one stands for both",
        ),
        pytest.param(
            None,
            "two",
            {},
            Target("http://p", "two", others={"aggregator": "http://a"}),
            id="an environment with two",
        ),
        pytest.param(
            None,
            "two",
            {"PUBLISHER_URL": P},
            Target(P, None, others={"aggregator": "http://a"}),
            id="a variable outranks one of an environment",
        ),
        pytest.param(
            None,
            "embedded",
            {"PUBLISHER_URL": P},
            Target(P, None, others={"aggregator": P}),
            id="a variable starts no target",
        ),
        pytest.param(
            "http://host",
            "two",
            {"PUBLISHER_URL": P, "AGGREGATOR_URL": A},
            Target("http://host", None, others={"publisher": P, "aggregator": A}),
            id="a host outranks the publisher",
        ),
    ],
)
def test_a_system_may_have_several_addresses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str | None,
    name: str | None,
    variables: dict[str, str],
    target: Target,
) -> None:
    (tmp_path / "profiles/environments/two.yaml").write_text(
        "description: d\ntargets: {walrus: {publisher: http://p/, aggregator: http://a/}}\n"
    )
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    environment = Environment(user_classes=[Homeless], host=host)
    assert resolve(WALRUS, environment, name) == target


def test_a_host_typed_into_the_page_stands_for_all_that_no_variable_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = Target(P, "two", others={"aggregator": A})
    assert target.named(WALRUS, P) == {"publisher": P, "aggregator": A}
    both = dict.fromkeys(("publisher", "aggregator"), "http://typed")
    assert target.named(WALRUS, "http://typed") == both
    monkeypatch.setenv("AGGREGATOR_URL", "http://given")
    assert target.named(WALRUS, "http://typed") == both | {"aggregator": "http://given"}


def test_a_system_with_one_address_has_none_by_name() -> None:
    assert Target(P, None).named(PREDICT, P) == {}


def test_a_mistake_says_where_the_address_was_given() -> None:
    with pytest.raises(UsageError) as caught:
        check_address("nowhere", WALRUS, False, "AGGREGATOR_URL")
    assert caught.value.mistakes == [
        "AGGREGATOR_URL: expected an address such as http://…, got 'nowhere'"
    ]


IMAGE_CLOUD = SYSTEMS["image_cloud"]


@pytest.mark.parametrize(
    "address",
    ["udp://a:1", "udp://10.0.0.1:8001,10.0.0.2:8001", "udp://[::1]:8001,localhost:1"],
)
def test_a_list_of_servers_is_a_host(address: str) -> None:
    check_address(address, IMAGE_CLOUD, allow_protected=False)
    found = servers(address)
    assert joined(IMAGE_CLOUD, [f"udp://{one}" for one in found]) == address


@pytest.mark.parametrize(
    ("address", "line"),
    [
        pytest.param("http://a:1", "servers such as udp://HOST:PORT,HOST:PORT", id="http"),
        pytest.param("udp://", "servers such as udp://HOST:PORT,HOST:PORT", id="nothing"),
        pytest.param("udp://a:1,b", "servers as HOST:PORT, got 'b'", id="no port"),
        pytest.param("udp://a:1,b:0", "servers as HOST:PORT, got 'b:0'", id="port 0"),
        pytest.param("udp://a:1,b:99999", "servers as HOST:PORT, got", id="no such port"),
        pytest.param("udp://x:secret@a:1", "servers such as udp://", id="a password"),
        pytest.param(
            "udp://a:1,api.example.com:443", "an address that is not protected", id="protected"
        ),
    ],
)
def test_a_wrong_list_of_servers_is_told(address: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_address(address, IMAGE_CLOUD, allow_protected=False)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"host: expected {line}")
    assert "secret" not in mistake
