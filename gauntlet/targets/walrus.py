"""The reference target of walrus: the HTTP API of publisher and aggregator over local files.

    build = functools.partial(build_app, settings, directory, "daemon", slots)
    site = http_site(listener, build, endpoints=ENDPOINTS, faults=faults)

What a client can see is the original's: routes, statuses, JSON, headers, limits, single-use
tokens. There is no storage network behind it: nothing is encoded, ids have the right shape only
(see `_walrus_ids`), and prices and epochs are made up.

Bodies stream both ways, so memory does not grow with a blob.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from functools import partial
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from gauntlet.targets._walrus_aggregator import Aggregator
from gauntlet.targets._walrus_answers import (
    Headers,
    Part,
    Refused,
    Reply,
    answer_text,
    refused_text,
)
from gauntlet.targets._walrus_publisher import Publisher
from gauntlet.targets._walrus_request import Request
from gauntlet.targets._walrus_settings import WalrusSettings
from gauntlet.targets._walrus_store import Store
from gauntlet.targets.faults import chance

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

ENDPOINTS = (
    "/v1/blobs",
    "/v1/quilts",
    "/v1/blobs/by-object-id/*",
    "/v1/blobs/by-quilt-patch-id/*",
    "/v1/blobs/by-quilt-id/*",
    "/v1/blobs/*",
    "/v1/quilts/*",
    "/status",
)
CHUNK_BYTES = 256 * 1024
_POLL_S = 0.002
_CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"vary", b"origin, access-control-request-method, access-control-request-headers"),
]
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"*"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]
_API = """<!DOCTYPE html><html><head><title>Walrus</title></head><body>
<h1>Walrus</h1><p>A reference target: PUT /v1/blobs, GET /v1/blobs/{blob_id} and others.</p>
</body></html>"""

Handler = Callable[[Request], Awaitable[Reply]]


class Slots(NamedTuple):
    """How many requests a service handles at a time, and how many it takes in, over all workers."""

    running: Semaphore
    taken: Semaphore
    name: str


class _App:
    def __init__(
        self,
        settings: WalrusSettings,
        slots: dict[str, Slots],
        publisher: Publisher | None,
        aggregator: Aggregator | None,
        worker: int,
    ) -> None:
        self._publisher = publisher
        self._aggregator = aggregator
        self._slots = slots
        self._overload_share = settings.overload_share
        self._source = random.Random(f"walrus:{settings.seed}:{worker}")

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        request = Request(
            scope["method"],
            scope["query_string"].decode("latin-1"),
            dict(scope["headers"]),
            receive,
        )
        try:
            reply = await self._answer(request, scope)
        except Refused as refusal:
            reply = refusal.reply
        await _send(send, reply, bare=request.method == "HEAD")

    async def _answer(self, request: Request, scope: "Scope") -> Reply:
        if request.method == "OPTIONS":
            return Reply(200, _PREFLIGHT)
        segments = [unquote(part) for part in scope["raw_path"].decode("latin-1").split("/")[1:]]
        method, handler, service = self._route(segments)
        if handler is None or not all(segments):
            return Reply(404, [])
        allowed = ("GET", "HEAD") if method == "GET" else (method,)
        if request.method not in allowed:
            return Reply(405, [(b"allow", ",".join(allowed).encode())])
        if service:
            if chance(self._overload_share, self._source):
                raise _overloaded(service)
            return await _admitted(self._slots[service], partial(handler, request))
        return await handler(request)

    def _route(self, segments: list[str]) -> tuple[str, Handler | None, str]:
        """Method, handler and service of a path; no handler for an unknown one."""
        match segments:
            case ["status"]:
                return "GET", _status, ""
            case ["v1", "api"]:
                return "GET", _api, ""
        publisher, aggregator = self._publisher, self._aggregator
        found: Handler | None = None
        if publisher:
            match segments:
                case ["v1", "blobs"]:
                    return "PUT", publisher.put_blob, "publisher"
                case ["v1", "quilts"]:
                    return "PUT", publisher.put_quilt, "publisher"
        if aggregator:
            match segments:
                case ["v1", "blobs", "by-object-id", name]:
                    found = partial(aggregator.get_by_object_id, name=name)
                case ["v1", "blobs", "by-quilt-patch-id", name]:
                    found = partial(aggregator.get_patch, name=name)
                case ["v1", "blobs", "by-quilt-id", quilt, identifier]:
                    found = partial(
                        aggregator.get_patch_by_identifier, quilt=quilt, identifier=identifier
                    )
                case ["v1", "quilts", quilt, "patches"]:
                    found = partial(aggregator.list_patches, quilt=quilt)
                case ["v1", "blobs", blob, "byte-range"]:
                    found = partial(aggregator.get_byte_range, blob=blob)
                case ["v1alpha", "blobs", blob, "stream"]:
                    found = partial(aggregator.stream_blob, blob=blob)
                case ["v1", "blobs", blob]:
                    found = partial(aggregator.get_blob, blob=blob)
        return "GET", found, "aggregator"


async def _status(request: Request) -> Reply:
    return answer_text("OK")


async def _api(request: Request) -> Reply:
    return Reply(200, [(b"content-type", b"text/html; charset=utf-8")], _API.encode())


async def _admitted(slots: Slots, work: Callable[[], Awaitable[Reply]]) -> Reply:
    """Do the work when a slot is free; 429 if too many wait already."""
    if not slots.taken.acquire(block=False):
        raise _overloaded(slots.name)
    try:
        while not slots.running.acquire(block=False):
            await asyncio.sleep(_POLL_S)
        try:
            return await work()
        finally:
            slots.running.release()
    finally:
        slots.taken.release()


def _overloaded(service: str) -> Refused:
    text = f"the {service} is receiving too many requests; please try again later"
    return refused_text(429, text)


async def _send(send: "Send", reply: Reply, *, bare: bool) -> None:
    """Send an answer; a bare one has the head of the whole answer and no body."""
    body = reply.body
    length = body.length if isinstance(body, Part) else len(body)
    headers = [*reply.headers, *_CORS, (b"content-length", str(length).encode())]
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if bare:
            await send({"type": "http.response.body", "body": b""})
        elif isinstance(body, Part):
            await _send_part(send, body)
        else:
            await send({"type": "http.response.body", "body": body})
    finally:
        if isinstance(body, Part):
            os.close(body.descriptor)


async def _send_part(send: "Send", part: Part) -> None:
    """Send a part of a file in chunks."""
    offset, end = part.offset, part.offset + part.length
    while end - offset > CHUNK_BYTES:
        chunk = os.pread(part.descriptor, CHUNK_BYTES, offset)
        offset += len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await asyncio.sleep(0)  # to a client that has left, everything is sent at once
    chunk = os.pread(part.descriptor, end - offset, offset)
    await send({"type": "http.response.body", "body": chunk})


def build_app(
    settings: WalrusSettings, directory: Path, mode: str, slots: dict[str, Slots], worker: int
) -> "ASGIApp":
    """The application of one worker process."""
    store = Store(directory, settings.store_limit, settings.epoch_s)
    publisher = None if mode == "aggregator" else Publisher(settings, store, worker)
    aggregator = None if mode == "publisher" else Aggregator(settings, store, worker)
    return _App(settings, slots, publisher, aggregator, worker)
