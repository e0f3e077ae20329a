"""Identifiers and sizes as they look on the Walrus wire. Pure.

| what            | form                                                                        |
|-----------------|-----------------------------------------------------------------------------|
| blob id         | 32 bytes as URL-safe base64 without padding: 43 characters                  |
| object, address | 32 bytes as `0x` and 64 lower-case hex digits                               |
| quilt patch id  | quilt id and 5 bytes (version 1, first column, column after the last): 50   |

Our blob ids have the right shape and change with every bit of the content, but they are NOT those
of the network: a real one needs the root of the erasure-coded blob, ours has a plain hash there.
"""

import hashlib
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

ENCODING_RS2 = 1
SOURCE_SYMBOLS = 222_778
"""Symbols of a blob before encoding: 334 primary times 667 secondary ones, for 1000 shards."""
_METADATA_BYTES = 64_032_000
_BYTES_PER_SYMBOL_BYTE = 1_001_000
MIB = 1024 * 1024

_PATCH_VERSION = b"\x01"
_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_OBJECT = re.compile(r"0x[0-9a-fA-F]{64}")
_BASE64 = re.compile(r"[A-Za-z0-9_-]*")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def blob_id(size: int, root: bytes) -> bytes:
    """The 32 bytes of an id, from the length and a 32-byte hash of the content."""
    head = bytes([ENCODING_RS2]) + size.to_bytes(8, "little")
    return hashlib.blake2b(head + root, digest_size=32).digest()


def encode(raw: bytes) -> str:
    """URL-safe base64 without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes | None:
    """The bytes of URL-safe base64 without padding; None unless `encode` gives the text again."""
    if not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        return None
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return raw if encode(raw) == text else None


def is_blob_id(text: str) -> bool:
    """Whether a text is the id of some blob, stored or not."""
    return _ID.fullmatch(text) is not None and decode(text) is not None


def object_id(text: str) -> str | None:
    """The object id or address in its usual form; None if it is neither."""
    return text.lower() if _OBJECT.fullmatch(text) else None


def new_object_id() -> str:
    """The id of an object that did not exist before."""
    return "0x" + os.urandom(32).hex()


def new_digest() -> str:
    """The digest of a transaction, as base58."""
    number, text = int.from_bytes(os.urandom(32), "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return text


def patch_id(quilt: str, first: int, after: int) -> str:
    """The id of the file that has the columns from `first` up to but without `after`."""
    raw = decode(quilt)
    assert raw is not None
    columns = first.to_bytes(2, "little") + after.to_bytes(2, "little")
    return encode(raw + _PATCH_VERSION + columns)


def quilt_of_patch(text: str) -> str | None:
    """The quilt id inside a patch id; None if the text is no patch id."""
    raw = decode(text)
    return encode(raw[:32]) if raw is not None and len(raw) > 32 else None


def encoded_length(size: int) -> int:
    """Bytes that a blob takes on all storage nodes together, with 1000 shards."""
    symbol = -(-max(size, 1) // SOURCE_SYMBOLS)
    return _METADATA_BYTES + _BYTES_PER_SYMBOL_BYTE * (symbol + symbol % 2)


def units(size: int) -> int:
    """Whole MiB of the encoded blob, in which storage is paid."""
    return -(-encoded_length(size) // MIB)
