"""Requests to the Walrus target: their head, their streamed body, their strict queries.

Queries are read as the original reads them: an unknown key, a value of the wrong kind and a key
that comes twice are all a 400 with a plain text.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from gauntlet.targets._walrus_answers import Refused, refused, refused_text
from gauntlet.targets._walrus_chain import Terms
from gauntlet.targets._walrus_ids import object_id
from gauntlet.targets.faults import Deliberate

if TYPE_CHECKING:
    from starlette.types import Receive

U32_MAX = (1 << 32) - 1
U64_MAX = (1 << 64) - 1
_DIGITS = re.compile(r"\+?[0-9]{1,20}")


class ClientGone(Deliberate):
    """The client left in the middle of its body; nobody waits for an answer."""


class Request(NamedTuple):
    """One request; the body is still on its way."""

    method: str
    query: str
    headers: Mapping[bytes, bytes]
    receive: "Receive"

    def header(self, name: bytes) -> str | None:
        """The value of a header, if it came."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def announced_length(self) -> int | None:
        """The length of the body, unless it comes in chunks."""
        value = self.headers.get(b"content-length")
        return None if value is None else int(value)

    async def body(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Refused above the limit, ClientGone if it ends early."""
        if (self.announced_length or 0) > limit:
            raise too_long()
        seen, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk, more = message.get("body", b""), message.get("more_body", False)
            seen += len(chunk)
            if seen > limit:
                raise too_long()
            if chunk:
                yield chunk


def too_long() -> Refused:
    """The 413 of a body above the limit."""
    return refused_text(413, "Failed to buffer the request body: length limit exceeded")


def parse_query(query: str, kinds: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """The values of a query by key. Raises Refused."""
    found: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in kinds:
            expected = ", ".join(f"`{name}`" for name in kinds)
            raise _bad_query(f"unknown field `{key}`, expected one of {expected}")
        if key in found:
            raise _bad_query(f"duplicate field `{key}`")
        try:
            found[key] = kinds[key](text)
        except ValueError as error:
            raise _bad_query(f"{key}: {error}") from error
    return found


def parse_terms(query: str) -> Terms:
    """The query of an upload. Raises Refused."""
    found = parse_query(query, _TERMS)
    share, send_to = found.get("share", False), found.get("send_object_to")
    if share and send_to:
        raise _bad_query("share and send_object_to exclude each other")
    if found.get("permanent") and found.get("deletable"):
        raise refused("INVALID_BLOB_PERSISTENCE")
    return Terms(
        epochs=found.get("epochs", 1),
        permanent=found.get("permanent", False),
        force=found.get("force", False),
        reuse=found.get("reuse_resources", False),
        send_to=send_to,
        share=share,
    )


def check_reading(query: str) -> None:
    """The query of a read of a whole blob: nothing in it changes the bytes. Raises Refused."""
    _check_consistency(parse_query(query, _READING))


def parse_byte_range(query: str) -> tuple[int, int]:
    """Start and length of a byte range. Raises Refused."""
    found = parse_query(query, {**_READING, "start": unsigned_64, "length": unsigned_64})
    for key in ("start", "length"):
        if key not in found:
            raise _bad_query(f"missing field `{key}`")
    _check_consistency(found)
    return found["start"], found["length"]


def boolean(text: str) -> bool:
    """`true` or `false`, nothing else."""
    if text not in ("true", "false"):
        raise ValueError("provided string was not `true` or `false`")
    return text == "true"


def unsigned_32(text: str) -> int:
    """A whole number that fits into 32 bits."""
    return _unsigned(text, U32_MAX)


def unsigned_64(text: str) -> int:
    """A whole number that fits into 64 bits."""
    return _unsigned(text, U64_MAX)


def _unsigned(text: str, greatest: int) -> int:
    if not _DIGITS.fullmatch(text):
        raise ValueError("invalid digit found in string")
    if int(text) > greatest:
        raise ValueError("number too large to fit in target type")
    return int(text)


def _address(text: str) -> str:
    address = object_id(text)
    if address is None:
        raise ValueError("expected an address of 32 bytes in hex")
    return address


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"unknown variant, expected one of {', '.join(words)}")
        return text

    return parse


def _bad_query(what: str) -> Refused:
    return refused_text(400, f"Failed to deserialize query string: {what}")


def _check_consistency(found: dict[str, Any]) -> None:
    if found.get("strict_consistency_check") and found.get("skip_consistency_check"):
        raise refused("INVALID_CONSISTENCY_CHECK")


_TERMS: dict[str, Callable[[str], Any]] = {
    "encoding_type": _one_of("RS2"),
    "epochs": unsigned_32,
    "deletable": boolean,
    "permanent": boolean,
    "force": boolean,
    "quilt_version": _one_of("v1", "V1", "1"),
    "reuse_resources": boolean,
    "send_object_to": _address,
    "share": boolean,
}
_READING: dict[str, Callable[[str], Any]] = {
    "strict_consistency_check": boolean,
    "skip_consistency_check": boolean,
}
