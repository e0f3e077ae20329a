"""The manifests say nothing that leads nowhere; this needs no cluster."""

import copy
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from gauntlet.k8s import hold
from tests.manifests import DRAIN_S, Manifest, faults, kubectl, stop_timeout, unknown_options

ROOT = Path(__file__).parents[1]
OVERLAYS = sorted(path.name for path in (ROOT / "k8s" / "overlays").iterdir())


# -- Kubernetes --------------------------------------------------------------------------------


@cache
def rendered(overlay: str) -> list[Manifest]:
    """The manifests of an overlay."""
    return kustomized(ROOT / "k8s" / "overlays" / overlay)


def kustomized(folder: Path) -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    command = [kubectl(), "kustomize", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_has_no_faults(overlay: str) -> None:
    assert faults(rendered(overlay)) == []


def _of(documents: list[Any], kind: str, name: str) -> Any:
    (found,) = (one for one in documents if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def _master(documents: list[Any]) -> Any:
    return _of(documents, "Job", "locust-master")["spec"]


def _container(documents: list[Any]) -> Any:
    return _master(documents)["template"]["spec"]["containers"][0]


def _config(documents: list[Any]) -> Any:
    (found,) = (one for one in documents if one["kind"] == "ConfigMap")
    return found


def _unmount(documents: list[Any], volume: str) -> None:
    mounts = _container(documents)["volumeMounts"]
    mounts[:] = [one for one in mounts if one["name"] != volume]


PLANTED: dict[str, tuple[Callable[[list[Any]], Any], str]] = {
    "an unknown field": (
        lambda all: _master(all).update(backofLimit=0),
        "Additional properties are not allowed",
    ),
    "a wrong type": (lambda all: _master(all).update(backoffLimit="none"), "is not of type"),
    "a selector that misses the labels": (
        lambda all: _master(all).update(selector={"matchLabels": {"app": "master"}}),
        "selector does not match its pods' labels",
    ),
    "a Job that restarts always": (
        lambda all: _master(all)["template"]["spec"].update(restartPolicy="Always"),
        "may not restart always",
    ),
    "a mount without a volume": (
        lambda all: _container(all)["volumeMounts"].append({"name": "x", "mountPath": "/x"}),
        "no volume x",
    ),
    "a request above its limit": (
        lambda all: _container(all)["resources"]["requests"].update(memory="2Gi"),
        "more memory than its limit",
    ),
    "a name that is too long": (
        lambda all: _of(all, "Job", "locust-master")["metadata"].update(name="m" * 64),
        "at most 63 characters",
    ),
    "a missing Secret": (
        lambda all: _container(all).update(
            env=[{"name": "T", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}]
        ),
        "no Secret gone",
    ),
    "a Service that chooses nobody": (
        lambda all: _of(all, "Service", "locust-master")["spec"]["selector"].update(app="mastr"),
        "chooses no pod",
    ),
    "a probe of an unknown port": (
        lambda all: _container(all)["readinessProbe"]["tcpSocket"].update(port="web"),
        "unknown port web",
    ),
    "an option that Locust does not know": (
        lambda all: _container(all)["args"].append("--rebalancing"),
        "no option --rebalancing",
    ),
    "a variable that nobody reads": (
        lambda all: _config(all)["data"].update(LOCUST_MASTER_HOST="locust-master"),
        "nobody reads the variable LOCUST_MASTER_HOST",
    ),
    "a ConfigMap of another name": (
        lambda all: _config(all)["metadata"].update(name="load-test-0"),
        "no ConfigMap load-test",
    ),
    "a grace shorter than the requests in flight": (
        lambda all: _master(all)["template"]["spec"].update(terminationGracePeriodSeconds=20),
        "before its requests have ended",
    ),
    "a grace that is too short for the default": (
        lambda all: (
            _config(all)["data"].pop("LOCUST_STOP_TIMEOUT"),
            _master(all)["template"]["spec"].update(terminationGracePeriodSeconds=35),
        ),
        "before its requests have ended",
    ),
    "an option that outlasts the grace": (
        lambda all: _container(all)["args"].append("--stop-timeout=58"),
        "before its requests have ended",
    ),
    "a root that may be written": (
        lambda all: _container(all)["securityContext"].update(readOnlyRootFilesystem=False),
        "may write to its root",
    ),
    "a policy about nobody": (
        lambda all: _of(all, "NetworkPolicy", "workers-reach-the-master")["spec"]["podSelector"][
            "matchLabels"
        ].update(app="mastr"),
        "its selector chooses no pod",
    ),
    "a policy for a port that nobody has": (
        lambda all: _of(all, "NetworkPolicy", "workers-reach-the-master")["spec"]["ingress"][0][
            "ports"
        ].append({"protocol": "TCP", "port": 5558}),
        "no pod has the port 5558",
    ),
    "a budget about nobody": (
        lambda all: _of(all, "PodDisruptionBudget", "locust-master")["spec"]["selector"][
            "matchLabels"
        ].update(app="load-test"),
        "its selector chooses no pod",
    ),
    "more workers than the master waits for": (
        lambda all: _of(all, "Job", "locust-worker")["spec"].update(completions=3, parallelism=3),
        "waits for another number of workers",
    ),
    "workers that run one after the other": (
        lambda all: _of(all, "Job", "locust-worker")["spec"].update(parallelism=1),
        "do not all run at once",
    ),
    "a secret as a variable": (
        lambda all: _container(all).update(
            env=[{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
        ),
        "the secret KEY is a variable",
    ),
    "a secret among the settings": (
        lambda all: _config(all)["data"].update(TEST_USER_TOKEN="eyJ"),
        "the secret TEST_USER_TOKEN is a variable",
    ),
    "a secret on the command line": (
        lambda all: _container(all)["args"].append("--web-password=x"),
        "the secret --web-password is an argument",
    ),
    "a token that is mounted nowhere": (
        lambda all: _unmount(all, "token"),
        "no secret is mounted for /run/secrets/load-test/jwt-token",
    ),
    "a command that the image has not": (
        lambda all: _container(all).update(command=["gauntlet", "tarket"]),
        "expected one of",
    ),
    "a module that there is not": (
        lambda all: _master(all)["template"]["spec"]["containers"][1].update(
            command=["python", "-m", "gauntlet.k8s.holt"]
        ),
        "no module gauntlet.k8s.holt",
    ),
    "a limit of CPU": (
        lambda all: _container(all)["resources"]["limits"].update(cpu="1"),
        "a CPU limit",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    plant, said = PLANTED[fault]
    documents = copy.deepcopy(rendered("chater"))
    plant(documents)
    assert said in "\n".join(faults(documents))


def test_the_job_that_is_followed_is_there() -> None:
    master = _of(rendered("smoke-job"), "Job", "locust-master")
    assert master["metadata"]["namespace"] == "gauntlet"


@pytest.mark.parametrize("component", ["prometheus", "reference-target"])
def test_a_component_adds_no_faults(component: str, tmp_path: Path) -> None:
    lay_out(ROOT / "k8s", tmp_path, component)
    assert faults(kustomized(tmp_path / "overlays" / "own")) == []


def lay_out(k8s: Path, folder: Path, *components: str) -> None:
    """A copy of k8s/ with the overlay `own`: smoke-job and components."""
    shutil.copytree(k8s, folder, dirs_exist_ok=True)
    own = folder / "overlays" / "own"
    own.mkdir()
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "gauntlet",
        "resources": ["../smoke-job"],
        "components": [f"../../components/{name}" for name in components],
    }
    (own / "kustomization.yaml").write_text(yaml.safe_dump(content))


def test_prometheus_finds_the_port_that_is_served(tmp_path: Path) -> None:
    lay_out(ROOT / "k8s", tmp_path, "prometheus")
    documents = kustomized(tmp_path / "overlays" / "own")
    (number,) = (
        port["containerPort"]
        for port in _container(documents)["ports"]
        if port["name"] == "metrics"
    )
    assert _config(documents)["data"]["LOCUST_METRICS_PORT"] == str(number)
    annotations = _master(documents)["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(number)
    monitor = yaml.safe_load((ROOT / "k8s/components/prometheus/pod-monitor.yaml").read_text())
    chosen = monitor["spec"]["selector"]["matchLabels"].items()
    assert chosen <= _master(documents)["template"]["metadata"]["labels"].items()
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == "metrics"


def test_chater_keeps_the_names_of_the_originals() -> None:
    whole, alone = rendered("chater"), rendered("chater-job")
    for documents in (whole, alone):
        data = _config(documents)["data"]
        assert data["TARGET_HOST"] == "http://chater-ui.chater-ui.svc.cluster.local:5000"
        assert data["TEST_USER_EMAIL"] == "loadtest@example.com"
        (secret,) = {
            volume["secret"]["secretName"]
            for job in documents
            if job["kind"] == "Job"
            for volume in job["spec"]["template"]["spec"]["volumes"]
            if "secret" in volume
        }
        assert secret == "load-test-secrets"
        locustfile = data["LOCUST_LOCUSTFILE"].removeprefix("/home/locust/")
        assert (ROOT / "locustfiles" / locustfile).is_file()
    assert {one["metadata"]["name"] for one in whole if one["kind"] == "Job"} == {
        "locust-master",
        "locust-worker",
    }
    assert _of(whole, "Job", "locust-worker")["spec"]["parallelism"] == 5
    (job,) = (one for one in alone if one["kind"] == "Job")
    assert job["metadata"]["name"] == "load-test"
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[1:4] == ["--users=50", "--spawn-rate=5", "--run-time=5m"]


def test_the_page_asks_for_a_password_from_a_secret() -> None:
    deployment = _of(rendered("web-ui"), "Deployment", "locust-master")["spec"]
    assert deployment["strategy"] == {"type": "Recreate"}
    (container,) = deployment["template"]["spec"]["containers"]
    assert "--web-login" in container["args"]
    assert "--web-password-file=/run/secrets/load-test/web-password" in container["args"]


def test_results_of_endurance_lie_on_a_claim() -> None:
    documents = rendered("endurance")
    claim = _of(documents, "PersistentVolumeClaim", "load-test-results")["metadata"]["name"]
    volumes = _master(documents)["template"]["spec"]["volumes"]
    assert {"name": "results", "persistentVolumeClaim": {"claimName": claim}} in volumes


def test_a_worker_that_failed_ends_no_other() -> None:
    """How many may be lost is the profile's to say, and the master's to judge."""
    worker = _of(rendered("load-job"), "Job", "locust-worker")["spec"]
    assert worker["backoffLimitPerIndex"] == 1
    assert not {"maxFailedIndexes", "backoffLimit"} & set(worker)


def test_the_job_of_one_file_is_smoke_job() -> None:
    text = (ROOT / "k8s" / "stress-test-job.yaml").read_text()
    assert list(yaml.safe_load_all(text)) == rendered("smoke-job"), "make manifests"


def test_what_is_typed_in_a_cluster_is_about_what_is_there() -> None:
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    lines = "\n".join(re.findall(r"^kubectl -n gauntlet .*$", text, re.MULTILINE))
    documents = rendered("smoke-job")
    pod = _master(documents)["template"]
    assert set(re.findall(r"job/(\S+)", lines)) == {"locust-master"}
    assert set(re.findall(r"-l app=(\S+)", lines)) == {pod["metadata"]["labels"]["app"]}
    (name,) = set(re.findall(r" -c (\S+)", lines))
    (helper,) = (one for one in pod["spec"]["containers"] if one["name"] == name)
    assert helper["command"][3] == "/results"
    assert f"/results/{hold.COPIED}" in lines
    (service,) = re.findall(r"service/(\S+) (\d+)", lines)
    ports = _of(rendered("web-ui"), "Service", service[0])["spec"]["ports"]
    assert [str(port["port"]) for port in ports] == [service[1]]
    (secret,) = re.findall(r"create secret generic (\S+)", lines)
    keys = set(re.findall(r"--from-file=([\w-]+)=", lines))
    mounted = {
        (volume["secret"]["secretName"], item["key"])
        for overlay in ("chater", "web-ui")
        for one in rendered(overlay)
        for volume in _spec_of_pod(one).get("volumes", ())
        if "secret" in volume
        for item in volume["secret"]["items"]
    }
    assert {(secret, key) for key in keys} == mounted


def _spec_of_pod(document: Manifest) -> Any:
    return document.get("spec", {}).get("template", {}).get("spec", {})


def test_the_operators_options_are_known() -> None:
    test = yaml.safe_load((ROOT / "k8s/operator/locust-test.yaml").read_text())
    assert (test["apiVersion"], test["kind"]) == ("locust.io/v1", "LocustTest")
    arguments = test["spec"]["args"].split()
    assert list(unknown_options(arguments)) == []
    assert stop_timeout(arguments, {}) + DRAIN_S <= 30, "what Kubernetes gives by itself"
    locustfile = Path(test["spec"]["locustfile"])
    assert (ROOT / "locustfiles" / locustfile.name).is_file()
