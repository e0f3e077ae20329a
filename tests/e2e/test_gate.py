"""The gate of the reusable workflow shuts on every verdict but PASS.

A runner of GitHub's is not at hand: bash runs the job's steps in their order, with the environment
they declare, as far as the workflow uses what such a runner can do; anything more fails the test.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.e2e.support import Lab
from tests.test_workflows import LOAD_TEST, read, triggers

pytestmark = pytest.mark.e2e

ROLLBACK = (
    "${{ !success() && inputs.rollback != '' "
    "&& (inputs.deploy == '' || steps.deploy.outcome != 'skipped') }}"
)
CONDITIONS: dict[str, Callable[[bool, Mapping[str, str], Sequence[str]], bool]] = {
    "": lambda good, *_: good,
    "${{ inputs.deploy != '' }}": (lambda good, inputs, _: good and inputs["deploy"] != ""),
    ROLLBACK: (
        lambda good, inputs, ran: (
            not good and inputs["rollback"] != "" and (inputs["deploy"] == "" or "Deploy" in ran)
        )
    ),
    "${{ always() }}": lambda *_: True,
}
"""The conditions that stand in the workflow, and when they hold."""


class Job:
    """The reusable workflow's job, played by bash in a lab's folder."""

    def __init__(self, lab: Lab, token: str = "", broken: str = "", **inputs: str) -> None:
        self._lab, self._token, self._broken = lab, token, broken
        workflow = read(LOAD_TEST)
        declared = triggers(workflow)["workflow_call"]["inputs"]
        self._inputs = {name: one.get("default", "") for name, one in declared.items()} | inputs
        self._job = workflow["jobs"]["load-test"]
        self.ran: list[str] = []
        self.codes: dict[str, int] = {}
        self.printed = ""

    @property
    def good(self) -> bool:
        return not any(self.codes.values())

    def run(self) -> None:
        """Run each step whose condition holds; `pip install` and actions are passed over."""
        variables = self._filled(self._job["env"]) | {
            "GITHUB_ENV": str(self._lab.write("github-env", "")),
            "GITHUB_STEP_SUMMARY": str(self._lab.folder / "summary.md"),
            "RUNNER_TEMP": str(self._lab.folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        for step in self._job["steps"]:
            name = step.get("name", step.get("uses"))
            if not CONDITIONS[step.get("if", "")](self.good, self._inputs, self.ran):
                continue
            self.ran.append(name)
            if name == self._broken:
                self.codes[name] = 1
            if "run" not in step or step["run"].startswith("pip install"):
                continue
            for line in (self._lab.folder / "github-env").read_text().splitlines():
                key, _, value = line.partition("=")
                variables[key] = value
            own = self._filled(step.get("env", {}))
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            ended = self._lab.start(*shell, variables=variables | own).end()
            self.codes[name] = ended.code
            self.printed += ended.output + ended.errors

    def _filled(self, variables: Mapping[str, str]) -> dict[str, str]:
        known = {f"inputs.{name}": value for name, value in self._inputs.items()}
        known["secrets.test-user-token"] = self._token
        return {
            name: re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: known[found[1]], text)
            for name, text in variables.items()
        }


VERDICTS = {0: "PASS", 3: "FAIL", 4: "INVALID"}
RULES = {
    "passes": (["fail_ratio <= 0%"], 0),
    "fails": (["p95 <= 0.01ms"], 3),
    "cannot be judged": (['p95("/nothing") < 1s'], 4),
}


@pytest.mark.parametrize("what", RULES)
def test_whatever_does_not_pass_is_rolled_back(lab: Lab, what: str) -> None:
    rules, code = RULES[what]
    target = lab.target()
    lab.profile("first", duration="2s", thresholds=["fail_ratio <= 0%"])
    lab.profile("second", duration="2s", thresholds=rules)
    job = Job(
        lab,
        system="predict",
        target=target.address,
        smoke="first",
        profile="second",
        deploy="echo new > version",
        rollback="echo old > version",
        token="no.such.token",
    )
    job.run()
    assert job.codes["Load test"] == code
    assert job.good == (code == 0)
    assert ("Roll back" in job.ran) == (code != 0)
    assert (lab.folder / "version").read_text() == ("new\n" if code == 0 else "old\n")
    assert job.ran[-1] == "Archive" and len(lab.results) == 2
    summary = (lab.folder / "summary.md").read_text()
    assert [summary.count(verdict) for verdict in ("PASS", VERDICTS[code])] == [
        2 if code == 0 else 1,
        2 if code == 0 else 1,
    ]
    for folder in lab.results:
        assert {"junit.xml", "report.html"} <= {path.name for path in folder.iterdir()}
    token = lab.folder / "test-user-token"
    assert token.stat().st_mode & 0o077 == 0 and token.read_text() == "no.such.token"
    assert "no.such.token" not in job.printed


def test_a_smoke_test_that_fails_spares_the_load_and_is_rolled_back(lab: Lab) -> None:
    target = lab.target("--fault-5xx", "100%")
    lab.profile("first", duration="2s", thresholds=["fail_ratio <= 0%"])
    job = Job(lab, system="predict", target=target.address, smoke="first", rollback="touch undone")
    job.run()
    assert job.codes["Smoke test"] != 0 and "Load test" not in job.ran
    assert (lab.folder / "undone").exists()


@pytest.mark.parametrize("deploy", ["", "touch deployed"])
def test_what_was_not_deployed_is_not_taken_back(lab: Lab, deploy: str) -> None:
    """Without `deploy` whoever called has deployed before."""
    job = Job(lab, broken="Install", system="predict", target="", deploy=deploy, rollback="true")
    job.run()
    assert job.ran[-1] == "Archive" and not job.good
    assert ("Roll back" in job.ran) == (deploy == "")
