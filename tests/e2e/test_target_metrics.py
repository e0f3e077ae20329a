"""What the target tells of itself is scraped during the run and judged by rules."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gauntlet.measure.told import RULED, SERIES
from tests.e2e.support import Json, Lab

pytestmark = pytest.mark.e2e
MEMORY = "process_resident_memory_bytes"


@contextmanager
def leaking(per_scrape: int, others: int = 0) -> Iterator[str]:
    """A place that tells of a memory which grows with each scrape, and no health at all.

    Its `others` are counters of one name.
    """
    rest = "".join(f'others_total{{n="{number}"}} 1\n' for number in range(others))

    class Handler(http.server.BaseHTTPRequestHandler):
        told = 0

        def do_GET(self) -> None:
            Handler.told += per_scrape
            body = f"{MEMORY} {10**9 + Handler.told}\n{rest}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_embedded_target_is_scraped_without_asking(lab: Lab) -> None:
    holds = (
        f'target("{MEMORY}").max < 10GB',
        'target("http_requests_total*").rate >= 0 in steady',
    )
    phases = [
        {"name": "ramp", "duration": "1s", "users": 2},
        {"name": "steady", "duration": "4s", "users": 2},
    ]
    lab.profile(thresholds=holds, duration="5s", phases=phases)
    ended = lab.run("--load-profile", "tiny")
    assert (ended.code, lab.verdict) == (0, "PASS"), lab.reasons
    told = {one["name"]: one["points"] for one in lab.record["target_metrics"]}
    assert 'http_requests_total{endpoint="/health",status="2xx"}' in told
    times = [t for t, _ in told[MEMORY]]
    assert 2 <= len(times) <= lab.record["duration"] + 2 and times == sorted(times)
    assert times[0] < 3
    assert "target metrics" not in ended.errors


def test_a_leak_breaks_its_rule_and_a_rule_without_values_spoils_the_run(lab: Lab) -> None:
    ours: Json = {"description": "Ours", "targets": {"predict": lab.target().address}}

    def scrape(told: str | Json) -> None:
        lab.write("profiles/environments/mine.yaml", ours | {"target_metrics": {"predict": told}})

    with leaking(per_scrape=10**6) as url:
        scrape(url)
        rule = f'target("{MEMORY}").slope < 1MB/min'
        lab.profile(thresholds=[rule], duration="5s")
        ended = lab.run("--load-profile", "tiny", "--environment", "mine")
    assert (ended.code, lab.verdict) == (3, "FAIL"), lab.reasons
    [result] = lab.record["thresholds"]
    assert 0.5e6 < result["value"] < 2e6, "a megabyte with each scrape, one a second"
    assert "MB/min" in result["shown"]

    rule = f'target("{MEMORY}").max < 2GB'
    options = ["-u", "1", "-t", "2s", "--environment", "mine", "--results-dir", "again"]
    with leaking(per_scrape=0) as other:
        scrape({"other": other, "gone": url})  # what it did not tell may have been too much
        ended = lab.run(*options, "--threshold", rule)
    assert ended.code == 4
    assert f"the threshold {rule} had too few values of the target" in ended.output
    assert ended.errors.count("target metrics:") == 1


def test_a_rule_about_more_series_than_are_kept_spoils_its_pass(lab: Lab) -> None:
    ours: Json = {"description": "Ours", "targets": {"predict": lab.target().address}}
    options = ["-u", "1", "-t", "3s", "--environment", "mine"]
    rule = 'target("others_total").last <= 1'
    with leaking(per_scrape=0, others=RULED + SERIES + 1) as url:
        told = ours | {"target_metrics": {"predict": url}}
        lab.write("profiles/environments/mine.yaml", told)
        ended = lab.run(*options, "--threshold", rule)
    assert (ended.code, lab.record["outcome"]["causes"]) == (4, ["too_many_series"])
    assert f"the threshold {rule} means more series of the target than are kept" in ended.output
