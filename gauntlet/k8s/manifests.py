"""Manifests as documents: what a run changes in them, and what it has to know of them. Pure."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gauntlet.errors import UsageError

Document = dict[str, Any]

ROLE = "app.kubernetes.io/component"
IMAGE = "gauntlet"
STAYS = ("Namespace", "PersistentVolumeClaim")
"""What outlives a run: others may use the one, and the results lie on the other."""

_EXPECT = "--expect-workers="


def adjusted(
    documents: Sequence[Document],
    workers: int | None = None,
    namespace: str | None = None,
    image: str | None = None,
) -> list[Document]:
    """The documents with these values in place of theirs; UsageError where there is no place."""
    changed = copy.deepcopy(list(documents))
    if workers is not None:
        _scale(changed, workers)
    if namespace is not None:
        _move(changed, namespace)
    if image is not None:
        for container in _containers(changed):
            if _is_ours(container["image"]):
                container["image"] = image
    return changed


def master(documents: Sequence[Document]) -> Document:
    """The Job whose end is the run's; UsageError where there is none."""
    found = _jobs(documents, "master")
    if len(found) != 1:
        raise UsageError(
            f"--overlay: expected one Job with the label {ROLE}: master, got {len(found)}"
        )
    return found[0]


def worker_count(documents: Sequence[Document]) -> int:
    """How many workers the run has; 0 where one process does all."""
    return sum(int(one["spec"].get("completions", 1)) for one in _jobs(documents, "worker"))


def namespace_of(documents: Sequence[Document]) -> str:
    """Where the run takes place."""
    return str(master(documents)["metadata"].get("namespace", "default"))


def removable(documents: Sequence[Document]) -> list[Document]:
    """What is deleted after a run, the last first."""
    return [one for one in reversed(documents) if one["kind"] not in STAYS]


def _jobs(documents: Sequence[Document], role: str) -> list[Document]:
    return [
        one
        for one in documents
        if one["kind"] == "Job" and one["metadata"].get("labels", {}).get(ROLE) == role
    ]


def _scale(documents: Sequence[Document], workers: int) -> None:
    jobs = _jobs(documents, "worker")
    if not jobs:
        raise UsageError("--workers: expected an overlay that has workers, got one without")
    for job in jobs:
        job["spec"] |= {"completions": workers, "parallelism": workers}
    for container in master(documents)["spec"]["template"]["spec"]["containers"]:
        arguments = container.get("args", [])
        arguments[:] = [
            f"{_EXPECT}{workers}" if one.startswith(_EXPECT) else one for one in arguments
        ]


def _move(documents: Sequence[Document], namespace: str) -> None:
    for document in documents:
        metadata = document["metadata"]
        if document["kind"] == "Namespace":
            metadata["name"] = namespace
        else:
            metadata["namespace"] = namespace


def _containers(documents: Sequence[Document]) -> Iterator[Document]:
    for document in documents:
        pod: Mapping[str, Any] = document.get("spec", {}).get("template", {}).get("spec", {})
        yield from pod.get("containers", ())
        yield from pod.get("initContainers", ())


def _is_ours(image: str) -> bool:
    """Whether it is this project's, whatever its registry and tag."""
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0] == IMAGE
