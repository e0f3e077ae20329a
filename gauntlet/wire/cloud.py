"""Messages of the image cloud: JSON objects with one key, pictures in them as arrays of numbers.

    {"EncryptionRequest":{"request_id":…,"client_username":…,"image_data":[…],"usernames":[…],
                          "quota":5,"forwarded":false}}
    {"EncryptionResponse":{"request_id":…,"encrypted_image":[…],"success":true,"error":null}}

An array is cut out of its message before JSON looks at the rest, and is decoded only where somebody
wants its bytes.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from gauntlet.wire import numbers

ENCRYPT, ENCRYPTED = "EncryptionRequest", "EncryptionResponse"
DECRYPT, DECRYPTED = "DecryptionRequest", "DecryptionResponse"
COORDINATOR_QUERY = "CoordinatorQuery"

ARRAYS = {
    ENCRYPT: "image_data",
    ENCRYPTED: "encrypted_image",
    DECRYPT: "encrypted_image",
    DECRYPTED: "decrypted_image",
}
"""Where each message has its picture."""

LARGEST_QUOTA = 2**32 - 1

_ARRAY = {
    name: re.compile(rb'"%b"\s*:\s*\[' % name.encode()) for name in frozenset(ARRAYS.values())
}
_KIND = re.compile(rb'\s*\{\s*"(\w{1,64})"\s*:')
_ID = re.compile(rb'\s*\{\s*"\w{1,64}"\s*:\s*\{\s*"request_id"\s*:\s*("(?:[^"\\]|\\.){0,256}")')


class Message(NamedTuple):
    """A message: its kind, its fields without the picture, and the text of the picture's array."""

    kind: str
    fields: dict[str, Any]
    array: memoryview

    @property
    def request_id(self) -> str | None:
        """The id, where it has one."""
        found = self.fields.get("request_id")
        return found if isinstance(found, str) else None

    def picture(self) -> bytes:
        """The bytes of the picture; ValueError where the array holds none."""
        return numbers.decode(self.array)


def read(text: bytes) -> Message | None:
    """The message in a text; None where there is none."""
    rest, array = text, memoryview(b"[]")
    if (kind := _KIND.match(text)) and (name := ARRAYS.get(kind[1].decode())):
        if (found := _ARRAY[name].search(text)) is None:
            return None
        start, end = found.end() - 1, text.find(b"]", found.end()) + 1
        if not end:
            return None
        rest, array = text[:start] + b"[]" + text[end:], memoryview(text)[start:end]
    try:
        content = orjson.loads(rest)
    except ValueError:
        return None
    if isinstance(content, str):
        return Message(content, {}, array)
    if not isinstance(content, dict) or len(content) != 1:
        return None
    ((name, fields),) = content.items()
    if fields is None:
        return Message(name, {}, array)
    return Message(name, fields, array) if isinstance(fields, dict) else None


def write(kind: str, fields: dict[str, Any]) -> bytes:
    """A message without a picture; one without fields is its name alone."""
    return orjson.dumps({kind: fields} if fields else kind)


def id_at(start: bytes) -> str | None:
    """The request id that the beginning of a message tells; None where it does not."""
    if (found := _ID.match(start)) is None:
        return None
    try:
        told = orjson.loads(found[1])
    except ValueError:
        return None
    return told if isinstance(told, str) else None


def encryption_request(
    request_id: str,
    client: str,
    array: Sequence[bytes],
    usernames: Sequence[str],
    quota: int,
    forwarded: bool = False,
) -> bytes:
    """A request to encrypt; `array` are the parts of the picture's array, brackets included."""
    before = orjson.dumps({"request_id": request_id, "client_username": client})
    after = orjson.dumps({"usernames": list(usernames), "quota": quota, "forwarded": forwarded})
    return _around(ENCRYPT, before, array, after)


def decryption_request(
    request_id: str, client: str, array: Sequence[bytes], usernames: Sequence[str], quota: int
) -> bytes:
    """A request to decrypt."""
    before = orjson.dumps({"request_id": request_id, "client_username": client})
    after = orjson.dumps({"usernames": list(usernames), "quota": quota})
    return _around(DECRYPT, before, array, after)


def response(kind: str, request_id: str, array: bytes, error: str | None = None) -> bytes:
    """An answer: a picture, or an error and `[]`."""
    before = orjson.dumps({"request_id": request_id})
    after = orjson.dumps({"success": error is None, "error": error})
    return _around(kind, before, (array,), after)


def _around(kind: str, before: bytes, array: Sequence[bytes], after: bytes) -> bytes:
    head = b'{"%b":%b,"%b":' % (kind.encode(), before[:-1], ARRAYS[kind].encode())
    return b"".join((head, *array, b",", after[1:], b"}"))
