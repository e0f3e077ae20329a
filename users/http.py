"""An HTTP user at the limit of one core: Locust's calls, statistics and events, another client.

    class Shopper(HttpUser):
        @task
        def order(self) -> None:
            with self.client.post("/orders", json={"n": 1}, catch_response=True) as response:
                if response.elapsed.total_seconds() > 2:
                    response.failure("slower than two seconds")

Calls read like those of `locust.HttpUser`; docs/http-client.md has the table of differences. Every
request fires `events.request` once, at its last byte; the context holds `time_to_first_byte` in
milliseconds, and where there is something to say: `sent` (bytes of the request body), `attempts`
(more than one), `redirects`, `verified` (the body was compared and is right).
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from http.cookiejar import CookieJar
from json import JSONDecodeError
from ssl import SSLContext
from typing import Any, ClassVar

import locust
from locust.env import Environment
from locust.exception import StopTest
from locust.user.task import DefaultTaskSet, TaskSet

from gauntlet.clients.http import Deadlines, Limits, Rules

from ._http_options import CallOptions, Context, Options
from ._http_response import Response
from ._http_session import Session
from ._http_tasks import Tasks

__all__ = ["CallOptions", "Context", "HttpUser", "Options", "Response", "Session"]


class HttpUser(locust.HttpUser):
    """A Locust user whose `client` is a `Session`; the class attributes are its settings."""

    abstract = True

    client: Session  # type: ignore[assignment]  # stands in for Locust's, call by call
    deadlines: ClassVar[Deadlines] = Deadlines()
    limits: ClassVar[Limits] = Limits()
    default_headers: ClassVar[Mapping[str, str | bytes | None] | None] = None
    verify: ClassVar[bool | str] = True
    """Whether to verify certificates, or a file or folder of authorities."""
    insecure: ClassVar[bool] = False
    """True takes any certificate of anybody."""
    ssl_context: ClassVar[SSLContext | None] = None
    """Overrules both, for client certificates and the like."""
    keep_cookies: ClassVar[bool] = False
    max_redirects: ClassVar[int] = 30

    def __init__(self, environment: Environment) -> None:
        # Past Locust's own HttpUser, which would make a session of requests for every user.
        locust.User.__init__(self, environment)
        if self.host is None:
            raise StopTest("no host: give --host, or set the host attribute of the user class")
        self.client = self.session(self.host)

    def session(self, host: str) -> Session:
        """A client for any address, with the settings of the class; whoever asks closes it."""
        return Session(
            host,
            self.environment.events.request,
            self,
            headers=self.default_headers,
            rules=_rules(self.deadlines, self.limits),
            verify=self.verify and not self.insecure,
            ssl_context=self.ssl_context,
            max_redirects=self.max_redirects,
            cookies=CookieJar() if self.keep_cookies else None,
        )

    def run(self) -> None:  # type: ignore[misc]  # Locust's own run, and no socket left behind
        """Live from `on_start` to `on_stop`; Locust calls it."""
        try:
            super().run()
        finally:
            self.client.close()

    @contextmanager
    def rest(  # type: ignore[override]  # yields our response
        self,
        method: str,
        url: str,
        headers: Mapping[str, str | bytes | None] | None = None,
        **options: Any,
    ) -> Generator[Response]:
        """Call a JSON API: `response.js` is the parsed body, an assertion in the block a failure.

        What a block raises because the answer has another shape than it takes for granted is a
        failure as well. Texts are bounded: unlike Locust's they never quote the body.
        """
        fields = dict(headers or {})
        given = {name.lower() for name in fields}
        for name in ("Content-Type", "Accept"):
            if name.lower() not in given:
                fields[name] = "application/json"
        with self.client.request(
            method, url, catch_response=True, headers=fields, **options
        ) as response:
            if response.content:
                try:
                    response.js = response.json()
                except JSONDecodeError:
                    response.failure("body is not JSON")
            try:
                yield response
            except AssertionError as error:
                response.failure(str(error) or "assertion failed")
            except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
                response.failure(f"{type(error).__name__} while the answer was read")

    @property
    def _taskset_instance(self) -> TaskSet | None:
        return self._tasks

    @_taskset_instance.setter
    def _taskset_instance(self, tasks: TaskSet | None) -> None:
        # Set by Locust's `run`, which knows no other way to choose the task loop.
        self._tasks = Tasks(self, self.client) if type(tasks) is DefaultTaskSet else tasks


@lru_cache(maxsize=64)
def _rules(deadlines: Deadlines, limits: Limits) -> Rules:
    return Rules(deadlines, limits)
