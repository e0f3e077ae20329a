"""Walrus as pure functions: what to ask publisher and aggregator, and whether an answer is right.

    stored = check_stored(status, content_type, body, length)   # of PUT upload_path(...)
    sink = Compare(blob.runs())                                 # of GET blob_path(stored.blob_id)
    check_read(status, content_type, kept_body)                 # after the sink's own judgement

Nothing here touches a socket. A check returns when the answer is right and raises `WrongAnswer`
with an `Outcome` when it is not; `Refused` tells those that may be asked again. Ids are opaque:
taken from answers and put into paths, never computed or compared.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn
from urllib.parse import quote

from gauntlet.clients._walrus_refusals import (
    Body,
    Outcome,
    Refused,
    essence,
    json_object,
    refusal,
    retry_after_s,
)
from gauntlet.clients._walrus_tokens import Tokens
from gauntlet.errors import WrongAnswer
from gauntlet.payloads.blobs import Run

__all__ = [
    "Body",
    "Compare",
    "Outcome",
    "Refused",
    "Stored",
    "Tokens",
    "blob_path",
    "byte_range_path",
    "cache_state",
    "check_content_range",
    "check_head",
    "check_quilt",
    "check_read",
    "check_stored",
    "named_path",
    "object_path",
    "patch_path",
    "range_header",
    "refusal",
    "retry_after_s",
    "upload_path",
]

# Names in the statistics.
UPLOAD = "/v1/blobs"
FIRST = "/v1/blobs/{id} first"
CACHED = "/v1/blobs/{id} cached"
RANGE = "/v1/blobs/{id} range"
BYTE_RANGE = "/v1/blobs/{id}/byte-range"
HEAD = "/v1/blobs/{id}"
OBJECT = "/v1/blobs/by-object-id/{id}"
QUILT = "/v1/quilts"
PATCH = "/v1/blobs/by-quilt-patch-id/{id}"
NAMED = "/v1/blobs/by-quilt-id/{id}/{name}"

OCTETS = {"Content-Type": "application/octet-stream"}

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What can be put into a path as it is; nothing more is taken for granted of an id."""

_KNOWN_TYPES = ("text/plain", "text/html", "application/octet-stream")


class Stored(NamedTuple):
    """What a publisher said of an upload."""

    blob_id: str
    new: bool
    """newlyCreated, else alreadyCertified."""
    object_id: str | None
    """Of the object on the chain; an already certified blob may have none to name."""


# -- what to ask -----------------------------------------------------------------------------------


def upload_path(path: str, epochs: int | None, kind: str | None) -> str:
    """`/v1/blobs` or `/v1/quilts` with what is to be said of epochs and kind."""
    said = [f"epochs={epochs}"] if epochs is not None else []
    said += [f"{kind}=true"] if kind else []
    return path + ("?" + "&".join(said) if said else "")


def blob_path(blob_id: str) -> str:
    """Where a whole blob is read."""
    return f"/v1/blobs/{blob_id}"


def object_path(object_id: str) -> str:
    """Where a whole blob is read by the object that stands for it on the chain."""
    return f"/v1/blobs/by-object-id/{object_id}"


def byte_range_path(blob_id: str, start: int, length: int) -> str:
    """Where a part of a blob is read as an answer of its own."""
    return f"/v1/blobs/{blob_id}/byte-range?start={start}&length={length}"


def range_header(start: int, length: int) -> dict[str, str]:
    """The field that asks for a part; both ends are given, the only form that is served."""
    return {"Range": f"bytes={start}-{start + length - 1}"}


def patch_path(patch_id: str) -> str:
    """Where a file of a quilt is read by its patch."""
    return f"/v1/blobs/by-quilt-patch-id/{patch_id}"


def named_path(quilt_id: str, identifier: str) -> str:
    """Where a file of a quilt is read by its name."""
    return f"/v1/blobs/by-quilt-id/{quilt_id}/{quote(identifier, safe='')}"


# -- what comes back -------------------------------------------------------------------------------


class Compare:
    """A sink that compares a body with the runs it should consist of, in place and in order."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._run = 0
        """Which of the runs is compared, and how much of it was."""
        self._done = 0
        self._same = self._fits = True

    def write(self, piece: Body) -> None:
        """Compare it; after the first difference the rest is only counted."""
        at, end = 0, len(piece)
        while at < end:
            if self._run == len(self._runs):
                self._fits = False  # longer than it should be
                return
            known, start, length = self._runs[self._run]
            size = min(length - self._done, end - at)
            # Not a comparison of views: that goes item by item, twenty times slower.
            if not known.startswith(piece[at : at + size], start + self._done):
                self._same = False
            at += size
            self._done += size
            if self._done == length:
                self._run += 1
                self._done = 0

    def finish(self) -> None:
        """Raise unless all bytes came, no more, and were right."""
        if not self._fits or self._run != len(self._runs):
            raise WrongAnswer(Outcome.WRONG_LENGTH, "not as long as what was stored")
        if not self._same:
            raise WrongAnswer(Outcome.WRONG_BYTES, "not the bytes that were stored")


def check_stored(status: int, content_type: str | None, body: Body, length: int | None) -> Stored:
    """`newlyCreated` or `alreadyCertified`; `length` is that of a blob, None for a quilt."""
    return _stored(_json(status, content_type, body), length)


def check_quilt(
    status: int, content_type: str | None, body: Body, identifiers: Sequence[str]
) -> tuple[Stored, dict[str, str]]:
    """What was stored, and the patch id of each file by its identifier."""
    answer = _json(status, content_type, body)
    stored = _stored(answer.get("blobStoreResult"), None)
    patches = answer.get("storedQuiltBlobs")
    if not isinstance(patches, list) or not all(isinstance(one, dict) for one in patches):
        _bad_shape("a list of stored files", "something else")
    found = {one.get("identifier"): one.get("quiltPatchId") for one in patches}
    if found.keys() != set(identifiers) or len(patches) != len(found):
        _bad_shape("each file once", "others")
    return stored, {name: _id(patch) for name, patch in found.items()}


def check_read(status: int, content_type: str | None, body: Body, expected: int = 200) -> None:
    """A good status; `body` is that of an error. The content is what a sink judges."""
    if status == expected:
        return
    if status >= 400:
        raise refusal(status, content_type, body, expected)
    raise WrongAnswer(Outcome.STATUS, f"expected {expected}, got {status}")


def check_head(status: int, headers: Mapping[str, str], length: int) -> None:
    """A good status, and the length of the blob that a GET would bring."""
    check_read(status, None, b"")
    told = headers.get("content-length")
    if told is None:
        _bad_shape("a content length", "none")
    if told != str(length):
        raise WrongAnswer(Outcome.WRONG_LENGTH, "not as long as what was stored")


def check_content_range(headers: Mapping[str, str], start: int, length: int, total: int) -> None:
    """A part says which part of what it is."""
    if headers.get("content-range") != f"bytes {start}-{start + length - 1}/{total}":
        _bad_shape("the range that was asked for", "another or none")


def cache_state(headers: Mapping[str, str]) -> str:
    """`hit` or `miss` where a cache on the way says so, else `unknown`."""
    for name in ("x-cache", "cf-cache-status"):
        told = headers.get(name)
        if told:
            return "hit" if "hit" in told.lower() else "miss"
    age = headers.get("age")
    if not age:
        return "unknown"
    return "hit" if age.strip() not in ("", "0") else "miss"


def _json(status: int, content_type: str | None, body: Body) -> dict[str, object]:
    check_read(status, content_type, body)
    kind = essence(content_type)
    if kind != "application/json":
        got = kind if kind in _KNOWN_TYPES else "another" if kind else "none"
        raise WrongAnswer(Outcome.CONTENT_TYPE, f"expected application/json, got {got}")
    answer = json_object(body)
    if answer is None:
        _bad_shape("a JSON object", "something else")
    return answer


def _stored(answer: object, length: int | None) -> Stored:
    if not isinstance(answer, dict):
        _bad_shape("a result", "something else")
    created, certified = answer.get("newlyCreated"), answer.get("alreadyCertified")
    if isinstance(created, dict) and certified is None:
        blob = created.get("blobObject")
        if not isinstance(blob, dict):
            _bad_shape("a blobObject", "something else")
        size = blob.get("size")
        if type(size) is not int:
            _bad_shape("a number as size", "something else")
        if length is not None and size != length:
            raise WrongAnswer(Outcome.WRONG_LENGTH, "stored with another size than was sent")
        return Stored(_id(blob.get("blobId")), True, _id(blob.get("id")))
    if isinstance(certified, dict) and created is None:
        known = certified.get("object")
        return Stored(_id(certified.get("blobId")), False, None if known is None else _id(known))
    for other in ("markedInvalid", "error"):
        if other in answer:
            _bad_shape("newlyCreated or alreadyCertified", other)
    _bad_shape("newlyCreated or alreadyCertified", "another result")


def _id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        _bad_shape("an id", "something else")
    return value


def _bad_shape(expected: str, got: str) -> NoReturn:
    raise WrongAnswer(Outcome.BAD_SHAPE, f"expected {expected}, got {got}")
