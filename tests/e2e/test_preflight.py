"""Before the load: a real call per endpoint kind, and no load on what is protected."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.support import DEADLINE_S, LOCUSTFILE, Lab, Process, Target, check_counts, free_port

pytestmark = pytest.mark.e2e

STOPS = {"SIGTERM": Process.terminate, "Ctrl-C": Process.press_ctrl_c}

REFUSAL = (
    "host: expected an address that is not protected, got one of environment shop; "
    "--allow-protected allows it"
)
KINDS = {"GET /health", "POST /predict", "POST /predict with image"}


@pytest.fixture
def nobody() -> str:
    """An address of this machine where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def test_an_unreachable_target_is_warned_of_and_the_load_starts(lab: Lab, nobody: str) -> None:
    lab.profile("tiny", thresholds=["fail_ratio <= 1%"])
    ended = lab.run("--load-profile", "tiny", "--host", nobody)
    assert (ended.code, lab.verdict) == (3, "FAIL"), ended
    assert {one.partition(" got no answer")[0] for one in lab.record["preflight"]} == KINDS
    assert ended.errors.count("WARNING/gauntlet.preflight: preflight: ") == len(KINDS)
    assert lab.record["total"]["failures"] == lab.record["total"]["requests"] > 0


def test_strict_ends_with_5_where_nobody_answers(lab: Lab, nobody: str) -> None:
    ended = lab.run("-t", "2s", "--host", nobody, "--preflight", "strict")
    assert ended.code == 5
    assert {line.partition(" got no answer")[0] for line in ended.mistakes} == {
        f"preflight: {kind}" for kind in KINDS
    }
    assert not lab.results


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        pytest.param(
            ["--fault-missing-image", "100%"],
            ["preflight: POST /predict with image answered wrongly: missing image"],
            id="one kind",
        ),
        pytest.param(
            ["--fault-runtime-error", "100%"],
            [
                "preflight: POST /predict answered wrongly: status",
                "preflight: POST /predict with image answered wrongly: status",
            ],
            id="two kinds",
        ),
    ],
)
def test_strict_says_which_answer_is_wrong_and_sends_no_load(
    lab: Lab, fault: list[str], lines: list[str]
) -> None:
    target = lab.target(*fault)
    ended = lab.run("-t", "2s", "--host", target.address, "--preflight", "strict")
    assert ended.code == 5
    assert [line.partition(": expected")[0] for line in ended.mistakes] == lines
    assert target.requests <= 4


def test_strict_lets_a_well_target_pass_and_asks_each_kind_once(lab: Lab) -> None:
    target = lab.target()
    ended = lab.run(
        "-u", "1", "-t", "2s", "-s", "10", "--host", target.address, "--preflight", "strict"
    )
    assert (ended.code, lab.record["preflight"]) == (0, []), ended
    check_counts(lab.record, target, users=1, asked=4)


def test_only_the_kinds_that_tags_choose_are_asked(lab: Lab) -> None:
    target = lab.target("--fault-runtime-error", "100%")
    chosen = "--tags", "health", "--preflight", "strict"
    ended = lab.run("-t", "2s", "--host", target.address, *chosen)
    assert ended.code == 0, ended
    assert target.counts()["/predict"]["requests"] == 0


def test_off_asks_nothing(lab: Lab) -> None:
    target = lab.target()
    ended = lab.run("-t", "2s", "-s", "10", "--host", target.address, "--preflight", "off")
    assert ended.code == 0, ended
    check_counts(lab.record, target, users=1)


def check_is_refused(
    lab: Lab, target: Target, *options: str, file: Path = LOCUSTFILE, **variables: str
) -> None:
    """One line, exit code 2, and the target saw nothing."""
    ended = lab.run("-t", "2s", *options, file=file, **variables)
    assert ended.code == 2, ended
    assert ended.mistakes == [REFUSAL]
    assert target.requests == 0
    assert not lab.results


def test_production_is_refused(lab: Lab) -> None:
    ended = lab.run("-t", "2s", "--environment", "production")
    assert ended.code == 2, ended
    assert "got one of environment production" in ended.mistakes[0]


def test_a_protected_environment_is_refused(lab: Lab, quiet_target: Target) -> None:
    target = quiet_target
    lab.environment("shop", target.address, protected=True)
    check_is_refused(lab, target, "--environment", "shop")


SPELLINGS = {
    "as in the file": "http://localhost:{port}",
    "with a slash": "http://localhost:{port}/",
    "in capitals": "HTTP://LocalHost:{port}",
    "with the root's dot": "http://localhost.:{port}",
    "with a path": "http://localhost:{port}/predict?x=1",
    "with another scheme": "https://localhost:{port}",
    "with a zero before the port": "http://localhost:0{port}",
}


def test_a_host_that_is_protected_is_refused_in_every_spelling(
    lab: Lab, quiet_target: Target
) -> None:
    port = quiet_target.address.rpartition(":")[2]
    lab.environment("shop", f"http://localhost:{port}", protected=True)
    runs = {
        how: lab.headless("-t", "2s", "--host", spelling.format(port=port))
        for how, spelling in SPELLINGS.items()
    }
    ended = {how: run.end() for how, run in runs.items()}
    assert {how: (one.code, *one.mistakes) for how, one in ended.items()} == {
        how: (2, REFUSAL) for how in SPELLINGS
    }
    assert quiet_target.requests == 0


def test_a_host_that_is_protected_is_refused_from_the_variable(
    lab: Lab, quiet_target: Target
) -> None:
    lab.environment("shop", quiet_target.address, protected=True)
    check_is_refused(lab, quiet_target, LOCUST_HOST=quiet_target.address)


def test_a_host_that_is_protected_is_refused_on_a_user_class(
    lab: Lab, quiet_target: Target
) -> None:
    lab.environment("shop", quiet_target.address, protected=True)
    text = LOCUSTFILE.read_text(encoding="utf-8") + f"\n    host = {quiet_target.address!r}\n"
    check_is_refused(lab, quiet_target, file=lab.write("own.py", text))


def test_allow_protected_lets_the_run_through(lab: Lab) -> None:
    target = lab.target()
    lab.environment("shop", target.address, protected=True)
    ended = lab.run("-t", "2s", "--environment", "shop", "--allow-protected")
    assert (ended.code, lab.record["environment"]) == (0, "shop"), ended
    assert lab.record["target"] == target.address
    assert target.requests > 0


@pytest.mark.parametrize("mode", ["headless", "page"])
def test_a_run_that_is_stopped_in_its_preflight_ends_in_order(
    labs: Callable[[str], Lab], mode: str
) -> None:
    """The target takes a connection and says nothing."""
    for stop in STOPS:
        lab, page = labs(f"{mode} {stop}"), ("--web-host", "127.0.0.1", "--autostart")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(DEADLINE_S)
            options = "-t", "2s", "--host", f"http://127.0.0.1:{silent.getsockname()[1]}"
            how = ["--headless"] if mode == "headless" else [*page, "--web-port", str(free_port())]
            run = lab.locust(*options, *how)
            called, _ = silent.accept()
            with called:
                STOPS[stop](run)
                ended = run.end()
        assert ended.code == 4, ended
        assert ended.mistakes == ["no request was made: stopped before the load began"]
