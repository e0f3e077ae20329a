"""Chater by the stock command: flows, tags, tokens, clean-up, workers, mistakes."""

import json
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import jwt
import pytest

from gauntlet.clients import chater as api
from gauntlet.clients._chater_tokens import mint
from gauntlet.pb.today_food_pb2 import TodayFood
from tests.e2e.support import ROOT, Ended, Json, Lab, Process, Target, answers, figures, free_port

pytestmark = pytest.mark.e2e

LOCUSTFILE = ROOT / "locustfiles" / "chater_flows.py"
SECRET = "a secret of the target, more than 32 bytes long"
EMAIL = "everybody@example.com"
MIX: Json = {"wait": "50ms-150ms", "photo": {"size": [40, 30], "count": 2}}
FLOW = {
    *("POST /eater_receive_photo", "GET /eater_get_today (for time)", "POST /modify_food_record"),
    *("POST /manual_weight", "POST /get_recommendation", "GET /eater_get_today (post-modify)"),
    "POST /delete_food",
}
TAGS = {
    "full_flow": FLOW,
    "custom_date": {"POST /get_food_custom_date"},
    "language": {"POST /set_language"},
    "alcohol": {"GET /alcohol_latest", "POST /alcohol_range"},
    "feedback": {"POST /feedback"},
    "auth": {"POST /eater_auth"},
    "health_level": {
        *("POST /eater_receive_photo", "GET /eater_get_today (for health level)"),
        "POST /food_health_level",
    },
}
EACH = "--total-iterations", "32", "--exact-mix"
"""Every task that there is, the same number of times: by the dice one may be missing."""


class Chater:
    """A lab with targets and runs of Chater."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.write("profiles/chater/mix.yaml", MIX)

    def target(self, *options: str, secret: str | None = SECRET) -> Target:
        """A quick target of our own."""
        command = [sys.executable, "-m", "gauntlet.targets", "chater", "--port", "0"]
        quick = ["--answer-grid", "0s", "--slots", "0", "--photo-time", "50ms", "--daily-limit"]
        variables = {"EATER_SECRET_KEY": secret} if secret else {}
        process = self.lab.start(*command, *quick, "0", *options, variables=variables)
        process.wait_for("ready http://")
        return Target(process.output.split()[1])

    def start(self, *options: str, **variables: str) -> Process:
        return self.lab.headless(*options, file=LOCUSTFILE, **variables)

    def run(self, *options: str, **variables: str) -> Ended:
        return self.start(*options, **variables).end()

    def profile(self) -> str:
        """A short profile with the rules of chater; gives back its name."""
        content = {"description": "x", "users": 5, "spawn_rate": 5, "duration": "3s"}
        rules = ["fail_ratio < 1%", 'max("POST /eater_receive_photo") < 60s']
        self.lab.write("profiles/chater/tiny.yaml", {**content, "thresholds": rules})
        return "tiny"

    @property
    def figures(self) -> dict[str, str]:
        """The section of the record."""
        return figures(self.lab.record)


@pytest.fixture
def chater(lab: Lab) -> Chater:
    return Chater(lab)


def names(record: Json) -> set[str]:
    return {one["name"] for one in record["endpoints"]}


def dishes(target: Target, token: str) -> int:
    """How many dishes the owner of a token has."""
    request = urllib.request.Request(f"{target.address}/eater_get_today")
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as response:
        return len(TodayFood.FromString(response.read()).dishes_today)


# -- runs without anything -------------------------------------------------------------------------


def test_two_workers_run_everything_without_a_variable_and_leave_nothing(chater: Chater) -> None:
    port = str(free_port())
    both = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port)
    ended = chater.run("--processes", "2", *both, "-u", "8", "-r", "8", *EACH)
    assert (ended.code, chater.lab.verdict) == (0, "PASS"), ended
    record = chater.lab.record
    assert names(record) == {call.name for call in api.CALLS}
    assert (record["fleet"]["workers"], record["environment"]) == (2, "embedded")
    assert record["total"]["failures"] == 0
    figures = chater.figures
    assert figures["Failures"] == "0.00% failed: acceptable"
    assert figures["Fields of a weight"] == "as server: a weight was set and read back"
    assert figures["Dishes"].endswith(", 0 left")
    assert int(figures["Whole flows"].partition(",")[0]) > 0
    assert figures["Sign-ins refused as expected"].endswith("as no id token was given")
    assert "  Failures: 0.00% failed: acceptable" in ended.output
    assert not (chater.lab.results[0] / "not_deleted.json").exists()


def test_every_tag_alone_is_green_without_a_variable(tmp_path: Path) -> None:
    def lab(name: str) -> Lab:
        (tmp_path / name).mkdir()
        return Lab(tmp_path / name)

    first = Chater(lab("target"))
    with closing(first.lab):
        host = first.target(secret=None).address
        runs = {tag: Chater(lab(tag)) for tag in TAGS}
        begun = {
            tag: one.start("--tags", tag, "-u", "2", "-r", "2", *EACH, "--host", host)
            for tag, one in runs.items()
        }
        try:
            for tag, process in begun.items():
                ended = process.end()
                assert (ended.code, names(runs[tag].lab.record)) == (0, TAGS[tag]), ended
        finally:
            for one in runs.values():
                one.lab.close()


# -- one token for all -----------------------------------------------------------------------------


def test_two_hundred_users_of_one_token_raise_no_false_alarm_and_show_it_nowhere(
    chater: Chater,
) -> None:
    target, token = chater.target(), mint(SECRET, EMAIL)
    id_token = jwt.encode({"email": EMAIL, "exp": int(time.time()) + 600}, SECRET, "HS256")
    path = chater.lab.folder.parent / "token"
    path.write_text(f"{token}\n")
    crowd = ("-u", "200", "-r", "200", "-t", "6s", "--wait", "0.5s-1.5s")
    variables = {
        "EATER_TARGET_HOST": target.address,
        "TEST_USER_TOKEN_FILE": str(path),
        "TEST_AUTH_TOKEN": id_token,
    }
    ended = chater.run(*crowd, "--loglevel", "DEBUG", **variables)
    record = chater.lab.record
    assert (ended.code, record["total"]["failures"]) == (0, 0), record["failures"]
    assert record["peak_users"] == 200 and record["target"] == target.address
    assert names(record) == {call.name for call in api.CALLS}
    assert chater.figures["Dishes"].endswith(", 0 left")
    assert dishes(target, token) == 0
    written = [one for one in chater.lab.folder.rglob("*") if one.is_file()]
    assert len(written) > 8, written
    for one in written:
        content = one.read_bytes()
        for secret in (token, id_token, SECRET):
            assert secret.encode() not in content, one
            assert secret.rpartition(".")[2].encode() not in content, one


def test_the_page_shows_no_token(chater: Chater) -> None:
    port, token = free_port(), mint(SECRET, EMAIL)
    variables = {"TEST_USER_TOKEN": token, "TARGET_HOST": chater.target().address}
    options = ("--web-host", "127.0.0.1", "--web-port", str(port))
    process = chater.lab.locust(*options, file=LOCUSTFILE, variables=variables)
    process.wait_until(lambda: answers(port), "the page")
    for page in ("/", "/stats/requests", "/tasks", "/exceptions"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=30) as response:
            assert token not in response.read().decode()
    process.press_ctrl_c()
    assert process.end().code == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_run_that_is_stopped_cleans_up(chater: Chater, how: signal.Signals) -> None:
    target, token = chater.target("--photo-time", "300ms"), mint(SECRET, EMAIL)
    variables = {"TARGET_HOST": target.address, "TEST_USER_TOKEN": token}
    options = ("--tags", "full_flow", "health_level", "-u", "20", "-r", "20")
    process = chater.start(*options, **variables)
    process.wait_until(lambda: dishes(target, token) >= 5, "dishes")
    process.signal(how)
    process.end()
    assert dishes(target, token) == 0
    assert chater.figures["Dishes"].endswith(", 0 left")


def test_what_cannot_be_deleted_is_listed_and_failures_are_critical(chater: Chater) -> None:
    target, token = chater.target("--fault-undone", "100%"), mint(SECRET, EMAIL)
    variables = {"TARGET_HOST": target.address, "TEST_USER_TOKEN": token, "TEST_USER_EMAIL": EMAIL}
    # of seven requests of a flow one fails; with the other tasks it is up to the dice
    ended = chater.run("--load-profile", chater.profile(), "--tags", "full_flow", **variables)
    assert ended.code == 3
    left = json.loads((chater.lab.results[0] / "not_deleted.json").read_text())
    assert len(left) == dishes(target, token) > 0
    assert {row["user"] for row in left} == {EMAIL}
    assert chater.figures["Failures"].endswith("failed: critical")
    assert "failed: critical" in ended.output
    broken = chater.figures["Broken flows"]
    assert "at GET /eater_get_today (post-modify)" in broken
    classes = {one["name"]: set(one["outcomes"]) for one in chater.lab.record["endpoints"]}
    assert classes["GET /eater_get_today (post-modify)"] >= {"not changed"}


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (
            {"TEST_USER_TOKEN": mint(SECRET, EMAIL, now=0)},
            "TEST_USER_TOKEN: expected a token that is alive, got one that expired at "
            "1972-04-13 08:00:00 UTC",
        ),
        (
            {"TEST_USER_TOKEN": "Bearer-of-nothing"},
            "TEST_USER_TOKEN: expected a token of three parts, got something else",
        ),
        (
            {"TEST_USER_TOKEN_FILE": "nowhere"},
            "TEST_USER_TOKEN_FILE: expected a readable file, got none",
        ),
        (
            {"TEST_CUSTOM_DATE": "2024-01-15"},
            'TEST_CUSTOM_DATE: custom_date: expected a day such as "15-01-2024", '
            "got '2024-01-15'",
        ),
        (
            {"TEST_PHOTO_TYPE": "selfie"},
            "TEST_PHOTO_TYPE: photo.type: expected one of default_prompt, weight_prompt, "
            "got 'selfie'",
        ),
        (
            {"TARGET_HOST": "ftp://x"},
            "TARGET_HOST: expected an address such as http://…, got 'ftp://x'",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_mistake_is_one_line_and_nothing_is_sent(
    chater: Chater, calm: Target, variables: dict[str, str], line: str
) -> None:
    before = calm.requests
    ended = chater.run("-u", "1", "-t", "2s", **{"TARGET_HOST": calm.address, **variables})
    assert (ended.code, ended.mistakes) == (2, [line]), ended
    assert calm.requests == before


def test_without_preflight_an_expired_token_is_a_warning(chater: Chater, calm: Target) -> None:
    variables = {
        "TARGET_HOST": calm.address,
        "TEST_USER_TOKEN": mint(SECRET, EMAIL, now=0),
    }
    ended = chater.run("-u", "1", "-t", "2s", "--preflight", "off", **variables)
    assert ended.code == 1
    assert ended.errors.count("expected a token that is alive") == 1
    outcomes = chater.lab.record["total"]["outcomes"]
    assert set(outcomes) == {"token expired"}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A target to which several tests send nothing, or little."""
    with closing(Lab(tmp_path_factory.mktemp("calm"))) as lab:
        yield Chater(lab).target()
