"""Serves the figures to Prometheus, from a greenlet beside the load."""

import logging
import os
import time
from collections.abc import Iterator
from typing import Protocol

from gevent.lock import Semaphore
from gevent.pywsgi import WSGIServer
from locust.env import Environment
from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.metrics_core import Metric

from gauntlet.errors import UsageError
from gauntlet.measure.recorder import Recorder
from gauntlet.metrics.figures import Figures, Judging, breathe

logger = logging.getLogger(__name__)

FRESH_S = 1.0
"""Figures younger than this are told again: many readers cost what one does."""


class Collecting(Protocol):
    """What gives families when it is asked."""

    def collect(self) -> Iterator[Metric]: ...


class Once:
    """Families that are collected at most once a second, by one reader at a time."""

    def __init__(self, figures: Collecting) -> None:
        self._figures = figures
        self._lock = Semaphore()
        self._found: list[Metric] = []
        self._until = 0.0

    def describe(self) -> list[Metric]:
        """Nothing: prometheus_client would collect for it."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families, new or a moment old."""
        with self._lock:
            if time.perf_counter() >= self._until:
                self._found = list(self._figures.collect())
                self._until = time.perf_counter() + FRESH_S
            for family in self._found:
                yield family  # and its lines are written
                breathe()


def serve(
    address: tuple[str, int], environment: Environment, judge: Judging, recorder: Recorder
) -> WSGIServer:
    """Serve at `address`, port 0 for one that is free; UsageError where it cannot be."""
    registry = CollectorRegistry()
    registry.register(Once(Figures(environment, judge, recorder)))
    ProcessCollector(registry=registry)
    server = WSGIServer(address, make_wsgi_app(registry), log=None)
    try:
        server.start()
    except OSError as error:
        host, port = address
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(
            f"--metrics-port: expected a port that is free, got {port} at {host} ({why})"
        ) from error
    logger.info("metrics at http://%s:%s/metrics", server.server_host, server.server_port)
    return server
