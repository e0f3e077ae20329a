"""Image and compose file say nothing that leads nowhere; this needs no engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gauntlet.cli import gauntlet
from gauntlet.config import load_environment
from gauntlet.systems import SYSTEMS
from tests.manifests import DRAIN_S, stop_timeout, unknown_options, unknown_variables

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name in SERVICES if name not in ("prometheus", "grafana")]
TARGETS = [name for name in OURS if "entrypoint" in SERVICES[name]]


def unset(text: object) -> str:
    """What compose makes of a text where no variable is set."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\+[^}]*)\}", lambda found: found[1] or "", str(text))


# -- the image ---------------------------------------------------------------------------------


def test_the_image_runs_as_a_number_without_a_shell() -> None:
    assert re.search(r"^USER \d+:\d+$", DOCKERFILE, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["locust"\]$', DOCKERFILE, re.MULTILINE)


def test_the_image_asks_no_registry_for_more_than_its_base() -> None:
    bases = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", DOCKERFILE, re.MULTILINE)
    stages = {stage for _, stage in bases}
    assert {base for base, _ in bases} <= {"${BASE_IMAGE}"} | stages
    assert not DOCKERFILE.startswith("# syntax")


def test_the_image_knows_its_variables_and_has_its_locustfile() -> None:
    names = dict.fromkeys(re.findall(r"\b(LOCUST_\w+)=", DOCKERFILE), "")
    assert names and list(unknown_variables(names)) == []
    (locustfile,) = re.findall(r"LOCUST_LOCUSTFILE=/home/locust/(\S+)", DOCKERFILE)
    assert (ROOT / "locustfiles" / locustfile).is_file()


def test_all_that_the_image_installs_is_locked_with_hashes() -> None:
    for command in re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE):
        own = command.endswith(".whl")
        assert own or "--require-hashes" in command, command


def test_what_the_build_copies_is_let_in() -> None:
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    built = yaml.safe_load(
        re.findall(r"^include = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
    )
    wanted = {one.strip("/") for one in built} | {"pyproject.toml"}
    wanted |= set(re.findall(r"(\S+\.lock)", DOCKERFILE))
    assert wanted == let_in
    assert all((ROOT / one).exists() for one in let_in)


# -- compose -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_a_service_says_nothing_that_is_unknown(name: str) -> None:
    service = SERVICES[name]
    assert list(unknown_variables(service.get("environment", {}))) == []
    if "entrypoint" in service:
        line = [*service["entrypoint"], *service["command"]][1:]
        assert CliRunner().invoke(gauntlet, [*line, "--help"]).exit_code == 0
    else:
        assert list(unknown_options([unset(one) for one in service["command"]])) == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_sealed(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"] and service["read_only"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "user"} & set(service)


def test_pages_are_on_the_loopback_address_and_nothing_else_is_outside() -> None:
    ports = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert ports == {
        "master": ["127.0.0.1:8089:8089"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_every_system_has_a_target_at_the_address_that_its_users_go_to() -> None:
    addresses = load_environment("compose")
    for name, system in SYSTEMS.items():
        given = addresses.targets[name]
        text = given if isinstance(given, str) else " ".join(given.values())
        hosts = set(re.findall(r"([a-z-]+):(\d+)", text))
        (host,) = {host for host, _ in hosts}
        command = SERVICES[host]["command"]
        assert command[0] == system.target
        assert command[command.index("--port") + 1] in {port for _, port in hosts}
        assert command[command.index("--host") + 1] == "0.0.0.0"


def test_only_the_target_of_predict_starts_with_the_page() -> None:
    unasked = [name for name in SERVICES if "profiles" not in SERVICES[name]]
    assert unasked == ["predict", "master", "worker"]
    others = [name for name in TARGETS if name != "predict"]
    assert [SERVICES[name]["profiles"] for name in others] == [[name] for name in others]


def test_the_documents_name_each_systems_locustfile() -> None:
    text = (ROOT / "docs" / "containers.md").read_text()
    named = dict(re.findall(r"^LOCUSTFILE=(\S+) docker compose --profile (\S+) up$", text, re.M))
    own = {one.locustfile: one.target for one in SYSTEMS.values() if one.name != "predict"}
    assert named == own


@pytest.mark.parametrize(
    ("worker", "master"), [("worker", "master"), ("headless-worker", "headless")]
)
def test_workers_find_their_master_and_do_as_it_does(worker: str, master: str) -> None:
    command = SERVICES[worker]["command"]
    assert command == ["--worker", "--master-host", master]
    own = {"LOCUST_LOAD_PROFILE"}
    theirs = [SERVICES[one]["environment"].items() for one in (worker, master)]
    assert {key for key, _ in theirs[0] ^ theirs[1]} <= own


def test_a_master_without_a_page_waits_for_as_many_workers_as_there_are() -> None:
    command = SERVICES["headless"]["command"]
    replicas = SERVICES["headless-worker"]["deploy"]["replicas"]
    assert f"--expect-workers={replicas}" in command


@pytest.mark.parametrize("name", [name for name in OURS if name not in TARGETS])
def test_requests_in_flight_end_before_their_container_is_killed(name: str) -> None:
    service = SERVICES[name]
    arguments = [unset(one) for one in service["command"]]
    variables = {key: unset(value) for key, value in service["environment"].items()}
    grace = float(service["stop_grace_period"].removesuffix("s"))
    assert stop_timeout(arguments, variables) + DRAIN_S <= grace


def test_secrets_are_files_and_no_variables() -> None:
    secrets = {"TEST_USER_TOKEN", "EATER_SECRET_KEY", "WALRUS_JWT_SECRET"}
    for name in OURS:
        service = SERVICES[name]
        environment = service.get("environment", {})
        assert not secrets & set(environment)
        for variable in (one for one in environment if one.endswith("_FILE")):
            file = variable.removesuffix("_FILE").lower().replace("_", "-")
            assert unset(environment[variable]) in ("", f"/run/secrets/{file}")
            assert file in service["secrets"] and file in COMPOSE["secrets"]


def test_prometheus_finds_the_masters_and_grafana_finds_prometheus() -> None:
    read = yaml.safe_load((ROOT / "metrics" / "prometheus.yml").read_text())
    (job,) = read["scrape_configs"]
    (found,) = job["static_configs"]
    port = SERVICES["master"]["environment"]["LOCUST_METRICS_PORT"]
    assert found["targets"] == [f"{name}:{port}" for name in ("master", "headless")]
    provisioning = ROOT / "metrics" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "gauntlet.yml").read_text())[
        "providers"
    ]
    volumes = SERVICES["grafana"]["volumes"]
    assert f"./metrics/grafana/dashboards:{provider['options']['path']}:ro" in volumes


def test_what_compose_mounts_from_here_is_here() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ]
    assert mounted and all((ROOT / path).exists() for path in mounted)
