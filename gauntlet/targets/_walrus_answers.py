"""What the Walrus target answers: plain texts, error objects, parts of files.

An error that has a reason is the object of all Walrus services:

    {"error":{"status":"NOT_FOUND","code":404,"message":"…",
              "details":[{"@type":"ErrorInfo","reason":"BLOB_NOT_FOUND",
                          "domain":"daemon.walrus.space","metadata":{}}]}}
"""

import os
from typing import NamedTuple

import orjson

Headers = list[tuple[bytes, bytes]]

_DAEMON = "daemon.walrus.space"
_AUTH = "auth.publisher.walrus.space"
_GLOBAL = "global"


class Part(NamedTuple):
    """Bytes of an open file; who sends them closes it."""

    descriptor: int
    offset: int
    length: int


class Reply(NamedTuple):
    """One answer; the length of the body is told by whoever sends it."""

    status: int
    headers: Headers
    body: bytes | Part = b""


class Refused(Exception):
    """Ends the handling of a request with an answer that is no success."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class _Reason(NamedTuple):
    code: int
    status: str
    domain: str
    message: str


_REASONS = {
    "INVALID_BLOB_PERSISTENCE": _Reason(
        400,
        "INVALID_ARGUMENT",
        _DAEMON,
        "the blob cannot be defined as both deletable and permanent",
    ),
    "MALFORMED_REQUEST": _Reason(
        400, "INVALID_ARGUMENT", _DAEMON, "the request is malformed: {what}"
    ),
    "INVALID_CONSISTENCY_CHECK": _Reason(
        400,
        "INVALID_ARGUMENT",
        _DAEMON,
        "strict_consistency_check and skip_consistency_check exclude each other",
    ),
    "INVALID_BYTE_RANGE": _Reason(400, "INVALID_ARGUMENT", _DAEMON, "invalid byte range: {what}"),
    "BLOB_TOO_LARGE": _Reason(
        403,
        "SIZE_EXCEEDED",
        _DAEMON,
        "the blob is larger than this aggregator is configured to serve",
    ),
    "BLOB_NOT_FOUND": _Reason(
        404,
        "NOT_FOUND",
        _DAEMON,
        "the requested blob ID does not exist on Walrus, ensure that it was entered correctly",
    ),
    "QUILT_PATCH_NOT_FOUND": _Reason(
        404, "NOT_FOUND", _DAEMON, "the requested quilt patch does not exist on Walrus"
    ),
    "RANGE_HEADER": _Reason(
        416, "RANGE_NOT_SATISFIABLE", _DAEMON, "the range of the request cannot be served"
    ),
    "FORBIDDEN_BLOB": _Reason(
        451, "UNAVAILABLE_FOR_LEGAL_REASONS", _DAEMON, "the requested blob has been blocked"
    ),
    "INTERNAL_ERROR": _Reason(
        500, "INTERNAL", _GLOBAL, "an internal error has occurred, please report it"
    ),
    "BLOB_UNAVAILABLE": _Reason(
        503,
        "UNAVAILABLE",
        _DAEMON,
        "the requested blob cannot be retrieved at the moment, try again later",
    ),
    "INSUFFICIENT_CONFIRMATIONS": _Reason(
        504,
        "DEADLINE_EXCEEDED",
        _DAEMON,
        "too few storage nodes confirmed the blob in time, try again later",
    ),
    "INVALID_EXPIRATION": _Reason(
        400, "FAILED_PRECONDITION", _AUTH, "the token is valid for another time than required"
    ),
    "INVALID_EPOCHS": _Reason(
        400, "FAILED_PRECONDITION", _AUTH, "the number of epochs is not what the token allows"
    ),
    "INVALID_SIZE": _Reason(
        400, "FAILED_PRECONDITION", _AUTH, "the size of the body is not what the token allows"
    ),
    "INVALID_SEND_OBJECT_TO": _Reason(
        400, "FAILED_PRECONDITION", _AUTH, "send_object_to is not what the token says"
    ),
    "INCONSISTENT_TOKEN": _Reason(
        400, "FAILED_PRECONDITION", _AUTH, "two claims of the token exclude each other"
    ),
    "INVALID_TOKEN": _Reason(
        400, "FAILED_PRECONDITION", _AUTH, "the token cannot be read or lacks a claim"
    ),
    "INVALID_TIMESTAMP": _Reason(
        400, "FAILED_PRECONDITION", _AUTH, "the token was issued in the future"
    ),
    "INVALID_SIGNATURE": _Reason(
        401, "UNAUTHENTICATED", _AUTH, "the signature of the token is not valid"
    ),
    "TOKEN_ALREADY_USED": _Reason(
        429, "RESOURCE_EXHAUSTED", _AUTH, "the token has been used already"
    ),
    "EXPIRED_SIGNATURE": _Reason(504, "DEADLINE_EXCEEDED", _AUTH, "the token has expired"),
}
_WIRE_NAMES = {"RANGE_HEADER": "INVALID_BYTE_RANGE"}
"""One reason goes with two statuses: 416 for the header, 400 for the query."""


def refused(reason: str, what: str = "") -> Refused:
    """The error object of a reason; `what` completes messages that have room for it."""
    code, status, domain, message = _REASONS[reason]
    details: list[dict[str, object]] = [
        {
            "@type": "ErrorInfo",
            "reason": _WIRE_NAMES.get(reason, reason),
            "domain": domain,
            "metadata": {},
        }
    ]
    if domain == _GLOBAL:
        trace = f"TraceID: {os.urandom(16).hex()}"
        details.append({"@type": "DebugInfo", "stackEntries": [], "detail": trace})
    error = {
        "status": status,
        "code": code,
        "message": message.format(what=what),
        "details": details,
    }
    return Refused(answer_json({"error": error}, code))


def refused_text(status: int, text: str) -> Refused:
    """An error of the HTTP framework or of the load shedder: a plain text."""
    return Refused(answer_text(text, status))


def answer_json(content: object, status: int = 200) -> Reply:
    """An answer of content type application/json."""
    return Reply(status, [(b"content-type", b"application/json")], orjson.dumps(content))


def answer_text(text: str, status: int = 200) -> Reply:
    """An answer of content type text/plain."""
    return Reply(status, [(b"content-type", b"text/plain; charset=utf-8")], text.encode())
