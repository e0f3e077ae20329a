"""What a run in Kubernetes has come to, read from what the API says of its Job and pods. Pure.

    WAITING   the judge's pod does not run yet; `why` says for what
    RUNNING   it runs
    ENDED     it ended; `code` is its exit code, and its results can be fetched
    BROKEN    no verdict will come; `why` says what happened

Waiting for one condition of a Job hangs on the other, and a Job that failed need not have a pod: so
both are looked at. Who ends by a signal, or was driven from its node, said nothing of its target.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from gauntlet.exitcodes import ExitCode
from gauntlet.k8s.manifests import ROLE

Object = Mapping[str, Any]

LOCUST = "locust"
"""The container that makes the load."""

HOPELESS = ("InvalidImageName", "ErrImageNeverPull")
"""Reasons for waiting that time does not mend."""


class State(Enum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    BROKEN = "broken"


class Sight(NamedTuple):
    """One look at a run; `pod` is the judge's, and `workers` how many of the others run."""

    state: State
    why: str = ""
    code: int | None = None
    message: str = ""
    pod: str = ""
    workers: int = 0


def look(job: Object | None, pods: Sequence[Object]) -> Sight:
    """What has become of the run of `job`; `pods` are all of its namespace."""
    if job is None:
        return Sight(State.BROKEN, "its Job was deleted")
    own = [one for one in pods if _owner(one) == job["metadata"]["uid"]]
    workers = sum(_labels(one).get(ROLE) == "worker" and _phase(one) == "Running" for one in pods)
    sight = _of_pods(own)._replace(workers=workers)
    ended = _ended(job)
    if ended is None or sight.state in (State.ENDED, State.BROKEN):
        return sight
    kind, why = ended
    return sight._replace(state=State.BROKEN, why=why if kind == "Failed" else "its pod is gone")


def over(job: Object) -> bool:
    """Whether a Job has ended, well or not."""
    return _ended(job) is not None


def exit_code(sight: Sight) -> ExitCode:
    """What the command ends with: the verdict's code, or INVALID where there is none."""
    if sight.state is State.ENDED and sight.code is not None:
        return ExitCode(sight.code)
    return ExitCode.INVALID


def _of_pods(own: Sequence[Object]) -> Sight:
    """What the Job's pods say; it has one, or none yet or no more."""
    if not own:
        return Sight(State.WAITING, "for its pod")
    pod = max(own, key=lambda one: str(one["metadata"].get("creationTimestamp", "")))
    name = str(pod["metadata"]["name"])
    for condition in _conditions(pod, "DisruptionTarget"):
        return Sight(State.BROKEN, f"its pod was driven out: {_told(condition)}", pod=name)
    container = _container(pod)
    if "terminated" in container:
        return _terminated(container["terminated"], name)
    if _phase(pod) == "Failed":
        return Sight(State.BROKEN, f"its pod failed: {_told(pod['status'])}", pod=name)
    if "running" in container:
        return Sight(State.RUNNING, pod=name)
    waiting = container.get("waiting", {})
    if waiting.get("reason") in HOPELESS:
        return Sight(State.BROKEN, f"its pod cannot start: {_told(waiting)}", pod=name)
    return Sight(State.WAITING, _waits_for(pod, waiting), pod=name)


def _terminated(end: Object, pod: str) -> Sight:
    code, message = int(end["exitCode"]), str(end.get("message", "")).strip()
    if end.get("reason") == "OOMKilled":
        return Sight(State.BROKEN, "it ran out of memory", code, message, pod)
    if number := end.get("signal") or (code - 128 if 128 < code <= 128 + 64 else 0):
        return Sight(State.BROKEN, f"it was ended by signal {number}", code, message, pod)
    if code not in [*ExitCode]:
        return Sight(State.BROKEN, f"it ended with code {code}: {_told(end)}", code, message, pod)
    return Sight(State.ENDED, code=code, message=message, pod=pod)


def _waits_for(pod: Object, waiting: Object) -> str:
    if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        return f"for its container: {_told(waiting)}"
    for condition in _conditions(pod, "PodScheduled", "False"):
        return f"for a node: {_told(condition)}"
    return "for its container"


def _ended(job: Object) -> tuple[str, str] | None:
    for kind in ("Failed", "Complete"):
        for condition in _conditions(job, kind):
            return kind, f"its Job failed: {_told(condition)}"
    return None


def _conditions(thing: Object, kind: str, status: str = "True") -> Iterator[Object]:
    for one in thing.get("status", {}).get("conditions", ()):
        if one["type"] == kind and one["status"] == status:
            yield one


def _container(pod: Object) -> Object:
    """The state of the container that makes the load."""
    for one in pod.get("status", {}).get("containerStatuses", ()):
        if one["name"] == LOCUST:
            state: Object = one.get("state", {})
            return state
    return {}


def _told(thing: Object) -> str:
    """Reason and message, on one line."""
    parts = (str(thing.get(key, "")) for key in ("reason", "message"))
    return ", ".join(" ".join(part.split())[:200] for part in parts if part) or "no reason given"


def _owner(pod: Object) -> str | None:
    owners = pod["metadata"].get("ownerReferences", ())
    return next((str(one["uid"]) for one in owners if one.get("controller")), None)


def _labels(pod: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = pod["metadata"].get("labels", {})
    return labels


def _phase(pod: Object) -> str:
    return str(pod.get("status", {}).get("phase", ""))
