"""Tokens of uploads to the Walrus target: each failure has its own status and reason."""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from gauntlet.errors import UsageError
from gauntlet.targets._walrus_launch import read_secret
from tests.targets._walrus import Answer, Service, Walrus, end_of, walrus

SECRET = b"a secret of more bytes than the longest algorithm wants, which is 64"
ADDRESS = "0x" + "ab" * 32
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "jwt"
    path.write_bytes(SECRET + b"\n")
    return path


@pytest.fixture(scope="module")
def target(secret_file: Path) -> Iterator[Walrus]:
    with walrus("--jwt-secret-file", str(secret_file), "--jwt-verify-upload") as shared:
        yield shared


def token(key: bytes = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A good token, but for what is given; None leaves a claim out."""
    known = {"exp": int(time.time()) + 60, "jti": f"token {next(_NUMBERS)}", **claims}
    content = {name: value for name, value in known.items() if value is not None}
    # PyJWT refuses to sign some of the wrong types that are wanted here.
    return jwt.PyJWS().encode(json.dumps(content).encode(), key, algorithm)


def put(target: Service, bearer: str, query: str = "", body: bytes = b"0123456789") -> Answer:
    return target.put(body, query, {"authorization": f"Bearer {bearer}"})


@pytest.mark.parametrize(
    ("claims", "query"),
    [
        pytest.param({}, "", id="nothing but the needed claims"),
        pytest.param({"iat": 1}, "", id="when it was issued"),
        pytest.param({"epochs": 3}, "?epochs=3", id="exact epochs"),
        pytest.param({"epochs": 1}, "", id="the epochs that are the default"),
        pytest.param({"max_epochs": 3}, "?epochs=3", id="most epochs"),
        pytest.param({"size": 10}, "", id="the exact size"),
        pytest.param({"max_size": 10}, "", id="the largest size"),
        pytest.param({"send_object_to": ADDRESS}, f"?send_object_to={ADDRESS}", id="a receiver"),
        pytest.param({"iss": "me", "aud": "you", "nbf": 2**40}, "", id="what nobody looks at"),
    ],
)
def test_a_token_that_fits_lets_an_upload_in(
    target: Service, claims: dict[str, Any], query: str
) -> None:
    assert put(target, token(**claims), query).status == 200


@pytest.mark.parametrize(
    ("claims", "query", "status", "reason"),
    [
        pytest.param({"exp": 1}, "", 504, "EXPIRED_SIGNATURE", id="expired"),
        pytest.param({"exp": None}, "", 400, "INVALID_TOKEN", id="never expires"),
        pytest.param({"jti": None}, "", 400, "INVALID_TOKEN", id="has no name"),
        pytest.param({"jti": 7}, "", 400, "INVALID_TOKEN", id="has a number for a name"),
        pytest.param({"exp": "soon"}, "", 400, "INVALID_TOKEN", id="expires at a word"),
        pytest.param({"epochs": -1}, "", 400, "INVALID_TOKEN", id="fewer than no epochs"),
        pytest.param({"iat": 2**40}, "", 400, "INVALID_TIMESTAMP", id="from the future"),
        pytest.param({"epochs": 2}, "", 400, "INVALID_EPOCHS", id="more epochs"),
        pytest.param({"epochs": 2}, "?epochs=3", 400, "INVALID_EPOCHS", id="fewer epochs"),
        pytest.param({"max_epochs": 2}, "?epochs=3", 400, "INVALID_EPOCHS", id="fewer at most"),
        pytest.param({"size": 11}, "", 400, "INVALID_SIZE", id="a longer body"),
        pytest.param({"max_size": 9}, "", 400, "INVALID_SIZE", id="a shorter body at most"),
        pytest.param(
            {"send_object_to": ADDRESS}, "", 400, "INVALID_SEND_OBJECT_TO", id="a receiver"
        ),
        pytest.param(
            *({"size": 10, "max_size": 10}, "", 400, "INCONSISTENT_TOKEN"), id="two sizes"
        ),
        pytest.param(
            *({"epochs": 1, "max_epochs": 1}, "", 400, "INCONSISTENT_TOKEN"), id="two epochs"
        ),
    ],
)
def test_a_token_that_does_not_fit_says_why(
    target: Service, claims: dict[str, Any], query: str, status: int, reason: str
) -> None:
    answer = put(target, token(**claims), query)
    assert (answer.status, answer.reason) == (status, reason)
    words = {400: "FAILED_PRECONDITION", 504: "DEADLINE_EXCEEDED"}
    error = answer.content["error"]
    assert error["status"] == words[status]
    assert error["details"][0]["domain"] == "auth.publisher.walrus.space"


@pytest.mark.parametrize(
    ("bearer", "status", "reason"),
    [
        pytest.param(token(b"x" * 64), 401, "INVALID_SIGNATURE", id="signed by another"),
        pytest.param(token(algorithm="HS512"), 400, "INVALID_TOKEN", id="signed in another way"),
        pytest.param("garbage", 400, "INVALID_TOKEN", id="garbage"),
        pytest.param("", 400, "INVALID_TOKEN", id="empty"),
    ],
)
def test_a_token_that_cannot_be_trusted_says_why(
    target: Service, bearer: str, status: int, reason: str
) -> None:
    answer = put(target, bearer)
    assert (answer.status, answer.reason) == (status, reason)


@pytest.mark.parametrize(
    "headers",
    [pytest.param({}, id="none"), pytest.param({"authorization": "Basic eDp5"}, id="another kind")],
)
def test_no_token_is_a_400_as_text(target: Service, headers: dict[str, str]) -> None:
    answers = [target.put(b"x", "", headers), target.ask("PUT", "/v1/quilts", b"x", headers)]
    assert {(a.status, a.headers["content-type"]) for a in answers} == {
        (400, "text/plain; charset=utf-8")
    }


def test_a_token_is_good_for_one_upload(target: Service) -> None:
    once = token()
    assert put(target, once).status == 200
    again = put(target, once)
    assert (again.status, again.reason) == (429, "TOKEN_ALREADY_USED")
    assert again.content["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert put(target, token()).status == 200


def test_a_token_is_good_for_one_upload_to_all_workers(secret_file: Path) -> None:
    with walrus("--jwt-secret-file", str(secret_file), "--workers", "2") as target:
        for _ in range(10):
            once = token()
            assert [put(target, once).status for _ in range(5)] == [200] + [429] * 4


def test_a_token_that_did_not_fit_can_be_used_again(target: Service) -> None:
    bearer = token(epochs=2, size=10)
    assert put(target, bearer).reason == "INVALID_EPOCHS"
    assert put(target, bearer, "?epochs=2", b"short").reason == "INVALID_SIZE"
    chunked = target.ask(
        *("PUT", "/v1/blobs?epochs=2", [b"sh", b"ort"], {"authorization": f"Bearer {bearer}"})
    )
    assert chunked.reason == "INVALID_SIZE"
    assert put(target, bearer, "?epochs=2").status == 200


def test_the_size_of_a_quilt_is_that_of_all_of_it(target: Service) -> None:
    def put_quilt(size: int) -> Answer:
        body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n0123456789\r\n--b--\r\n'
        headers = {"authorization": f"Bearer {token(size=size)}", "content-type": QUILT}
        return target.ask("PUT", "/v1/quilts?force=true", body, headers)

    size = len(b"0123456789" + b'[["a",10,{}]]')
    assert put_quilt(10).reason == "INVALID_SIZE"
    assert put_quilt(size).content["blobStoreResult"]["newlyCreated"]["blobObject"]["size"] == size


QUILT = "multipart/form-data; boundary=b"


def test_reading_needs_no_token(target: Service) -> None:
    content = put(target, token(), body=b"to be read").content
    assert target.read(content["newlyCreated"]["blobObject"]["blobId"]).status == 200


def test_without_the_check_of_uploads_claims_about_them_are_not_looked_at(
    secret_file: Path,
) -> None:
    with walrus("--jwt-secret-file", str(secret_file)) as target:
        assert put(target, token(epochs=9, size=1)).status == 200
        assert put(target, token(size=1, max_size=1)).reason == "INCONSISTENT_TOKEN"


def test_without_a_secret_the_signature_is_not_looked_at() -> None:
    with walrus("--jwt-verify-upload") as target:
        assert put(target, token(b"y" * 64)).status == 200
        assert put(target, token(b"y" * 64, size=1)).reason == "INVALID_SIZE"
        assert put(target, "garbage").reason == "INVALID_TOKEN"


def test_a_short_secret_is_taken_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "jwt").write_bytes(b"short")
    with walrus("--jwt-secret-file", str(tmp_path / "jwt")) as target:
        with pytest.warns(UserWarning, match="The HMAC key is"):
            bearer = token(b"short")
        assert put(target, bearer).status == 200


def test_a_token_must_live_exactly_as_long_as_asked_for() -> None:
    now = int(time.time())
    with walrus("--jwt-expiring-sec", "60") as target:
        assert put(target, token(iat=now, exp=now + 60)).status == 200
        reasons = {
            put(target, token(iat=now, exp=now + 61)).reason,
            put(target, token(iat=now, exp=now + 59)).reason,
            put(target, token(exp=now + 60)).reason,
        }
    assert reasons == {"INVALID_EXPIRATION"}


def test_another_algorithm_and_a_secret_in_hex_can_be_chosen(tmp_path: Path) -> None:
    key = bytes(range(64))
    (tmp_path / "jwt").write_text("0x" + key.hex())
    options = ("--jwt-secret-file", str(tmp_path / "jwt"), "--jwt-algorithm", "HS512")
    with walrus(*options) as target:
        assert put(target, token(key, "HS512")).status == 200
        assert put(target, token(key)).reason == "INVALID_TOKEN"


def test_a_publisher_without_tokens_still_wants_to_read_them() -> None:
    with walrus() as target:
        assert put(target, token(b"anybody" * 5)).status == 200
        answer = put(target, "garbage")
    assert (answer.status, answer.reason) == (500, "INTERNAL_ERROR")


def test_used_tokens_are_forgotten_when_they_have_expired(target: Service) -> None:
    name = "short life"
    assert put(target, token(jti=name, exp=int(time.time()) + 4)).status == 200
    assert put(target, token(jti=name)).reason == "TOKEN_ALREADY_USED"
    deadline = time.perf_counter() + 60
    while put(target, token(jti=name)).status != 200:
        assert time.perf_counter() < deadline
        time.sleep(0.2)


def test_more_tokens_than_can_be_remembered_are_a_500(tmp_path: Path, secret_file: Path) -> None:
    options = ("--jwt-secret-file", str(secret_file), "--directory", str(tmp_path))
    with walrus(*options) as target:
        assert put(target, token()).status == 200
        state = tmp_path / "state"
        with state.open("r+b") as file:  # ten thousand uploads would take too long
            file.seek(8 * 4)
            file.write((10_000).to_bytes(8, "little"))
        assert put(target, token()).reason == "INTERNAL_ERROR"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "no such file", id="is not there"),
        pytest.param(b"\n", "got an empty file", id="is empty"),
        pytest.param(b"0xgg", "expected a text, or 0x and hex digits", id="is no hex"),
    ],
)
def test_a_secret_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = tmp_path / "jwt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="^--jwt-secret-file: ") as refused:
        read_secret(path)
    assert told in str(refused.value) and str(path) in str(refused.value)


def test_a_target_without_its_secret_ends_with_one_line(tmp_path: Path) -> None:
    code, output, errors = end_of("--jwt-secret-file", str(tmp_path / "nowhere"))
    assert (code, output) == (2, "")
    assert errors == f"--jwt-secret-file: cannot read '{tmp_path}/nowhere' ({ABSENT})\n"


ABSENT = "no such file or directory"
