"""Downloads from the Walrus target: whole blobs and parts, headers, every refusal."""

from collections.abc import Iterator

import pytest

from tests.targets._walrus import CORS, UNKNOWN, Headers, Service, Walrus, noise, walrus

BODY = noise(100_000)
FIXED = {
    "cache-control": "public, max-age=86400, stale-while-revalidate=3600",
    "x-content-type-options": "nosniff",
    **CORS,
}
ALWAYS_THERE = {"date", "server"}


@pytest.fixture(scope="module")
def target() -> Iterator[Walrus]:
    with walrus("--first-read", "0s") as shared:
        yield shared


@pytest.fixture(scope="module")
def blob(target: Walrus) -> str:
    return target.store(BODY)


def test_a_blob_comes_back_with_its_headers_and_no_others(target: Service, blob: str) -> None:
    answer = target.read(blob)
    assert (answer.status, answer.body) == (200, BODY)
    assert {name: answer.headers[name] for name in answer.headers.keys() - ALWAYS_THERE} == {
        **FIXED,
        "etag": blob,
        "content-length": "100000",
    }


@pytest.mark.parametrize(
    ("method", "headers", "content_type"),
    [
        pytest.param("GET", {}, None, id="nothing"),
        pytest.param("GET", {"accept": "*/*"}, None, id="that it takes everything"),
        pytest.param("GET", {"accept": "image/png"}, "image/png", id="what it takes"),
        pytest.param("HEAD", {"accept": "image/png"}, "image/png", id="the same before a head"),
        pytest.param("GET", {"content-type": "text/css"}, "text/css", id="what it would send"),
        pytest.param("HEAD", {"content-type": "text/css"}, None, id="that before a head"),
        pytest.param(
            *("GET", {"accept": "text/*", "content-type": "text/css"}, "text/css"),
            id="something vague and something exact",
        ),
    ],
)
def test_the_content_type_is_what_the_client_says(
    target: Service, blob: str, method: str, headers: Headers, content_type: str | None
) -> None:
    answer = target.ask(method, f"/v1/blobs/{blob}", headers=headers)
    assert answer.headers.get("content-type") == content_type


def test_an_etag_that_is_known_changes_nothing(target: Service, blob: str) -> None:
    assert target.get(f"/v1/blobs/{blob}", {"if-none-match": blob}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/v1/blobs/{blob}", id="a blob"),
        pytest.param("/v1/blobs/{blob}/byte-range?start=1&length=9", id="a part"),
        pytest.param(f"/v1/blobs/{UNKNOWN}", id="an unknown blob"),
        pytest.param("/status", id="the status"),
    ],
)
def test_a_head_has_the_headers_of_the_answer_and_no_body(
    target: Service, blob: str, path: str
) -> None:
    whole, head = (target.ask(method, path.format(blob=blob)) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (whole.status, b"")
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}


def test_a_blob_is_read_by_its_object(target: Service) -> None:
    created = target.put(b"an object").content["newlyCreated"]["blobObject"]
    for name in (created["id"], created["id"].upper().replace("0X", "0x")):
        answer = target.get(f"/v1/blobs/by-object-id/{name}")
        assert (answer.status, answer.body) == (200, b"an object")
        assert answer.headers["etag"] == created["blobId"]


def test_attributes_become_headers_where_nothing_else_says_them() -> None:
    attributes = (
        "content-type=image/png",
        "link=<x>",
        "ETag=mine",
        "x-own=1",
        "content-language=é",
    )
    options = [word for text in attributes for word in ("--attribute", text)]
    with walrus(*options) as target:
        created = target.put(BODY).content["newlyCreated"]["blobObject"]
        path = f"/v1/blobs/by-object-id/{created['id']}"
        headers, mirrored = target.get(path).headers, target.get(path, {"accept": "a/b"}).headers
        plain = target.read(created["blobId"]).headers
    assert (headers["content-type"], headers["link"]) == ("image/png", "<x>")
    assert headers["etag"] == created["blobId"]
    assert not {"x-own", "content-language"} & headers.keys()
    assert mirrored["content-type"] == "a/b"
    assert not {"content-type", "link"} & plain.keys()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param(0, 0, id="the first byte"),
        pytest.param(10, 19, id="ten bytes"),
        pytest.param(99_999, 99_999, id="the last byte"),
        pytest.param(0, 99_999, id="everything"),
    ],
)
def test_a_range_is_a_206(target: Service, blob: str, first: int, last: int) -> None:
    answer = target.get(f"/v1/blobs/{blob}", {"range": f"bytes={first}-{last}"})
    assert (answer.status, answer.body) == (206, BODY[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/100000"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.headers["etag"] == blob


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param("bytes=10-", id="without end"),
        pytest.param("bytes=-10", id="from the end"),
        pytest.param("bytes=0-1,3-4", id="two at once"),
        pytest.param("bytes=9-8", id="backwards"),
        pytest.param("bytes=99999-100000", id="beyond the end"),
        pytest.param("lines=0-1", id="in another unit"),
        pytest.param("", id="empty"),
    ],
)
def test_a_range_that_cannot_be_served_is_a_416(target: Service, blob: str, wanted: str) -> None:
    answer = target.get(f"/v1/blobs/{blob}", {"range": wanted})
    assert (answer.status, answer.reason) == (416, "INVALID_BYTE_RANGE")
    assert answer.content["error"]["status"] == "RANGE_NOT_SATISFIABLE"


def test_an_empty_blob_has_no_range(target: Service) -> None:
    blob = target.store(b"")
    assert target.get(f"/v1/blobs/{blob}", {"range": "bytes=0-0"}).status == 416


def test_a_byte_range_is_a_200_of_its_own(target: Service, blob: str) -> None:
    answer = target.get(f"/v1/blobs/{blob}/byte-range?start=5&length=10")
    assert (answer.status, answer.body) == (200, BODY[5:15])
    assert answer.headers["etag"] == f"{blob}-5-10"
    assert {name: answer.headers[name] for name in FIXED} == FIXED
    assert "content-range" not in answer.headers


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("start=0&length=0", id="of nothing"),
        pytest.param("start=99999&length=2", id="beyond the end"),
        pytest.param("start=100000&length=1", id="behind the end"),
        pytest.param(f"start={2**64 - 1}&length={2**64 - 1}", id="beyond all numbers"),
    ],
)
def test_a_byte_range_that_cannot_be_served_is_a_400(
    target: Service, blob: str, query: str
) -> None:
    answer = target.get(f"/v1/blobs/{blob}/byte-range?{query}")
    assert (answer.status, answer.reason) == (400, "INVALID_BYTE_RANGE")


def test_a_blob_can_be_streamed(target: Service, blob: str) -> None:
    answer = target.get(f"/v1alpha/blobs/{blob}/stream")
    assert (answer.body, answer.headers["x-walrus-streaming"]) == (BODY, "true")


NO_BLOB = "failed to parse a blob ID"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        pytest.param("/v1/blobs/short", NO_BLOB, id="a short id"),
        pytest.param("/v1/blobs/" + "A" * 44, NO_BLOB, id="a long id"),
        pytest.param("/v1/blobs/" + "A" * 42 + "=", NO_BLOB, id="a padded id"),
        pytest.param("/v1/blobs/%2e%2e", NO_BLOB, id="a path in the id"),
        pytest.param("/v1/blobs/short/byte-range?start=0&length=1", NO_BLOB, id="of a part"),
        pytest.param("/v1/quilts/short/patches", NO_BLOB, id="of a quilt"),
        pytest.param("/v1/blobs/by-quilt-id/short/name", NO_BLOB, id="of the quilt of a file"),
        pytest.param(
            "/v1/blobs/by-object-id/0x12", "failed to parse an object ID", id="of an object"
        ),
        pytest.param(
            f"/v1/blobs/by-quilt-patch-id/{UNKNOWN}",
            "failed to parse a quilt patch ID",
            id="of a file of a quilt",
        ),
    ],
)
def test_an_id_that_cannot_be_read_is_a_400_as_text(target: Service, path: str, told: str) -> None:
    answer = target.get(path)
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert answer.body.decode() == f"Invalid URL: {told}"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param("?cb=1", "unknown field `cb`", id="a cache buster"),
        pytest.param("?skip_consistency_check=1", "skip_consistency_check: ", id="no truth"),
        pytest.param(
            "?skip_consistency_check=true&skip_consistency_check=true",
            "duplicate",
            id="a key twice",
        ),
        pytest.param("/byte-range", "missing field `start`", id="no start"),
        pytest.param("/byte-range?start=1", "missing field `length`", id="no length"),
        pytest.param("/byte-range?start=a&length=1", "start: ", id="a start in letters"),
        pytest.param("/byte-range?start=0&length=-1", "length: ", id="a negative length"),
        pytest.param("/byte-range?start=0&length=1&x=1", "unknown field `x`", id="one key more"),
    ],
)
def test_a_bad_query_is_a_400_as_text(target: Service, blob: str, query: str, told: str) -> None:
    answer = target.get(f"/v1/blobs/{blob}{query}")
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert answer.body.startswith(b"Failed to deserialize query string: ")
    assert told in answer.body.decode()


@pytest.mark.parametrize("word", ["strict", "skip"])
def test_one_consistency_check_changes_nothing_and_both_are_a_400(
    target: Service, blob: str, word: str
) -> None:
    assert target.get(f"/v1/blobs/{blob}?{word}_consistency_check=true").body == BODY
    both = "?strict_consistency_check=true&skip_consistency_check=true"
    answer = target.get(f"/v1/blobs/{blob}{both}")
    assert (answer.status, answer.reason) == (400, "INVALID_CONSISTENCY_CHECK")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param(f"/v1/blobs/{UNKNOWN}", "BLOB_NOT_FOUND", id="a blob"),
        pytest.param(
            f"/v1/blobs/{UNKNOWN}/byte-range?start=0&length=1", "BLOB_NOT_FOUND", id="a part"
        ),
        pytest.param("/v1/blobs/by-object-id/0x" + "0" * 64, "BLOB_NOT_FOUND", id="an object"),
        pytest.param(f"/v1/quilts/{UNKNOWN}/patches", "BLOB_NOT_FOUND", id="a quilt"),
        pytest.param(
            f"/v1/blobs/by-quilt-id/{UNKNOWN}/name", "BLOB_NOT_FOUND", id="a file by its name"
        ),
        pytest.param(
            f"/v1/blobs/by-quilt-patch-id/{'A' * 50}", "BLOB_NOT_FOUND", id="a file by its id"
        ),
    ],
)
def test_what_is_not_there_is_a_404(target: Service, path: str, reason: str) -> None:
    answer = target.get(path)
    assert (answer.status, answer.reason) == (404, reason)
    assert answer.content["error"]["status"] == "NOT_FOUND"


def test_a_blob_that_is_no_quilt_has_no_files(target: Service, blob: str) -> None:
    paths = (f"/v1/quilts/{blob}/patches", f"/v1/blobs/by-quilt-id/{blob}/name")
    assert {target.get(path).reason for path in paths} == {"QUILT_PATCH_NOT_FOUND"}


def test_a_blob_above_the_aggregators_limit_is_a_403() -> None:
    with walrus("--read-limit", "100") as target:
        small, large = target.store(b"x" * 100), target.store(b"x" * 101)
        assert target.read(small).status == 200
        answer = target.read(large)
    assert (answer.status, answer.reason) == (403, "BLOB_TOO_LARGE")
    assert answer.content["error"]["status"] == "SIZE_EXCEEDED"
