"""The client of an HTTP user: calls that read like Locust's and fire its request event."""

from collections.abc import Generator
from contextlib import contextmanager
from time import time
from typing import Any, Unpack

import locust
from locust.event import EventHook
from locust.exception import LocustError

from gauntlet.clients.http import BadStatus, HttpClient

from ._http_options import CallOptions, Context, Options
from ._http_response import Response


class Session(HttpClient):
    """The client of one user; fires the request event for each call."""

    response_type = Response

    def __init__(
        self,
        base_url: str,
        request_event: EventHook,
        user: locust.User | None = None,
        **options: Any,
    ) -> None:
        super().__init__(base_url, **options)
        self.request_event = request_event
        self.user = user
        self.request_name: str | None = None
        self.answered = False
        """Whether an answer has come, so that others had their turn; the task loop resets it."""
        # Asked once: hardly any user class gives its requests a context.
        self._gives_context = user is not None and type(user).context is not locust.User.context

    def request(  # type: ignore[override]  # Locust's order of arguments
        self,
        method: str,
        url: str,
        name: str | None = None,
        catch_response: bool = False,
        context: Context | None = None,
        **options: Any,
    ) -> Response:
        """Make a call and report it; with `catch_response` the `with` block reports it."""
        start_time = time()
        if options:
            if not catch_response and options.get("stream"):
                raise LocustError("stream=True needs a with block and catch_response=True")
            response = HttpClient.request(self, method, url, **options)
        else:
            response = self.request_plainly(method, url)
        assert type(response) is Response
        response.start_time = start_time
        response.name = name = name or self.request_name or response.plan.path_url
        first_byte_s = response.first_byte_s
        facts: Context
        if first_byte_s is None:
            facts = {"time_to_first_byte": None}
        else:
            facts = {"time_to_first_byte": first_byte_s * 1000}
            self.answered = True
        if response.sent:
            facts["sent"] = response.sent
        if context or self._gives_context or response.resent or response.history:
            facts |= self._more_facts(response, context)
        problem = response.error
        if problem is None and response.status_code >= 400:
            problem = BadStatus(response.status_code)
        if problem is None and options and options.get("expect") is not None:
            facts["verified"] = True
        response.context = facts
        response.request_event = self.request_event
        if catch_response:
            response._catch = True
            response._streamed = response.pieces is not None
        else:
            self.request_event.fire(
                request_type=method,
                name=name,
                response_time=response.elapsed_s * 1000,
                response_length=response.length,
                response=response,
                context=facts,
                exception=problem,
                start_time=start_time,
                url=response.plan.url,
            )
        return response

    def _more_facts(self, response: Response, context: Context | None) -> Context:
        facts: Context = {}
        if response.resent:
            facts["attempts"] = 1 + response.resent
        if response.history:
            facts["redirects"] = len(response.history)
        if self.user is not None:
            facts |= self.user.context()
        return facts | (context or {})

    @contextmanager
    def rename_request(self, name: str) -> Generator[None]:
        """Give all requests in a block one name."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def get(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a GET request."""
        if not options:  # Python calls quicker without them, even if there are none
            return self.request("GET", url)
        return self.request("GET", url, **options)

    def options(self, url: str, **options: Unpack[Options]) -> Response:
        """Send an OPTIONS request."""
        return self.request("OPTIONS", url, **options)

    def head(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a HEAD request."""
        return self.request("HEAD", url, **options)

    def delete(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a DELETE request."""
        return self.request("DELETE", url, **options)

    def post(
        self, url: str, data: Any = None, json: Any = None, **options: Unpack[CallOptions]
    ) -> Response:
        """Send a POST request."""
        return self.request("POST", url, data=data, json=json, **options)

    def put(
        self, url: str, data: Any = None, json: Any = None, **options: Unpack[CallOptions]
    ) -> Response:
        """Send a PUT request."""
        return self.request("PUT", url, data=data, json=json, **options)

    def patch(
        self, url: str, data: Any = None, json: Any = None, **options: Unpack[CallOptions]
    ) -> Response:
        """Send a PATCH request."""
        return self.request("PATCH", url, data=data, json=json, **options)
