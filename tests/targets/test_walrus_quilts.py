"""Quilts of the Walrus target: several files stored at once and read one by one."""

from collections.abc import Iterator

import pytest

from gauntlet.targets._walrus_quilts import MAX_FILES
from tests.targets._walrus import FORM, MIB, Service, Walrus, form, noise, walrus

FILES = {"b.txt": b"bb" * 500, "a.txt": b"aaa", "empty": b"", "ünïcode name": noise(70_000)}


@pytest.fixture(scope="module")
def target() -> Iterator[Walrus]:
    with walrus("--first-read", "0s", "--tag-headers") as shared:
        yield shared


@pytest.fixture(scope="module")
def quilt(target: Walrus) -> str:
    content = target.put_quilt(FILES).content
    return str(content["blobStoreResult"]["newlyCreated"]["blobObject"]["blobId"])


def test_a_quilt_is_stored_like_a_blob_and_tells_its_files(target: Service) -> None:
    answer = target.put_quilt({"2": b"two", "1": b"one"}, "?epochs=3&permanent=true")
    assert (answer.status, set(answer.content)) == (200, {"blobStoreResult", "storedQuiltBlobs"})
    stored = answer.content["blobStoreResult"]["newlyCreated"]["blobObject"]
    assert (stored["deletable"], stored["storage"]["endEpoch"]) == (False, 4)
    patches = answer.content["storedQuiltBlobs"]
    assert [item["identifier"] for item in patches] == ["1", "2"]
    assert all(set(item) == {"identifier", "quiltPatchId"} for item in patches)
    assert all(len(item["quiltPatchId"]) == 50 for item in patches)
    again = target.put_quilt({"2": b"two", "1": b"one"}).content
    assert again["blobStoreResult"]["alreadyCertified"]["blobId"] == stored["blobId"]
    assert again["storedQuiltBlobs"] == patches


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_by_its_name_and_by_its_patch(
    target: Service, quilt: str, name: str
) -> None:
    listed = {item["identifier"]: item for item in target.get(listing(quilt)).content}
    by_name = target.ask("GET", f"/v1/blobs/by-quilt-id/{quilt}/{quoted(name)}")
    by_patch = target.get(f"/v1/blobs/by-quilt-patch-id/{listed[name]['patch_id']}")
    for answer in (by_name, by_patch):
        assert (answer.status, answer.body) == (200, FILES[name])
        assert answer.headers["etag"] == quilt
        told = name if name.isascii() else None  # a header holds nothing else
        assert answer.headers.get("x-quilt-patch-identifier") == told


def listing(quilt: str) -> str:
    return f"/v1/quilts/{quilt}/patches"


def quoted(name: str) -> str:
    return "".join(f"%{byte:02x}" for byte in name.encode())


def test_the_files_of_a_quilt_are_listed_by_name_with_their_tags(target: Service) -> None:
    tags = {"type": "logo", "size": 3, "deep": {"a": [1]}}
    metadata = [{"identifier": "b", "tags": tags}, {"identifier": "stranger"}]
    answer = target.put_quilt({"b": b"b", "a": b"a"}, metadata=metadata).content
    ids = {item["identifier"]: item["quiltPatchId"] for item in answer["storedQuiltBlobs"]}
    quilt = answer["blobStoreResult"]["newlyCreated"]["blobObject"]["blobId"]
    assert target.get(listing(quilt)).content == [
        {"identifier": "a", "patch_id": ids["a"], "tags": {}},
        {
            "identifier": "b",
            "patch_id": ids["b"],
            "tags": {"type": "logo", "size": "3", "deep": '{"a":[1]}'},
        },
    ]


def test_tags_become_headers_if_they_may_and_if_it_is_asked_for(target: Service) -> None:
    metadata = [{"identifier": "a", "tags": {"Content-Type": "text/css", "x-own": "1"}}]

    def headers_of(service: Service) -> dict[str, str]:
        answer = service.put_quilt({"a": b"a"}, metadata=metadata).content
        patch = answer["storedQuiltBlobs"][0]["quiltPatchId"]
        return service.get(f"/v1/blobs/by-quilt-patch-id/{patch}").headers

    assert headers_of(target)["content-type"] == "text/css"
    assert "x-own" not in headers_of(target)
    with walrus() as plain:
        assert "content-type" not in headers_of(plain)


def test_other_tags_make_another_quilt(target: Service) -> None:
    def quilt_with(tag: str) -> str:
        metadata = [{"identifier": "tagged", "tags": {"tag": tag}}]
        result = target.put_quilt({"tagged": b"x"}, metadata=metadata).content["blobStoreResult"]
        return str(result["newlyCreated"]["blobObject"]["blobId"])

    assert quilt_with("1") != quilt_with("2")


def test_a_name_with_a_slash_is_read_when_it_is_quoted(target: Service) -> None:
    result = target.put_quilt({"folder/file": b"inside"}).content["blobStoreResult"]
    quilt = result["newlyCreated"]["blobObject"]["blobId"]
    assert target.get(f"/v1/blobs/by-quilt-id/{quilt}/folder%2Ffile").body == b"inside"
    assert target.get(f"/v1/blobs/by-quilt-id/{quilt}/folder/file").status == 404


def test_a_file_that_the_quilt_does_not_have_is_a_404(target: Service, quilt: str) -> None:
    patch = target.get(listing(quilt)).content[0]["patch_id"]
    other = patch[:-2] + ("AA" if patch[-2:] != "AA" else "QA")
    paths = (f"/v1/blobs/by-quilt-id/{quilt}/c.txt", f"/v1/blobs/by-quilt-patch-id/{other}")
    answers = [target.get(path) for path in paths]
    assert [(answer.status, answer.reason) for answer in answers] == [
        (404, "QUILT_PATCH_NOT_FOUND")
    ] * 2


def test_the_whole_quilt_is_a_blob_too(target: Service, quilt: str) -> None:
    answer = target.read(quilt)
    assert answer.status == 200
    assert all(content in answer.body for content in FILES.values())


def test_a_blob_that_turns_out_to_be_a_quilt_becomes_one(target: Service) -> None:
    with walrus() as other:
        stored = other.put_quilt({"late": b"quilt"}).content
        quilt = stored["blobStoreResult"]["newlyCreated"]["blobObject"]["blobId"]
        content = other.read(quilt).body
    assert target.store(content) == quilt
    assert target.get(f"/v1/blobs/by-quilt-id/{quilt}/late").status == 404
    assert "alreadyCertified" in target.put_quilt({"late": b"quilt"}).content["blobStoreResult"]
    assert target.get(f"/v1/blobs/by-quilt-id/{quilt}/late").body == b"quilt"


def test_a_quilt_has_at_most_666_files_and_columns_for_all_of_them(target: Service) -> None:
    files = {f"{number:04}": noise(number, number) for number in range(MAX_FILES)}
    stored = target.put_quilt(files).content["storedQuiltBlobs"]
    assert len({item["quiltPatchId"] for item in stored}) == MAX_FILES
    number = 500
    patch = stored[number]["quiltPatchId"]
    assert target.get(f"/v1/blobs/by-quilt-patch-id/{patch}").body == files[f"{number:04}"]
    assert target.put_quilt({**files, "more": b""}).reason == "MALFORMED_REQUEST"


HEAD = b'--a-boundary\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(form([]), "there are no files", id="no file"),
        pytest.param(form([("_metadata", b"[]")]), "there are no files", id="only metadata"),
        pytest.param(b"", "no end", id="nothing"),
        pytest.param(b"garbage", "no multipart form", id="garbage"),
        pytest.param(form([("a", b"x")])[:-6], "no end", id="a lost end"),
        pytest.param(HEAD.replace(b"name=", b"id="), "no name", id="a part without name"),
        pytest.param(form([("a", b"x"), ("a", b"y")]), "comes twice", id="a name twice"),
        pytest.param(form([("", b"x")]), "must begin", id="an empty name"),
        pytest.param(form([("-a", b"x")]), "must begin", id="a name that begins with a dash"),
        pytest.param(form([("_a", b"x")]), "must begin", id="a name that begins with a line"),
        pytest.param(form([("a ", b"x")]), "not end", id="a name that ends with a blank"),
        pytest.param(form([("a" * 65_536, b"x")]), "must begin", id="a name without end"),
        pytest.param(form([("a", b"x"), ("_metadata", b"{")]), "no JSON", id="broken metadata"),
        pytest.param(
            form([("a", b"x"), ("_metadata", b'{"identifier":"a"}')]),
            "no array",
            id="metadata that is no list",
        ),
        pytest.param(
            form([("a", b"x"), ("_metadata", b'[{"tags":{}}]')]),
            "no array",
            id="metadata of nobody",
        ),
        pytest.param(
            form([("a", b"x"), ("_metadata", b'[{"identifier":"a"},{"identifier":"a"}]')]),
            "twice in the metadata",
            id="metadata twice",
        ),
    ],
)
def test_a_form_that_cannot_be_read_is_a_400(target: Service, body: bytes, told: str) -> None:
    answer = target.put_form(body)
    assert (answer.status, answer.reason) == (400, "MALFORMED_REQUEST")
    assert told in answer.content["error"]["message"]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("multipart/form-data", id="no boundary"),
        pytest.param("application/octet-stream", id="no form"),
    ],
)
def test_a_body_of_another_kind_is_a_400(target: Service, kind: str) -> None:
    assert target.put_form(form([("a", b"x")]), kind=kind).reason == "MALFORMED_REQUEST"


def test_a_longest_name_is_taken_and_read_back_by_patch(target: Service) -> None:
    stored = target.put_quilt({"a" * 65_000: b"long name"}).content["storedQuiltBlobs"]
    answer = target.get(f"/v1/blobs/by-quilt-patch-id/{stored[0]['quiltPatchId']}")
    assert answer.body == b"long name"


def test_a_quilt_above_its_own_limit_is_a_413() -> None:
    with walrus("--quilt-limit", str(MIB), "--blob-limit", "10") as target:
        small, large = form([("a", b"x" * 1000)]), form([("a", b"x" * MIB)])
        assert target.put_form(small).status == 200
        assert target.put_form(large).status == 413
        assert target.ask("PUT", "/v1/quilts", [large], {"content-type": FORM}).status == 413
