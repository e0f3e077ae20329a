"""The Walrus user before a publisher that asks for tokens, and before the load."""

from pathlib import Path

import pytest

from gauntlet.clients import walrus as api
from gauntlet.errors import UsageError
from tests.users._targets import Targets
from tests.users._walrus import ALL, PUT, READS, SECRET, Make, Meta

pytestmark = pytest.mark.usefixtures("patience")


@pytest.fixture
def guarded(targets: Targets, tmp_path: Path) -> str:
    """A publisher that wants tokens of 60 seconds that say size and epochs."""
    (tmp_path / "secret").write_text(SECRET)
    rules = "--jwt-secret-file", str(tmp_path / "secret"), "--jwt-verify-upload"
    return targets.start(*rules, "--jwt-expiring-sec", "60")[0]


TOKEN = {"lifetime": "60s", "claims": ["size", "epochs"]}


def test_each_upload_has_a_token_of_its_own(
    client: Make, guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALRUS_JWT_SECRET", SECRET)
    one = client(guarded, token=TOKEN, store={"epochs": 3})
    for _ in range(5):
        one.user.roundtrip()
    one.user.quilt()
    assert not one.outcomes
    assert SECRET not in repr([vars(one.user), one.events, one.extra.section()])


def test_the_secret_may_lie_in_a_file(
    client: Make, guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALRUS_JWT_SECRET_FILE", str(tmp_path / "secret"))
    one = client(guarded, token=TOKEN)
    one.user.roundtrip()
    assert not one.outcomes


@pytest.mark.parametrize(
    ("secret", "token", "outcome"),
    [
        pytest.param(None, {}, "status", id="none"),
        pytest.param("another secret, and a long one as well", {}, "token refused", id="signature"),
        pytest.param(SECRET, {"lifetime": "61s"}, "token refused", id="lifetime"),
        pytest.param(SECRET, {"use": "never"}, "status", id="switched off"),
    ],
)
def test_a_token_that_will_not_do_has_its_class(
    client: Make,
    guarded: str,
    monkeypatch: pytest.MonkeyPatch,
    secret: str | None,
    token: Meta,
    outcome: str,
) -> None:
    if secret is not None:
        monkeypatch.setenv("WALRUS_JWT_SECRET", secret)
    one = client(guarded, token=TOKEN | token)
    one.user.roundtrip()
    assert one.outcomes == {f"{PUT}: {outcome}": 1}
    assert "attempts" not in one.last["context"]


def test_an_expired_token_is_no_gateways_timeout(
    client: Make, targets: Targets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (address,) = targets.start("--jwt-secret-file", str(tmp_path / "secret"))
    monkeypatch.setenv("WALRUS_JWT_SECRET", SECRET)
    one = client(address, token={"lifetime": "1ms"})
    one.user.roundtrip()
    assert one.outcomes == {f"{PUT}: token expired": 1}
    assert list(one.user.preflight(address, {"roundtrip"})) == [
        "PUT /v1/blobs of the publisher answered wrongly: "
        "token expired: expected 200, got 504 (the token has expired)"
    ]


def test_a_token_that_was_used_is_no_overload(
    client: Make, guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALRUS_JWT_SECRET", SECRET)
    one = client(guarded, token={"lifetime": "60s"})
    assert one.user.tokens is not None
    header = one.user.tokens.header(None, None)

    class Again(api.Tokens):
        def header(self, size: int | None, epochs: int | None) -> dict[str, str]:
            return header

    type(one.user).tokens = Again(SECRET, "HS256", 60.0, ())
    one.user.upload()
    one.user.upload()
    assert one.outcomes == {f"{PUT}: token used": 1}
    assert one.extra.counts["backed off 429"] == 0


@pytest.mark.parametrize(
    ("variables", "token", "line"),
    [
        pytest.param(
            {},
            {"use": "always"},
            "WALRUS_JWT_SECRET: expected the publisher's secret, got nothing",
            id="no secret",
        ),
        pytest.param(
            {"WALRUS_JWT_SECRET": "x", "WALRUS_JWT_SECRET_FILE": "y"},
            {},
            "WALRUS_JWT_SECRET: expected this or WALRUS_JWT_SECRET_FILE, got both",
            id="two secrets",
        ),
        pytest.param(
            {"WALRUS_JWT_SECRET_FILE": "/no/such/secret"},
            {},
            "WALRUS_JWT_SECRET_FILE: expected a readable file, got none",
            id="no file",
        ),
        pytest.param(
            {"WALRUS_JWT_SECRET_FILE": "/dev/null"},
            {},
            "WALRUS_JWT_SECRET_FILE: expected a file with a secret, got an empty one",
            id="an empty file",
        ),
    ],
)
def test_a_secret_that_is_not_there_is_one_line(
    client: Make,
    well: str,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    token: Meta,
    line: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        client(well, token=token)
    assert caught.value.mistakes == [line]


# -- the preflight ---------------------------------------------------------------------------------


def test_the_preflight_of_a_well_target_says_nothing(client: Make, well: str) -> None:
    one = client(well)
    assert list(one.user.preflight(well, {"roundtrip"})) == []
    assert not one.events


@pytest.mark.parametrize(
    ("options", "tasks", "lines"),
    [
        pytest.param(
            ["--fault-corrupt", ALL, *READS],
            {"roundtrip"},
            [
                "GET /v1/blobs/{id} of the aggregator answered wrongly: "
                "wrong bytes: not the bytes that were stored"
            ],
            id="corrupt reads",
        ),
        pytest.param(["--fault-corrupt", ALL, *READS], {"upload"}, [], id="nobody reads"),
        pytest.param(
            ["--blob-limit", "100"],
            {"roundtrip"},
            [
                "PUT /v1/blobs of the publisher answered wrongly: "
                "too large: expected 200, got 413 (more than the publisher takes)"
            ],
            id="too large",
        ),
    ],
)
def test_the_preflight_says_what_is_wrong(
    client: Make, targets: Targets, options: list[str], tasks: set[str], lines: list[str]
) -> None:
    (address,) = targets.start(*options)
    assert list(client(address).user.preflight(address, tasks)) == lines
