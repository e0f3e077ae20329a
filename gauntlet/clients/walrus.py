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
from enum import StrEnum
from time import time
from typing import NamedTuple, NoReturn
from urllib.parse import quote
from uuid import uuid4

import jwt
import orjson

from gauntlet.errors import UsageError, WrongAnswer
from gauntlet.payloads.blobs import Run

# Names in the statistics.
UPLOAD = "/v1/blobs"
FIRST = "/v1/blobs/{id} first"
CACHED = "/v1/blobs/{id} cached"
RANGE = "/v1/blobs/{id} range"
BYTE_RANGE = "/v1/blobs/{id}/byte-range"
QUILT = "/v1/quilts"
PATCH = "/v1/blobs/by-quilt-patch-id/{id}"
NAMED = "/v1/blobs/by-quilt-id/{id}/{name}"

OCTETS = {"Content-Type": "application/octet-stream"}

Body = bytes | bytearray | memoryview

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What can be put into a path as it is; nothing more is taken for granted of an id."""

_KNOWN_TYPES = ("text/plain", "text/html", "application/octet-stream")


class Outcome(StrEnum):
    """Every way in which an answer can be wrong."""

    STATUS = "status"
    CONTENT_TYPE = "content type"
    BAD_SHAPE = "bad shape"
    WRONG_BYTES = "wrong bytes"
    WRONG_LENGTH = "wrong length"
    NOT_FOUND = "not found"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    UNCONFIRMED = "unconfirmed"
    TOKEN_USED = "token used"
    TOKEN_EXPIRED = "token expired"
    TOKEN_REFUSED = "token refused"
    TOO_LARGE = "too large"
    FORBIDDEN = "forbidden"


class Refused(WrongAnswer):
    """An answer with a status of 400 or more."""

    def __init__(self, outcome: Outcome, text: str, status: int) -> None:
        self.status = status
        super().__init__(outcome, text)

    @property
    def is_transient(self) -> bool:
        """Whether the server asks to come again later."""
        return self.outcome in (Outcome.OVERLOADED, Outcome.UNAVAILABLE)

    @property
    def is_missing(self) -> bool:
        """Whether there is no such blob, or not yet."""
        return self.outcome == Outcome.NOT_FOUND


class Stored(NamedTuple):
    """What a publisher said of an upload."""

    blob_id: str
    new: bool
    """newlyCreated, else alreadyCertified."""


# -- what to ask -----------------------------------------------------------------------------------


def upload_path(path: str, epochs: int | None, kind: str | None) -> str:
    """`/v1/blobs` or `/v1/quilts` with what is to be said of epochs and kind."""
    said = [f"epochs={epochs}"] if epochs is not None else []
    said += [f"{kind}=true"] if kind else []
    return path + ("?" + "&".join(said) if said else "")


def blob_path(blob_id: str) -> str:
    """Where a whole blob is read."""
    return f"/v1/blobs/{blob_id}"


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


class Tokens:
    """Tokens for a publisher, each for one upload; the secret is in no text that leaves here."""

    def __init__(
        self, secret: str, algorithm: str, lifetime_s: float, claims: Sequence[str]
    ) -> None:
        self._secret = _key(secret)
        self._algorithm = algorithm
        self._lifetime_s = int(lifetime_s)
        self._claims = claims

    def header(self, size: int | None, epochs: int | None) -> dict[str, str]:
        """A fresh token as a header field; `exp` is exactly the lifetime after `iat`."""
        now = int(time())
        claims: dict[str, object] = {"iat": now, "exp": now + self._lifetime_s, "jti": uuid4().hex}
        if size is not None and "size" in self._claims:
            claims["size"] = size
        if "epochs" in self._claims:
            claims["epochs"] = 1 if epochs is None else epochs
        return {"Authorization": f"Bearer {jwt.encode(claims, self._secret, self._algorithm)}"}


def _key(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret[2:]) if secret.startswith("0x") else secret.encode()
    except ValueError:
        raise UsageError("secret of tokens: expected hex digits after 0x, got others") from None


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


def check_content_range(headers: Mapping[str, str], start: int, length: int, total: int) -> None:
    """A part says which part of what it is."""
    if headers.get("content-range") != f"bytes {start}-{start + length - 1}/{total}":
        _bad_shape("the range that was asked for", "another or none")


def refusal(status: int, content_type: str | None, body: Body, expected: int = 200) -> Refused:
    """What an answer of 400 or more means; the same status may mean two things, by its body."""
    reason = _reason(body) if _essence(content_type) == "application/json" else ""
    outcome, meaning = _MEANINGS.get((status, reason)) or _MEANINGS.get((status, "")) or _UNKNOWN
    said = f" ({meaning})" if meaning else ""
    return Refused(outcome, f"expected {expected}, got {status}{said}", status)


_UNKNOWN = (Outcome.STATUS, "")
_MEANINGS: dict[tuple[int, str], tuple[Outcome, str]] = {
    (400, "INVALID_TOKEN"): (Outcome.TOKEN_REFUSED, "the token cannot be read"),
    (400, "INVALID_EXPIRATION"): (Outcome.TOKEN_REFUSED, "the token's lifetime"),
    (400, "INVALID_EPOCHS"): (Outcome.TOKEN_REFUSED, "the token is for other epochs"),
    (400, "INVALID_SIZE"): (Outcome.TOKEN_REFUSED, "the token is for another size"),
    (400, "INVALID_SEND_OBJECT_TO"): (Outcome.TOKEN_REFUSED, "the token is for another owner"),
    (400, "INCONSISTENT_TOKEN"): (Outcome.TOKEN_REFUSED, "the token contradicts itself"),
    (400, "INVALID_TIMESTAMP"): (Outcome.TOKEN_REFUSED, "the token is from the future"),
    (401, ""): (Outcome.TOKEN_REFUSED, "the token's signature"),
    (403, ""): (Outcome.STATUS, ""),
    (403, "BLOB_TOO_LARGE"): (Outcome.TOO_LARGE, "more than the aggregator serves"),
    (404, ""): (Outcome.NOT_FOUND, ""),
    (413, ""): (Outcome.TOO_LARGE, "more than the publisher takes"),
    (429, ""): (Outcome.OVERLOADED, "too many requests"),
    (429, "TOKEN_ALREADY_USED"): (Outcome.TOKEN_USED, "the token was used before"),
    (451, ""): (Outcome.FORBIDDEN, "the blob is blocked"),
    (503, ""): (Outcome.UNAVAILABLE, "for the time being"),
    (504, "EXPIRED_SIGNATURE"): (Outcome.TOKEN_EXPIRED, "the token has expired"),
    (504, "INSUFFICIENT_CONFIRMATIONS"): (
        Outcome.UNCONFIRMED,
        "storage nodes did not confirm in time",
    ),
}


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


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to wait; 0 where it does not, or names a date."""
    told = headers.get("retry-after", "").strip()
    return float(told) if told.isascii() and told.isdecimal() and len(told) < 9 else 0.0


def _json(status: int, content_type: str | None, body: Body) -> dict[str, object]:
    check_read(status, content_type, body)
    essence = _essence(content_type)
    if essence != "application/json":
        got = essence if essence in _KNOWN_TYPES else "another" if essence else "none"
        raise WrongAnswer(Outcome.CONTENT_TYPE, f"expected application/json, got {got}")
    answer = _object(body)
    if answer is None:
        _bad_shape("a JSON object", "something else")
    return answer


def _object(body: Body) -> dict[str, object] | None:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


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
        return Stored(_id(blob.get("blobId")), True)
    if isinstance(certified, dict) and created is None:
        return Stored(_id(certified.get("blobId")), False)
    for known in ("markedInvalid", "error"):
        if known in answer:
            _bad_shape("newlyCreated or alreadyCertified", known)
    _bad_shape("newlyCreated or alreadyCertified", "another result")


def _id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        _bad_shape("an id", "something else")
    return value


def _reason(body: Body) -> str:
    """The reason in an error object; empty where there is none that is known of."""
    answer: object = _object(body)
    for key in ("error", "details"):
        answer = answer.get(key) if isinstance(answer, dict) else None
    for detail in answer if isinstance(answer, list) else ():
        reason = detail.get("reason") if isinstance(detail, dict) else None
        if isinstance(reason, str):
            return reason
    return ""


def _essence(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _bad_shape(expected: str, got: str) -> NoReturn:
    raise WrongAnswer(Outcome.BAD_SHAPE, f"expected {expected}, got {got}")
