"""The HTTP user in Locust's hands: same events, same judgements, same life as Locust's own."""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import locust
import pytest
from locust import constant, task
from locust.env import Environment
from locust.exception import (
    CatchResponseError,
    InterruptTaskSet,
    LocustError,
    ResponseError,
    StopTest,
    StopUser,
)
from locust.user.task import TaskSet

from gauntlet.clients.http import BadStatus, ConnectFailed, Deadlines, Redirected
from gauntlet.errors import WrongAnswer
from tests.clients.torture import PATIENCE_S, Peer, Torture
from users.http import HttpUser

ROOT = Path(__file__).resolve().parents[2]
Meta = dict[str, Any]


def _json(peer: Peer) -> bool:
    return peer.answer(b'{"a": 1}')


def _text(peer: Peer) -> bool:
    return peer.answer(b"<p>not JSON</p>")


def _sorry(peer: Peer) -> bool:
    return peer.answer(b"gone", "404 Whatever The Server Says")


def _moved(peer: Peer) -> bool:
    return peer.answer(b"", "302 Found", "Location: /ok?there\r\n")


def _slow(peer: Peer) -> bool:
    gevent.sleep(2.01)
    return peer.answer(b"late")


HANDLERS = {
    "/json": _json,
    "/text": _text,
    "/sorry": _sorry,
    "/moved": _moved,
    "/endpoint": _slow,
}


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with gevent.Timeout(2 * PATIENCE_S):
        yield


@pytest.fixture
def server() -> Iterator[Torture]:
    with Torture(HANDLERS) as torture:
        yield torture


class Recorded:
    """An environment that remembers what the request event said."""

    def __init__(self) -> None:
        self.environment = Environment()
        self.events: list[Meta] = []
        self.environment.events.request.add_listener(lambda **meta: self.events.append(meta))

    @property
    def last(self) -> Meta:
        return self.events[-1]


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def user(server: Torture, recorded: Recorded) -> Iterator[HttpUser]:
    class Someone(HttpUser):
        host = server.url

    someone = Someone(recorded.environment)
    yield someone
    someone.client.close()
    server.await_closed()


# -- the request event ---------------------------------------------------------------------------


def test_an_event_has_the_fields_of_locusts_own(server: Torture, recorded: Recorded) -> None:
    def say(kind: type[locust.User]) -> Meta:
        class Someone(kind):  # type: ignore[misc, valid-type]
            host = server.url

        someone = Someone(recorded.environment)
        someone.client.get("/ok?abc", context={"mine": 1})
        someone.client.close()
        return recorded.last

    theirs, ours = say(locust.HttpUser), say(HttpUser)
    assert ours.keys() == theirs.keys()
    for field in ("request_type", "name", "response_length", "exception", "url"):
        assert ours[field] == theirs[field], field
    for meta in (ours, theirs):
        assert 0 < meta["response_time"] < 5000 and isinstance(meta["response_time"], float)
        assert abs(meta["start_time"] - time.time()) < 60
        assert meta["response"].status_code == 200
    assert ours["context"].pop("time_to_first_byte") <= ours["response_time"]
    assert ours["context"] == theirs["context"] == {"mine": 1}


def test_a_request_is_named_by_its_call_its_block_or_its_path(
    user: HttpUser, recorded: Recorded
) -> None:
    user.client.get("/ok?1")
    user.client.get("/ok?2", name="/ok?[token]")
    with user.client.rename_request("/renamed"):
        user.client.get("/ok?3")
        user.client.get("/ok?4", name="/own")
    user.client.get("/ok", params={"a": "b c"})
    names = [meta["name"] for meta in recorded.events]
    assert names == ["/ok?1", "/ok?[token]", "/renamed", "/own", "/ok?a=b+c"]


def test_every_method_has_its_call(user: HttpUser, recorded: Recorded, server: Torture) -> None:
    client = user.client
    client.get("/ok")
    client.head("/ok")
    client.options("/ok")
    client.delete("/ok", data=b"x")
    client.post("/ok", b"x")
    client.put("/ok", json=[1])
    client.patch("/ok", data="x")
    client.request("PURGE", "/ok")
    methods = ["GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH", "PURGE"]
    assert [meta["request_type"] for meta in recorded.events] == methods
    assert [request.split(" ")[0] for request in server.requests] == methods
    assert not [meta for meta in recorded.events if meta["exception"]]


def test_a_users_context_goes_with_every_request(server: Torture, recorded: Recorded) -> None:
    class Tagged(HttpUser):
        host = server.url

        def context(self) -> Meta:
            return {"user": "x", "mine": 0}

    tagged = Tagged(recorded.environment)
    tagged.client.get("/moved", allow_redirects=True, context={"mine": 1})
    tagged.client.close()
    assert recorded.last["context"].pop("time_to_first_byte") > 0
    assert recorded.last["context"] == {"user": "x", "mine": 1, "redirects": 1}
    assert recorded.last["name"] == "/moved" and recorded.last["url"].endswith("/moved")
    assert len(recorded.events) == 1


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/sorry", BadStatus, "status 404 Not Found"),
        ("/moved", Redirected, "redirect 302 was not allowed"),
    ],
)
def test_an_answer_that_is_not_right_is_a_failure(
    user: HttpUser, recorded: Recorded, path: str, kind: type[Exception], text: str
) -> None:
    response = user.client.get(path)
    assert not response.ok
    assert (type(recorded.last["exception"]), str(recorded.last["exception"])) == (kind, text)


def test_no_answer_is_a_failure_with_nothing_in_it(recorded: Recorded) -> None:
    class Lost(HttpUser):
        host = "http://127.0.0.1:1"

    response = Lost(recorded.environment).client.get("/")
    assert isinstance(response.error, ConnectFailed) and response.status_code == 0
    assert recorded.last["exception"] is response.error
    assert recorded.last["context"] == {"time_to_first_byte": None}
    assert recorded.last["response_length"] == 0


def test_a_streamed_answer_is_reported_at_its_last_byte(
    user: HttpUser, recorded: Recorded, server: Torture
) -> None:
    opened = gevent.event.Event()

    def halves(peer: Peer) -> bool:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        opened.wait(PATIENCE_S)
        gevent.sleep(0.1)
        peer.send(b"half")
        return True

    server.handlers["/halves"] = halves
    with user.client.get("/halves", stream=True, catch_response=True) as response:
        assert not recorded.events
        opened.set()
        assert b"".join(response.iter_content()) == b"halfhalf"
    assert recorded.last["response_length"] == 8
    first_byte = recorded.last["context"]["time_to_first_byte"]
    assert recorded.last["response_time"] - first_byte >= 100 > 0 < first_byte
    with user.client.get("/length-too-large", stream=True, catch_response=True) as response:
        list(response.iter_content())
    assert str(recorded.last["exception"]) == "connection closed inside the body"
    with pytest.raises(LocustError, match="needs a with block"):
        user.client.get("/halves", stream=True)


# -- judging in a with block -----------------------------------------------------------------------


def _raise(error: Exception) -> object:
    raise error


BLOCKS: dict[str, Callable[[Any], object]] = {
    "says nothing": lambda response: None,
    "success": lambda response: response.success(),
    "failure with a text": lambda response: response.failure("bad"),
    "failure with an exception": lambda response: response.failure(ValueError("bad")),
    "failure, then success": lambda response: (response.failure("bad"), response.success()),
    "failure, then raises": lambda response: (response.failure("bad"), _raise(KeyError("x"))),
    "raises ResponseError": lambda response: _raise(ResponseError("bad")),
    "raises something else": lambda response: _raise(KeyError("x")),
    "stops the user": lambda response: _raise(StopUser()),
    "interrupts": lambda response: _raise(InterruptTaskSet()),
    "changes the name": lambda response: response.request_meta.update(name="/other"),
    "changes the time": lambda response: response.request_meta.update(response_time=7.0),
}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("path", ["/ok", "/sorry"])
def test_a_block_judges_as_with_locusts_own_client(server: Torture, path: str, block: str) -> None:
    def outcome(kind: type[locust.User]) -> tuple[object, ...]:
        recorded = Recorded()

        class Someone(kind):  # type: ignore[misc, valid-type]
            host = server.url

        someone = Someone(recorded.environment)
        raised = None
        try:
            with someone.client.get(path, catch_response=True) as response:
                BLOCKS[block](response)
        except (KeyError, StopUser, InterruptTaskSet) as error:
            raised = type(error)
        someone.client.close()
        said = [
            (
                meta["name"],
                meta["response_time"] == 7.0,
                type(meta["exception"]).__name__.replace("HTTPError", "BadStatus"),
                str(meta["exception"]) if "404" not in str(meta["exception"]) else "404",
            )
            for meta in recorded.events
        ]
        return raised, said

    assert outcome(HttpUser) == outcome(locust.HttpUser)


def test_what_a_check_finds_wrong_is_a_failure(user: HttpUser, recorded: Recorded) -> None:
    with user.client.get("/ok", catch_response=True):
        raise WrongAnswer("shape", "expected a list")
    assert str(recorded.last["exception"]) == "shape: expected a list"
    with user.client.get("/sorry", catch_response=True) as response:
        response.raise_for_status()
    assert str(recorded.last["exception"]) == "status 404 Not Found"


def test_only_a_with_block_can_judge(user: HttpUser) -> None:
    response = user.client.get("/ok")
    for judge in (response.success, lambda: response.failure("x")):
        with pytest.raises(LocustError, match="need a with block"):
            judge()
    with pytest.raises(LocustError, match="needs catch_response=True"), response:
        pass
    assert response.request_meta["name"] == "/ok"


def test_the_original_testers_snippet_fails_slow_requests(
    server: Torture, recorded: Recorded
) -> None:
    class Eater(HttpUser):
        host = server.url

        def timed(self) -> None:
            # Add custom metrics in tasks
            with self.client.get("/endpoint", catch_response=True) as response:
                if response.elapsed.total_seconds() > 2.0:
                    response.failure("Response time exceeded 2 seconds")

    eater = Eater(recorded.environment)
    eater.timed()
    assert isinstance(recorded.last["exception"], CatchResponseError)
    assert str(recorded.last["exception"]) == "Response time exceeded 2 seconds"
    server.handlers["/endpoint"] = _text
    eater.timed()
    assert recorded.last["exception"] is None
    eater.client.close()


# -- rest ------------------------------------------------------------------------------------------


def test_rest_parses_the_answer(user: HttpUser, recorded: Recorded, server: Torture) -> None:
    with user.rest("POST", "/json", json={"b": 2}) as response:
        assert response.js == {"a": 1}
    assert recorded.last["exception"] is None
    with user.rest_("GET", "/json") as response:
        assert response.js["a"] == 1
    assert recorded.last["name"] == "/json?_=..."
    assert server.requests[-1].startswith("GET /json?_=")


def test_rest_fails_what_does_not_hold(user: HttpUser, recorded: Recorded) -> None:
    with user.rest("GET", "/json") as response:
        assert response.js["a"] == 2, "a is not 2"
    assert str(recorded.last["exception"]).startswith("a is not 2")
    with user.rest("GET", "/json") as response:
        _ = response.js["b"]["c"]
    assert str(recorded.last["exception"]) == "KeyError while the answer was read"
    with user.rest("GET", "/text"):
        pass
    assert str(recorded.last["exception"]) == "body is not JSON"
    with user.rest("GET", "/sorry") as response:
        response.success()
    assert recorded.last["exception"] is None


# -- life ------------------------------------------------------------------------------------------


def _live(kind: type[HttpUser], environment: Environment) -> None:
    """Let one user live to its end."""
    group = gevent.pool.Group()
    kind(environment).start(group)
    group.join(timeout=PATIENCE_S, raise_error=False)


def test_a_user_lives_as_locust_says_and_leaves_no_socket(
    server: Torture, recorded: Recorded
) -> None:
    said: list[str] = []

    class Liver(HttpUser):
        host = server.url
        wait_time = constant(0)
        turns = 0

        def on_start(self) -> None:
            said.append("start")

        def on_stop(self) -> None:
            said.append("stop")

        @task
        def call(self) -> None:
            self.client.get("/ok?x")
            self.turns += 1
            if self.turns == 2:
                raise KeyError("mine")
            if self.turns == 4:
                raise StopUser

        @task
        class Nested(TaskSet):
            @task
            def leave(self) -> None:
                said.append("nested")
                self.interrupt()

    errors: list[Exception] = []
    recorded.environment.events.user_error.add_listener(
        lambda exception, **_: errors.append(exception)
    )
    _live(Liver, recorded.environment)
    assert said[0] == "start" and said[-1] == "stop"
    assert len(recorded.events) == 4
    assert [type(error) for error in errors] == [KeyError]
    server.await_closed()


def test_a_user_that_does_nothing_lets_others_run(server: Torture, recorded: Recorded) -> None:
    class Busy(HttpUser):
        host = server.url
        turns = 0

        @task
        def nothing(self) -> None:
            self.turns += 1

    busy = Busy(recorded.environment)
    group = gevent.pool.Group()
    busy.start(group)
    while busy.turns < 10:
        gevent.sleep(0)
    busy.stop()
    group.join(timeout=PATIENCE_S)
    assert not len(group)


def test_users_that_call_without_a_pause_take_turns(server: Torture, recorded: Recorded) -> None:
    turns = {"a": 0, "b": 0}

    class Caller(HttpUser):
        host = server.url

        @task
        def call(self) -> None:
            self.client.get("/ok?x")
            turns[self.mark] += 1

        mark = ""

    group = gevent.pool.Group()
    callers = []
    for mark in turns:
        caller = Caller(recorded.environment)
        caller.mark = mark
        caller.start(group)
        callers.append(caller)
    while max(turns.values()) < 200:
        gevent.sleep(0.001)
    assert min(turns.values()) > 50
    for caller in callers:
        caller.stop()
    group.join(timeout=PATIENCE_S)
    server.await_closed()


def test_a_wait_time_is_waited(server: Torture, recorded: Recorded) -> None:
    starts: list[float] = []

    class Slow(HttpUser):
        host = server.url
        wait_time = constant(0.1)

        @task
        def call(self) -> None:
            starts.append(time.perf_counter())
            self.client.get("/ok?x")
            if len(starts) == 3:
                raise StopUser

    _live(Slow, recorded.environment)
    assert starts[2] - starts[0] >= 0.2


def test_a_wait_time_is_asked_for_once_a_task(server: Torture, recorded: Recorded) -> None:
    asked: list[float] = []

    class Pacing(HttpUser):
        host = server.url
        turns = 0

        def wait_time(self) -> float:
            asked.append(0.001)
            return 0.001

        @task
        def call(self) -> None:
            self.client.get("/ok?x")
            self.turns += 1
            if self.turns == 5:
                raise StopUser

    _live(Pacing, recorded.environment)
    assert len(asked) == 4


def test_tasks_are_chosen_by_their_weights(server: Torture, recorded: Recorded) -> None:
    chosen = {"often": 0, "seldom": 0}

    class Weighted(HttpUser):
        host = server.url

        @task(9)
        def often(self) -> None:
            chosen["often"] += 1

        @task(1)
        def seldom(self) -> None:
            chosen["seldom"] += 1
            if chosen["often"] + chosen["seldom"] > 3000:
                raise StopUser

    _live(Weighted, recorded.environment)
    assert 0.05 < chosen["seldom"] / sum(chosen.values()) < 0.15


def test_a_killed_user_closes_its_connection(server: Torture, recorded: Recorded) -> None:
    class Stuck(HttpUser):
        host = server.url

        @task
        def call(self) -> None:
            self.client.get("/silent")

    group = gevent.pool.Group()
    stuck = Stuck(recorded.environment)
    stuck.start(group)
    while not server.requests:
        gevent.sleep(0.001)
    assert stuck.stop(force=True)
    server.await_closed()


def test_a_user_needs_a_host(recorded: Recorded) -> None:
    class Homeless(HttpUser):
        pass

    with pytest.raises(StopTest, match="no host"):
        Homeless(recorded.environment)


def test_settings_are_class_attributes(server: Torture, recorded: Recorded) -> None:
    class Set(HttpUser):
        host = server.url
        deadlines = Deadlines(total=0.2)
        default_headers = {"X-Team": "load"}
        keep_cookies = True
        max_redirects = 0

    someone = Set(recorded.environment)
    assert str(someone.client.get("/silent").error).startswith("answer not complete")
    assert someone.client.cookies is not None
    moved = someone.client.get("/moved", allow_redirects=True, timeout=PATIENCE_S)
    assert str(moved.error).startswith("redirect 302")
    someone.client.close()
    assert HttpUser.abstract and issubclass(HttpUser, locust.HttpUser)


def test_the_example_of_the_document_runs(server: Torture, recorded: Recorded) -> None:
    page = (ROOT / "docs" / "http-client.md").read_text()
    example: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], example)
    server.handlers["/orders"] = _json
    server.handlers["/picture"] = lambda peer: peer.answer(example["PICTURE"])
    shopper_type = example["Shopper"]
    shopper_type.host = server.url
    shopper = shopper_type(recorded.environment)
    shopper.order()
    shopper.picture()
    assert [meta["exception"] for meta in recorded.events] == [None, None]
    shopper.client.close()


# -- whole runs ------------------------------------------------------------------------------------

TOKENS = """
from locust import events, task
from users.http import HttpUser

seen = set()

@events.request.add_listener
def on_request(name, response_time, exception, **kwargs):  # as --otel listens
    seen.add((name, response_time is None, exception is None))

class Echo(HttpUser):
    count = 0

    def on_start(self):
        self.token = f"{id(self)}-{self.environment.runner.worker_index}"

    @task
    def ask(self):
        self.count += 1
        token = f"{self.token}-{self.count}"
        with self.client.get(f"/ok?{token}", name="/ok", catch_response=True) as response:
            if response.status_code == 200 and response.text != token:
                response.failure("another user's answer")
"""


@pytest.fixture
def far_server() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.clients.torture"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=PATIENCE_S)


@pytest.mark.timeout(240)
def test_answers_of_thousands_of_users_never_mix(far_server: str, tmp_path: Path) -> None:
    locustfile = tmp_path / "echo_tokens.py"
    locustfile.write_text(TOKENS)
    command = [sys.executable, "-m", "locust", "-f", str(locustfile), "--host", far_server]
    command += ["--headless", "--processes", "2", "-u", "2000", "-r", "2000", "-t", "6s"]
    command += ["--csv", str(tmp_path / "run"), "--only-summary", "--stop-timeout", "10"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with (tmp_path / "run_stats.csv").open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert int(rows["/ok"]["Request Count"]) > 500
    assert int(rows["/ok"]["Failure Count"]) == 0
