"""The file server by the stock command: its names, its checks, its full pool, its mistakes."""

import csv
import hashlib
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import (
    ROOT,
    Ended,
    Json,
    Lab,
    Process,
    counted,
    figures,
    free_port,
    wait_until_gone,
)
from tests.e2e.test_web_runs import Page
from tests.targets._files import FileServer, file_server, worker_lines
from tests.targets.conftest import Ended as TargetEnded

pytestmark = pytest.mark.e2e

FILE = ROOT / "locustfiles" / "file_server_mix.py"
MIX: Json = {"weights": {"list": 1, "get": 2, "upload": 2}, "wait": "0s", "volumes": [1, 2]}
SERVED = "--populate", "1,2", "--mode", "thread"


def mix(lab: Lab, **changes: Any) -> None:
    lab.write("profiles/file_server/mix.yaml", {**MIX, **changes})


def at(server: FileServer) -> tuple[str, str]:
    return "--host", f"tcp://127.0.0.1:{server.port}"


def run(lab: Lab, *options: str, **variables: str) -> Ended:
    return lab.run(*options, file=FILE, **variables)


def endpoints(record: Json) -> dict[str, Json]:
    assert {one["method"] for one in record["endpoints"]} == {"TCP"}
    return {one["name"]: one for one in record["endpoints"]}


def total(ended: TargetEnded) -> tuple[int, ...]:
    """Connections, served and failed operations of all workers of a target."""
    return tuple(map(sum, zip(*worker_lines(ended.output), strict=True)))


def test_the_mix_has_its_names_and_the_server_served_what_is_told(lab: Lab, tmp_path: Path) -> None:
    mix(lab)
    storage = tmp_path / "storage"
    with file_server(*SERVED, "--pool", "8", "--storage", str(storage)) as server:
        ended = run(lab, *at(server), "-u", "3", "-r", "3", "--total-iterations", "60")
        assert ended.code == 0, ended
        assert sorted(path.name for path in storage.iterdir()) == ["file_1mb.bin", "file_2mb.bin"]
        connections, served, failed = total(server.stop())
    record = lab.record
    found = endpoints(record)
    names = {"LIST", "DELETE", *(f"{word} {mb}MB" for word in ("GET", "UPLOAD") for mb in (1, 2))}
    assert set(found) == names
    uploads = sum(found[name]["requests"] for name in names if name.startswith("UPLOAD"))
    assert (
        found["DELETE"]["requests"]
        == uploads
        == sum(found[name]["verified"] for name in names if name.startswith("UPLOAD"))
    )
    for megabytes in (1, 2):
        size = megabytes * 1024 * 1024
        upload, get = found[f"UPLOAD {megabytes}MB"], found[f"GET {megabytes}MB"]
        assert upload["sent_bytes"] == upload["requests"] * size
        assert get["received_bytes"] == get["requests"] * size
        assert get["verified"] == 0 and get["first_byte_ms"]["p50"] > 0
    # The preflight lists, downloads, uploads and deletes by one connection.
    assert served == record["total"]["requests"] + 4 and failed == 0
    told = figures(record)
    assert int(told["Connections"]) == connections - 1
    gets = sum(found[f"GET {mb}MB"]["requests"] for mb in (1, 2))
    assert told["Unverified source"].startswith(f"{gets} downloads")
    assert {"Connect", "Handshake wait", "GET rate of all clients"} <= set(told)
    assert "Queueing" not in told
    assert "Handshake wait: P50" in ended.output


def test_a_hundred_users_and_five_workers_finish_and_the_queue_is_told(lab: Lab) -> None:
    mix(lab, volumes=[1])
    with file_server(*SERVED, "--pool", "5") as server:
        options = "-u", "100", "-r", "100", "--total-iterations", "300"
        ended = run(lab, *at(server), *options)
        workers = worker_lines(server.stop().output)
    assert ended.code == 0, ended
    record = lab.record
    assert record["iterations"] == {"total": 300, "done": 300, "lost": 0}
    assert record["total"]["failures"] == 0
    assert len(workers) == 5 and all(connections > 10 for connections, _, _ in workers)
    queueing = figures(record)["Queueing"]
    assert "more users than the server has workers: up to 100 connections at once" in queueing
    assert re.search(r"of which it answered [2-5] at the same time", queueing)
    assert queueing in ended.output


def test_two_workers_share_the_users_and_the_master_judges(lab: Lab) -> None:
    mix(lab)
    lab.write("sums.txt", "")
    with file_server(*SERVED, "--pool", "8") as server:
        port = str(free_port())
        bound = "--master-bind-host", "127.0.0.1", "--master-bind-port", port
        meet = "--master-host", "127.0.0.1", "--master-port", port
        limits = "--threshold", 'max("UPLOAD *") < 60s', "--preflight", "off"
        load = "-u", "4", "-r", "4", "--total-iterations", "40"
        process: Process = lab.headless(
            "--processes", "2", *bound, *meet, *at(server), *limits, *load, file=FILE
        )
        ended = process.end()
        connections, served, failed = total(server.stop())
    assert ended.code == 0, ended
    record = lab.record
    assert counted(record) == {"workers": 2, "lost": []}
    assert record["outcome"]["verdict"] == "PASS"
    assert (record["total"]["requests"], failed) == (served, 0)
    assert int(figures(record)["Connections"]) == connections
    uploads = [one for name, one in endpoints(record).items() if name.startswith("UPLOAD")]
    assert sum(one["verified"] for one in uploads) == sum(one["requests"] for one in uploads)


def test_a_wrong_answer_is_a_failure_of_its_class(lab: Lab, tmp_path: Path) -> None:
    mix(lab, volumes=[1], weights={"list": 0, "get": 1, "upload": 1})
    storage = tmp_path / "storage"
    faults = "--fault-wrong-name", "1", "--fault-corrupt", "1"
    with file_server(*SERVED, *faults, "--storage", str(storage)) as server:
        content = (storage / "file_1mb.bin").read_bytes()
        lab.write("sums.txt", f"{hashlib.sha256(content).hexdigest()}  FILE_1MB.bin\n")
        # By the dice, one of the two kinds may be missing.
        exact = "--total-iterations", "12", "--exact-mix"
        options = "--files-manifest", "sums.txt", "-u", "2", "-r", "2", *exact
        ended = run(lab, *at(server), *options)
    assert ended.code == 1
    found = endpoints(lab.record)
    assert found["GET 1MB"]["outcomes"] == {"wrong bytes": found["GET 1MB"]["requests"]}
    assert found["UPLOAD 1MB"]["outcomes"] == {"wrong name": found["UPLOAD 1MB"]["requests"]}
    assert "DELETE" not in found  # nobody knows what to delete
    assert len(lab.record["failures"]) == 2
    assert "Unverified source" not in figures(lab.record)


def test_own_uploads_are_read_back_and_a_missing_volume_is_skipped(
    lab: Lab, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    with file_server("--populate", "1", "--storage", str(storage)) as server:
        mix(lab, read="own", connection="kept", volumes=[1, 3])
        own = "-u", "2", "-r", "2", "--total-iterations", "12", "--tags", "get", "-s", "20"
        # By another seed, one of the two volumes may be missing.
        ended = run(lab, *at(server), *own, "--seed", "1")
        assert ended.code == 0, ended
        found = endpoints(lab.record)
        reads = [found[name] for name in ("GET 1MB", "GET 3MB")]
        assert all(one["verified"] == one["requests"] > 0 for one in reads)
        assert [path.name for path in storage.iterdir()] == ["file_1mb.bin"]
        assert int(figures(lab.record)["Connections"]) <= 3

        mix(lab, keep_uploads=True, volumes=[1, 3])
        kept = "-u", "2", "-r", "2", "--total-iterations", "20", "--exact-mix", "--seed", "1"
        ended = run(lab, *at(server), *kept)
        assert ended.code == 0, ended
        warnings = [line for line in ended.errors.splitlines() if "is skipped" in line]
        assert len(warnings) == 1 and "GET 3MB: the server lists no file_3mb.bin" in warnings[0]
        assert len(list(storage.iterdir())) == 1 + 8


def test_the_embedded_target_and_a_profile_pass_and_tags_choose(lab: Lab) -> None:
    mix(lab, volumes=[10])
    lab.write(
        "profiles/file_server/tiny.yaml",
        {"description": "Of a test", "users": 2, "spawn_rate": 100, "duration": "3s"},
    )
    rules = [f'max("{name}") < 60s' for name in ("LIST",)]
    given = [word for rule in [*rules, "fail_ratio <= 0"] for word in ("--threshold", rule)]
    lab.write("profiles/file_server/default.yaml", {"thresholds": ["fail_ratio <= 1%"]})
    process = lab.headless("--load-profile", "tiny", "--tags", "list", *given, file=FILE)
    process.wait_for("All users spawned")
    family = process.children()
    ended = process.end()
    assert ended.code == 0, ended
    wait_until_gone(family)
    record = lab.record
    assert set(endpoints(record)) == {"LIST"}
    assert (record["environment"], record["outcome"]["verdict"]) == ("embedded", "PASS")
    with (lab.results[0] / "locust_stats.csv").open() as file:
        assert {row["Type"] for row in csv.DictReader(file)} == {"TCP", ""}


def test_the_web_page_takes_an_address_of_this_scheme_and_no_other(lab: Lab) -> None:
    mix(lab, volumes=[1])
    with file_server(*SERVED) as server:
        port = free_port()
        options = "--web-host", "127.0.0.1", "--web-port", str(port), "--results-dir", "results"
        page = Page(lab, lab.locust(*options, file=FILE), port)
        host = at(server)[1]
        refused = page.start(user_count="1", spawn_rate="1", host=host.replace("tcp", "http"))
        assert not refused["success"] and "such as tcp://" in refused["message"], refused
        page.start(user_count="2", spawn_rate="2", host=host)
        page.process.wait_until(lambda: page.requests > 5, "requests")
        page.stop()
        assert page.wait_for_runs(1)["target"] == host
        page.process.terminate()
        assert page.process.end().code == 0


@pytest.mark.parametrize(
    ("options", "changes", "words"),
    [
        pytest.param(
            ["--host", "http://127.0.0.1:7000"], {}, "such as tcp://", id="another scheme"
        ),
        pytest.param(
            ["--files-manifest", "none.txt"], {}, "--files-manifest: expected a readable", id="none"
        ),
        pytest.param(["--files-manifest", "bad.txt"], {}, "bad.txt:2: expected a line", id="bad"),
        pytest.param([], {"volumes": []}, "volumes: expected at least one", id="no volume"),
        pytest.param([], {"volumes": [0]}, "volumes[0]: expected", id="a volume of nothing"),
        pytest.param([], {"read": "all"}, "read: expected one of served, own", id="what to read"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_nothing_is_sent(
    lab: Lab, options: list[str], changes: Json, words: str
) -> None:
    mix(lab, **changes)
    lab.write("bad.txt", f"{'0' * 32}  a.bin\nnonsense\n")
    ended = run(lab, *options, "-u", "1", "-t", "2s")
    (line,) = ended.mistakes
    assert ended.code == 2 and words in line, line
    assert not lab.results


def test_the_command_lists_gets_uploads_and_deletes(lab: Lab) -> None:
    def call(*words: str) -> Ended:
        return lab.start(sys.executable, "-m", "gauntlet", "file-server", *words).end()

    path = lab.folder / "mine.pdf"
    path.write_bytes(b"%PDF" + os.urandom(1_000_000))
    name = hashlib.md5(path.read_bytes()).hexdigest() + ".pdf"
    with file_server("--populate", "1") as server:
        where = f"127.0.0.1:{server.port}"
        assert call("upload", where, "mine.pdf") == (0, f"{name}\n", "")
        assert set(call("list", where).output.split()) == {name, "file_1mb.bin"}
        assert call("get", where, name, "-o", "back.pdf").output == "back.pdf: 1000004 bytes\n"
        assert (lab.folder / "back.pdf").read_bytes() == path.read_bytes()
        assert call("get", where, "file_1MB.bin").code == 0
        assert (lab.folder / "file_1MB.bin").stat().st_size == 1024 * 1024
        assert call("delete", where, name) == (0, "", "")
        gone = call("get", where, name, "-o", "gone.pdf")
        assert (gone.code, len(gone.mistakes)) == (1, 1)
        assert "no file of that name" in gone.errors
        assert not (lab.folder / "gone.pdf").exists()
        assert not list(lab.folder.glob(".gone*"))
        for words in (["upload", where, "none"], ["list", "x:y"], ["get", where, "a\nb"]):
            wrong = call(*words)
            assert (wrong.code, len(wrong.mistakes)) == (2, 1), wrong
    refused = call("list", f"127.0.0.1:{server.port}")
    assert (refused.code, refused.mistakes) == (5, ["file-server: connection refused"])


def test_ctrl_c_ends_the_command_with_a_word_and_leaves_no_file(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        command = sys.executable, "-m", "gauntlet", "file-server", "get", where, "file_1mb.bin"
        process = lab.start(*command)
        with silent.accept()[0]:
            process.signal(signal.SIGINT)
            assert process.end() == (130, "", "\ninterrupted\n")
    assert not list(lab.folder.glob("*file_1mb*"))
