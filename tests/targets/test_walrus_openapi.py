"""The Walrus target's answers to all kinds of requests are those its description promises."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.targets._walrus import UNKNOWN, Walrus, walrus

DESCRIPTION = yaml.safe_load((Path(__file__).parents[1] / "data/walrus-openapi.yaml").read_text())
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
BOUNDED = settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
EXCLUDED = [
    not_a_server_error,  # more epochs than the chain allows are a 500 with a reason
    positive_data_acceptance,  # ids that nobody stored; keys that exclude each other
]


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


@SCHEMA.parametrize()
@BOUNDED
def test_answers_to_any_request_are_as_described(case: Case, target: Walrus) -> None:
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{target.port}", excluded_checks=EXCLUDED
    )


@SCHEMA.include(path_regex="{").parametrize()
@BOUNDED
def test_answers_about_what_is_stored_are_as_described(
    case: Case, target: Walrus, stored: dict[str, str]
) -> None:
    case.path_parameters = {name: stored[name] for name in case.path_parameters}
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{target.port}", excluded_checks=EXCLUDED
    )
