"""What is asked of Walrus, and every way in which its answers can be wrong."""

from collections.abc import Sequence
from typing import Any

import jwt
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauntlet.clients import walrus
from gauntlet.clients.walrus import Compare, Outcome, Refused, Tokens, check_quilt, check_stored
from gauntlet.errors import UsageError, WrongAnswer
from gauntlet.measure.outcomes import closed_list
from gauntlet.payloads.blobs import Run

JSON = "application/json"
ID = "M4hsZGQ1oCktdzegB6HnI6Mi28S2nqOPHxK-W7_4BUk"
CREATED: dict[str, Any] = {
    "newlyCreated": {
        "blobObject": {
            "id": "0x" + "1" * 64,
            "registeredEpoch": 34,
            "blobId": ID,
            "size": 17,
            "encodingType": "RS2",
            "certifiedEpoch": 34,
            "storage": {"id": "0x2", "startEpoch": 34, "endEpoch": 35, "storageSize": 66034000},
            "deletable": True,
        },
        "resourceOperation": {"registerFromScratch": {"encodedLength": 66034000, "epochsAhead": 1}},
        "cost": 132300,
    }
}
EVENT: dict[str, Any] = {
    "alreadyCertified": {
        "blobId": ID,
        "event": {"txDigest": "4XQHFa9S324wTzYHF3vsBSwpUZuLpmwTHYMFv9nsttSs", "eventSeq": "0"},
        "endEpoch": 35,
    }
}
OBJECT: dict[str, Any] = {
    "alreadyCertified": {"blobId": ID, "object": "0x" + "3" * 64, "endEpoch": 35}
}


def stored(answer: object, length: int | None = 17) -> walrus.Stored:
    return check_stored(200, JSON, orjson.dumps(answer), length)


def error(reason: str, message: str = "words of a server") -> bytes:
    detail = {"@type": "ErrorInfo", "reason": reason, "domain": "daemon", "metadata": {}}
    return orjson.dumps({"error": {"status": "X", "message": message, "details": [detail]}})


def without(answer: dict[str, Any], *path: str, value: Any = None) -> dict[str, Any]:
    """A copy in which a key is gone, or has another value."""
    copy = orjson.loads(orjson.dumps(answer))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy  # type: ignore[no-any-return]  # parsed from an object


# -- uploads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "new", "object_id"),
    [
        pytest.param(CREATED, True, "0x" + "1" * 64, id="newly created"),
        pytest.param(EVENT, False, None, id="certified before, by an event"),
        pytest.param(OBJECT, False, "0x" + "3" * 64, id="certified before, by an own object"),
        pytest.param(
            {**CREATED, "more": 1}, True, "0x" + "1" * 64, id="with a key of a later version"
        ),
    ],
)
def test_the_two_good_results_are_told_apart(
    answer: dict[str, Any], new: bool, object_id: str | None
) -> None:
    assert stored(answer) == walrus.Stored(ID, new, object_id)


BLOB = ("newlyCreated", "blobObject")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param([], "expected a JSON object, got something else", id="a list"),
        pytest.param(
            {}, "expected newlyCreated or alreadyCertified, got another result", id="nothing"
        ),
        pytest.param(
            {"markedInvalid": {"blobId": ID}},
            "expected newlyCreated or alreadyCertified, got markedInvalid",
            id="marked invalid",
        ),
        pytest.param(
            {"error": {"errorMsg": "x"}},
            "expected newlyCreated or alreadyCertified, got error",
            id="an error as a result",
        ),
        pytest.param(
            CREATED | EVENT,
            "expected newlyCreated or alreadyCertified, got another result",
            id="both at once",
        ),
        pytest.param(
            without(CREATED, *BLOB), "expected a blobObject, got something else", id="no object"
        ),
        pytest.param(
            without(CREATED, *BLOB, "blobId"), "expected an id, got something else", id="no id"
        ),
        pytest.param(
            without(CREATED, *BLOB, "id"), "expected an id, got something else", id="no object's id"
        ),
        pytest.param(
            without(OBJECT, "alreadyCertified", "object", value="../secret"),
            "expected an id, got something else",
            id="an object's id that would lead elsewhere",
        ),
        pytest.param(
            without(EVENT, "alreadyCertified", "blobId", value="../secret"),
            "expected an id, got something else",
            id="an id that would lead elsewhere",
        ),
        pytest.param(
            without(CREATED, *BLOB, "size", value="17"),
            "expected a number as size, got something else",
            id="a size in words",
        ),
    ],
)
def test_another_shape_is_not_taken(answer: object, text: str) -> None:
    with pytest.raises(WrongAnswer) as caught:
        stored(answer)
    assert (caught.value.outcome, str(caught.value)) == ("bad shape", f"bad shape: {text}")


def test_snake_case_is_another_shape() -> None:
    blob = CREATED["newlyCreated"]["blobObject"]
    with pytest.raises(WrongAnswer, match="expected a blobObject"):
        stored({"newlyCreated": {"blob_object": blob}})


def test_another_size_than_was_sent_is_a_wrong_length() -> None:
    with pytest.raises(WrongAnswer, match="^wrong length: stored with another size than was sent$"):
        stored(CREATED, 18)


@pytest.mark.parametrize(
    ("content_type", "got"),
    [
        ("text/html; charset=utf-8", "text/html"),
        ("text/plain", "text/plain"),
        ("x/secret", "another"),
        (None, "none"),
    ],
)
def test_an_answer_that_is_no_json_is_named_by_its_type(content_type: str | None, got: str) -> None:
    with pytest.raises(WrongAnswer) as caught:
        check_stored(200, content_type, b"<html>", 17)
    assert str(caught.value) == f"content type: expected application/json, got {got}"


@pytest.mark.parametrize("body", [b"", b"{", b"<p>", b"\xff", b"[1", b"null"])
def test_broken_json_is_a_bad_shape(body: bytes) -> None:
    with pytest.raises(WrongAnswer, match="^bad shape: expected a JSON object"):
        check_stored(200, JSON, body, 17)


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "content_type", "body", "outcome"),
    [
        pytest.param(429, "text/plain", b"too many requests", "overloaded", id="load shed"),
        pytest.param(429, "text/html", b"<p>slow down", "overloaded", id="shed by a proxy"),
        pytest.param(429, JSON, error("TOKEN_ALREADY_USED"), "token used", id="a token again"),
        pytest.param(429, "text/plain", error("TOKEN_ALREADY_USED"), "overloaded", id="no JSON"),
        pytest.param(504, JSON, error("EXPIRED_SIGNATURE"), "token expired", id="an old token"),
        pytest.param(
            504, JSON, error("INSUFFICIENT_CONFIRMATIONS"), "unconfirmed", id="unconfirmed"
        ),
        pytest.param(504, "text/html", b"<p>gateway", "status", id="a gateway's own 504"),
        pytest.param(503, JSON, error("BLOB_UNAVAILABLE"), "unavailable", id="unavailable"),
        pytest.param(503, None, b"", "unavailable", id="a proxy's 503"),
        pytest.param(404, JSON, error("BLOB_NOT_FOUND"), "not found", id="no blob"),
        pytest.param(404, "text/html", b"<p>", "not found", id="a cache's 404"),
        pytest.param(400, JSON, error("INVALID_EXPIRATION"), "token refused", id="lifetime"),
        pytest.param(400, JSON, error("INVALID_BLOB_PERSISTENCE"), "status", id="both kinds"),
        pytest.param(400, "text/plain", b"Failed to deserialize", "status", id="a bad query"),
        pytest.param(401, JSON, error("INVALID_SIGNATURE"), "token refused", id="signature"),
        pytest.param(403, JSON, error("BLOB_TOO_LARGE"), "too large", id="aggregator's limit"),
        pytest.param(403, "text/html", b"", "status", id="a proxy's 403"),
        pytest.param(413, "text/plain", b"Failed to buffer", "too large", id="body limit"),
        pytest.param(451, JSON, error("FORBIDDEN_BLOB"), "forbidden", id="blocked"),
        pytest.param(500, JSON, error("INTERNAL_ERROR"), "status", id="internal"),
        pytest.param(599, None, b"", "status", id="unheard of"),
    ],
)
def test_an_error_has_the_class_that_its_body_gives_it(
    status: int, content_type: str | None, body: bytes, outcome: str
) -> None:
    for check in (
        lambda: check_stored(status, content_type, body, 17),
        lambda: walrus.check_read(status, content_type, body),
    ):
        with pytest.raises(Refused) as caught:
            check()
        assert (caught.value.outcome, caught.value.status) == (outcome, status)
        assert str(caught.value).startswith(f"{outcome}: expected 200, got {status}")
        assert caught.value.is_transient == (outcome in ("overloaded", "unavailable"))
        assert caught.value.is_missing == (outcome == "not found")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"error": 1}',
        b'{"error": {"details": {}}}',
        b'{"error": {"details": [1, {"reason": 2}]}}',
    ],
)
def test_an_error_object_of_another_shape_has_no_reason(body: bytes) -> None:
    assert walrus.refusal(429, JSON, body).outcome == "overloaded"


def test_no_words_of_a_server_get_into_a_text() -> None:
    secret = error("A_SECRET_REASON", "a secret message")
    for status in range(400, 600):
        assert "secret" not in str(walrus.refusal(status, JSON, secret)).lower()


def test_every_class_is_in_the_closed_list() -> None:
    assert {one.value for one in Outcome} <= closed_list("walrus")


@pytest.mark.parametrize(("status", "expected"), [(206, 200), (200, 206), (204, 200), (304, 200)])
def test_another_good_status_is_wrong_as_well(status: int, expected: int) -> None:
    with pytest.raises(WrongAnswer, match=f"^status: expected {expected}, got {status}$"):
        walrus.check_read(status, None, b"", expected)


# -- downloads -----------------------------------------------------------------------------------

RUNS = [(b"stamp", 0, 5), (b"a block of bytes", 2, 7), (b"a block of bytes", 2, 7), (b"tail", 3, 1)]
WHOLE = b"stampblock oblock ol"


def compare(runs: Sequence[Run], *pieces: bytes) -> None:
    sink = Compare(runs)
    for piece in pieces:
        sink.write(memoryview(piece))
    sink.finish()


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_the_right_bytes_are_right_however_they_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(WHOLE)]
    compare(RUNS, *(WHOLE[a:b] for a, b in zip(edges, edges[1:], strict=False)))


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, len(WHOLE)), st.integers(1, 255))
def test_one_wrong_byte_is_found_wherever_it_is(at: int, cut: int, change: int) -> None:
    wrong = bytearray(WHOLE)
    wrong[at] ^= change
    with pytest.raises(WrongAnswer, match="^wrong bytes: not the bytes that were stored$"):
        compare(RUNS, bytes(wrong[:cut]), bytes(wrong[cut:]))


@pytest.mark.parametrize(
    "body", [b"", WHOLE[:-1], WHOLE + b"x", b"x" * 200, WHOLE[1:], WHOLE + WHOLE]
)
def test_another_length_is_a_wrong_length(body: bytes) -> None:
    with pytest.raises(WrongAnswer, match="^wrong length: not as long as what was stored$"):
        compare(RUNS, body)


@pytest.mark.parametrize("told", ["bytes 5-9/20", "bytes 5-8/21", "", None])
def test_a_part_must_say_which_part_it_is(told: str | None) -> None:
    walrus.check_content_range({"content-range": "bytes 5-8/20"}, 5, 4, 20)
    headers = {} if told is None else {"content-range": told}
    with pytest.raises(WrongAnswer, match="^bad shape: expected the range that was asked for"):
        walrus.check_content_range(headers, 5, 4, 20)


@pytest.mark.parametrize(
    ("status", "told", "text"),
    [
        (200, "18", "wrong length: not as long as what was stored"),
        (200, None, "bad shape: expected a content length, got none"),
        (206, "17", "status: expected 200, got 206"),
        (404, None, "not found: expected 200, got 404"),
        (503, "17", "unavailable: expected 200, got 503 (for the time being)"),
    ],
)
def test_an_answer_to_head_has_the_length_of_the_blob(
    status: int, told: str | None, text: str
) -> None:
    walrus.check_head(200, {"content-length": "17"}, 17)
    with pytest.raises(WrongAnswer) as caught:
        walrus.check_head(status, {} if told is None else {"content-length": told}, 17)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ({}, "unknown"),
        ({"x-cache": "Hit from cloudfront"}, "hit"),
        ({"x-cache": "MISS"}, "miss"),
        ({"x-cache": "MISS", "age": "7"}, "miss"),
        ({"cf-cache-status": "HIT"}, "hit"),
        ({"cf-cache-status": "DYNAMIC"}, "miss"),
        ({"age": "0"}, "miss"),
        ({"age": "12"}, "hit"),
    ],
)
def test_headers_say_what_a_cache_did(headers: dict[str, str], state: str) -> None:
    assert walrus.cache_state(headers) == state


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(None, 0), ("3", 3), (" 3 ", 3), ("-3", 0), ("soon", 0), ("9" * 400, 0), ("³", 0)],
)
def test_a_time_to_come_again_is_read(told: str | None, seconds: float) -> None:
    assert walrus.retry_after_s({} if told is None else {"retry-after": told}) == seconds


# -- quilts --------------------------------------------------------------------------------------

QUILT: dict[str, Any] = {
    "blobStoreResult": CREATED,
    "storedQuiltBlobs": [
        {"identifier": "a", "quiltPatchId": "P" * 50, "range": [1, 2]},
        {"identifier": "b", "quiltPatchId": "Q" * 50},
    ],
}


def test_a_quilt_tells_the_patch_of_each_file() -> None:
    found = check_quilt(200, JSON, orjson.dumps(QUILT), ["b", "a"])
    assert found == (walrus.Stored(ID, True, "0x" + "1" * 64), {"a": "P" * 50, "b": "Q" * 50})


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param(CREATED, "expected a result", id="a blob's answer"),
        pytest.param({**QUILT, "storedQuiltBlobs": None}, "expected a list", id="no files"),
        pytest.param({**QUILT, "storedQuiltBlobs": [1]}, "expected a list", id="numbers"),
        pytest.param(
            {**QUILT, "storedQuiltBlobs": QUILT["storedQuiltBlobs"][:1]},
            "expected each file once",
            id="a file is missing",
        ),
        pytest.param(
            {**QUILT, "storedQuiltBlobs": QUILT["storedQuiltBlobs"] * 2},
            "expected each file once",
            id="files twice",
        ),
        pytest.param(
            {**QUILT, "storedQuiltBlobs": [{"identifier": "a"}, {"identifier": "b"}]},
            "expected an id",
            id="no patch ids",
        ),
    ],
)
def test_a_quilt_of_another_shape_is_not_taken(answer: object, text: str) -> None:
    with pytest.raises(WrongAnswer, match=f"^bad shape: {text}"):
        check_quilt(200, JSON, orjson.dumps(answer), ["a", "b"])


# -- paths and tokens ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epochs", "kind", "path"),
    [
        (None, None, "/v1/blobs"),
        (5, None, "/v1/blobs?epochs=5"),
        (None, "permanent", "/v1/blobs?permanent=true"),
        (2, "deletable", "/v1/blobs?epochs=2&deletable=true"),
    ],
)
def test_only_what_is_given_is_said(epochs: int | None, kind: str | None, path: str) -> None:
    assert walrus.upload_path(walrus.UPLOAD, epochs, kind) == path


def test_a_range_has_both_ends() -> None:
    assert walrus.range_header(10, 5) == {"Range": "bytes=10-14"}
    assert walrus.byte_range_path("X", 10, 5) == "/v1/blobs/X/byte-range?start=10&length=5"


def test_a_name_in_a_path_stays_one_part_of_it() -> None:
    assert walrus.named_path("Q", "a/b c?") == "/v1/blobs/by-quilt-id/Q/a%2Fb%20c%3F"


SECRET = "s" * 32


def claims(header: dict[str, str], secret: str | bytes = SECRET) -> dict[str, Any]:
    scheme, _, token = header["Authorization"].partition(" ")
    assert scheme == "Bearer"
    return jwt.decode(token, secret, ["HS256"])


def test_a_token_lives_exactly_as_long_as_it_should_and_is_used_once() -> None:
    tokens = Tokens(SECRET, "HS256", 60.0, ())
    first, second = (claims(tokens.header(17, None)) for _ in range(2))
    assert first["exp"] - first["iat"] == 60
    assert first["jti"] != second["jti"]
    assert first.keys() == {"exp", "iat", "jti"}


def test_a_token_claims_what_it_is_told_to() -> None:
    tokens = Tokens(SECRET, "HS256", 60.0, ("size", "epochs"))
    assert claims(tokens.header(17, 5))["size"] == 17
    assert claims(tokens.header(17, 5))["epochs"] == 5
    assert claims(tokens.header(17, None))["epochs"] == 1
    assert "size" not in claims(tokens.header(None, None)), "that of a quilt is not known"


def test_a_secret_may_be_hex() -> None:
    tokens = Tokens("0x" + "ab" * 32, "HS256", 60.0, ())
    assert claims(tokens.header(1, None), b"\xab" * 32)


def test_a_secret_that_is_no_hex_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        Tokens("0xsecret", "HS256", 60.0, ())
    assert caught.value.mistakes == ["secret of tokens: expected hex digits after 0x, got others"]
    assert caught.value.__cause__ is None
