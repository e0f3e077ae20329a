"""Image, compose file and manifests say nothing that leads nowhere; this needs no engine."""

import copy
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gauntlet.cli import gauntlet
from gauntlet.config import load_environment
from tests.manifests import Manifest, faults, unknown_options, unknown_variables

ROOT = Path(__file__).parents[1]
OVERLAYS = sorted(path.name for path in (ROOT / "k8s" / "overlays").iterdir())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


# -- Kubernetes --------------------------------------------------------------------------------


@cache
def rendered(overlay: str) -> list[Manifest]:
    """What `kubectl apply -k` would send; GAUNTLET_REQUIRE_TOOLS=1 makes no kubectl a failure."""
    kubectl = shutil.which("kubectl")
    if kubectl is None and os.environ.get("GAUNTLET_REQUIRE_TOOLS") != "1":
        pytest.skip("kubectl is not installed")
    assert kubectl is not None, "kubectl is not installed"
    command = [kubectl, "kustomize", str(ROOT / "k8s" / "overlays" / overlay)]
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
    "a root that may be written": (
        lambda all: _container(all)["securityContext"].update(readOnlyRootFilesystem=False),
        "may write to its root",
    ),
    "a limit of CPU": (
        lambda all: _container(all)["resources"]["limits"].update(cpu="1"),
        "a CPU limit",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    plant, said = PLANTED[fault]
    documents = copy.deepcopy(rendered("smoke-job"))
    plant(documents)
    assert said in "\n".join(faults(documents))


def test_the_job_that_is_followed_is_there() -> None:
    master = _of(rendered("smoke-job"), "Job", "locust-master")
    assert master["metadata"]["namespace"] == "gauntlet"


def test_chater_finds_its_token_as_a_file_and_its_address_in_an_environment() -> None:
    documents = rendered("chater-job")
    settings = _config(documents)["data"]
    folder, _, _ = settings["TEST_USER_TOKEN_FILE"].rpartition("/")
    for job in ("locust-master", "locust-worker"):
        pod = _of(documents, "Job", job)["spec"]["template"]["spec"]
        (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "token")
        assert mount["mountPath"] == folder and mount["readOnly"]
    assert "TEST_USER_TOKEN" not in settings
    locustfile = settings["LOCUST_LOCUSTFILE"].removeprefix("/home/locust/")
    assert (ROOT / "locustfiles" / locustfile).is_file()
    assert "chater" in load_environment(settings["LOCUST_ENVIRONMENT"]).targets


# -- the image ---------------------------------------------------------------------------------


def test_the_image_runs_as_a_number_without_a_shell() -> None:
    assert re.search(r"^USER \d+:\d+$", DOCKERFILE, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["locust"\]$', DOCKERFILE, re.MULTILINE)


def test_the_image_knows_its_variables_and_has_its_locustfile() -> None:
    names = dict.fromkeys(re.findall(r"\b(LOCUST_\w+)=", DOCKERFILE), "")
    assert names and list(unknown_variables(names)) == []
    (locustfile,) = re.findall(r"LOCUST_LOCUSTFILE=/home/locust/(\S+)", DOCKERFILE)
    assert (ROOT / "locustfiles" / locustfile).is_file()


def test_all_that_the_image_installs_is_locked_with_hashes() -> None:
    for command in re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE):
        own = command.endswith(".whl")
        assert own or "--require-hashes" in command, command


def test_what_the_build_copies_is_let_in() -> None:
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    built = yaml.safe_load(
        re.findall(r"^include = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
    )
    wanted = {one.strip("/") for one in built} | {"pyproject.toml"}
    wanted |= set(re.findall(r"(\S+\.lock)", DOCKERFILE))
    assert wanted == let_in
    assert all((ROOT / one).exists() for one in let_in)


# -- compose -----------------------------------------------------------------------------------

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_nothing_that_is_unknown(name: str) -> None:
    service = SERVICES[name]
    assert list(unknown_variables(service.get("environment", {}))) == []
    if "entrypoint" in service:
        line = [*service["entrypoint"], *service["command"]][1:]
        assert CliRunner().invoke(gauntlet, [*line, "--help"]).exit_code == 0
    else:
        assert list(unknown_options(service["command"])) == []
    assert service["cap_drop"] == ["ALL"] and service["read_only"]


def test_the_page_is_on_the_loopback_address_and_nothing_else_is_outside() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:8089:8089"]


def test_every_address_in_compose_is_that_of_a_service() -> None:
    master, worker = SERVICES["master"], SERVICES["worker"]
    host = re.sub(r"^http://(\w+):\d+$", r"\1", master["environment"]["LOCUST_HOST"])
    assert {host, worker["command"][-1]} <= set(SERVICES)
    port = master["environment"]["LOCUST_HOST"].rpartition(":")[2]
    assert SERVICES["target"]["command"][-1] == port
