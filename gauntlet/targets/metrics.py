"""What a reference target tells of itself to Prometheus, as text: `GET /metrics`.

    process_resident_memory_bytes 41943040.0
    process_cpu_seconds_total 12.5
    process_open_fds 23.0
    http_requests_total{endpoint="/health",status="2xx"} 100.0

The process figures are sums over the workers of the address that is asked. Targets that speak no
HTTP tell theirs, of all workers, at a port of their own: `metrics_thread`.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Samples = Mapping[tuple[str, ...], int]
"""The values of a counter by those of its labels."""


def http_requests(sums: Mapping[str, Mapping[str, int]]) -> Metric:
    """The counts of an HTTP target; answers that were broken off have the status `cut`, too."""
    statuses: dict[tuple[str, ...], int] = {
        (endpoint, column): count
        for endpoint, columns in sums.items()
        for column, count in columns.items()
        if column != "requests"
    }
    return counter("http_requests", "Answers", ("endpoint", "status"), statuses)


def counter(name: str, meaning: str, labels: Sequence[str], samples: Samples) -> Metric:
    """A counter; its name is told with `_total` behind."""
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


def text(pids: Iterable[int], *families: Metric) -> bytes:
    """The whole text: the processes' figures, then the given ones."""
    registry = CollectorRegistry()
    registry.register(_Told([*_processes(pids), *families]))
    return generate_latest(registry)


def metrics_thread(host: str, port: int, render: Callable[[], bytes]) -> str:
    """Answer `GET /metrics` from a thread of this process, on `port`; gives back the address.

    Port 0 lets the kernel choose. Raises OSError where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = render() if self.path == PATH else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Standard error stays empty unless something is wrong."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{host}:{server.server_port}{PATH}"


class _Told(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _processes(pids: Iterable[int]) -> list[Metric]:
    memory, cpu_s, descriptors = 0, 0.0, 0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                memory += process.memory_info().rss
                cpu_s += times.user + times.system
                descriptors += process.num_fds()
        except psutil.Error:  # it ended a moment ago
            continue
    return [
        GaugeMetricFamily("process_resident_memory_bytes", "Resident memory", memory),
        CounterMetricFamily("process_cpu_seconds", "CPU time, user and system", cpu_s),
        GaugeMetricFamily("process_open_fds", "Open file descriptors", descriptors),
    ]
