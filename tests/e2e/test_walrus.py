"""Walrus by the stock command: the original flow, its variables, its file, its mistakes."""

import json
import os
import pty
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent.server import StreamServer

from tests.e2e.support import ROOT, Ended, Json, Lab, Target, figures, free_port, wait_until_gone
from tests.e2e.test_smoke import read_all

pytestmark = pytest.mark.e2e

LOCUSTFILE = ROOT / "locustfiles" / "walrus_blobs.py"
FLOW = {"/v1/blobs", "/v1/blobs/{id} first", "/v1/blobs/{id} cached"}
KEYS = [
    *("blob_number", "blob_id", "upload_time", "blob_size_kb"),
    *("download_time_first", "download_time_cached"),
    *("status", "verified", "bytes", "attempts"),
]
SMALL = {"BLOB_MIN_SIZE": "1", "BLOB_MAX_SIZE": "2"}


class Walrus:
    """A lab with targets and runs of Walrus."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def target(self, *options: str) -> list[str]:
        """Addresses of a target; two where it reads on a port of its own."""
        command = [sys.executable, "-m", "gauntlet.targets", "walrus", "--port", "0"]
        process = self.lab.start(*command, "--first-read", "0s", *options)
        process.wait_for("ready http://")
        return [line.split()[1] for line in process.output.splitlines()]

    def run(self, *options: str, **variables: str) -> Ended:
        """A headless run; without other options of ten blobs."""
        if not {"-t", "--load-profile"} & set(options) and "BLOBS_NUM" not in variables:
            variables = {"BLOBS_NUM": "10", **variables}
        return self.lab.run(*options, file=LOCUSTFILE, **SMALL | variables)

    @property
    def summary(self) -> list[Json]:
        """What the file says of single blobs."""
        text = (self.lab.results[0] / "stress_test_summary.json").read_text(encoding="utf-8")
        rows: list[Json] = json.loads(text)
        return rows

    @property
    def figures(self) -> dict[str, Any]:
        """The section of the record."""
        return figures(self.lab.record, "value")


@pytest.fixture
def walrus(lab: Lab) -> Walrus:
    return Walrus(lab)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A target without any fault, for all tests that need no other."""
    lab = Lab(tmp_path_factory.mktemp("target"))
    (address,) = Walrus(lab).target("--store-limit", "100000000")
    yield address
    lab.close()


# -- the original tester's flow --------------------------------------------------------------------


def test_without_anything_five_blobs_go_through_a_target_of_our_own(walrus: Walrus) -> None:
    ended = walrus.lab.run(file=LOCUSTFILE, BLOBS_NUM="5", MAX_THREADS="8")
    assert (ended.code, walrus.lab.verdict) == (0, "PASS"), ended
    record = walrus.lab.record
    assert {one["name"]: one["requests"] for one in record["endpoints"]} == dict.fromkeys(FLOW, 5)
    assert record["environment"] == "embedded"
    addresses = record["addresses"]
    assert addresses["publisher"] == record["target"] != addresses["aggregator"]
    assert record["iterations"] == {"total": 5, "done": 5, "lost": 0}
    rows = walrus.summary
    assert [list(row) for row in rows] == [KEYS] * 5
    assert [row["blob_number"] for row in rows] == [1, 2, 3, 4, 5]
    assert len({row["blob_id"] for row in rows}) == 5
    for row in rows:
        assert 90 * 1024 <= row["bytes"] <= 100 * 1024
        assert row["blob_size_kb"] == round(row["bytes"] / 1024, 2)
        assert (row["status"], row["verified"]) == ("newlyCreated", True)
        assert row["attempts"] >= 3
        times = row["upload_time"], row["download_time_first"], row["download_time_cached"]
        assert all(0 < time < 60 for time in times)
    for label, pick in (("Shortest", min), ("Longest", max)):
        wanted = pick(row["download_time_cached"] for row in rows)
        assert walrus.figures[f"{label} cached download"] == pytest.approx(wanted, abs=1e-6)
    assert re.search(r"^Blobs:$.*^  Shortest cached download: \d", ended.output, re.M | re.S)
    assert re.search(r"^  First to cached: \d", ended.output, re.M)
    assert "\x1b" not in ended.output


@pytest.mark.parametrize(
    ("options", "variables", "users"),
    [
        pytest.param([], {}, 1, id="nothing is said"),
        pytest.param([], {"MAX_THREADS": "3"}, 3, id="the variable"),
        pytest.param(["-u", "2"], {"MAX_THREADS": "3"}, 2, id="the option outranks it"),
        pytest.param([], {"MAX_THREADS": "3", "LOCUST_USERS": "2"}, 2, id="and so does its own"),
    ],
)
def test_threads_are_users(
    walrus: Walrus, address: str, options: list[str], variables: dict[str, str], users: int
) -> None:
    ended = walrus.run("-t", "1s", "-s", "60", "--host", address, *options, **variables)
    assert (ended.code, walrus.lab.record["peak_users"]) == (0, users), ended


def test_an_explicit_number_of_iterations_outranks_the_variable(
    walrus: Walrus, address: str
) -> None:
    assert walrus.run("--host", address, "--total-iterations", "3", BLOBS_NUM="9").code == 0
    assert len(walrus.summary) == 3


def test_without_a_number_the_load_goes_on(walrus: Walrus, address: str) -> None:
    assert walrus.run("-t", "2s", "--host", address).code == 0
    assert len(walrus.summary) > 5
    assert walrus.lab.record["iterations"] is None


def test_a_number_of_blobs_is_a_plan_for_gauntlet_run(walrus: Walrus, address: str) -> None:
    command = [sys.executable, "-m", "gauntlet", "run", "walrus", "--url", address]
    process = walrus.lab.start(*command, variables=SMALL | {"BLOBS_NUM": "4"})
    assert process.end().code == 0
    assert len(walrus.summary) == 4
    again = walrus.lab.start(*command).end()
    assert again.code == 2
    assert again.mistakes == [
        "run: expected --profile NAME or -t TIME with --mode headless, got neither"
    ]


@pytest.mark.parametrize(
    ("value", "there"), [("false", False), ("False", False), ("true", True), ("", True)]
)
def test_the_file_is_written_if_it_is_wanted(
    walrus: Walrus, address: str, value: str, there: bool
) -> None:
    assert walrus.run("--host", address, EXPORT_RESULTS=value).code == 0
    assert (walrus.lab.results[0] / "stress_test_summary.json").exists() == there


# -- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"], ids=["bare", "with a slash"])
def test_the_variables_name_both_addresses(walrus: Walrus, slash: str) -> None:
    publisher, aggregator = walrus.target("--aggregator-port", "0")
    given = {"PUBLISHER_URL": publisher + slash, "AGGREGATOR_URL": aggregator + slash}
    ended = walrus.run(**given)
    assert (ended.code, walrus.lab.verdict) == (0, "PASS"), ended
    record = walrus.lab.record
    assert record["addresses"] == {"publisher": publisher, "aggregator": aggregator}
    assert record["environment"] is None
    assert Target(publisher).counts()["/v1/blobs"]["requests"] == 11
    assert Target(aggregator).counts()["/v1/blobs/*"]["requests"] == 21
    assert f"Target: publisher {publisher}, aggregator {aggregator} (by address)" in ended.output


@pytest.mark.parametrize("name", ["PUBLISHER_URL", "AGGREGATOR_URL"])
def test_one_address_stands_for_both(walrus: Walrus, address: str, name: str) -> None:
    assert walrus.run(**{name: address}).code == 0
    assert walrus.lab.record["addresses"] == dict.fromkeys(("publisher", "aggregator"), address)
    assert walrus.lab.record["environment"] is None


def test_a_host_goes_with_an_aggregator_of_its_own(walrus: Walrus) -> None:
    publisher, aggregator = walrus.target("--aggregator-port", "0")
    ended = walrus.run("--host", publisher, AGGREGATOR_URL=aggregator, PUBLISHER_URL="http://x")
    assert ended.code == 0, ended
    assert walrus.lab.record["addresses"] == {"publisher": publisher, "aggregator": aggregator}


def test_an_environment_names_both_and_a_variable_outranks_one(walrus: Walrus) -> None:
    publisher, aggregator = walrus.target("--aggregator-port", "0")
    targets = {"publisher": "http://127.0.0.1:1", "aggregator": aggregator}
    walrus.lab.write(
        "profiles/environments/mine.yaml", {"description": "x", "targets": {"walrus": targets}}
    )
    assert walrus.run("--environment", "mine", PUBLISHER_URL=publisher).code == 0
    assert walrus.lab.record["addresses"] == {"publisher": publisher, "aggregator": aggregator}


# -- tags ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        (["upload"], {"PUT /v1/blobs"}),
        (
            ["head", "object", "range", "quilt"],
            {
                *("PUT /v1/blobs", "HEAD /v1/blobs/{id}", "GET /v1/blobs/by-object-id/{id}"),
                *("GET /v1/blobs/{id} range", "GET /v1/blobs/{id}/byte-range"),
                *("PUT /v1/quilts", "GET /v1/blobs/by-quilt-patch-id/{id}"),
            },
        ),
    ],
)
def test_tags_wake_tasks_of_weight_0(
    walrus: Walrus, address: str, tags: list[str], names: set[str]
) -> None:
    ended = walrus.run("--host", address, "--tags", *tags, BLOBS_NUM="120", MAX_THREADS="2")
    assert (ended.code, walrus.lab.verdict) == (0, "PASS"), ended
    endpoints = walrus.lab.record["endpoints"]
    assert {f"{one['method']} {one['name']}" for one in endpoints} == names


def test_a_profile_judges_by_the_thresholds_of_walrus(walrus: Walrus) -> None:
    walrus.lab.write(
        "profiles/tiny.yaml", {"description": "x", "users": 2, "spawn_rate": 9, "duration": "2m"}
    )
    ended = walrus.run("--load-profile", "tiny", BLOBS_NUM="60")  # of 20 a percentile has enough
    assert (ended.code, walrus.lab.verdict) == (0, "PASS"), ended
    assert [one["rule"] for one in walrus.lab.record["thresholds"]] == [
        "fail_ratio <= 1%",
        'p95("PUT /v1/blobs") <= 10s',
        'p95("*first") <= 2s',
        'p95("*cached") <= 500ms',
    ]
    assert all(one["samples"] for one in walrus.lab.record["thresholds"])


def test_a_slow_cache_breaks_the_rule_on_cached_reads_alone(walrus: Walrus) -> None:
    (address,) = walrus.target("--read-time", "60ms")
    rules = "--threshold", 'p95("*cached") < 50ms', "--threshold", 'p95("PUT *") < 60s'
    assert walrus.run("--host", address, *rules).code == 3
    held = {one["rule"]: one["held"] for one in walrus.lab.record["thresholds"]}
    assert held == {'p95("*cached") < 50ms': False, 'p95("PUT *") < 60s': True}


# -- many blobs, many processes --------------------------------------------------------------------


@pytest.mark.timeout(280)
def test_five_thousand_blobs_raise_no_false_alarm(walrus: Walrus, address: str) -> None:
    ended = walrus.run("--host", address, BLOBS_NUM="5000", MAX_THREADS="8")
    assert (ended.code, walrus.lab.verdict) == (0, "PASS"), ended
    record = walrus.lab.record
    assert (record["total"]["requests"], record["total"]["failures"]) == (15_000, 0)
    assert record["total"]["verified"] == 10_000
    assert record["failures"] == [] and record["user_errors"] == {}
    rows = walrus.summary
    assert len(rows) == 5000 and all(row["verified"] for row in rows)
    assert len({row["blob_id"] for row in rows}) == 5000


def test_the_masters_file_holds_the_blobs_of_all_workers(walrus: Walrus) -> None:
    publisher, aggregator = walrus.target("--aggregator-port", "0")
    variables = SMALL | {"PUBLISHER_URL": publisher, "AGGREGATOR_URL": aggregator}
    port = str(free_port())
    at = ["--master-host", "127.0.0.1", "--master-port", port]
    master = walrus.lab.headless(
        *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        *("--expect-workers", "2", "-u", "4", "-r", "4", "--total-iterations", "200"),
        file=LOCUSTFILE,
        **variables,
    )
    workers = [walrus.lab.locust("--worker", *at, file=LOCUSTFILE) for _ in range(2)]
    ended = master.end()
    assert (ended.code, walrus.lab.verdict) == (0, "PASS"), ended
    assert [worker.end().code for worker in workers] == [0, 0]
    rows = walrus.summary
    assert [row["blob_number"] for row in rows] == list(range(1, 201))
    assert len({row["blob_id"] for row in rows}) == 200, "workers never make the same blob"
    assert all(row["verified"] for row in rows)
    assert all(1024 <= row["bytes"] <= 2048 for row in rows), "the master's sizes hold"
    assert walrus.figures["Newly created"] == 200
    assert Target(aggregator).counts()["/v1/blobs/*"]["requests"] == 401
    assert {one["name"]: one["requests"] for one in walrus.lab.record["endpoints"]} == (
        dict.fromkeys(FLOW, 200)
    )


# -- the terminal ----------------------------------------------------------------------------------


def test_a_terminal_gets_a_coloured_line_per_blob(walrus: Walrus) -> None:
    (address,) = walrus.target("--fault-corrupt", "50%", "--fault-scope", "reads", "--seed", "1")
    leader, follower = pty.openpty()
    command = ["-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
    options = ["--host", address, "--results-dir", "results", "--preflight", "off"]
    process = walrus.lab.start(
        sys.executable,
        *command,
        *options,
        variables=SMALL | {"BLOBS_NUM": "15"},
        terminal=follower,
    )
    os.close(follower)
    process.end()
    said = read_all(leader).decode()
    assert re.search(
        r"\x1b\[32mblob uploaded \d\.\d{3}s\x1b\[0m  \x1b\[33m\d+\.\d KiB\x1b\[0m  "
        r"\x1b\[35mfirst \d\.\d{3}s\x1b\[0m  \x1b\[32mcached \d\.\d{3}s\x1b\[0m",
        said,
    )
    assert "\x1b[31mfailed: wrong bytes\x1b[0m" in said


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        pytest.param(
            {"BLOB_MIN_SIZE": "50", "BLOB_MAX_SIZE": "40"},
            "BLOB_MIN_SIZE: blobs.smallest: expected at most the largest, 40, got 50",
            id="smallest above largest",
        ),
        pytest.param(
            {"BLOB_MIN_SIZE": "0"},
            "BLOB_MIN_SIZE: blobs.smallest: expected 1 or more, got 0",
            id="size 0",
        ),
        pytest.param(
            {"WALRUS_JWT_SECRET": "0xsecret"},
            "secret of tokens: expected hex digits after 0x, got others",
            id="a secret",
        ),
    ],
)
def test_a_mistake_is_one_line(
    walrus: Walrus, address: str, variables: dict[str, str], line: str
) -> None:
    before = Target(address).requests
    ended = walrus.run("--host", address, **variables)
    assert ended.code == 2, ended
    assert ended.mistakes == [line]
    assert "secret'" not in ended.errors and "0xsecret" not in ended.errors + ended.output
    assert Target(address).requests == before
    assert not walrus.lab.results


def test_all_mistakes_of_variables_are_told_at_once(walrus: Walrus) -> None:
    given = {"BLOB_MAX_SIZE": "large", "EXPORT_RESULTS": "maybe", "BLOBS_NUM": "0"}
    ended = walrus.run("--host", "http://127.0.0.1:1", **given, MAX_THREADS="many")
    assert ended.code == 2, ended
    assert ended.mistakes == [
        "BLOB_MAX_SIZE: blobs.largest: expected a whole number, got 'large'",
        "EXPORT_RESULTS: export: expected true or false, got 'maybe'",
        "BLOBS_NUM: expected a whole number from 1 to 1000000000, got '0'",
        "MAX_THREADS: expected a whole number from 1 to 1000000000, got 'many'",
    ]


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        pytest.param(
            {"PUBLISHER_URL": "localhost:31415", "AGGREGATOR_URL": "ftp://localhost"},
            [
                "PUBLISHER_URL: expected an address such as http://…, got 'localhost:31415'",
                "AGGREGATOR_URL: expected an address such as http://…, got 'ftp://localhost'",
            ],
            id="both are wrong",
        ),
        pytest.param(
            {"AGGREGATOR_URL": "localhost"},
            ["AGGREGATOR_URL: expected an address such as http://…, got 'localhost'"],
            id="one stands for both",
        ),
    ],
)
def test_an_address_that_is_none_is_told_by_its_variable(
    walrus: Walrus, given: dict[str, str], lines: list[str]
) -> None:
    ended = walrus.run(**given)
    assert (ended.code, ended.mistakes) == (2, lines)


@pytest.mark.parametrize("name", ["PUBLISHER_URL", "AGGREGATOR_URL"])
def test_each_address_is_protected(walrus: Walrus, name: str) -> None:
    publisher, aggregator = walrus.target("--aggregator-port", "0")
    given = {"PUBLISHER_URL": publisher, "AGGREGATOR_URL": aggregator}
    walrus.lab.write(
        "profiles/environments/shop.yaml",
        {"description": "x", "protected": True, "targets": {"walrus": given[name]}},
    )
    ended = walrus.run(**given)
    assert ended.code == 2
    assert ended.mistakes == [
        f"{name}: expected an address that is not protected, got one of environment shop; "
        "--allow-protected allows it"
    ]
    assert Target(publisher).requests == Target(aggregator).requests == 0


def test_an_environment_that_names_no_known_address(walrus: Walrus) -> None:
    targets = {"publsher": "http://localhost", "aggregator": "http://localhost"}
    walrus.lab.write(
        "profiles/environments/mine.yaml", {"description": "x", "targets": {"walrus": targets}}
    )
    ended = walrus.run("--environment", "mine")
    assert ended.code == 2
    assert sorted(line.partition(": ")[2] for line in ended.mistakes) == [
        "targets.walrus.publisher: expected this key, got nothing",
        "targets.walrus.publsher: expected one of publisher, aggregator, got 'publsher'; "
        "did you mean publisher?",
    ]


@pytest.fixture
def page() -> Iterator[str]:
    """Something that answers everything with a page, as what is no Walrus does."""

    def answer(connection: Any, _: object) -> None:
        connection.recv(1 << 20)
        body = b"<html>welcome</html>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    server = StreamServer(("127.0.0.1", 0), answer)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop(timeout=1)


def test_a_publisher_that_is_no_walrus_is_one_line(walrus: Walrus, page: str) -> None:
    process = walrus.lab.headless(
        *("--host", page, "--preflight", "strict"), file=LOCUSTFILE, **SMALL, BLOBS_NUM="3"
    )
    import gevent  # the page is served by this process

    with gevent.Timeout(60):
        while process.running:
            gevent.sleep(0.05)
    ended = process.end()
    assert ended.code == 5, ended
    assert ended.mistakes == [
        "preflight: PUT /v1/blobs of the publisher answered wrongly: "
        "content type: expected application/json, got text/html"
    ]


def test_nobody_there_is_warned_of_and_strict_ends_it(walrus: Walrus) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    line = "preflight: PUT /v1/blobs of the publisher got no answer: connection refused"
    ended = walrus.run("--host", nobody)
    assert ended.code == 1, ended
    assert f"{line}; the load starts all the same" in ended.errors
    assert {row["status"] for row in walrus.summary} == {"refused"}
    assert all(row["blob_id"] is row["upload_time"] is None for row in walrus.summary)
    strict = walrus.run("--host", nobody, "--preflight", "strict")
    assert (strict.code, strict.mistakes) == (5, [line])


def test_an_aggregator_that_is_not_there_is_named(walrus: Walrus, address: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    given = {"PUBLISHER_URL": address, "AGGREGATOR_URL": nobody}
    ended = walrus.run("--preflight", "strict", **given)
    assert ended.code == 5
    assert ended.mistakes == [
        "preflight: GET /v1/blobs/{id} of the aggregator got no answer: connection refused"
    ]


def test_an_expired_token_is_one_line(walrus: Walrus, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret of the publisher, 40 bytes long")
    (address,) = walrus.target("--jwt-secret-file", str(secret))
    mix = {"weights": {"roundtrip": 1}, "wait": "0s", "token": {"lifetime": "1ms"}}
    walrus.lab.write("profiles/walrus/mix.yaml", mix)
    ended = walrus.run(
        "--host", address, "--preflight", "strict", WALRUS_JWT_SECRET_FILE=str(secret)
    )
    assert ended.code == 5, ended
    assert ended.mistakes == [
        "preflight: PUT /v1/blobs of the publisher answered wrongly: "
        "token expired: expected 200, got 504 (the token has expired)"
    ]


def test_the_secret_is_nowhere(walrus: Walrus, tmp_path: Path) -> None:
    text = "a secret of the publisher, 40 bytes long"
    (tmp_path / "secret").write_text(text)
    (address,) = walrus.target("--jwt-secret-file", str(tmp_path / "secret"))
    ended = walrus.run("--host", address, WALRUS_JWT_SECRET=text, LOCUST_LOGLEVEL="DEBUG")
    assert (ended.code, walrus.lab.verdict) == (0, "PASS"), ended
    files = [path.read_text(encoding="utf-8") for path in walrus.lab.results[0].iterdir()]
    assert not [one for one in (*files, ended.output, ended.errors) if text in one]
    told = (*files, ended.output, ended.errors)  # the id of a blob may hold those three letters
    assert not [one for one in told if re.search(r"eyJ[\w-]+\.[\w-]+\.", one)]


def test_no_target_is_left_behind(walrus: Walrus) -> None:
    process = walrus.lab.headless("-t", "2s", file=LOCUSTFILE, **SMALL)
    process.wait_for("All users spawned")
    family = process.children()
    assert family
    assert process.end().code == 0
    wait_until_gone(family)
