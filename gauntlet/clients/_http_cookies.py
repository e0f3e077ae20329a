"""Cookies, for those who ask for them; the rules are the standard library's."""

from collections.abc import Mapping
from email.message import Message
from http.cookiejar import CookieJar
from typing import Any, cast
from urllib.request import Request

from gauntlet.clients._http_response import HttpResponse


def cookie_field(given: Mapping[str, str] | None, jar: CookieJar | None, url: str) -> str | None:
    """The Cookie field for a call: the jar's cookies for `url`, then the given ones."""
    pairs = []
    if jar is not None:
        request = Request(url)
        jar.add_cookie_header(request)
        kept = request.get_header("Cookie")
        if kept:
            pairs.append(kept)
    pairs += [f"{name}={value}" for name, value in (given or {}).items()]
    return "; ".join(pairs) or None


def keep_cookies(jar: CookieJar, response: HttpResponse, url: str) -> None:
    """Put what an answer sets into the jar."""
    values = response.headers.all("set-cookie")
    if values:
        # CookieJar asks an answer for nothing but `info()`.
        jar.extract_cookies(cast(Any, _Answer(values)), Request(url))


class _Answer:
    def __init__(self, values: list[str]) -> None:
        self._message = Message()
        for value in values:
            self._message["Set-Cookie"] = value

    def info(self) -> Message:
        return self._message
