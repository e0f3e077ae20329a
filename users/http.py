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
from random import random
from ssl import SSLContext
from time import time
from types import TracebackType
from typing import Any, ClassVar, TypedDict, Unpack

import locust
from locust.env import Environment
from locust.event import EventHook
from locust.exception import (
    CatchResponseError,
    LocustError,
    ResponseError,
    StopTest,
    StopUser,
)
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
    TaskSet,
)

from gauntlet.clients.http import (
    Deadlines,
    HttpClient,
    HttpError,
    HttpResponse,
    Limits,
    Rules,
    Sink,
)
from gauntlet.errors import WrongAnswer

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


class Response(HttpResponse):
    """An answer that a `with` block can judge, as Locust's do."""

    js: Any = None
    """The parsed body, inside `rest`."""
    name: str
    context: Context
    start_time: float
    request_event: EventHook
    _meta: Context | None = None
    _catch = False
    _entered = False
    _streamed = False
    _verdict: Exception | bool | None = None

    def __enter__(self) -> "Response":
        if not self._catch:
            raise LocustError("a with block around a request needs catch_response=True")
        self._entered = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Report the request, unless the block raised something that is not about it."""
        meta = self.request_meta
        if self._streamed:
            self.close()
            meta["response_time"] = self.elapsed_s * 1000
            meta["response_length"] = self.length
        verdict = self._verdict
        if verdict is not None:
            meta["exception"] = None if verdict is True else verdict
            self.report()
            return value is None
        if value is None:
            meta["exception"] = self.problem
        elif isinstance(value, ResponseError | HttpError | WrongAnswer):
            meta["exception"] = value
        else:
            return False
        self.report()
        return True

    @property
    def request_meta(self) -> Context:
        """What the request event says, all but the response itself; a block may change it."""
        # Were the response among its own facts, such a circle would hold its body until the next
        # garbage collection.
        if self._meta is None:
            self._meta = {
                "request_type": self.plan.method,
                "name": self.name,
                "response_time": self.elapsed_s * 1000,
                "response_length": self.length,
                "context": self.context,
                "exception": self.problem,
                "start_time": self.start_time,
                "url": self.plan.url,
            }
        return self._meta

    def report(self) -> None:
        """Fire the request event."""
        self.request_event.fire(response=self, **self.request_meta)

    def success(self) -> None:
        """Count the request as good, whatever was answered."""
        self._judge(True)

    def failure(self, reason: Exception | str) -> None:
        """Count the request as failed."""
        self._judge(reason if isinstance(reason, Exception) else CatchResponseError(reason))

    def raise_for_status(self) -> None:
        """Raise what went wrong; what the block said counts more than the answer."""
        if isinstance(self._verdict, Exception):
            raise self._verdict
        if self._verdict is None:
            super().raise_for_status()

    def _judge(self, verdict: Exception | bool) -> None:
        if not self._entered:
            raise LocustError("success() and failure() need a with block and catch_response=True")
        self._verdict = verdict


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
        if not catch_response and options.get("stream"):
            raise LocustError("stream=True needs a with block and catch_response=True")
        start_time = time()
        if options:
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
        if options.get("expect") is not None and response.problem is None:
            facts["verified"] = True
        response.context = facts
        response.request_event = self.request_event
        if catch_response:
            response._catch = True
            response._streamed = response.pieces is not None
        else:
            # As `report` does, without the dictionary that nobody has asked for.
            self.request_event.fire(
                request_type=method,
                name=name,
                response_time=response.elapsed_s * 1000,
                response_length=response.length,
                response=response,
                context=facts,
                exception=response.problem,
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
        self._tasks = _Tasks(self) if type(tasks) is DefaultTaskSet else tasks


class _Tasks(DefaultTaskSet):
    """Locust's task loop without the pause of no length between two tasks.

    That pause lets others run. A user that got an answer has waited for it, so others have run.
    """

    def __init__(self, user: HttpUser) -> None:
        super().__init__(user)
        self._session = user.client

    def get_next_task(self) -> Any:
        """Any of the user's tasks with the same odds; quicker than `random.choice`."""
        tasks = self._user.tasks
        if not tasks:
            return super().get_next_task()
        return tasks[int(random() * len(tasks))]

    def wait(self) -> None:
        """Pause for `wait_time`, as Locust does unless it is 0 and an answer came."""
        answered, self._session.answered = self._session.answered, False
        user = self._user
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        seconds = self.wait_time()  # once: a pacing function counts its calls
        if not seconds and answered:
            return
        user._state = LOCUST_STATE_WAITING
        self._sleep(seconds)
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_RUNNING


@lru_cache(maxsize=64)
def _rules(deadlines: Deadlines, limits: Limits) -> Rules:
    return Rules(deadlines, limits)
