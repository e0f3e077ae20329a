"""The image cloud by the stock command and by ours: the original's settings, files and mistakes."""

import json
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.support import (
    ROOT,
    Ended,
    Json,
    Lab,
    Process,
    figures,
    free_port,
    read_record,
    wait_until,
)

pytestmark = pytest.mark.e2e

LOCUSTFILE = ROOT / "locustfiles" / "image_cloud_roundtrip.py"
MIX: Json = {
    "weights": {"encrypt": 1},
    "wait": "0s",
    "pictures": {"width": 96, "height": 64, "count": 3},
    "encryption": {"usernames": ["alice", "zoë", "王"], "quota": 7},
    "answers": {"first_byte": "10s", "idle": "300ms", "total": "50s", "attempts": 3},
    "verify": {"share": 1.0},
}
GAUNTLET = (sys.executable, "-m", "gauntlet")


class Cloud:
    """A lab with nodes and runs against them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.mix()

    def mix(self, **changes: Any) -> None:
        self.lab.write("profiles/image_cloud/mix.yaml", {**MIX, **changes})

    def nodes(self, count: int, *options: str) -> tuple[Process, list[str]]:
        """Nodes, and their addresses as HOST:PORT."""
        target = (sys.executable, "-m", "gauntlet.targets", "image-cloud", "--port", "0")
        process = self.lab.start(*target, "--nodes", str(count), "--pacing", "0.5ms", *options)
        process.wait_until(lambda: process.output.count("ready udp://") == count, "all nodes")
        return process, [line.partition("//")[2] for line in process.output.splitlines()]

    def run(self, *options: str, **variables: str) -> Ended:
        return self.lab.run(*options, file=LOCUSTFILE, **variables)

    @property
    def images(self) -> list[Json]:
        """What the only run says of single pictures."""
        told = json.loads((self.lab.results[0] / "images.json").read_text(encoding="utf-8"))
        rows: list[Json] = told["images"]
        return rows

    @property
    def figures(self) -> dict[str, Any]:
        return figures(self.lab.record, "value")


@pytest.fixture
def cloud(lab: Lab) -> Cloud:
    return Cloud(lab)


def test_a_run_against_its_own_nodes_tells_each_server_apart(cloud: Cloud) -> None:
    """Both tasks; each picture verified; figures per server add up, with workers as well."""
    cloud.mix(weights={"encrypt": 2, "decrypt": 1})
    port = str(free_port())
    meeting = {"LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port}
    tasks = ("--processes", "2", "-u", "4", "-r", "4", "--total-iterations", "40", "--seed", "3")
    ended = cloud.run(*tasks, **meeting)
    assert ended.code == 0, ended.errors
    record, rows = cloud.lab.record, cloud.images
    names = {one["name"]: one for one in record["endpoints"]}
    assert set(names) == {"EncryptionRequest", "DecryptionRequest"}
    assert {one["method"] for one in record["endpoints"]} == {"UDP"}
    assert record["total"]["verified"] == record["total"]["requests"] == len(rows) >= 40
    assert {row["verified"] for row in rows} == {True}
    servers = {one["server"]: one for one in record["servers"]}
    assert len(servers) == 3
    for server, told in servers.items():
        assert told["requests"] == sum(row["server"] == server for row in rows)
        assert f"  {server} " in ended.output
    head = (cloud.lab.results[0] / "servers.csv").read_text().splitlines()
    assert len(head) == 4
    assert cloud.figures["Verified"] == len(rows)
    assert cloud.figures["Receive buffer granted"] > 0


def test_the_whole_of_the_originals_flow(cloud: Cloud) -> None:
    """config.json with comments: load, verification and analysis in one command, then alone."""
    _, servers = cloud.nodes(2)
    listed = ", ".join(f'"{server}"' for server in servers)
    cloud.lab.write(
        "config.json",
        f"""{{
  "test_config": {{"num_processes": 3, "images_per_process": 4, // of each
                   "image_width": 100, "image_height": 80}},
  "server_config": {{"servers": [{listed}], "request_timeout": 20.0}},
  "encryption_config": {{"usernames": ["alice", "zo\\u00eb"], "quota": 9}}
}}""",
    )
    run = (*GAUNTLET, "run", "image-cloud", "--config", "config.json")
    stale = cloud.lab.write("output/encrypted/encrypted_9_9.png", "of an earlier run")
    other = cloud.lab.write("output/encrypted/notes.txt", "mine")
    port = str(free_port())
    meeting = {"LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port}
    ended = cloud.lab.start(*run, "--full", variables=meeting).end()
    assert ended.code == 0, f"{ended.output}\n{ended.errors}"
    assert "--processes" in ended.output or psutil.cpu_count() == 1
    output = cloud.lab.folder / "output"
    labels = {f"{process}_{image}" for process in (1, 2, 3) for image in (1, 2, 3, 4)}
    assert names(output / "test_images") == {f"test_image_{one}.jpg" for one in labels}
    wanted = {f"encrypted_{one}.png" for one in labels}
    assert names(output / "encrypted") == wanted | {"notes.txt"}
    assert names(output / "decrypted") == {f"decrypted_{one}.png" for one in labels}
    assert other.exists() and not stale.exists()
    metrics = output / "metrics"
    assert names(metrics) == {
        "aggregated_metrics.json",
        "analysis_report.txt",
        "decryption_results.json",
        "images.json",
        "latency_distribution.png",
        *(f"process_{number}_results.json" for number in (1, 2, 3)),
        "run.json",
        "success_rate_by_server.png",
    }
    _check_metrics(metrics, servers)

    # Each step alone.
    (output / "encrypted" / "encrypted_1_1.png").write_bytes(
        (output / "encrypted" / "encrypted_1_2.png").read_bytes()
    )
    (output / "encrypted" / "encrypted_2_2.png").write_bytes(b"no picture")
    verified = cloud.lab.start(*GAUNTLET, "verify-images", "output").end()
    assert verified.code == 1, verified.errors
    found = json.loads((metrics / "decryption_results.json").read_text())
    assert (found["successes"], found["failures"]) == (10, 2)
    assert (found["metadata_readable"], found["pixels_equal"]) == (11, 10)
    wrong = {row["file"]: row["error"] for row in found["results"] if not row["success"]}
    assert wrong == {
        "encrypted_1_1.png": "pixels are not those of the original",
        "encrypted_2_2.png": "no picture that can be decoded",
    }
    analyzed = cloud.lab.start(*GAUNTLET, "analyze-images", "output", "--no-plots").end()
    assert analyzed.code == 0
    assert "Issues: 0 images failed, 2 of those decrypted are not right." in analyzed.output
    made = cloud.lab.start(*GAUNTLET, "make-images", "--config", "config.json").end()
    assert (made.code, made.output) == (0, "12 pictures in output/test_images\n")
    single = cloud.lab.start(*run, "--only-process", "2").end()
    assert single.code == 0, single.errors
    record = read_record(cloud.lab.results[-1])
    assert record["total"]["requests"] == 4
    told = json.loads((cloud.lab.results[-1] / "images.json").read_text())["images"]
    assert {(row["process"], row["image"]) for row in told} == {(2, n) for n in (1, 2, 3, 4)}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _check_metrics(metrics: Path, servers: list[str]) -> None:
    told = json.loads((metrics / "aggregated_metrics.json").read_text())
    assert list(told) == ["test_config", "overall", "latency", "per_server", "all_results"]
    assert told["test_config"]["num_processes"] == 3
    assert told["overall"] | {"total_time": 0, "throughput": 0, "successful_throughput": 0} == {
        "total_images": 12,
        "successful": 12,
        "failed": 0,
        "success_rate": 100.0,
        "failure_rate": 0.0,
        "total_time": 0,
        "throughput": 0,
        "successful_throughput": 0,
    }
    latencies = told["latency"]["all_latencies"]
    assert latencies == sorted(latencies) and len(latencies) == 12
    assert told["latency"]["median"] == latencies[6]
    assert set(told["per_server"]) <= set(servers)
    assert sum(one["total_requests"] for one in told["per_server"].values()) == 12
    process = json.loads((metrics / "process_2_results.json").read_text())
    assert (process["process_id"], process["success_count"], len(process["results"])) == (2, 4, 4)
    decrypted = json.loads((metrics / "decryption_results.json").read_text())
    assert (decrypted["total"], decrypted["success_rate"]) == (12, 100.0)
    assert decrypted["results"][0]["metadata"] == {"usernames": ["alice", "zoë"], "quota": 9}
    assert decrypted["results"][0]["dimensions"] == [100, 80]
    report = (metrics / "analysis_report.txt").read_text()
    titles = ["TEST CONFIGURATION", "OVERALL RESULTS", "LATENCY STATISTICS"]
    titles += ["PER-SERVER STATISTICS", "DECRYPTION VERIFICATION", "SUMMARY"]
    places = [report.index(f"\n{title}\n") for title in titles]
    assert places == sorted(places)
    assert "All images passed." in report


def test_a_node_that_is_killed_is_named_by_the_verdict(cloud: Cloud) -> None:
    cloud.mix(answers={"first_byte": "1s", "idle": "300ms", "total": "10s", "attempts": 1})
    target, servers = cloud.nodes(3, "--peer-timeout", "1s", "--relay-timeout", "1s")
    rule = ("--threshold", "fail_ratio <= 1%")
    host = ("--host", f"udp://{','.join(servers)}", "--preflight", "off")
    run = cloud.lab.headless("-u", "4", "-r", "4", "-t", "6s", *host, *rule, file=LOCUSTFILE)
    run.wait_for("All users spawned")
    victim = target.children()[2]
    victim.kill()
    victim.wait(60)
    ended = run.end()
    assert ended.code == 3, ended.errors
    assert f"server {servers[2]}: " in cloud.lab.reasons
    assert f"server {servers[0]}: " not in cloud.lab.reasons
    failed = {row["server"] for row in cloud.images if not row["success"]}
    assert servers[2] in failed
    assert cloud.lab.record["total"]["outcomes"].get("timeout", 0) > 0
    assert target.running


def test_with_loss_both_ways_each_that_is_not_verified_is_named(cloud: Cloud) -> None:
    """A picture is verified or has run out of attempts; nothing is in between."""
    cloud.mix(
        pictures={"width": 200, "height": 150, "count": 3},
        answers={
            "first_byte": "500ms",
            "idle": "200ms",
            "total": "20s",
            "attempts": 2,
            "pause": "10ms",
        },
    )
    _, servers = cloud.nodes(1, "--fault-lose-requests", "30%", "--fault-lose-answers", "5%")
    host = ("--host", f"udp://{servers[0]}", "--preflight", "off", "--seed", "5")
    ended = cloud.run("-u", "4", "-r", "4", "--total-iterations", "40", *host)
    rows, record = cloud.images, cloud.lab.record
    assert len(rows) == 40
    failed = [row for row in rows if not row["success"]]
    assert ended.code == (1 if failed else 0)
    assert failed
    assert all(row["attempts"] == 2 and row["error"] and row["request_id"] for row in failed)
    assert all(row["verified"] is None for row in failed)
    assert {row["verified"] for row in rows if row["success"]} == {True}
    assert record["total"]["verified"] == 40 - len(failed)
    assert record["total"]["failures"] == len(failed)
    assert record["total"]["retries"] > 0


def test_wrong_pixels_fail_the_request_that_brought_them(cloud: Cloud) -> None:
    _, servers = cloud.nodes(1, "--fault-wrong-pixels", "50%")
    host = ("--host", f"udp://{servers[0]}", "--preflight", "off")
    ended = cloud.run("-u", "2", "-r", "2", "--total-iterations", "12", *host)
    assert ended.code == 1
    outcomes = cloud.lab.record["total"]["outcomes"]
    assert set(outcomes) == {"wrong pixels"} and 0 < outcomes["wrong pixels"] < 12


def test_ctrl_c_ends_a_run_with_its_verdict_and_no_process(cloud: Cloud) -> None:
    run = cloud.lab.headless("-u", "2", "-r", "2", file=LOCUSTFILE)
    run.wait_for("All users spawned")
    children = run.children()
    run.press_ctrl_c()
    assert run.end().code in (0, 4)
    assert cloud.lab.results
    wait_until(lambda: not any(child.is_running() for child in children), "the end of all nodes")


def test_a_wrong_host_is_told_in_one_line_without_its_password(cloud: Cloud) -> None:
    ended = cloud.run("-u", "1", "-t", "1s", "--host", "udp://me:secret@a:1")
    assert ended.code == 2
    assert len(ended.mistakes) == 1
    assert ended.mistakes[0].startswith("host: expected servers such as udp://HOST:PORT")
    assert "secret" not in ended.errors


def test_commands_say_what_is_wrong_in_one_line(cloud: Cloud) -> None:
    cloud.lab.write("wrong.json", '{"server_config": {"servers": ["a"]}}')
    for options, line in (
        (("run", "image-cloud", "--config", "wrong.json"), "wrong.json: server_config.servers[0]"),
        (("run", "image-cloud", "--only-process", "1"), "--only-process: expected --config"),
        (("run", "predict", "--full", "-t", "1s"), "--only-process, --full: expected image-cloud"),
        (("verify-images", "nowhere"), "nowhere/encrypted: expected a folder"),
        (("analyze-images", "nowhere"), "nowhere: expected the run.json of a run"),
    ):
        ended = cloud.lab.start(*GAUNTLET, *options).end()
        assert ended.code == 2, options
        assert len(ended.mistakes) == 1 and ended.mistakes[0].startswith(line)


def test_pictures_are_made_alone_and_are_those_of_a_run(cloud: Cloud) -> None:
    options = ("--processes", "2", "--images", "3", "--seed", "4", "--output", "made")
    assert cloud.lab.start(*GAUNTLET, "make-images", *options).end().code == 0
    made = sorted((cloud.lab.folder / "made").iterdir())
    assert [path.name for path in made] == [
        f"test_image_{process}_{image}.jpg" for process in (1, 2) for image in (1, 2, 3)
    ]
    assert len({path.read_bytes() for path in made}) == 6
