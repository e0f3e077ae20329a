"""Every way in which Walrus says no, and what it means: the same status may mean two things."""

from collections.abc import Mapping
from enum import StrEnum

import orjson

from gauntlet.errors import WrongAnswer

Body = bytes | bytearray | memoryview


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


def refusal(status: int, content_type: str | None, body: Body, expected: int = 200) -> Refused:
    """What an answer of 400 or more means; the same status may mean two things, by its body."""
    reason = _reason(body) if essence(content_type) == "application/json" else ""
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


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to wait; 0 where it does not, or names a date."""
    told = headers.get("retry-after", "").strip()
    return float(told) if told.isascii() and told.isdecimal() and len(told) < 9 else 0.0


def _reason(body: Body) -> str:
    """The reason in an error object; empty where there is none that is known of."""
    answer: object = json_object(body)
    for key in ("error", "details"):
        answer = answer.get(key) if isinstance(answer, dict) else None
    for detail in answer if isinstance(answer, list) else ():
        reason = detail.get("reason") if isinstance(detail, dict) else None
        if isinstance(reason, str):
            return reason
    return ""


def essence(content_type: str | None) -> str:
    """A content type without its parameters; empty where there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def json_object(body: Body) -> dict[str, object] | None:
    """The JSON object that a body is; None where it is something else."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None
