"""Locust's own web page with the suite in it, as a person uses it, in headless Chromium."""

import json
import os
import re
import shutil
import socket
import sys
from pathlib import Path

import pytest

from tests.e2e.support import NAMES, ROOT, Json, Lab, free_port, read_record, wait_until

pytestmark = pytest.mark.e2e

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
RULES = ["fail_ratio <= 1%", "p95 <= 2s", "p99 <= 5s", "rps >= 10/s"]
LIMITS = ["≤ 1%", "≤ 2s", "≤ 5s", "≥ 10/s"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of this machine; GAUNTLET_REQUIRE_TOOLS=1 makes its absence a failure."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = f"no browser here: none of {', '.join(BROWSERS)} on the PATH"
        if os.environ.get("GAUNTLET_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def visit(lab: Lab, chromium: str, scenario: str, *options: str) -> Json:
    """Start Locust's page, let the browser play a scenario on it, and give back what it saw."""
    seen = browse(lab, chromium, scenario, serve_page(lab, *options), "tests.e2e.browser")
    assert seen["errors"] == []
    assert seen["outside"] == []
    return seen


def serve_page(lab: Lab, *options: str) -> str:
    """Start Locust's page; its address."""
    port = free_port()
    where = ["--web-host", "127.0.0.1", "--web-port", str(port), "--results-dir", "results"]
    server = lab.locust(*where, *options)
    wait_until(lambda: not server.running or _listens(port), f"the page\n{server.errors}")
    return f"http://127.0.0.1:{port}"


def browse(
    lab: Lab, chromium: str, scenario: str, address: str, script: str = "tests.e2e.looks"
) -> Json:
    """Let the browser play a scenario of a script at an address, and give back what it saw."""
    album = lab.folder / "screenshots"
    album.mkdir()
    command = [sys.executable, "-m", script, scenario, chromium, address, str(album)]
    ended = lab.start(*command, variables={"PYTHONPATH": str(ROOT)}).end()
    _keep(album, scenario)
    assert ended.code == 0, ended.errors
    seen: Json = json.loads((album / "seen.json").read_text(encoding="utf-8"))
    return seen


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _keep(album: Path, scenario: str) -> None:
    """Copy the screenshots to where GAUNTLET_SCREENSHOTS asks for them."""
    if wanted := os.environ.get("GAUNTLET_SCREENSHOTS"):
        folder = Path(wanted)
        folder.mkdir(parents=True, exist_ok=True)
        for picture in [*album.glob("*.png"), *album.glob("*.jpg")]:
            shutil.copy(picture, folder / f"{scenario}-{picture.name}")


def columns(table: list[list[str]]) -> dict[str, list[str]]:
    """The threshold rows of the tab: rule -> value, limit, margin, state."""
    return {row[0]: row[1:] for row in table if row[0] in RULES}


def test_a_person_picks_a_profile_watches_it_and_stops_the_next_one(
    lab: Lab, chromium: str
) -> None:
    ramp = {"name": "ramp", "duration": "2s", "users": 4}
    steady = {"name": "steady", "duration": "8s", "users": 4}
    tiny: Json = {"description": "A profile of a test", "users": 4, "spawn_rate": 2}
    lab.write("profiles/tiny.yaml", {**tiny, "duration": "10s", "phases": [ramp, steady]})

    seen = visit(lab, chromium, "profile")

    names = [offer.split(" · ")[0] for offer in seen["offers"]]
    assert names[:3] == ["Default", "tiny", "smoke"]
    assert seen["offers"][1] == "tiny · 4 users · 10s · A profile of a test"
    assert seen["greyed"]

    assert {row[1] for row in seen["statistics"]} == NAMES | {"Aggregated"}
    assert all(int(row[2]) > 0 and row[3] == "0" for row in seen["statistics"])
    assert seen["charts"] == 3

    for table in seen["live"], seen["later"]:
        assert table[0] == ["Verdict so far", "", "", "", "✓ PASS"]
        assert list(columns(table)) == RULES
        assert [limit for _, limit, _, _ in columns(table).values()] == LIMITS
        assert all(value and margin for value, _, margin, _ in columns(table).values())
        assert {state for *_, state in columns(table).values()} == {"✓ holds"}
        assert table[-1][0].startswith("Profile tiny: ")
    assert seen["live"][-1] != seen["later"][-1]
    assert "undefined" not in json.dumps(seen)

    finished, stopped = lab.results
    record = read_record(finished)
    assert record["outcome"]["verdict"] == "PASS"
    assert record["profile"] == "tiny"
    assert seen["ended"][0] == ["Verdict", "", "", "", "✓ PASS"]
    shown = {one["rule"]: one["shown"] for one in record["thresholds"]}
    assert {rule: row[0] for rule, row in columns(seen["ended"]).items()} == shown
    assert [limit for _, limit, _, _ in columns(seen["ended"]).values()] == LIMITS
    requests = record["total"]["requests"]
    # Locust asks for the curve's end once a second, later on a busy machine.
    assert re.match(r"Profile tiny: 1\ds of 10s · 4 users · ", seen["ended"][-2][0])
    assert seen["ended"][-2][0].endswith(f" · {requests} requests · 0 failed")
    assert seen["ended"][-1][0] == f"Results: {finished.relative_to(lab.folder)}"

    assert "Locust Test Report" in seen["report"]
    assert "Profile: tiny During:" in " ".join(seen["report"].split())
    assert all(name in seen["report"] for name in NAMES)

    assert seen["stopped"][0] == ["Verdict", "", "", "", "✗ INVALID"]
    assert seen["stopped"][1][0].startswith("Reason: cut short after ")
    assert seen["stopped"][-1][0] == f"Results: {stopped.relative_to(lab.folder)}"


def test_the_page_says_why_a_start_is_refused(lab: Lab, chromium: str) -> None:
    target = lab.target()
    lab.environment("guarded", target.address, protected=True)
    lab.profile("tiny")
    lab.write("profiles/torn.yaml", {"description": "No numbers"})

    seen = visit(lab, chromium, "refusals", "--load-profile", "tiny", "--host", target.address)

    assert seen["offers"][0].startswith("tiny · 2 users · 3s")
    assert seen["offers"][-1] == "torn · cannot be read"
    assert seen["greyed"]
    assert "got one of environment guarded" in seen["guarded"]
    assert "--allow-protected allows it" in seen["guarded"]
    assert "torn.yaml" in seen["torn"]
    assert "READY" in seen["status"].upper()
    assert target.requests == 0
    assert lab.results == []
