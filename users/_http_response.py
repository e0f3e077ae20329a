"""An answer with the facts of its request event, which a `with` block can judge."""

from types import TracebackType
from typing import Any

from locust.event import EventHook
from locust.exception import CatchResponseError, LocustError, ResponseError

from gauntlet.clients.http import HttpError, HttpResponse
from gauntlet.errors import WrongAnswer

from ._http_options import Context


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
        if self._streamed:
            self.close()
        verdict = self._verdict
        if verdict is not None:
            self._report(None if verdict is True else verdict)
            return value is None
        if value is None:
            self._report(self.problem)
        elif isinstance(value, ResponseError | HttpError | WrongAnswer):
            self._report(value)
        else:
            return False
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

    def _report(self, exception: Exception | bool | None) -> None:
        """Fire the request event with the outcome of a block."""
        meta = self._meta
        if meta is None:  # nobody has asked for it
            self.request_event.fire(
                request_type=self.plan.method,
                name=self.name,
                response_time=self.elapsed_s * 1000,
                response_length=self.length,
                response=self,
                context=self.context,
                exception=exception,
                start_time=self.start_time,
                url=self.plan.url,
            )
            return
        if self._streamed:
            meta["response_time"] = self.elapsed_s * 1000
            meta["response_length"] = self.length
        meta["exception"] = exception
        self.report()

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
