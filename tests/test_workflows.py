"""The workflows for continuous integration name nothing that is not there, and trust no input."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.support import ROOT
from tests.test_docs import commands

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOAD_TEST = ROOT / ".github" / "workflows" / "load-test.yml"


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def steps(*paths: Path) -> Iterator[dict[str, Any]]:
    """The steps of all jobs."""
    for path in paths:
        for job in read(path)["jobs"].values():
            yield from job["steps"]


def triggers(workflow: Mapping[Any, Any]) -> Any:
    """What stands under `on`, which YAML takes for a truth."""
    return workflow[True]


# -- what they name ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_named_by_a_release_and_gets_no_right_but_to_read(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] > 0 and "permissions" not in job
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", step["uses"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_input_is_pasted_into_a_script(path: Path) -> None:
    for job in read(path)["jobs"].values():
        assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_every_input_that_is_used_is_declared_and_the_other_way_round() -> None:
    call = triggers(read(LOAD_TEST))["workflow_call"]
    text = LOAD_TEST.read_text().partition("\njobs:")[2]
    assert set(re.findall(r"\binputs\.([\w-]+)", text)) == set(call["inputs"])
    assert set(re.findall(r"\bsecrets\.([\w-]+)", text)) == set(call["secrets"])


def test_every_target_of_make_that_a_workflow_names_is_there() -> None:
    made = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = [step.get("run", "").split() for step in steps(*WORKFLOWS)]
    named = {word for make, *words in filter(None, typed) if make == "make" for word in words}
    assert named and named <= made


def test_the_headless_run_is_the_one_of_the_documents() -> None:
    command = "docker compose run --rm --use-aliases headless"
    assert command in [step.get("run") for step in steps(LOAD_TEST.with_name("ci.yml"))]
    assert command in commands(ROOT / "docs" / "containers.md")
