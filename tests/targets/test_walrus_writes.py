"""Uploads to the Walrus target: what is new, what is there already, what is refused."""

import re
import socket
from collections.abc import Iterator

import pytest

from tests.targets._walrus import CORS, MIB, Service, Walrus, blob_of, noise, walrus
from tests.targets.conftest import DEADLINE_S, wait_until

ADDRESS = "0x" + "ab" * 32
OBJECT = re.compile(r"0x[0-9a-f]{64}")


@pytest.fixture(scope="module")
def target() -> Iterator[Walrus]:
    with walrus("--blob-limit", "1000", "--quilt-limit", "5000") as shared:
        yield shared


def without_ids(value: object) -> object:
    """The content of an answer with every object id, blob id and digest named only."""
    if isinstance(value, dict):
        return {key: without_ids(item) for key, item in value.items()}
    if isinstance(value, str) and OBJECT.fullmatch(value):
        return "an object"
    if isinstance(value, str) and len(value) == 43:
        return "a blob"
    return value


def created(size: int, epochs: int = 1, *, deletable: bool = True) -> dict[str, object]:
    return {
        "newlyCreated": {
            "blobObject": {
                "id": "an object",
                "registeredEpoch": 1,
                "blobId": "a blob",
                "size": size,
                "encodingType": "RS2",
                "certifiedEpoch": 1,
                "storage": {
                    "id": "an object",
                    "startEpoch": 1,
                    "endEpoch": 1 + epochs,
                    "storageSize": 66_034_000,
                },
                "deletable": deletable,
            },
            "resourceOperation": {
                "registerFromScratch": {"encodedLength": 66_034_000, "epochsAhead": epochs}
            },
            "cost": 63 * (2000 + 100 * epochs),
        }
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", created(17), id="without a query"),
        pytest.param("?epochs=5", created(17, 5), id="for some epochs"),
        pytest.param("?epochs=53", created(17, 53), id="for as many epochs as there can be"),
        pytest.param("?deletable=true", created(17), id="deletable, which is the default"),
        pytest.param("?deletable=false", created(17), id="the word deletable has no effect"),
        pytest.param("?permanent=true", created(17, deletable=False), id="permanent"),
        pytest.param("?encoding_type=RS2&quilt_version=v1", created(17), id="with an encoding"),
        pytest.param(f"?send_object_to={ADDRESS}", created(17), id="sent to somebody"),
        pytest.param(f"?send_object_to={ADDRESS}&share=false", created(17), id="not shared"),
        pytest.param("?force=true&reuse_resources=true", created(17), id="forced"),
    ],
)
def test_new_content_is_newly_created(
    target: Service, query: str, expected: dict[str, object], request: pytest.FixtureRequest
) -> None:
    answer = target.put(request.node.callspec.id.encode()[:17].ljust(17, b"."), query)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert without_ids(answer.content) == expected


def test_a_shared_blob_has_an_object_more(target: Service) -> None:
    content = target.put(b"shared", "?share=true").content["newlyCreated"]
    assert OBJECT.fullmatch(content["sharedBlobObject"])
    for name in (content["sharedBlobObject"], content["blobObject"]["id"]):
        assert target.get(f"/v1/blobs/by-object-id/{name}").body == b"shared"


def test_an_empty_body_is_a_blob(target: Service) -> None:
    answer = target.put(b"")
    assert without_ids(answer.content) == created(0)
    assert target.read(blob_of(answer))[2] == b""


def test_the_same_content_is_certified_already_and_keeps_its_object(target: Service) -> None:
    first = target.put(b"twice").content["newlyCreated"]["blobObject"]
    again = target.put(b"twice")
    assert again.content == {
        "alreadyCertified": {"blobId": first["blobId"], "object": first["id"], "endEpoch": 2}
    }


def test_a_permanent_blob_is_certified_already_by_an_event(target: Service) -> None:
    first = blob_of(target.put(b"permanent", "?permanent=true&epochs=3"))
    again = target.put(b"permanent", "?epochs=3").content["alreadyCertified"]
    assert (again["blobId"], again["endEpoch"]) == (first, 4)
    assert again["event"]["eventSeq"] == "0"
    assert re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{40,44}", again["event"]["txDigest"])


@pytest.mark.parametrize(
    ("first", "second", "operation"),
    [
        pytest.param("", "?force=true", "registerFromScratch", id="if it is forced"),
        pytest.param("", "?epochs=2", "registerFromScratch", id="if it shall last longer"),
        pytest.param(
            *("", "?epochs=3&reuse_resources=true", "reuseAndExtend"), id="by an extension"
        ),
        pytest.param("", "?permanent=true", "registerFromScratch", id="if it shall be permanent"),
        pytest.param(
            *(f"?send_object_to={ADDRESS}", "", "registerFromScratch"), id="if another owns it"
        ),
        pytest.param("?share=true", "", "registerFromScratch", id="if everybody owns it"),
    ],
)
def test_known_content_is_newly_created(
    target: Service,
    first: str,
    second: str,
    operation: str,
    request: pytest.FixtureRequest,
) -> None:
    body = request.node.callspec.id.encode()
    before = target.put(body, first).content["newlyCreated"]["blobObject"]
    content = target.put(body, second).content["newlyCreated"]
    assert list(content["resourceOperation"]) == [operation]
    assert content["blobObject"]["blobId"] == before["blobId"]
    assert (content["blobObject"]["id"] == before["id"]) is (operation == "reuseAndExtend")


def test_an_extension_counts_from_the_old_end(target: Service) -> None:
    target.put(b"extended", "?epochs=2")
    content = target.put(b"extended", "?epochs=5&reuse_resources=true").content["newlyCreated"]
    assert content["resourceOperation"]["reuseAndExtend"] == {
        "encodedLength": 66_034_000,
        "epochsExtended": 3,
    }
    assert content["blobObject"]["storage"]["endEpoch"] == 6
    assert content["cost"] == 63 * 100 * 3


def test_a_blob_stored_by_force_very_often_is_still_one_blob(target: Service) -> None:
    objects = [
        target.put(b"forced", "?force=true").content["newlyCreated"]["blobObject"]["id"]
        for _ in range(12)
    ]
    found = [target.get(f"/v1/blobs/by-object-id/{name}").status for name in objects]
    assert found == [404] * 4 + [200] * 8


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param("?epoch=1", "unknown field `epoch`", id="an unknown key"),
        pytest.param("?cb=123", "unknown field `cb`", id="a cache buster"),
        pytest.param("?epochs=1&epochs=1", "duplicate field `epochs`", id="a key twice"),
        pytest.param("?epochs=-1", "epochs: ", id="fewer than no epochs"),
        pytest.param("?epochs=4294967296", "epochs: ", id="more epochs than 32 bits"),
        pytest.param("?epochs=", "epochs: ", id="no number"),
        pytest.param("?permanent=1", "permanent: ", id="a number for a truth"),
        pytest.param("?force=True", "force: ", id="a truth in capitals"),
        pytest.param("?encoding_type=RS1", "encoding_type: ", id="an unknown encoding"),
        pytest.param("?quilt_version=v2", "quilt_version: ", id="an unknown version"),
        pytest.param("?send_object_to=0x2", "send_object_to: ", id="a short address"),
        pytest.param(
            f"?share=true&send_object_to={ADDRESS}", "exclude each other", id="sent and shared"
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/blobs", "/v1/quilts"])
def test_a_bad_query_is_a_400_as_text(target: Service, path: str, query: str, told: str) -> None:
    answer = target.ask("PUT", path + query, b"never stored")
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert answer.body.startswith(b"Failed to deserialize query string: ")
    assert told in answer.body.decode()


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        pytest.param(
            *("?permanent=true&deletable=true", 400, "INVALID_BLOB_PERSISTENCE"),
            id="deletable and permanent",
        ),
        pytest.param("?epochs=54", 500, "INTERNAL_ERROR", id="more epochs than the chain allows"),
        pytest.param("?epochs=0", 500, "INTERNAL_ERROR", id="no epoch"),
    ],
)
def test_what_cannot_be_stored_has_a_reason(
    target: Service, query: str, status: int, reason: str
) -> None:
    answer = target.put(b"never stored", query)
    assert (answer.status, answer.reason) == (status, reason)


def test_an_error_object_has_the_form_of_all_services(target: Service) -> None:
    answer = target.put(b"", "?permanent=true&deletable=true")
    assert answer.content == {
        "error": {
            "status": "INVALID_ARGUMENT",
            "code": 400,
            "message": "the blob cannot be defined as both deletable and permanent",
            "details": [
                {
                    "@type": "ErrorInfo",
                    "reason": "INVALID_BLOB_PERSISTENCE",
                    "domain": "daemon.walrus.space",
                    "metadata": {},
                }
            ],
        }
    }


def test_an_internal_error_is_a_global_one_with_a_trace(target: Service) -> None:
    error = target.put(b"", "?epochs=54").content["error"]
    info, debug = error.pop("details")
    assert error == {
        "status": "INTERNAL",
        "code": 500,
        "message": "an internal error has occurred, please report it",
    }
    assert info["domain"] == "global"
    assert re.fullmatch(r"TraceID: [0-9a-f]{32}", debug.pop("detail"))
    assert debug == {"@type": "DebugInfo", "stackEntries": []}


@pytest.mark.parametrize(
    "body",
    [pytest.param(b"x" * 1001, id="announced"), pytest.param([b"x" * 1001], id="in chunks")],
)
def test_a_body_above_the_limit_is_a_413_as_text(
    target: Service, body: bytes | list[bytes]
) -> None:
    answer = target.ask("PUT", "/v1/blobs", body)
    assert (answer.status, answer.headers["content-type"]) == (413, "text/plain; charset=utf-8")
    assert answer.body.startswith(b"Failed to buffer the request body")


@pytest.mark.parametrize(
    "body", [pytest.param(b"x" * 1000, id="announced"), pytest.param([b"x"] * 1000, id="in chunks")]
)
def test_a_body_of_just_the_limit_is_stored(target: Service, body: bytes | list[bytes]) -> None:
    blob = blob_of(target.ask("PUT", "/v1/blobs?force=true", body))
    assert target.read(blob).body == b"x" * 1000


def test_the_limits_are_10_and_100_mib_unless_told() -> None:
    with walrus() as target:
        for path, limit in (("/v1/blobs", 10 * MIB), ("/v1/quilts", 100 * MIB)):
            assert answer_to_head(target, path, limit) == b"100"  # go on
            assert answer_to_head(target, path, limit + 1) == b"413"


def answer_to_head(target: Walrus, path: str, length: int) -> bytes:
    """The status that comes before any of the body is sent."""
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
    kind = "Content-Type: multipart/form-data; boundary=x\r\n"
    with socket.create_connection(("127.0.0.1", target.port), DEADLINE_S) as connection:
        connection.sendall(f"{head}{kind}Expect: 100-continue\r\n\r\n".encode())
        return connection.recv(100).split()[1]


def test_content_type_and_length_of_an_upload_do_not_matter(target: Service) -> None:
    kinds = ("application/octet-stream", "text/html", "")
    ids = {blob_of(target.put(b"any kind", "", {"content-type": kind})) for kind in kinds}
    assert len(ids) == 1


def test_what_a_client_that_leaves_has_sent_is_not_stored(target: Service) -> None:
    def arrived() -> int:
        return int(target.get("/__count").content["/v1/blobs"]["requests"])

    before = arrived()
    with socket.create_connection(("127.0.0.1", target.port), DEADLINE_S) as leaving:
        leaving.sendall(b"PUT /v1/blobs HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf")
        wait_until(lambda: arrived() > before, "the upload begins")
    assert target.get("/status").status == 200
    assert "newlyCreated" in target.put(b"half").content


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        pytest.param("GET", "/status", 200, None, id="status"),
        pytest.param("HEAD", "/status", 200, None, id="head of status"),
        pytest.param("GET", "/v1/api", 200, None, id="the description"),
        pytest.param("GET", "/nowhere", 404, None, id="an unknown path"),
        pytest.param("PUT", "/v1/blobs/", 404, None, id="a slash too many"),
        pytest.param("GET", "/v1/blobs", 405, "PUT", id="reading where one writes"),
        pytest.param("POST", "/v1/blobs", 405, "PUT", id="posting a blob"),
        pytest.param("POST", "/v1/quilts", 405, "PUT", id="posting a quilt"),
        pytest.param("DELETE", "/status", 405, "GET,HEAD", id="deleting the status"),
        pytest.param("PUT", f"/v1/blobs/{'A' * 43}", 405, "GET,HEAD", id="putting to an id"),
    ],
)
def test_every_path_has_its_methods_and_says_anybody_may_read(
    target: Service, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = target.ask(method, path)
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert {name: answer.headers[name] for name in CORS} == CORS
    assert status == 200 or answer.body == b""


def test_the_status_is_a_text(target: Service) -> None:
    answer = target.get("/status")
    assert (answer.headers["content-type"], answer.body) == ("text/plain; charset=utf-8", b"OK")


def test_the_description_is_a_page(target: Service) -> None:
    answer = target.get("/v1/api")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert b"/v1/blobs/{blob_id}" in answer.body


def test_a_browser_that_asks_first_may_do_everything(target: Service) -> None:
    answer = target.ask("OPTIONS", "/v1/blobs", headers={"origin": "http://x"})
    allowed = {
        "access-control-allow-methods": "*",
        "access-control-allow-headers": "*",
        "access-control-max-age": "86400",
    }
    assert answer.status == 200
    assert {name: answer.headers[name] for name in allowed} == allowed


def test_a_forbidden_blob_is_a_451_when_written_and_when_read() -> None:
    with walrus() as target:
        blob = target.store(noise(100))
    with walrus("--forbid", blob) as target:
        answers = [target.put(noise(100)), target.read(blob)]
    assert [(answer.status, answer.reason) for answer in answers] == [(451, "FORBIDDEN_BLOB")] * 2
    assert answers[0].content["error"]["status"] == "UNAVAILABLE_FOR_LEGAL_REASONS"
