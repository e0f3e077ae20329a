"""Bad input of each kind: one line per mistake that says where, what was expected, what was got.

The exit code is 2, nothing is sent to the target and no traceback is shown.
"""

import re
import socket
import sys
from collections.abc import Mapping

import psutil
import pytest

from tests.e2e.support import LOCUSTFILE, MIX, Ended, Json, Lab, Process, Target, free_port

pytestmark = pytest.mark.e2e

LINE = re.compile(r"\S.*: expected \S.*, got \S.*")


@pytest.fixture
def target(quiet_target: Target) -> Target:
    return quiet_target


def check(lab: Lab, target: Target, ended: Ended, *lines: str) -> None:
    """These lines on standard error, in any order, and nothing else happened."""
    assert ended.code == 2, ended
    assert sorted(ended.mistakes) == sorted(lines)
    assert all(map(LINE.fullmatch, lines)), lines
    assert "Traceback" not in ended.errors
    assert target.requests == 0
    assert not list((lab.folder / "results").glob("*/*"))


OPTIONS = [
    pytest.param(
        "load-profile",
        "smoek",
        "profile: expected one of tiny, smoke, quick, standard, endurance, load, spike, stress, "
        "got 'smoek'; did you mean smoke?",
        id="profile",
    ),
    pytest.param(
        "environment",
        "locl",
        "environment: expected one of compose, embedded, k8s, local, production, got 'locl'; "
        "did you mean local?",
        id="environment",
    ),
    pytest.param(
        "threshold",
        "p95 < 2 parsecs",
        '--threshold: expected a duration such as "30s" or "1m30s", got \'2 parsecs\'',
        id="threshold's limit",
    ),
    pytest.param(
        "threshold",
        "fial_ratio < 1%",
        "--threshold: expected a metric (fail_ratio, rps, requests, failures, avg, min, max, "
        "pNN), got 'fial_ratio'; did you mean fail_ratio?",
        id="threshold's metric",
    ),
    pytest.param(
        "threshold",
        "faster please",
        "--threshold: expected a threshold such as 'p95(\"/predict*\") < 2s', got 'faster please'",
        id="threshold's form",
    ),
    pytest.param(
        "preflight",
        "stric",
        "--preflight: expected one of warn, strict, off, got 'stric'; did you mean strict?",
        id="preflight",
    ),
    pytest.param(
        "tags",
        "helth",
        "--tags: expected one of health, image, large, predict, got 'helth'; did you mean health?",
        id="tag",
    ),
    pytest.param(
        "exclude-tags",
        "slow",
        "--exclude-tags: expected one of health, image, large, predict, got 'slow'",
        id="tag to leave out",
    ),
    pytest.param(
        "seed",
        "-1",
        "--seed: expected a whole number from 0 to 2**63 - 1, got '-1'",
        id="seed",
    ),
    pytest.param(
        "scale", "0.5", "--scale: expected --load-profile with it, got none", id="scale of nothing"
    ),
    pytest.param(
        "results-dir",
        "a-file/results",
        "--results-dir: expected a folder to write to, got 'a-file/results' (Not a directory)",
        id="folder of results",
    ),
    pytest.param(
        "host",
        "localhost:8000",
        "host: expected an address such as http://…, got 'localhost:8000'",
        id="address without a scheme",
    ),
    pytest.param(
        "host",
        "ftp://localhost",
        "host: expected an address such as http://…, got 'ftp://localhost'",
        id="address of another scheme",
    ),
    pytest.param(
        "host",
        "http://",
        "host: expected an address such as http://…, got 'http://'",
        id="address without a host",
    ),
    pytest.param(
        "host",
        "http://localhost:99999",
        "host: expected an address such as http://…, got 'http://localhost:99999'",
        id="address with a port that is none",
    ),
]


@pytest.mark.parametrize(("name", "value", "line"), OPTIONS)
def test_an_option_and_its_variable(
    lab: Lab, target: Target, name: str, value: str, line: str
) -> None:
    lab.profile("tiny")
    lab.write("a-file", "no folder")
    given = {"host": target.address, "results-dir": "results"}
    variable = {f"LOCUST_{name.upper().replace('-', '_')}": value}
    by_option = start(lab, given | {name: value}, {})
    by_variable = start(lab, {one: given[one] for one in given if one != name}, variable)
    check(lab, target, by_option.end(), line)
    check(lab, target, by_variable.end(), line)


def start(lab: Lab, options: Mapping[str, str], variables: Mapping[str, str]) -> Process:
    """A headless run with options by name."""
    given = [f"--{option}={text}" for option, text in options.items()]
    return lab.locust("--headless", "-t", "2s", *given, variables=variables)


def test_user_and_password_in_an_address_are_refused_and_not_repeated(
    lab: Lab, target: Target
) -> None:
    ended = lab.run("-t", "2s", "--host", target.address.replace("//", "//me:secret@"))
    assert ended.code == 2
    assert ended.mistakes[0].startswith("host: expected an address without user and password")
    assert "secret" not in ended.errors + ended.output
    assert target.requests == 0


WITH_A_PASSWORD = {
    "the page, by option": ("-m", "locust", "-f", str(LOCUSTFILE), "--host", "ADDRESS"),
    "the page, by variable": ("-m", "locust", "-f", str(LOCUSTFILE)),
    "gauntlet run": ("-m", "gauntlet", "run", "predict", "-t", "2s", "--url", "ADDRESS"),
    "gauntlet run, for locust": ("-m", "gauntlet", "run", "predict", "-t", "2s", "-H", "ADDRESS"),
    "gauntlet bench": ("-m", "gauntlet", "bench", "predict", "-n", "5", "--url", "ADDRESS"),
}


@pytest.mark.parametrize("command", WITH_A_PASSWORD.values(), ids=WITH_A_PASSWORD)
def test_a_password_is_shown_by_no_page_and_no_command(
    lab: Lab, target: Target, command: tuple[str, ...]
) -> None:
    """A page that shows it before anybody presses Start would show it to everybody."""
    address = target.address.replace("//", "//me:secret@")
    given = [address if word == "ADDRESS" else word for word in command]
    variables = {} if address in given else {"LOCUST_HOST": address}
    if "locust" in command:
        given += ["--web-host", "127.0.0.1", "--web-port", str(free_port())]
    ended = lab.start(sys.executable, *given, variables=variables).end()
    assert ended.code == 2, ended
    assert "expected an address without user and password" in ended.mistakes[0]
    assert "secret" not in ended.errors + ended.output
    assert target.requests == 0


def test_a_port_of_the_page_that_is_taken(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        page = ("--web-host", "127.0.0.1", "--web-port", port)
        ended = lab.start(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *page).end()
    assert ended.code == 2, ended
    assert ended.mistakes == [
        "--web-host, --web-port: expected a free address of this machine, "
        f"got '127.0.0.1:{port}' (Address already in use)"
    ]


@pytest.mark.parametrize("how", [["--master"], ["--processes", "1"]], ids=" ".join)
def test_a_port_for_workers_that_is_taken(lab: Lab, how: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        bind = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
        ended = lab.headless("-t", "2s", *how, *bind).end()
    assert ended.code == 2, ended
    assert ended.mistakes == [
        "--master-bind-host, --master-bind-port: expected a free address of this machine, "
        f"got '127.0.0.1:{port}' (Address already in use)"
    ]


def test_a_check_of_locust_plugins(lab: Lab, target: Target) -> None:
    ended = lab.run("-t", "2s", "--host", target.address, "--check-fail-ratio", "7")
    assert ended.code == 2, ended
    (line,) = ended.mistakes
    assert line.startswith("--check-fail-ratio: expected a ratio such as 1% or 0.01, got ")
    assert target.requests == 0


def test_all_mistakes_of_the_command_line_at_once(lab: Lab, target: Target) -> None:
    wrong = "--threshold", "p95 < x", "--threshold", "p59 > 1", "--preflight", "of", "--seed", "x"
    ended = lab.run("-t", "2s", "--host", target.address, *wrong)
    check(
        lab,
        target,
        ended,
        '--threshold: expected a duration such as "30s" or "1m30s", got \'x\'',
        '--threshold: expected a duration such as "30s" or "1m30s", got \'1\'',
        "--preflight: expected one of warn, strict, off, got 'of'; did you mean off?",
        "--seed: expected a whole number from 0 to 2**63 - 1, got 'x'",
    )


PROFILE = """\
description: A profile of a test
users: many
spawn_rate: 1
duratoin: 3s
phases:
  - {name: Up, duration: 3 parsecs, users: 2}
thresholds:
  - p95 < 2 parsecs
"""


def test_all_mistakes_of_a_profile_with_their_lines(lab: Lab, target: Target) -> None:
    lab.write("profiles/predict/wrong.yaml", PROFILE)
    ended = lab.run("--load-profile", "wrong", "--host", target.address)
    assert ended.code == 2, ended
    found = [line.partition(": expected ")[0] for line in ended.mistakes]
    file = "profiles/predict/wrong.yaml"
    assert sorted(found) == [
        f"{file}:1: duration",
        f"{file}:2: users",
        f"{file}:4: duratoin",
        f"{file}:6: phases[0].duration",
        f"{file}:6: phases[0].name",
        f"{file}:8: thresholds[0]",
    ]
    assert all(map(LINE.fullmatch, ended.mistakes))
    assert sum("did you mean duration?" in line for line in ended.mistakes) == 1
    assert target.requests == 0


FILES: list[tuple[str, Json | str, str]] = [
    (
        "profiles/predict/tiny.yaml",
        "users: [1\nduration: 3s\n",
        "profiles/predict/tiny.yaml:2: expected a comma or ], got ",
    ),
    (
        "profiles/predict/mix.yaml",
        MIX | {"wait": "1s-x"},
        "profiles/predict/mix.yaml:14: wait: expected original or an interval such as "
        "\"0.1s-0.5s\", got '1s-x'",
    ),
    (
        "profiles/predict/mix.yaml",
        MIX | {"sizes": {"predict": "smal", "image": "small", "large": "large"}},
        "profiles/predict/mix.yaml:",
    ),
    (
        "profiles/predict/mix.yaml",
        MIX | {"pictures": {"count": 2, "folder": "no-such-folder"}},
        "no-such-folder: expected a folder with pictures, got ",
    ),
    (
        "profiles/environments/shop.yaml",
        {"description": "x", "protectd": True, "targets": {"predict": "http://localhost"}},
        "profiles/environments/shop.yaml:2: protectd: expected one of description, protected, "
        "targets, target_metrics, got 'protectd'; did you mean protected?",
    ),
    (
        "profiles/environments/shop.yaml",
        {"description": "x", "targets": {"predcit": "http://localhost"}},
        "profiles/environments/shop.yaml:",
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "begin"),
    FILES,
    ids=[
        "no YAML",
        "a wait time",
        "a size that is none",
        "a folder that is none",
        "an unknown key",
        "an unknown system",
    ],
)
def test_a_file(lab: Lab, target: Target, name: str, content: Json | str, begin: str) -> None:
    lab.profile("tiny")
    lab.environment("shop", "http://localhost:1")
    lab.write(name, content)
    ended = lab.run("--load-profile", "tiny", "--environment", "shop", "--host", target.address)
    assert ended.code == 2, ended
    (line,) = ended.mistakes
    assert line.startswith(begin)
    assert LINE.fullmatch(line), line
    assert target.requests == 0


def test_an_environment_without_a_target_of_the_system(lab: Lab, target: Target) -> None:
    lab.write("profiles/environments/empty.yaml", {"description": "x", "targets": {}})
    ended = lab.run("-t", "2s", "--environment", "empty")
    line = "environment empty: targets: expected a target of predict, got none"
    check(lab, target, ended, line)


def test_a_locustfile_with_a_system_that_is_none(lab: Lab, target: Target) -> None:
    text = LOCUSTFILE.read_text(encoding="utf-8").replace('="predict"', '="predcit"')
    ended = lab.run("-t", "2s", "--host", target.address, file=lab.write("own.py", text))
    (line,) = ended.mistakes
    check(lab, target, ended, line)
    assert line.startswith("system: expected one of chater")
    assert line.endswith(", got 'predcit'; did you mean predict?")


def test_two_locustfiles_of_different_systems(lab: Lab, target: Target) -> None:
    lab.write("other.py", "import gauntlet\n\ngauntlet.register()\n")
    lab.write("own.py", LOCUSTFILE.read_text(encoding="utf-8"))
    ended = lab.run("-t", "2s", "--host", target.address, file="own.py,other.py")
    line = "register: expected one system per run, got None after predict"
    check(lab, target, ended, line)


def test_an_environment_needs_a_system(lab: Lab, target: Target) -> None:
    text = LOCUSTFILE.read_text(encoding="utf-8").replace('system="predict"', "")
    file = lab.write("own.py", text)
    ended = lab.run("-t", "2s", "--environment", "local", file=file)
    assert ended.code == 2, ended
    assert ended.mistakes == [
        "--environment: expected register(system=…) in the locustfile, got 'local' without a system"
    ]


def test_a_mistake_on_a_master_with_forked_workers_leaves_no_process(
    lab: Lab, target: Target
) -> None:
    process = lab.forked("-t", "2s", "--host", target.address, "--threshold", "p95")
    ended = process.end()
    assert ended.code == 2, ended
    assert [line for line in ended.mistakes if line.startswith("--threshold: expected")]
    assert target.requests == 0
    _, left = psutil.wait_procs(process.session(), timeout=20)  # orphans go after 60 s
    assert left == []
