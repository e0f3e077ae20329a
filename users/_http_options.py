"""What a call of the HTTP user takes, for type checkers and editors."""

from collections.abc import Mapping
from typing import Any, TypedDict

from gauntlet.clients.http import Deadlines, Sink

Context = dict[str, Any]


class CallOptions(TypedDict, total=False):
    """What every call takes besides its address and its body."""

    name: str | None
    catch_response: bool
    context: Context | None
    params: Any
    headers: Mapping[str, str | bytes | None] | None
    files: Any
    auth: tuple[str | bytes, str | bytes] | None
    cookies: Mapping[str, str] | None
    allow_redirects: bool
    verify: bool | str | None
    timeout: float | tuple[float | None, float | None] | Deadlines | None
    expect: bytes | bytearray | None
    sink: Sink | None
    stream: bool


class Options(CallOptions, total=False):
    """What calls take whose body is not their second argument."""

    data: Any
    json: Any
