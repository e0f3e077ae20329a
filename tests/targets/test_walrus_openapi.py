"""The Walrus target's answers to all kinds of requests are those its description promises."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.targets._walrus import Walrus, walrus

Operation = APIOperation[Any, Any, Any, Any]

SCHEMA = schemathesis.openapi.from_path(Path(__file__).parents[1] / "data/walrus-openapi.yaml")
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
BOUNDED = settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
EXCLUDED: list[Any] = [
    not_a_server_error,  # more epochs than the chain allows are a 500 with a reason
    positive_data_acceptance,  # most ids belong to nothing, and some keys exclude each other
]
GOOD, BAD = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
WITHOUT_INPUT = ("/status", "/v1/api")


@pytest.fixture(scope="module")
def target() -> Iterator[Walrus]:
    with walrus("--first-read", "0s") as shared:
        yield shared


@pytest.fixture(scope="module")
def stored(target: Walrus) -> dict[str, str]:
    """Values of path parameters that exist."""
    created = target.put(b"x" * 100).content["newlyCreated"]["blobObject"]
    quilt = target.put_quilt({"first": b"1" * 50}).content
    return {
        "blob_id": created["blobId"],
        "object_id": created["id"],
        "quilt_id": quilt["blobStoreResult"]["newlyCreated"]["blobObject"]["blobId"],
        "quilt_patch_id": quilt["storedQuiltBlobs"][0]["quiltPatchId"],
        "identifier": "first",
    }


def rows() -> Iterator[Any]:
    for item in OPERATIONS:
        yield pytest.param(item, GOOD, id=f"{item.label}, good")
        if item.path not in WITHOUT_INPUT:
            yield pytest.param(item, BAD, id=f"{item.label}, bad")


@pytest.mark.parametrize(("operation", "mode"), list(rows()))
def test_answers_to_any_request_are_as_described(
    target: Walrus, operation: Operation, mode: GenerationMode
) -> None:
    # Any bytes are a blob of a quilt; schemathesis takes text of no format for a wrong one.
    quilts = [negative_data_rejection] if operation.label == "PUT /v1/quilts" else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @BOUNDED
    def hold(case: Case[Any]) -> None:
        base = f"http://127.0.0.1:{target.port}"
        case.call_and_validate(base_url=base, excluded_checks=[*EXCLUDED, *quilts])

    hold()


@pytest.mark.parametrize(
    "operation",
    [pytest.param(item, id=item.label) for item in OPERATIONS if "{" in item.path],
)
def test_answers_about_what_is_stored_are_as_described(
    target: Walrus, stored: dict[str, str], operation: Operation
) -> None:
    statuses = set()

    @given(case=operation.as_strategy())
    @BOUNDED
    def hold(case: Case[Any]) -> None:
        case.path_parameters = {name: stored[name] for name in case.path_parameters}
        response = case.call_and_validate(
            base_url=f"http://127.0.0.1:{target.port}", excluded_checks=EXCLUDED
        )
        statuses.add(response.status_code)

    hold()
    assert statuses & {200, 206}
