"""What a run in a cluster has come to, read from objects that the API's schema allows."""

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest

from gauntlet.exitcodes import ExitCode
from gauntlet.k8s.states import Sight, State, exit_code, look, over

Json = dict[str, Any]

AT = "2026-11-26T10:00:00Z"


def sound(document: Json) -> Json:
    """The document, which is one that the API could send."""
    kubernetes_validate.validate(document, "1.31", strict=True)
    return document


def condition(kind: str, status: str = "True", **more: str) -> Json:
    return {"type": kind, "status": status, "lastTransitionTime": AT, **more}


def job(*conditions: Json) -> Json:
    container = {"name": "locust", "image": "gauntlet"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return sound(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "locust-master", "uid": "j1"},
            "spec": {"template": template},
            "status": {"conditions": list(conditions)},
        }
    )


def pod(
    phase: str,
    state: Json | None = None,
    *conditions: Json,
    owner: str = "j1",
    role: str = "master",
    name: str = "locust-master-x",
    made: str = AT,
    **status: Any,
) -> Json:
    told = {"name": "locust", "image": "gauntlet", "imageID": "", "restartCount": 0, "ready": True}
    helper = {**told, "name": "reports", "state": {"running": {"startedAt": AT}}}
    statuses = [] if state is None else [helper, {**told, "state": state}]
    return sound(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "uid": name,
                "creationTimestamp": made,
                "labels": {"app.kubernetes.io/component": role},
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "Job",
                        "name": "x",
                        "uid": owner,
                        "controller": True,
                    }
                ],
            },
            "spec": {"containers": [{"name": "locust", "image": "gauntlet"}]},
            "status": {
                "phase": phase,
                "conditions": list(conditions),
                "containerStatuses": statuses,
                **status,
            },
        }
    )


def ended(code: int, **more: Any) -> Json:
    return {"terminated": {"exitCode": code, "startedAt": AT, "finishedAt": AT, **more}}


RUNS = {"running": {"startedAt": AT}}
FAILED = condition("Failed", reason="BackoffLimitExceeded", message="Job has reached the limit")
COMPLETE = condition("Complete")


def waits(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


SIGHTS: dict[str, tuple[Json | None, list[Json], State, str]] = {
    "no pod yet": (job(), [], State.WAITING, "for its pod"),
    "no node has room": (
        job(),
        [
            pod(
                "Pending",
                None,
                condition("PodScheduled", "False", reason="Unschedulable", message="0/1 nodes"),
            )
        ],
        State.WAITING,
        "for a node: Unschedulable, 0/1 nodes",
    ),
    "the container is made": (
        job(),
        [pod("Pending", waits("ContainerCreating"))],
        State.WAITING,
        "for its container",
    ),
    "the image cannot be pulled": (
        job(),
        [pod("Pending", waits("ImagePullBackOff", "Back-off pulling"))],
        State.WAITING,
        "for its container: ImagePullBackOff, Back-off pulling",
    ),
    "the image has no name that is one": (
        job(),
        [pod("Pending", waits("InvalidImageName", "couldn't parse"))],
        State.BROKEN,
        "its pod cannot start: InvalidImageName, couldn't parse",
    ),
    "it runs": (job(), [pod("Running", RUNS)], State.RUNNING, ""),
    "the load ended, its helper still runs": (
        job(),
        [pod("Running", ended(0))],
        State.ENDED,
        "",
    ),
    "the Job is complete": (job(COMPLETE), [pod("Succeeded", ended(0))], State.ENDED, ""),
    "the Job failed, by the verdict": (job(FAILED), [pod("Failed", ended(3))], State.ENDED, ""),
    "the Job failed without a pod": (
        job(condition("Failed", reason="DeadlineExceeded", message="active longer than")),
        [],
        State.BROKEN,
        "its Job failed: DeadlineExceeded, active longer than",
    ),
    "the Job is complete and its pod is gone": (job(COMPLETE), [], State.BROKEN, "its pod is gone"),
    "the Job failed while its pod still waited": (
        job(FAILED),
        [pod("Pending", waits("ContainerCreating"))],
        State.BROKEN,
        "its Job failed: BackoffLimitExceeded, Job has reached the limit",
    ),
    "somebody deleted the Job": (None, [], State.BROKEN, "its Job was deleted"),
    "the pod was evicted, and Locust ended in order": (
        job(),
        [
            pod(
                "Failed",
                ended(0),
                condition("DisruptionTarget", reason="EvictionByEvictionAPI", message="drained"),
            )
        ],
        State.BROKEN,
        "its pod was driven out: EvictionByEvictionAPI, drained",
    ),
    "the node was lost": (
        job(),
        [pod("Failed", RUNS, reason="NodeLost", message="Node is gone")],
        State.BROKEN,
        "its pod failed: NodeLost, Node is gone",
    ),
    "out of memory": (
        job(FAILED),
        [pod("Failed", ended(137, reason="OOMKilled"))],
        State.BROKEN,
        "it ran out of memory",
    ),
    "killed": (
        job(),
        [pod("Running", ended(137, reason="Error"))],
        State.BROKEN,
        "it was ended by signal 9",
    ),
    "no such command in the image": (
        job(FAILED),
        [pod("Failed", ended(127, reason="StartError", message="no such file"))],
        State.BROKEN,
        "it ended with code 127: StartError, no such file",
    ),
}


@pytest.mark.parametrize("seen", SIGHTS)
def test_a_run_is_seen_as_what_it_is(seen: str) -> None:
    document, pods, state, why = SIGHTS[seen]
    sight = look(document, pods)
    assert (sight.state, sight.why) == (state, why)
    wanted = sight.code if state is State.ENDED else ExitCode.INVALID
    assert exit_code(sight) == wanted


@pytest.mark.parametrize(
    "code", [code for code in ExitCode if code < 128], ids=lambda code: code.name
)
def test_a_verdicts_code_is_handed_on(code: ExitCode) -> None:
    sight = look(job(), [pod("Running", ended(code, message="✗ FAIL - p95 < 2s broke\n"))])
    assert exit_code(sight) is code
    assert sight.message == "✗ FAIL - p95 < 2s broke"
    assert sight.pod == "locust-master-x"


def test_pods_of_another_run_say_nothing_of_this_one() -> None:
    stranger = pod("Failed", ended(3), owner="j0")
    assert look(job(), [stranger]).state is State.WAITING
    assert look(job(), [stranger, pod("Running", RUNS)]).state is State.RUNNING


def test_the_latest_pod_counts() -> None:
    old = pod("Failed", ended(4), made="2026-11-26T09:00:00Z", name="old")
    assert look(job(), [pod("Running", RUNS), old]).state is State.RUNNING


def test_workers_that_run_are_counted() -> None:
    worker: Json = {"owner": "j2", "role": "worker"}
    workers = [pod("Running", RUNS, **worker), pod("Pending", **worker)]
    assert look(job(), [pod("Running", RUNS), *workers]).workers == 1


def test_a_job_is_over_when_it_failed_or_is_complete() -> None:
    assert over(job(COMPLETE)) and over(job(FAILED))
    assert not over(job()) and not over(job(condition("Suspended"), condition("Failed", "False")))


def test_a_run_that_was_given_up_has_no_verdict() -> None:
    assert exit_code(Sight(State.BROKEN, "no end within 10m", code=0)) is ExitCode.INVALID
