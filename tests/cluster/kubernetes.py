"""Runs in a real cluster: the one that KUBECONFIG names, with the image that GAUNTLET_IMAGE names.

    make test-k8s

Not among the tests that pytest finds by itself: it needs a cluster that can pull the image, and
takes some minutes. All happens in a namespace of its own, which is deleted at the end.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gauntlet.exitcodes import ExitCode
from tests.test_containers import OVERLAYS, ROOT, lay_out

IMAGE = os.environ.get("GAUNTLET_IMAGE", "gauntlet:latest")
DEADLINE_S = 600.0
TOKEN = "eyJhbGciOiJub25lIn0.a-token-that-nobody-may-read"


def kubectl(*arguments: str, given: str | None = None) -> str:
    done = subprocess.run(
        ["kubectl", *arguments], input=given, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A namespace of these tests, under PodSecurity `restricted`."""
    name = f"gauntlet-test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """smoke-job with a target of its own."""
    lay_out(ROOT / "k8s", tmp_path / "k8s", "reference-target")
    return tmp_path / "k8s" / "overlays" / "own"


def command(overlay: Path, namespace: str, results: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "gauntlet", "k8s", "run", "--overlay", str(overlay)),
        *("--workers", "2", "--image", IMAGE, "--namespace", namespace),
        *("--timeout", "8m", "--results-dir", str(results)),
    ]


def run(overlay: Path, namespace: str, results: Path) -> tuple[int, str]:
    """A run from begin to end: its exit code and all that it said."""
    done = subprocess.run(
        command(overlay, namespace, results),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE_S,
    )
    return done.returncode, done.stdout


def left(namespace: str) -> list[str]:
    """Jobs and pods of a run that are still there."""
    found = json.loads(kubectl("-n", namespace, "get", "jobs,pods", "-o", "json"))["items"]
    return [f"{one['kind']}/{one['metadata']['name']}" for one in found]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(1)


def load_runs(namespace: str) -> bool:
    """Whether the master's pod is ready: it listens to workers."""
    found = json.loads(kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
    return any(
        one["metadata"]["labels"].get("app") == "locust-master"
        and one["status"].get("phase") == "Running"
        for one in found
    )


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_server_takes_every_overlay(name: str, namespace: str) -> None:
    words = "k8s", "render", "--overlay", str(ROOT / "k8s" / "overlays" / name)
    rendered = subprocess.run(
        [sys.executable, "-m", "gauntlet", *words, "--namespace", namespace],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    kubectl("apply", "--dry-run=server", "-f", "-", given=rendered.stdout)


def test_a_run_passes_and_its_reports_come_home(
    overlay: Path, namespace: str, tmp_path: Path
) -> None:
    code, said = run(overlay, namespace, tmp_path / "results")
    assert code == ExitCode.PASS, said
    (folder,) = (tmp_path / "results").iterdir()
    record: dict[str, Any] = json.loads((folder / "run.json").read_text())
    assert record["outcome"]["verdict"] == "PASS" and record["fleet"]["workers"] == 2
    assert {"report.html", "junit.xml"} <= {path.name for path in folder.iterdir()}
    assert left(namespace) == []


def test_a_broken_threshold_is_the_exit_code(overlay: Path, namespace: str, tmp_path: Path) -> None:
    path = overlay.parent / "smoke-job" / "kustomization.yaml"
    path.write_text(path.read_text() + "      - LOCUST_THRESHOLD=p95 < 1us\n")
    code, said = run(overlay, namespace, tmp_path / "results")
    assert code == ExitCode.THRESHOLD, said
    assert left(namespace) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_an_interrupted_run_leaves_nothing(
    overlay: Path, namespace: str, tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(command(overlay, namespace, tmp_path / "results"))
    try:
        wait_until(lambda: load_runs(namespace), "a run")
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 130
    finally:
        process.kill()
    assert left(namespace) == []


def test_a_master_that_is_deleted_makes_the_run_invalid(
    overlay: Path, namespace: str, tmp_path: Path
) -> None:
    process = subprocess.Popen(command(overlay, namespace, tmp_path / "results"))
    try:
        wait_until(lambda: load_runs(namespace), "a run")
        kubectl("-n", namespace, "delete", "pod", "-l", "app=locust-master", "--wait=false")
        assert process.wait(DEADLINE_S) == ExitCode.INVALID
    finally:
        process.kill()
    assert left(namespace) == []


def test_no_secret_is_in_what_the_cluster_tells(namespace: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "load-test-secrets", "namespace": namespace},
        "stringData": {"jwt-token": TOKEN, "web-password": TOKEN},
    }
    kubectl("apply", "-f", "-", given=json.dumps(secret))
    for name in ("chater-job", "web-ui"):
        words = "k8s", "render", "--overlay", str(ROOT / "k8s" / "overlays" / name)
        rendered = subprocess.run(
            [sys.executable, "-m", "gauntlet", *words, "--namespace", namespace, "--image", IMAGE],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        ).stdout
        kubectl("apply", "-f", "-", given=rendered)
        try:
            wait_until(lambda: bool(left(namespace)), "pods")
            told = kubectl("-n", namespace, "describe", "all,configmaps")
            assert TOKEN not in told and "load-test-secrets" in told
        finally:
            kubectl("delete", "-f", "-", given=_without_namespace(rendered))


def _without_namespace(rendered: str) -> str:
    return "---".join(one for one in rendered.split("---\n") if "kind: Namespace" not in one)
