"""The `gauntlet` command: what it prints, what it becomes and how it refuses."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.e2e.support import (
    LOCUSTFILE,
    ROOT,
    Ended,
    Lab,
    Process,
    answers,
    free_port,
    read_record,
    wait_until_gone,
)

pytestmark = pytest.mark.e2e

GAUNTLET = str(Path(sys.executable).parent / "gauntlet")
SEED = {
    "smoke": (5, 1, "30s"),
    "quick": (10, 2, "1m"),
    "standard": (20, 5, "5m"),
    "load": (50, 5, "10m"),
    "spike": (100, 50, "2m"),
    "endurance": (20, 2, "30m"),
    "stress": (100, 10, "15m"),
}
"""Users, spawn rate and duration of the original tester."""


def call(lab: Lab, *options: str) -> Ended:
    """The installed command, from start to end."""
    return lab.start(GAUNTLET, *options).end()


def test_run_prints_the_stock_command_and_becomes_it(lab: Lab) -> None:
    target = lab.target()
    lab.environment("near", "http://localhost:1")
    lab.profile("tiny", duration="2s")
    given = "--profile", "tiny", "--env", "near", "--url", target.address
    process = lab.start(GAUNTLET, "run", "predict", *given, "-s", "10", "--only-summary")
    ended = process.end()
    first = shlex.split(ended.output.splitlines()[0])
    assert first[:2] == ["locust", "-f"]
    assert Path(lab.folder, first[2]) == LOCUSTFILE
    stock = "--headless", "--load-profile", "tiny", "--environment", "near"
    assert first[3:] == [*stock, "--host", target.address, "-s", "10", "--only-summary"]
    assert ended.code == 0, ended
    assert lab.record["profile"] == "tiny"
    assert lab.record["target"] == target.address
    assert target.requests > 0


def test_the_printed_command_does_the_same(lab: Lab) -> None:
    lab.profile("tiny", duration="2s", thresholds=["requests < 1"])
    said = call(lab, "run", "predict", "-p", "tiny", "--only-summary")
    again = lab.start(sys.executable, "-m", *shlex.split(said.output.splitlines()[0])).end()
    assert (said.code, again.code) == (3, 3), again
    records = [read_record(folder) for folder in lab.results]
    assert [record["profile"] for record in records] == ["tiny", "tiny"]


def test_other_options_go_to_locust_as_they_are(lab: Lab) -> None:
    ended = call(lab, "run", "predict", "-t", "2s", "--tags", "health", "--seed", "7")
    assert ended.code == 0, ended
    assert (lab.record["seed"], lab.record["tags"]) == (7, ["health"])


def test_run_in_web_mode_serves_the_page(lab: Lab) -> None:
    port = free_port()
    at = "--web-host", "127.0.0.1", "--web-port", str(port)
    process = lab.start(GAUNTLET, "run", "predict", "-m", "web", *at)
    process.wait_until(lambda: answers(port), "the page")
    assert "--headless" not in process.output
    process.terminate()
    assert process.end().code == 0


def test_signals_reach_the_run(lab: Lab) -> None:
    lab.profile("long", duration="10m")
    process = lab.start(GAUNTLET, "run", "predict", "-p", "long")
    process.wait_for('All users spawned: {"ImageClient": 2}')
    process.terminate()
    ended = process.end()
    assert (ended.code, lab.verdict) == (4, "INVALID"), ended


def test_list_shows_the_seeds_numbers(lab: Lab) -> None:
    ended = call(lab, "list", "--json")
    listed = json.loads(ended.output)
    assert ended.code == 0
    assert "predict" in listed["systems"]
    assert set(listed["environments"]) >= {"embedded", "local", "k8s", "production"}
    profiles = listed["profiles"]
    assert {
        name: (profiles[name]["users"], profiles[name]["spawn_rate"], profiles[name]["duration"])
        for name in SEED
    } == SEED


def test_list_shows_tables_that_fit_any_width(lab: Lab) -> None:
    ended = lab.start(GAUNTLET, "list", variables={"COLUMNS": "200"}).end()
    assert ended.code == 0
    assert all(name in ended.output for name in [*SEED, "production", "predict_mix.py"])
    assert "\x1b" not in ended.output


def test_check_reads_every_file(lab: Lab) -> None:
    lab.profile("mine")
    ended = call(lab, "check")
    assert ended.code == 0, ended
    said = ended.output.splitlines()
    assert all(line.startswith("ok  ") for line in said)
    assert {"ok  predict profile mine", "ok  predict mix", "ok  environment local"} <= set(said)


def test_check_tells_all_mistakes_of_all_files(lab: Lab) -> None:
    lab.profile("one", users=0)
    lab.profile("two", duration="soon")
    lab.mix(wait="long")
    ended = call(lab, "check")
    assert ended.code == 2
    files = {line.partition(":")[0] for line in ended.mistakes}
    folder = "profiles/predict"
    assert files == {f"{folder}/{name}.yaml" for name in ("one", "two", "mix")}, ended.errors


def test_init_lays_out_a_locustfile_and_the_profiles_that_run_there(lab: Lab) -> None:
    ended = call(lab, "init", "my load")
    assert ended.code == 0, ended
    made = lab.folder / "my load"
    for name in ("smoke.yaml", "predict/mix.yaml", "environments/local.yaml", "schema/run.json"):
        original = ROOT / "profiles" / name
        assert (made / "profiles" / name).read_bytes() == original.read_bytes()
    assert "cd 'my load' && locust -f predict_mix.py --headless" in ended.output
    options = "--headless", "--only-summary", "-t", "2s"
    run = lab.locust(*options, file="predict_mix.py", folder=made)
    assert run.end().code == 0
    (result,) = (made / "results").iterdir()
    assert read_record(result)["environment"] == "embedded"


def test_init_overwrites_nothing(lab: Lab) -> None:
    mine = lab.write("mine/predict_mix.py", "# mine\n")
    ended = call(lab, "init", "mine")
    assert ended.code == 2
    assert ended.mistakes == [
        "init: expected a folder without mine/predict_mix.py, got one with it"
    ]
    assert mine.read_text(encoding="utf-8") == "# mine\n"
    assert [path.name for path in mine.parent.iterdir()] == ["predict_mix.py"]


@pytest.mark.parametrize(
    ("command", "begin", "hint"),
    [
        pytest.param(
            ["rnu"], "gauntlet: expected one of ", "'rnu'; did you mean run?", id="command"
        ),
        pytest.param(
            ["run", "predcit", "-p", "smoke"],
            "system: expected one of chater",
            "'predcit'; did you mean predict?",
            id="system",
        ),
        pytest.param(
            ["run", "predict", "-p", "smoek"],
            "profile: expected one of smoke, quick, standard, endurance, load, spike, stress",
            "'smoek'; did you mean smoke?",
            id="profile",
        ),
        pytest.param(
            ["run", "predict", "-p", "smoke", "-e", "locl"],
            "environment: expected one of compose, embedded, k8s, local, production",
            "'locl'; did you mean local?",
            id="environment",
        ),
        pytest.param(
            ["run", "predict", "-m", "wbe"],
            "--mode: expected headless or web",
            "'wbe'; did you mean web?",
            id="mode",
        ),
        pytest.param(
            ["run", "predict"],
            "run: expected --profile NAME or -t TIME with --mode headless",
            "neither",
            id="headless without an end",
        ),
        pytest.param(
            ["init", "taken"],
            "init: expected a folder to write to",
            "the file 'taken'",
            id="a file in place of a folder",
        ),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(
    lab: Lab, command: list[str], begin: str, hint: str
) -> None:
    lab.write("taken", "a file")
    ended = call(lab, *command)
    assert ended.code == 2, ended
    (line,) = ended.mistakes
    assert line.startswith(begin)
    assert line.endswith(f", got {hint}")
    assert not ended.output
    assert not (lab.folder / "results").exists()


def test_target_says_where_it_is_and_ends_at_sigterm(lab: Lab) -> None:
    process = lab.start(GAUNTLET, "target", "predict", "--port", "0", "--workers", "2")
    process.wait_for("ready http://127.0.0.1:")
    family = process.children()
    assert len(family) == 2
    process.terminate()
    assert process.end() == (0, process.output, "")
    wait_until_gone(family)


def test_help_names_every_command(lab: Lab) -> None:
    process: Process = lab.start(GAUNTLET, "--help")
    ended = process.end()
    assert ended.code == 0
    assert all(f"  {name} " in ended.output for name in ("run", "list", "check", "target", "init"))
