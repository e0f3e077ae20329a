"""What the suite leaves alone: other locustfiles, other modules, and no process behind it."""

import importlib
import importlib.metadata
import inspect
import pkgutil
import signal
import sys
from types import ModuleType

import locust
import pytest

import shapes
import users
from tests.e2e.support import ROOT, Lab, Process, answers, free_port, wait_until_gone

PLAIN = """
{head}
from locust import HttpUser, constant, task

class Plain(HttpUser):
    wait_time = constant(0.1)

    @task
    def health(self):
        self.client.get("/health")
"""


@pytest.mark.e2e
def test_without_register_a_locustfile_runs_as_if_the_package_were_not_there(lab: Lab) -> None:
    target = lab.target("--fault-5xx", "100%")
    plain = lab.write("plain.py", PLAIN.format(head=""))
    importing = lab.write("importing.py", PLAIN.format(head="import gauntlet"))
    options = "--headless", "--only-summary", "-t", "2s", "--host", target.address
    runs = [lab.locust(*options, file=file) for file in (plain, importing)]
    for ended in [run.end() for run in runs]:
        assert ended.code == 1  # Locust's own: requests failed
        assert "BENCHMARK RESULTS" not in ended.output
    assert not (lab.folder / "results").exists()
    for file in (plain, importing):
        said = lab.locust("--help", file=file).end()
        assert "--load-profile" not in said.output


@pytest.mark.e2e
def test_register_without_a_system_measures_a_plain_user(lab: Lab) -> None:
    target = lab.target()
    text = PLAIN.format(head="import gauntlet\n\ngauntlet.register()")
    rule = "--threshold", 'max("/health") < 9s'
    ended = lab.run("-t", "2s", "--host", target.address, *rule, file=lab.write("own.py", text))
    assert (ended.code, lab.verdict) == (0, "PASS"), ended
    assert (lab.record["system"], lab.record["environment"]) == (None, None)


def under_load(lab: Lab, *options: str) -> Process:
    """A run that embeds its target and would last for ten minutes."""
    lab.profile("long", duration="10m")
    process = lab.headless("--load-profile", "long", *options)
    process.wait_for("Shape test updating to 2 users")
    return process


@pytest.mark.e2e
def test_the_embedded_target_ends_with_a_locust_that_was_killed(lab: Lab) -> None:
    process = under_load(lab)
    family = process.children()
    assert len(family) >= 2  # the supervisor and its worker
    process.signal(signal.SIGKILL)
    wait_until_gone(family)


@pytest.mark.e2e
def test_a_dead_embedded_target_is_no_pass(lab: Lab) -> None:
    lab.profile("tiny", duration="4s", users=4, thresholds=["fail_ratio <= 1%"])
    process = lab.headless("--load-profile", "tiny")
    process.wait_for("Shape test updating to 4 users")
    for child in process.children():
        child.kill()
    ended = process.end()
    assert (ended.code, lab.verdict) == (3, "FAIL"), ended


@pytest.mark.e2e
def test_the_embedded_target_listens_on_loopback_only(lab: Lab) -> None:
    process = under_load(lab)
    listening = {
        connection.laddr.ip
        for child in process.children()
        for connection in child.net_connections()
        if connection.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}


@pytest.mark.e2e
def test_the_web_page_without_a_run_ends_green(lab: Lab) -> None:
    port = free_port()
    process = lab.locust("--web-host", "127.0.0.1", "--web-port", str(port))
    process.wait_until(lambda: answers(port), "the page")
    family = process.children()
    process.press_ctrl_c()
    assert process.end().code == 0
    wait_until_gone(family)


def test_no_locustfile_takes_the_name_of_a_module() -> None:
    installed = importlib.metadata.packages_distributions()
    stems = {path.stem for path in (ROOT / "locustfiles").glob("*.py")}
    assert stems
    assert not stems & (set(sys.stdlib_module_names) | set(installed))


@pytest.mark.parametrize("package", [users, shapes], ids=["users", "shapes"])
def test_every_user_and_shape_is_abstract(package: ModuleType) -> None:
    found = []
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        found += [
            kind
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if kind.__module__ == module.__name__
            and issubclass(kind, locust.User | locust.LoadTestShape)
        ]
    assert found
    assert [kind for kind in found if not vars(kind).get("abstract")] == []
