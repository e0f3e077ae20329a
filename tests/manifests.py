"""What must agree in Kubernetes manifests, and no schema can see.

`faults(documents)` is a line per mistake: a name that leads nowhere, an option or a variable that
Locust does not know, a pod that would not be admitted.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import chain
from typing import Any

import click
import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
from locust.argument_parser import get_parser

from gauntlet import option_group
from gauntlet.cli import gauntlet
from gauntlet.errors import GauntletError
from gauntlet.k8s.manifests import ROLE

Manifest = Mapping[str, Any]

SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|JWT", re.IGNORECASE)
"""What a variable or an option is called that carries a secret; `_FILE` names its file."""

SECRETS_DIR = "/run/secrets/"

VERSIONS = "1.31", kubernetes_validate.latest_version()
DRAIN_S = 15
"""Seconds that a master waits for last reports, and takes to write its own, after the requests."""


def kubectl() -> str:
    """The command; GAUNTLET_REQUIRE_TOOLS=1 makes its lack a failure instead of a skip."""
    found = shutil.which("kubectl")
    if found is None and os.environ.get("GAUNTLET_REQUIRE_TOOLS") != "1":
        pytest.skip("kubectl is not installed")
    assert found is not None, "kubectl is not installed"
    return found


def faults(documents: Sequence[Manifest]) -> list[str]:
    """All mistakes in the manifests of one overlay."""
    pods = {_label(one): one["spec"]["template"] for one in documents if "template" in _spec(one)}
    found = [*_against_schemas(documents), *_services(documents, pods)]
    found += [*_selectors(documents, pods), *_fleet(documents)]
    for name, pod in pods.items():
        found += [f"{name}: {mistake}" for mistake in _pod(pod["spec"], documents)]
    for one in documents:
        if "template" in _spec(one):
            found += [f"{_label(one)}: {mistake}" for mistake in _workload(one)]
    return found


def _label(document: Manifest) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def _spec(document: Manifest) -> Manifest:
    spec: Manifest = document.get("spec", {})
    return spec


def _against_schemas(documents: Sequence[Manifest]) -> Iterator[str]:
    for document in documents:
        for version in VERSIONS:
            if mistake := _against_schema(json.dumps(document), version):
                yield f"{_label(document)}: Kubernetes {version}: {mistake}"


@cache
def _against_schema(document: str, version: str) -> str | None:
    try:
        kubernetes_validate.validate(json.loads(document), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return None


def _services(documents: Sequence[Manifest], pods: Mapping[str, Manifest]) -> Iterator[str]:
    for service in (one for one in documents if one["kind"] == "Service"):
        wanted = service["spec"]["selector"].items()
        chosen = [pod for pod in pods.values() if wanted <= pod["metadata"]["labels"].items()]
        if not chosen:
            yield f"{_label(service)}: its selector chooses no pod"
        ports = {name for pod in chosen for name in _ports(pod["spec"])}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"{_label(service)}: no pod has the port {port['targetPort']}"


def _selectors(documents: Sequence[Manifest], pods: Mapping[str, Manifest]) -> Iterator[str]:
    """Policies and budgets that are about nobody, or about ports that nobody has."""
    keys = {"NetworkPolicy": "podSelector", "PodDisruptionBudget": "selector"}
    for one in (one for one in documents if one["kind"] in keys):
        wanted = one["spec"][keys[one["kind"]]].get("matchLabels", {}).items()
        chosen = [pod for pod in pods.values() if wanted <= pod["metadata"]["labels"].items()]
        if not chosen:
            yield f"{_label(one)}: its selector chooses no pod"
        numbers = {
            port["containerPort"]
            for pod in chosen
            for container in pod["spec"]["containers"]
            for port in container.get("ports", ())
        }
        for rule in one["spec"].get("ingress", ()):
            for port in rule.get("ports", ()):
                if port["port"] not in numbers:
                    yield f"{_label(one)}: no pod has the port {port['port']}"


def _fleet(documents: Sequence[Manifest]) -> Iterator[str]:
    """A master must wait for as many workers as its overlay starts."""
    jobs = [one for one in documents if one["kind"] == "Job"]
    roles = {one["metadata"].get("labels", {}).get(ROLE): one["spec"] for one in jobs}
    if "worker" not in roles or "master" not in roles:
        return
    worker = roles["worker"]
    if worker.get("completions") != worker.get("parallelism"):
        yield "Job/locust-worker: its workers do not all run at once"
    arguments = roles["master"]["template"]["spec"]["containers"][0]["args"]
    if f"--expect-workers={worker.get('completions')}" not in arguments:
        yield "Job/locust-master: waits for another number of workers than there are"


def _ports(pod: Manifest) -> set[str]:
    return {port["name"] for one in pod["containers"] for port in one.get("ports", ())}


def _workload(document: Manifest) -> Iterator[str]:
    spec, pod = document["spec"], document["spec"]["template"]
    wanted = spec.get("selector", {}).get("matchLabels", {}).items()
    if not wanted <= pod["metadata"]["labels"].items():
        yield "its selector does not match its pods' labels"
    policy = pod["spec"].get("restartPolicy", "Always")
    if document["kind"] == "Job" and policy == "Always":
        yield "a Job's pods may not restart always"
    if document["kind"] == "Job" and len(document["metadata"]["name"]) > 63:
        yield "a Job's name has at most 63 characters"


def _pod(pod: Manifest, documents: Sequence[Manifest]) -> Iterator[str]:
    there = {(one["kind"], one["metadata"]["name"]) for one in documents}
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    account = pod.get("serviceAccountName")
    if account and ("ServiceAccount", account) not in there:
        yield f"no ServiceAccount {account}"
    for kind, name in _references(pod):
        if (kind, name) not in there:
            yield f"no {kind} {name}"
    if not pod.get("securityContext", {}).get("runAsNonRoot"):
        yield "may run as root"
    for container in pod["containers"]:
        for mount in container.get("volumeMounts", ()):
            if mount["name"] not in volumes:
                yield f"no volume {mount['name']}"
        yield from _probes(container)
        yield from _restricted(container)
        yield from _resources(container)
        yield from _secrets(container, pod, documents)
        if "command" in container:
            yield from unknown_command(container["command"])
        else:
            yield from _locust(container, pod, documents)


def _references(pod: Manifest) -> Iterator[tuple[str, str]]:
    """The ConfigMaps and Secrets that a pod cannot start without."""
    for volume in pod.get("volumes", ()):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume and not volume["secret"].get("optional"):
            yield "Secret", volume["secret"]["secretName"]
    for container in pod["containers"]:
        for source in container.get("envFrom", ()):
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"]["name"]
        for variable in container.get("env", ()):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference and not reference.get("optional"):
                yield "Secret", reference["name"]


def _probes(container: Manifest) -> Iterator[str]:
    names = {port["name"] for port in container.get("ports", ())}
    for kind in ("readinessProbe", "livenessProbe", "startupProbe"):
        for way in ("tcpSocket", "httpGet"):
            port = container.get(kind, {}).get(way, {}).get("port")
            if isinstance(port, str) and port not in names:
                yield f"{kind} names an unknown port {port}"


def _restricted(container: Manifest) -> Iterator[str]:
    """What the level `restricted` of PodSecurity asks of a container."""
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if context.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "keeps capabilities"
    if not context.get("readOnlyRootFilesystem"):
        yield "may write to its root"


def _resources(container: Manifest) -> Iterator[str]:
    resources = container.get("resources", {})
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    if "cpu" in limits:
        yield "a CPU limit would look like a slow target"
    for what in ("cpu", "memory"):
        if what not in requests:
            yield f"asks for no {what}"
        elif what in limits and _quantity(requests[what]) > _quantity(limits[what]):
            yield f"asks for more {what} than its limit"


def _quantity(text: str) -> float:
    units = {"m": 1e-3, "Mi": 2.0**20, "Gi": 2.0**30}
    for unit, factor in units.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def _secrets(container: Manifest, pod: Manifest, documents: Sequence[Manifest]) -> Iterator[str]:
    """Secrets that `kubectl describe` or a list of processes would show, or that are nowhere."""
    variables = dict(_variables(container, documents))
    for variable in container.get("env", ()):
        if "secretKeyRef" in variable.get("valueFrom", {}):
            yield f"the secret {variable['name']} is a variable and no file"
    for name in variables:
        if SECRET.search(name) and not name.endswith("_FILE"):
            yield f"the secret {name} is a variable and no file"
    for argument in container.get("args", ()):
        option = argument.partition("=")[0]
        if SECRET.search(option) and not option.endswith("-file"):
            yield f"the secret {option} is an argument and no file"
    secret = {one["name"] for one in pod.get("volumes", ()) if "secret" in one}
    mounts = [
        one["mountPath"] + "/" for one in container.get("volumeMounts", ()) if one["name"] in secret
    ]
    for text in chain(variables.values(), container.get("args", ())):
        path = text.partition("=")[2] or text
        if path.startswith(SECRETS_DIR) and not path.startswith(tuple(mounts)):
            yield f"no secret is mounted for {path}"


def unknown_command(words: Sequence[str]) -> Iterator[str]:
    """A line that the image cannot run: it has `gauntlet`, and modules of Python."""
    if words[:2] == ["python", "-m"]:
        if not words[2].startswith("gauntlet.") or find_spec(words[2]) is None:
            yield f"Python has no module {words[2]}"
        return
    if words[0] != "gauntlet":
        yield f"the image has no command {words[0]}"
        return
    try:
        gauntlet.main([*words[1:], "--help"], prog_name="gauntlet", standalone_mode=False)
    except (GauntletError, click.ClickException) as error:
        yield f"{' '.join(words)}: {error}"


def _locust(container: Manifest, pod: Manifest, documents: Sequence[Manifest]) -> Iterator[str]:
    variables = dict(_variables(container, documents))
    yield from unknown_variables(variables)
    yield from unknown_options(container.get("args", ()))
    grace = pod.get("terminationGracePeriodSeconds", 30)
    if stop_timeout(container.get("args", ()), variables) + DRAIN_S > grace:
        yield f"is killed after {grace} s, before its requests have ended"


def stop_timeout(arguments: Sequence[str], variables: Mapping[str, str]) -> float:
    """How long Locust lets requests in flight finish; an option outranks its variable."""
    given, _ = _parser().parse_known_args([*arguments], env_vars=dict(variables))
    return float(given.stop_timeout)


def _variables(container: Manifest, documents: Sequence[Manifest]) -> Iterator[tuple[str, str]]:
    maps = {
        one["metadata"]["name"]: one.get("data", {})
        for one in documents
        if one["kind"] == "ConfigMap"
    }
    for source in container.get("envFrom", ()):
        yield from maps.get(source.get("configMapRef", {}).get("name"), {}).items()
    for variable in container.get("env", ()):
        yield variable["name"], variable.get("value", "")


def unknown_variables(variables: Mapping[str, str]) -> Iterator[str]:
    """Variables that look like Locust's and that nobody reads: Locust ignores them silently."""
    known = {action.env_var for action in _parser()._actions if getattr(action, "env_var", None)}
    for name in variables:
        if name.startswith("LOCUST_") and name not in known:
            yield f"nobody reads the variable {name}"


def unknown_options(arguments: Sequence[str]) -> Iterator[str]:
    """Arguments that Locust's own parser, with our options, does not take."""
    try:
        _, unknown = _parser().parse_known_args([*arguments], env_vars={})
    except SystemExit:
        unknown = [" ".join(arguments)]
    for argument in unknown:
        yield f"Locust knows no option {argument}"


@cache
def _parser() -> Any:
    parser = get_parser(default_config_files=[])
    option_group.add(parser)
    return parser
