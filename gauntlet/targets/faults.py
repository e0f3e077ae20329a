"""Faults every HTTP target can be told to have, decided by a seeded draw per request.

    faults = Faults(delay_s=0.2, delay_share=0.1, error_share=0.05, seed=7)
    app = FaultyApp(app, faults, worker=0, first_request_s=counts.first_request_s)

| fault   | what the client sees                                                               |
|---------|------------------------------------------------------------------------------------|
| delay   | the right answer, late; other requests are not held up                             |
| stall   | nothing at all for a while: no request begins, no answer leaves, then all go on    |
| error   | 503 and `{"detail":"Service Unavailable"}`; the request is not looked at           |
| corrupt | the right status and length, but the middle of each body chunk is inverted         |
| cut     | the right headers, half of the first body chunk, then the connection closes        |

Shares are 0 to 1. Faults do not exclude each other: one request may be late and cut.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from gauntlet.units import parse_number

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Seconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

_INVERTED = bytes(255 - byte for byte in range(256))


class Deliberate(Exception):
    """Raised to make the HTTP server close a connection; never worth a traceback in a log."""


class Cut(Deliberate):
    """Ends an answer of which a part is sent already."""


class Faults(BaseModel):
    """What is to go wrong, for all endpoints of a target; the default is nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delay_s: Seconds = 0.0
    delay_share: Share = 1.0
    stall_after_s: Seconds = 0.0
    """Seconds from the first request of the target to the begin of the stall."""
    stall_for_s: Seconds = 0.0
    error_share: Share = 0.0
    corrupt_share: Share = 0.0
    cut_share: Share = 0.0
    seed: int = 0


class Fate(NamedTuple):
    """The faults of one request."""

    delay_s: float
    error: bool
    corrupt: bool
    cut: bool


def parse_share(text: str) -> float:
    """A share from 0 to 1, written as `0.05` or as `5%`."""
    try:
        share = parse_number(text, "%") / (100 if text.rstrip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f'expected a share such as "0.05" or "5%", got {text!r}')
    return share


def chance(share: float, source: random.Random) -> bool:
    """True for `share` of all calls; always takes exactly one number from the source."""
    return source.random() < share


def draw(faults: Faults, source: random.Random) -> Fate:
    """Decide over one request.

    Every call takes the same count of numbers, so switching one fault on does not change which
    requests another one strikes.
    """
    late = chance(faults.delay_share, source)
    return Fate(
        delay_s=faults.delay_s if late else 0.0,
        error=chance(faults.error_share, source),
        corrupt=chance(faults.corrupt_share, source),
        cut=chance(faults.cut_share, source),
    )


def stall_left_s(faults: Faults, elapsed_s: float) -> float:
    """How many seconds the stall still lasts, `elapsed_s` after the first request; else 0."""
    if elapsed_s < faults.stall_after_s:
        return 0.0
    return max(0.0, faults.stall_after_s + faults.stall_for_s - elapsed_s)


def corrupted(body: bytes) -> bytes:
    """Same length, but the middle half inverted: neither JSON, nor UTF-8, nor the same hash."""
    begin, end = len(body) // 4, len(body) - len(body) // 4
    return body[:begin] + body[begin:end].translate(_INVERTED) + body[end:]


def strikes_all(scope: Scope) -> bool:
    """Every request may be struck by faults."""
    return True


class FaultyApp:
    """An ASGI application that has the given faults and otherwise is the wrapped one.

    Requests for which `strikes` says no have no faults. `first_request_s` gives the time
    (`perf_counter`) of the first request to any worker of the target. Each worker draws from a
    seed of its own, so workers do not fail in step.
    """

    def __init__(
        self,
        app: ASGIApp,
        faults: Faults,
        worker: int,
        first_request_s: Callable[[], float],
        strikes: Callable[[Scope], bool] = strikes_all,
    ) -> None:
        self._app = app
        self._faults = faults
        self._first_request_s = first_request_s
        self._strikes = strikes
        self._source = random.Random(f"{faults.seed}:{worker}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._strikes(scope):
            await self._app(scope, receive, send)
            return
        fate = draw(self._faults, self._source)
        await self._outlast_stall()

        async def spoiled(message: Message) -> None:
            if message["type"] == "http.response.start":
                if fate.delay_s:
                    await asyncio.sleep(fate.delay_s)
                await self._outlast_stall()
            elif message.get("body"):
                message = await _spoil_body(message, fate, send)
            await send(message)

        if fate.error:
            await answer_json(spoiled, 503, b'{"detail":"Service Unavailable"}')
        else:
            await self._app(scope, receive, spoiled)

    async def _outlast_stall(self) -> None:
        elapsed_s = time.perf_counter() - self._first_request_s()
        if left_s := stall_left_s(self._faults, elapsed_s):
            await asyncio.sleep(left_s)


async def _spoil_body(message: Message, fate: Fate, send: Send) -> Message:
    body = corrupted(message["body"]) if fate.corrupt else message["body"]
    if fate.cut:
        await send({**message, "body": body[: len(body) // 2], "more_body": True})
        raise Cut
    return {**message, "body": body}


async def answer_json(send: Send, status: int, body: bytes) -> None:
    """Answer without reading the request; the server throws an unread body away by itself."""
    await answer(send, status, body, "application/json")


async def answer(send: Send, status: int, body: bytes, content_type: str) -> None:
    """Answer with a body of any type, without reading the request."""
    headers = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", content_type.encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
