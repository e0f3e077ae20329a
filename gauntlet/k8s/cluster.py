"""kubectl as a run needs it: render, apply, look, follow, fetch, delete."""

import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import yaml

from gauntlet.errors import UsageError
from gauntlet.k8s.hold import COPIED
from gauntlet.k8s.manifests import ROLE, Document
from gauntlet.k8s.states import LOCUST, Object

ANSWER_S = 60.0
"""Seconds that one answer of the cluster may take."""
GONE_S = 150.0
"""Seconds in which what was deleted has to be gone; pods have a minute for their requests."""
REPORTS = "reports"
"""The container that holds the results after the run."""
LINES = 20
"""Most lines of kubectl's complaint that are told."""

_LOG = re.compile(r"[EIW]\d{4} ")


class ClusterError(UsageError):
    """kubectl refused, or did not answer; `mistakes` are its own lines."""


def overlay_folder(name: str) -> Path:
    """The folder of an overlay, by path or by its name under k8s/overlays."""
    known = Path("k8s/overlays")
    for folder in (Path(name), known / name):
        if (folder / "kustomization.yaml").is_file():
            return folder
    there = sorted(one.parent.name for one in known.glob("*/kustomization.yaml"))
    expected = f"one of {', '.join(there)}" if there else "a folder with a kustomization.yaml"
    raise UsageError(f"--overlay: expected {expected}, got {name!r}")


def render(folder: Path) -> list[Document]:
    """The documents that a folder of kustomize stands for; needs no cluster."""
    text = Kubectl().call("kustomize", str(folder))
    return [one for one in yaml.safe_load_all(text) if one]


class Kubectl:
    """kubectl, for one context and one namespace."""

    def __init__(self, context: str | None = None, namespace: str | None = None) -> None:
        program = shutil.which("kubectl")
        if program is None:
            raise UsageError("kubectl: expected the command on PATH, got none")
        self._command = [program]
        self._command += ["--context", context] if context else []
        self._command += ["--namespace", namespace] if namespace else []

    def call(self, *arguments: str, given: str | None = None, within: float = ANSWER_S) -> str:
        """What a command of kubectl answers; ClusterError with what it complains of."""
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                input=given,
                capture_output=True,
                text=True,
                timeout=within,
                start_new_session=True,  # Ctrl-C is ours to answer
            )
        except subprocess.TimeoutExpired:
            raise ClusterError(f"kubectl {arguments[0]}: no answer within {within:g} s") from None
        if done.returncode:
            raise ClusterError(_complaint(arguments[0], done.stderr))
        return done.stdout

    def apply(self, documents: Sequence[Document]) -> None:
        """Create the objects, or change them."""
        self.call("apply", "-f", "-", given=_listed(documents))

    def delete(self, documents: Sequence[Document]) -> None:
        """Delete the objects with all that they own, and wait until they are gone."""
        self.call(
            *("delete", "-f", "-", "--ignore-not-found", "--cascade=foreground"),
            f"--timeout={GONE_S:g}s",
            given=_listed(documents),
            within=GONE_S + ANSWER_S,
        )

    def job(self, name: str) -> Object | None:
        """A Job, if there is one of that name."""
        found = self.call("get", "job", name, "-o", "json", "--ignore-not-found")
        job: Object | None = json.loads(found) if found.strip() else None
        return job

    def look(self, name: str) -> tuple[Object | None, list[Object]]:
        """A run's Job and all of its pods, as of one moment."""
        items: list[Any] = json.loads(self.call("get", "jobs,pods", "-l", ROLE, "-o", "json"))[
            "items"
        ]
        jobs = [one for one in items if one["kind"] == "Job" and one["metadata"]["name"] == name]
        return (jobs[0] if jobs else None), [one for one in items if one["kind"] == "Pod"]

    def follow(self, pod: str) -> "subprocess.Popen[bytes]":
        """Copy what a pod's load test says to our own output, until it ends."""
        return subprocess.Popen(
            [*self._command, "logs", "--follow", pod, "--container", LOCUST],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def fetch(self, pod: str, parent: Path) -> list[Path]:
        """Copy a pod's results under `parent` and let the pod go; gives back the runs' folders."""
        with tempfile.TemporaryFile() as packed:
            self._pack(pod, packed)
            packed.seek(0)
            try:
                parent.mkdir(parents=True, exist_ok=True)
                with tarfile.open(fileobj=packed) as archive:
                    names = {Path(one.name).parts[0] for one in archive if Path(one.name).parts}
                    archive.extractall(parent, filter="data")
            except (tarfile.TarError, OSError) as error:
                raise ClusterError(f"{parent}: {error}") from error
        self.call("exec", pod, "-c", REPORTS, "--", "touch", f"/results/{COPIED}")
        return [parent / name for name in sorted(names) if (parent / name).is_dir()]

    def _pack(self, pod: str, into: IO[bytes]) -> None:
        """A pod's results as an archive."""
        packing = "tar", "-C", "/results", "--exclude=lost+found", "-cf", "-", "."
        command = [*self._command, "exec", pod, "-c", REPORTS, "--", *packing]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=into,
                stderr=subprocess.PIPE,
                timeout=10 * ANSWER_S,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise ClusterError("kubectl exec: the results did not come in time") from None
        if done.returncode:
            raise ClusterError(_complaint("exec", done.stderr.decode(errors="replace")))


def _complaint(command: str, text: str) -> list[str]:
    """What kubectl says to people, without the log of its libraries."""
    said = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in said if not _LOG.match(line)] or said[-1:] or ["failed"]
    return [f"kubectl {command}: {line}" for line in said[-LINES:]]


def _listed(documents: Sequence[Document]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})
