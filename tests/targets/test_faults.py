"""Every fault happens when it is switched on, as often as asked, and only then."""

import http.client
import json
import random
import time

import pytest

from gauntlet.targets.faults import Faults, chance, corrupted, draw, parse_share, stall_left_s
from tests.targets.conftest import StartTarget, ask, in_one_of_five, picture

HEALTHY = b'{"status":"ok"}'


def test_without_faults_a_request_has_no_fate() -> None:
    source = random.Random(1)
    fates = {draw(Faults(), source) for _ in range(1000)}
    assert fates == {(0.0, False, False, False)}


def test_a_share_is_met_over_many_requests() -> None:
    source = random.Random(1)
    fates = [draw(Faults(error_share=0.3), source) for _ in range(10_000)]
    assert sum(fate.error for fate in fates) == pytest.approx(3000, abs=150)


def test_switching_one_fault_on_does_not_move_another() -> None:
    alone, beside = random.Random(1), random.Random(1)
    cuts = [draw(Faults(cut_share=0.3), alone).cut for _ in range(100)]
    others = Faults(cut_share=0.3, delay_s=1, delay_share=0.5, error_share=0.5, corrupt_share=0.5)
    assert [draw(others, beside).cut for _ in range(100)] == cuts


@pytest.mark.parametrize(
    ("share", "expected"), [pytest.param(0.0, 0, id="never"), pytest.param(1.0, 100, id="always")]
)
def test_the_ends_of_a_share_are_exact(share: float, expected: int) -> None:
    source = random.Random(1)
    assert sum(chance(share, source) for _ in range(100)) == expected


@pytest.mark.parametrize(
    ("elapsed_s", "left_s"),
    [
        pytest.param(1.9, 0.0, id="before the stall"),
        pytest.param(2.0, 3.0, id="at its begin"),
        pytest.param(4.5, 0.5, id="near its end"),
        pytest.param(5.0, 0.0, id="at its end"),
        pytest.param(60.0, 0.0, id="long after"),
    ],
)
def test_a_stall_lasts_for_its_seconds(elapsed_s: float, left_s: float) -> None:
    assert stall_left_s(Faults(stall_after_s=2, stall_for_s=3), elapsed_s) == left_s


@pytest.mark.parametrize("length", [1, 2, 3, 15, 70_000])
def test_a_corrupted_body_keeps_its_length_and_is_no_text(length: int) -> None:
    body = b"x" * length
    assert len(corrupted(body)) == length
    with pytest.raises(UnicodeDecodeError):
        corrupted(body).decode()


@pytest.mark.parametrize(
    ("text", "share"),
    [
        pytest.param("0", 0.0, id="nothing"),
        pytest.param("0.05", 0.05, id="as a number"),
        pytest.param("5%", 0.05, id="in percent"),
        pytest.param("100%", 1.0, id="everything"),
    ],
)
def test_a_share_is_read(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1.01", id="above one"),
        pytest.param("101%", id="above all"),
        pytest.param("-0.1", id="below nothing"),
        pytest.param("some", id="a word"),
        pytest.param("", id="empty"),
    ],
)
def test_a_share_that_is_none_is_refused_with_what_was_found(text: str) -> None:
    with pytest.raises(ValueError, match="expected a share such as") as refused:
        parse_share(text)
    assert repr(text) in str(refused.value)


def test_a_delay_holds_every_answer_back(start_target: StartTarget) -> None:
    with start_target("--fault-delay", "300ms") as target:
        answers = [target.ask("GET", "/health") for _ in range(3)]
    assert all(answer.body == HEALTHY and answer.seconds >= 0.3 for answer in answers)


def test_a_delay_of_a_share_leaves_the_other_answers_alone(start_target: StartTarget) -> None:
    with start_target("--fault-delay", "200ms:50%") as target:
        late = [target.ask("GET", "/health").seconds >= 0.2 for _ in range(12)]
    assert 0 < sum(late) < len(late)


def test_a_delayed_answer_does_not_hold_up_others(start_target: StartTarget) -> None:
    def together() -> bool:
        connections = [target.connect() for _ in range(5)]
        begin = time.perf_counter()
        for connection in connections:
            connection.request("GET", "/health")
        bodies = [connection.getresponse().read() for connection in connections]
        seconds = time.perf_counter() - begin
        for connection in connections:
            connection.close()
        assert bodies == [HEALTHY] * 5
        return seconds < 1.5

    with start_target("--fault-delay", "500ms") as target:
        assert in_one_of_five(together)


def test_during_a_stall_every_answer_waits_for_its_end(start_target: StartTarget) -> None:
    def waits_once() -> bool:
        with start_target("--fault-stall", "0.5s:1s", "--workers", "2") as target:
            first = time.perf_counter()
            quick = target.ask("GET", "/health")
            time.sleep(max(0.0, first + 0.7 - time.perf_counter()))
            waiting = [target.connect() for _ in range(4)]
            for connection in waiting:
                connection.request("GET", "/health")
            bodies = [connection.getresponse().read() for connection in waiting]
            over = time.perf_counter() - first
            after = target.ask("GET", "/health")
            for connection in waiting:
                connection.close()
        assert bodies == [HEALTHY] * 4
        assert over >= 1.5
        return quick.seconds < 0.5 and after.seconds < 0.5

    assert in_one_of_five(waits_once)


def test_an_answer_that_is_ready_during_a_stall_waits_for_its_end(
    start_target: StartTarget,
) -> None:
    upload = picture(500, 500).data
    with start_target("--fault-stall", "100ms:1s", "--service-time", "2s") as target:
        answer = target.predict(upload)
    assert answer.status == 200
    assert answer.seconds >= 1.1  # after half a second it was ready


def test_an_injected_error_is_a_503_on_every_endpoint(start_target: StartTarget) -> None:
    with start_target("--fault-5xx", "100%") as target:
        answers = [target.ask("GET", "/health"), target.predict(b"x" * 2_000_000)]
        counts = target.counts()
    expected = (503, "application/json", b'{"detail":"Service Unavailable"}')
    assert [answer[:3] for answer in answers] == [expected, expected]
    assert counts["/health"] == counts["/predict"] == {"requests": 1, "5xx": 1}


def test_after_an_error_before_a_long_upload_was_read_the_connection_lives(
    start_target: StartTarget,
) -> None:
    with start_target("--fault-5xx", "100%") as target:
        connection = target.connect()
        connection.connect()
        socket = connection.sock
        for _ in range(2):
            assert ask(connection, "POST", "/predict", b"x" * 2_000_000).status == 503
        assert connection.sock is socket
        connection.close()


def test_the_same_seed_fails_the_same_requests(start_target: StartTarget) -> None:
    def statuses(seed: str) -> list[int]:
        with start_target("--fault-5xx", "0.4", "--seed", seed) as target:
            return [target.ask("GET", "/health").status for _ in range(30)]

    once = statuses("7")
    assert set(once) == {200, 503}
    assert statuses("7") == once
    assert statuses("8") != once


def test_a_corrupt_answer_has_the_right_head_and_no_json(start_target: StartTarget) -> None:
    with start_target("--fault-corrupt", "1") as target:
        answer = target.ask("GET", "/health")
        counts = target.counts()
    assert answer[:2] == (200, "application/json")
    assert len(answer.body) == len(HEALTHY)
    with pytest.raises(ValueError, match="decode|Expecting"):
        json.loads(answer.body)
    assert counts["/health"] == {"requests": 1, "2xx": 1}


def test_a_cut_answer_ends_in_the_middle(start_target: StartTarget) -> None:
    with start_target("--fault-cut", "1") as target:
        with pytest.raises(http.client.IncompleteRead) as cut:
            target.ask("GET", "/health")
        counts = target.counts()
    assert cut.value.partial == HEALTHY[: len(HEALTHY) // 2]
    assert counts["/health"] == {"requests": 1, "2xx": 1, "cut": 1}


def test_the_counts_themselves_have_no_faults(start_target: StartTarget) -> None:
    faults = ("--fault-delay", "10s", "--fault-5xx", "1", "--fault-cut", "1")
    with start_target(*faults, "--fault-corrupt", "1") as target:
        assert set(target.counts()) == {"/health", "/predict", "other"}
