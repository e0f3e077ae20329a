"""Calls of more than one exchange: redirects that were allowed, cookies that were asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar
from urllib.parse import urljoin

from gauntlet.clients._http_body import Body
from gauntlet.clients._http_cookies import cookie_field, keep_cookies
from gauntlet.clients._http_errors import LimitExceeded, Redirected
from gauntlet.clients._http_plan import Plan, Planner, origin_of
from gauntlet.clients._http_response import HttpResponse

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass
class Call:
    """What to ask for next."""

    method: str
    url: str
    headers: dict[str, str | bytes | None]
    cookies: Mapping[str, str] | None
    body: Body | None


def run(
    call: Call,
    response: HttpResponse,
    planner: Planner,
    jar: CookieJar | None,
    redirects: int,
    perform: Callable[[HttpResponse, Plan, Body | None], None],
) -> None:
    """Exchange, and go on to where the answers lead, at most `redirects` times."""
    while True:
        plan = _plan(call, planner, jar)
        perform(response, plan, call.body)
        if response.error is not None:
            return
        if jar is not None:
            keep_cookies(jar, response, plan.url)
        if response.status_code not in REDIRECTS:
            return
        if len(response.history) >= redirects:
            response.error = _refusal(response, redirects)
            return
        try:
            call = _next(call, plan, response)
        except Redirected as error:
            response.error = error.with_traceback(None)
            return
        response.history += (response.status_code,)
        response.redirected_to = call.url
        response.body, response.length = b"", 0


def _plan(call: Call, planner: Planner, jar: CookieJar | None) -> Plan:
    content_type = call.body.content_type if call.body else None
    cookies = cookie_field(call.cookies, jar, planner.absolute(call.url))
    if cookies is None:
        return planner.plan(call.method, call.url, call.headers, content_type)
    # Not kept: every user has its own cookies.
    headers = {**call.headers, "Cookie": cookies}
    return planner.make(call.method, call.url, headers, content_type)


def _refusal(response: HttpResponse, redirects: int) -> Redirected | LimitExceeded:
    if redirects:
        return LimitExceeded("too many redirects")
    return Redirected(response.status_code, "was not allowed")


def _next(call: Call, plan: Plan, response: HttpResponse) -> Call:
    status, location = response.status_code, response.headers.get("location")
    if location is None:
        raise Redirected(status, "has no location")
    method, body = call.method, call.body
    if status == 303 and method != "HEAD" or status in (301, 302) and method == "POST":
        method, body = "GET", None
    if body is not None and body.chunks is not None:
        raise Redirected(status, "needs a generated body again")
    try:
        url = urljoin(plan.url, location.encode("latin-1").decode("utf-8", errors="replace"))
        there = origin_of(url)
    except ValueError:
        raise Redirected(status, "leads to no web address") from None
    following = Call(method, url, call.headers, call.cookies, body)
    return following if there == plan.origin else _away(following)


def _away(call: Call) -> Call:
    """Leave secrets behind where a redirect leads to another server."""
    headers = {
        name: value
        for name, value in call.headers.items()
        if name.lower() not in ("authorization", "cookie", "host")
    }
    return replace(call, headers=headers, cookies=None)
