"""What `gauntlet k8s` changes in manifests, and how the command speaks; needs no cluster."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gauntlet.cli import gauntlet
from gauntlet.errors import UsageError
from gauntlet.k8s import manifests
from gauntlet.k8s.command import as_yaml
from tests.e2e.support import ROOT
from tests.manifests import faults, kubectl

SMOKE = list(yaml.safe_load_all((ROOT / "k8s" / "stress-test-job.yaml").read_text()))


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_number_of_workers_changes_in_every_place() -> None:
    changed = manifests.adjusted(SMOKE, workers=7)
    assert manifests.worker_count(changed) == 7
    assert faults(changed) == []
    assert manifests.worker_count(SMOKE) == 2, "the documents given are not changed"


def test_a_run_moves_to_another_namespace_whole() -> None:
    changed = manifests.adjusted(SMOKE, namespace="mine")
    assert manifests.namespace_of(changed) == "mine"
    assert {one["metadata"].get("namespace", one["metadata"]["name"]) for one in changed} == {
        "mine"
    }


def test_every_container_of_ours_gets_the_image() -> None:
    image = "registry.test:5000/team/gauntlet@sha256:0"
    changed = manifests.adjusted(SMOKE, image=image)
    images = [
        container["image"]
        for one in changed
        if one["kind"] == "Job"
        for container in one["spec"]["template"]["spec"]["containers"]
    ]
    assert images == [image] * 3


def test_an_image_of_others_stays() -> None:
    documents: list[Any] = manifests.adjusted(SMOKE)
    container = manifests.master(documents)["spec"]["template"]["spec"]["containers"][1]
    container["image"] = "prom/prometheus:v3"
    changed = manifests.adjusted(documents, image="gauntlet:1")
    assert container["image"] in str(changed)


def test_namespace_and_claims_outlive_a_run() -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "results"}}
    left = {one["kind"] for one in [*SMOKE, claim]} - {
        one["kind"] for one in manifests.removable([*SMOKE, claim])
    }
    assert left == {"Namespace", "PersistentVolumeClaim"}


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_run_has_one_job_that_judges(jobs: int) -> None:
    documents = [manifests.master(SMOKE)] * jobs
    with pytest.raises(UsageError, match=f"expected one Job .* got {jobs}"):
        manifests.master(documents)


def test_what_is_printed_is_what_is_applied() -> None:
    changed = manifests.adjusted(SMOKE, 3, "mine", "gauntlet:1")
    assert list(yaml.safe_load_all(as_yaml(changed))) == changed


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("render --overlay smok", "--overlay: expected one of chater, "),
        ("run --overlay chater-job --workers 2", "--workers: expected an overlay that has workers"),
        ("run --overlay web-ui", "--overlay: expected one Job with the label"),
        ("run --overlay smoke-job --timeout soon", "--timeout: expected a duration"),
        ("run --overlay smoke-job --results-dir /dev/null/x", "--results-dir: expected a folder"),
    ],
)
def test_a_mistake_is_told_before_the_cluster_is_asked(line: str, said: str) -> None:
    kubectl()
    result = CliRunner().invoke(gauntlet, ["k8s", *line.split()])
    assert isinstance(result.exception, UsageError)
    assert result.exception.mistakes[0].startswith(said)


def test_a_cluster_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl()
    cluster = {"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "none", "context": {"cluster": "none", "user": ""}}
    config = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context]}
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config | {"current-context": "none"}))
    monkeypatch.setenv("KUBECONFIG", str(path))
    result = CliRunner().invoke(gauntlet, "k8s run --overlay smoke-job".split())
    assert isinstance(result.exception, UsageError)
    (mistake,) = result.exception.mistakes
    assert mistake.startswith("kubectl get: The connection to the server 127.0.0.1:1 was refused")


def test_without_kubectl_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = CliRunner().invoke(gauntlet, "k8s render --overlay smoke-job".split())
    assert isinstance(result.exception, UsageError)
    assert result.exception.mistakes == ["kubectl: expected the command on PATH, got none"]
