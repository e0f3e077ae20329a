"""What an HTTP target answered, told by itself: `GET /__count`, free of faults and not counted.

`GET /metrics` tells it to Prometheus, with what the workers use: see `metrics`.

    {"/health":{"requests":3,"2xx":2,"3xx":0,"4xx":0,"5xx":1,"cut":0},…,"other":{…}}

The numbers are sums over all workers. `requests` counts arrivals, the classes count answers begun,
`cut` those of them broken off. An endpoint that ends in `*` stands for every path that begins like
it; of several, the first one counts.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from gauntlet.targets import metrics
from gauntlet.targets.faults import Cut, answer, answer_json

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COUNTS_PATH = "/__count"
COLUMNS = ("requests", "2xx", "3xx", "4xx", "5xx", "cut")


class Counts:
    """What all workers of a site answered, by endpoint, in memory they share.

    Each worker writes cells of its own, so nothing is locked and a killed worker leaves no lock.
    The first cell is the time of the first request, in nanoseconds of `perf_counter`; then come the
    ids of the worker processes.
    """

    def __init__(self, endpoints: Sequence[str], workers: int) -> None:
        self._endpoints = (*endpoints, "other")
        self._width = len(self._endpoints) * len(COLUMNS)
        self._workers, self._first = workers, 1 + workers
        size = self._first + workers * self._width
        self._cells = memoryview(mmap.mmap(-1, 8 * size)).cast("Q")

    def first_request_s(self) -> float:
        """When the first request came to any worker; now, if none came yet."""
        return (self._cells[0] or time.perf_counter_ns()) / 1e9

    def counted(self, app: ASGIApp, worker: int) -> ASGIApp:
        """The application of one worker, in its process: counted, with the paths that tell it."""
        self._cells[1 + worker] = os.getpid()

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == COUNTS_PATH:
                await answer_json(send, 200, orjson.dumps(self.sums()))
                return
            if scope["path"] == metrics.PATH:
                told = metrics.text(self._pids(), metrics.http_requests(self.sums()))
                await answer(send, 200, told, metrics.CONTENT_TYPE)
                return
            row = self._begin(worker, scope["path"])

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._cells[row + COLUMNS.index(f"{message['status'] // 100}xx")] += 1
                await send(message)

            try:
                await app(scope, receive, noting)
            except Cut:
                self._cells[row + COLUMNS.index("cut")] += 1
                raise

        return counting

    def sums(self) -> dict[str, dict[str, int]]:
        """Endpoint -> column -> sum over all workers."""
        stride = len(COLUMNS)
        return {
            endpoint: {
                column: sum(self._cells[self._first + at * stride + offset :: self._width])
                for offset, column in enumerate(COLUMNS)
            }
            for at, endpoint in enumerate(self._endpoints)
        }

    def _pids(self) -> list[int]:
        return [pid for pid in self._cells[1 : self._first] if pid]

    def _begin(self, worker: int, path: str) -> int:
        """Count an arrival; returns the first cell of its row."""
        if not self._cells[0]:
            self._cells[0] = time.perf_counter_ns()
        at = next((at for at, name in enumerate(self._endpoints) if _is_of(path, name)), -1)
        row = self._first + worker * self._width + at % len(self._endpoints) * len(COLUMNS)
        self._cells[row] += 1
        return row


def _is_of(path: str, endpoint: str) -> bool:
    return path.startswith(endpoint[:-1]) if endpoint.endswith("*") else path == endpoint
