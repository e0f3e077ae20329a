"""Every reference target tells Prometheus of itself, and what it tells is true."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gauntlet.embedded import EmbeddedTarget
from tests.targets._files import END, Peer
from tests.targets.conftest import DEADLINE_S, StartTarget

PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}


def scrape(url: str) -> dict[str, float]:
    """Values by name, with the values of the labels behind it."""
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        " ".join([one.name, *one.labels.values()]): one.value
        for family in families
        for one in family.samples
    }


@contextmanager
def embedded(name: str, *options: str, addresses: int = 1) -> Iterator[EmbeddedTarget]:
    target = EmbeddedTarget(name, options, addresses)
    try:
        yield target
    finally:
        target.stop()


def test_requests_are_told_by_endpoint_and_status_over_all_workers(
    start_target: StartTarget,
) -> None:
    with start_target("--workers", "2") as target:
        url = f"http://127.0.0.1:{target.port}/metrics"
        first = scrape(url)
        for _ in range(20):
            target.ask("GET", "/health")
        target.ask("POST", "/predict")
        told = scrape(url)
        assert told["http_requests_total /health 2xx"] == 20
        assert told["http_requests_total /predict 4xx"] == 1
        assert told["http_requests_total other 2xx"] == 0, "a scrape is counted"
        workers = target.processes()[1:]
        assert told["process_resident_memory_bytes"] == pytest.approx(
            sum(worker.memory_info().rss for worker in workers), rel=0.2
        )
        used = sum(sum(worker.cpu_times()[:2]) for worker in workers)
        assert first["process_cpu_seconds_total"] <= told["process_cpu_seconds_total"] <= used
        assert told["process_open_fds"] > 0


@pytest.mark.parametrize(
    ("name", "options", "addresses", "sources"),
    [
        pytest.param("chater", (), 1, 1, id="chater"),
        pytest.param(
            "walrus", ("--mode", "daemon", "--aggregator-port", "0"), 2, 2, id="both of walrus"
        ),
    ],
)
def test_an_http_target_tells_it_at_each_of_its_addresses(
    name: str, options: tuple[str, ...], addresses: int, sources: int
) -> None:
    with embedded(name, *options, addresses=addresses) as target:
        assert len(target.metrics) == sources
        for url in target.metrics:
            assert PROCESS <= scrape(url).keys()


def test_the_file_server_tells_it_at_a_port_of_its_own() -> None:
    with embedded("file-server", "--metrics-port", "0", "--pool", "2") as target:
        [url], port = target.metrics, int(target.addresses[0].rpartition(":")[2])
        for request in (b"LIST" + END, b"NONSENSE" + END):
            with Peer(socket.create_connection(("127.0.0.1", port), DEADLINE_S)) as peer:
                peer.ask(request)
        told = scrape(url)
    assert PROCESS <= told.keys()
    assert told["file_server_connections_total"] == 2
    assert told["file_server_operations_total served"] == 1
    assert told["file_server_operations_total failed"] > 0


def test_the_nodes_of_the_image_cloud_tell_it_together() -> None:
    options = ("--metrics-port", "0", "--nodes", "2")
    with embedded("image-cloud", *options, addresses=2) as target:
        told = scrape(target.metrics[0])
    assert PROCESS <= told.keys()
    assert told["image_cloud_pictures_total 1"] == told["image_cloud_pictures_total 2"] == 0


def test_nothing_but_metrics_is_there() -> None:
    with embedded("file-server", "--metrics-port", "0") as target:
        root = target.metrics[0].removesuffix("/metrics")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(root, timeout=DEADLINE_S)
