"""How a run in a cluster ends where something goes wrong; a script speaks in kubectl's place."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gauntlet.cli import gauntlet
from gauntlet.exitcodes import ExitCode
from gauntlet.k8s import running
from tests.e2e.support import ROOT

ANSWERS = """#!/bin/sh
cd "$(dirname "$0")"
case "$*" in
  kustomize*) exec cat {manifests} ;;
  *"get job "*) ;;
  *"get jobs,pods"*) exec sh ./look ;;
  *" exec "*tar*) echo no archive ;;
  *" delete "*) touch deleted ;;
esac
"""
DONE = {"name": "locust", "state": {"terminated": {"exitCode": 0, "message": "PASS"}}}
JOB = {"kind": "Job", "metadata": {"name": "locust-master", "uid": "1"}}
POD = {
    "kind": "Pod",
    "metadata": {"name": "m", "ownerReferences": [{"uid": "1", "controller": True}]},
    "status": {"phase": "Running", "containerStatuses": [DONE]},
}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the script; its file `look` tells of Job and pods."""
    script = tmp_path / "kubectl"
    script.write_text(ANSWERS.format(manifests=ROOT / "k8s" / "stress-test-job.yaml"))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(running, "LOOK_S", 0.1)
    monkeypatch.chdir(ROOT)
    return tmp_path


def run(cluster: Path, *options: str) -> Result:
    line = ["k8s", "run", "--overlay", "smoke-job", "--results-dir", str(cluster / "results")]
    return CliRunner().invoke(gauntlet, [*line, *options])


def seen(cluster: Path, *items: Any) -> None:
    (cluster / "look").write_text(f"echo '{json.dumps({'items': items})}'\n")


def test_reports_that_cannot_be_unpacked_change_no_verdict(cluster: Path) -> None:
    seen(cluster, JOB, POD)
    ended = run(cluster)
    assert ended.exit_code == ExitCode.PASS, ended
    assert "reports were not fetched: " in ended.output and "PASS" in ended.output
    assert (cluster / "deleted").exists()


def test_a_cluster_that_falls_silent_makes_the_run_invalid(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "DEAF_S", 0.3)
    (cluster / "look").write_text("echo no route to host >&2; exit 1\n")
    ended = run(cluster)
    assert ended.exit_code == ExitCode.INVALID, ended
    assert "no route to host" in ended.output and "✗ INVALID - the cluster gave no" in ended.output
    assert (cluster / "deleted").exists()


def test_a_run_without_an_end_is_given_up(cluster: Path) -> None:
    seen(cluster, JOB)
    ended = run(cluster, "--timeout", "1s")
    assert ended.exit_code == ExitCode.INVALID, ended
    assert "no end within 1s: locust-master: waits for its pod" in ended.output
    assert (cluster / "deleted").exists()
