"""The Chater user against the reference target: every task, each fault under its class."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import gevent
import jwt
import pytest
from locust.env import Environment
from PIL import Image

from gauntlet.clients import _chater_tokens as tokens
from gauntlet.clients import chater as api
from gauntlet.errors import UsageError
from gauntlet.measure.outcomes import outcome_of
from gauntlet.mixes.chater import ChaterMix
from gauntlet.report.chater import FILE, FlowSummary, band
from gauntlet.user import Preparation
from tests.clients.torture import PATIENCE_S
from tests.users._targets import Targets
from users import _chater_before as before
from users._chater_after import to_the_end
from users._chater_belongings import SLOTS, Moments
from users.chater import ChaterUser

SECRET = "a secret of the target, more than 32 bytes long"
QUICK = (
    *("--answer-grid", "0s", "--photo-time", "0s", "--recommendation-time", "0s"),
    *("--work-time", "0s", "--daily-limit", "0", "--slots", "0", "--timeout-scale", "0.001"),
)
FLOW = [
    *("POST /eater_receive_photo", "GET /eater_get_today (for time)", "POST /modify_food_record"),
    *("POST /manual_weight", "POST /get_recommendation", "GET /eater_get_today (post-modify)"),
    "POST /delete_food",
]
SEEDS = count(1)

Meta = dict[str, Any]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variables but those of a test, and a deadline."""
    for name in list(os.environ):
        if name.startswith(("TEST_", "EATER_")):
            monkeypatch.delenv(name)
    with gevent.Timeout(4 * PATIENCE_S):
        yield


class Quick(Targets):
    """Targets that do not think; those with the same options are one."""

    def __init__(self) -> None:
        super().__init__("chater", *QUICK, EATER_SECRET_KEY=SECRET)
        self._known: dict[tuple[str, ...], str] = {}

    def address(self, *options: str) -> str:
        """The address of one with these options."""
        if options not in self._known:
            (self._known[options],) = self.start(*options)
        return self._known[options]


@pytest.fixture(scope="module")
def targets() -> Iterator[Quick]:
    targets = Quick()
    yield targets
    targets.close()


class Client:
    """A user in no runner, and what its requests said."""

    def __init__(self, address: str, **mix: Any) -> None:
        class Someone(ChaterUser):
            host = address
            extra = FlowSummary()

        small = {"photo": {"size": [40, 30], "count": 1}, "wait": "0s", "manual_weight": "server"}
        Someone.configure(ChaterMix.model_validate(small | mix))
        self.kind = Someone
        Someone.prepare(Preparation(next(SEEDS), 0, lambda: None, {"chater": address}))
        self.events: list[Meta] = []
        self._environment = Environment()
        self._environment.events.request.add_listener(lambda **meta: self.events.append(meta))
        self.user = Someone(self._environment)

    def another(self) -> ChaterUser:
        """A second user of the same class."""
        return self.kind(self._environment)

    @property
    def names(self) -> list[str]:
        return [meta["name"] for meta in self.events]

    @property
    def outcomes(self) -> Counter[str]:
        """Requests by name and class of failure."""
        wrong = [meta for meta in self.events if meta["exception"] is not None]
        return Counter(f"{meta['name']}: {outcome_of(meta['exception'])}" for meta in wrong)

    @property
    def counts(self) -> Counter[str]:
        return self.user.extra.counts

    def end(self) -> None:
        """The end of the user's life."""
        self.user._clean_up()


@pytest.fixture
def well(targets: Quick, monkeypatch: pytest.MonkeyPatch) -> str:
    """A target without faults, and its secret in the environment."""
    monkeypatch.setenv("EATER_SECRET_KEY", SECRET)
    return targets.address()


# -- tasks -----------------------------------------------------------------------------------------


def test_a_flow_is_seven_requests_and_leaves_nothing(well: str) -> None:
    one = Client(well)
    for _ in range(2):
        one.user.full_flow()
    assert one.names == FLOW * 2 and not one.outcomes
    assert all(meta["context"]["verified"] for meta in one.events)
    assert all(meta["request_type"] == meta["name"].split()[0] for meta in one.events)
    assert one.events[0]["context"]["sent"] > 500
    assert (one.counts["whole"], one.counts["uploaded"], one.counts["deleted"]) == (2, 2, 2)
    one.end()
    assert not one.counts["left"]


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("custom_date_query", ["POST /get_food_custom_date"]),
        ("set_language", ["POST /set_language"]),
        ("alcohol_latest", ["GET /alcohol_latest"]),
        ("alcohol_range", ["POST /alcohol_range"]),
        ("submit_feedback", ["POST /feedback"]),
        ("eater_auth", ["POST /eater_auth"]),
        (
            "get_food_health_level",
            [FLOW[0], "GET /eater_get_today (for health level)", "POST /food_health_level"],
        ),
    ],
)
def test_a_task_sends_its_requests(well: str, task: str, names: list[str]) -> None:
    one = Client(well)
    getattr(one.user, task)()
    assert one.names == names and not one.outcomes
    one.end()


def test_a_dish_for_health_levels_is_uploaded_once_and_deleted_in_the_end(well: str) -> None:
    one = Client(well)
    for _ in range(3):
        one.user.get_food_health_level()
        one.user.full_flow()
    assert one.names.count(FLOW[0]) == 4 and not one.outcomes
    one.end()
    assert (one.counts["cleaned up"], one.counts["left"]) == (1, 0)


def test_a_sign_in_is_refused_unless_an_id_token_is_given(
    well: str, targets: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Client(well)
    one.user.eater_auth()
    assert one.counts["refused"] == 1 and not one.outcomes
    section = one.user.extra.section()
    assert section is not None
    (told,) = [figure.shown for figure in section.figures if "Sign-ins" in figure.name]
    assert told == "1, as no id token was given"
    claims = {"email": "a@b.c", "exp": int(time.time()) + 60}
    monkeypatch.setenv("TEST_AUTH_TOKEN", jwt.encode(claims, SECRET, "HS256"))
    signed = Client(well, sign_in={"email": "a@b.c"})
    signed.user.eater_auth()
    assert not signed.outcomes and not signed.counts["refused"]
    monkeypatch.setenv("TEST_AUTH_TOKEN", "not-a-token")
    wrong = Client(well, sign_in={"email": "a@b.c"})
    wrong.user.eater_auth()
    assert wrong.outcomes == {"POST /eater_auth: token refused": 1}


# -- accounts --------------------------------------------------------------------------------------


def test_every_user_has_an_account_of_its_own_and_the_next_one_gets_it(well: str) -> None:
    one = Client(well, email="load@x.y")
    other = one.another()
    assert one.user.account.email == "load+0-0@x.y" and other.account.email == "load+0-1@x.y"
    one.end()
    assert one.another().account == one.user.account


def test_users_of_one_token_touch_their_own_dishes_only(
    targets: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_USER_TOKEN", tokens.mint(SECRET, "all@x.y"))
    one = Client(targets.address())
    crowd = [one.user, *(one.another() for _ in range(19))]
    gevent.joinall([gevent.spawn(user.full_flow) for user in crowd for _ in range(3)], count=60)
    assert len(one.events) == 60 * len(FLOW) and not one.outcomes
    assert {user.account.email for user in crowd} == {"all@x.y"}
    for user in crowd:
        user._clean_up()
    assert not one.counts["left"]


def test_several_tokens_are_dealt_out(targets: Quick, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    emails = [f"{name}@x.y" for name in "abc"]
    path.write_text("\n".join(tokens.mint(SECRET, email) for email in emails) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_USER_TOKEN_FILE", str(path))
        one = Client(targets.address())
        users = [one.user, one.another(), one.another()]
    assert sorted(str(user.account.email) for user in users) == emails
    one.user.full_flow()
    assert not one.outcomes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x", "TEST_USER_TOKEN: expected a token of three parts, got something else"),
        (
            tokens.mint(SECRET, "a@b.c", now=0) + "\nx",
            "TEST_USER_TOKEN: token 2: expected a token of three parts, got something else",
        ),
    ],
)
def test_a_token_that_cannot_be_good_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, given: str, said: str
) -> None:
    monkeypatch.setenv("TEST_USER_TOKEN", given)
    one = Client("http://127.0.0.1:1", manual_weight="auto")
    with pytest.raises(UsageError) as caught:
        list(one.kind.preflight("http://127.0.0.1:1", {"full_flow"}))
    assert caught.value.mistakes[-1] == said
    assert said in caplog.text, "a warning where there is no preflight"


def test_without_any_token_there_is_none_in_the_request(
    targets: Quick, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = Client(targets.address())
    one.user.alcohol_latest()
    one.user.set_language()
    one.user.set_language()
    assert one.outcomes == {"GET /alcohol_latest: token missing": 1}
    assert caplog.text.count("set_language is skipped") == 1


@pytest.mark.parametrize(
    ("token", "outcome"),
    [
        (tokens.mint(SECRET, "a@b.c", now=0), "token expired"),
        (tokens.mint("another secret", "a@b.c"), "token refused"),
    ],
)
def test_a_refused_token_has_its_class(
    targets: Quick, monkeypatch: pytest.MonkeyPatch, token: str, outcome: str
) -> None:
    monkeypatch.setenv("TEST_USER_TOKEN", token)
    one = Client(targets.address())
    one.user.full_flow()
    assert one.outcomes == {f"{FLOW[0]}: {outcome}": 1}
    assert one.counts["broke at POST /eater_receive_photo"] == 1


# -- weights and photos ----------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["server", "readme"])
def test_the_layout_of_weights_is_found_out(
    targets: Quick, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.setenv("EATER_SECRET_KEY", SECRET)
    monkeypatch.setattr(before, "SEEN_WITHIN_S", 0.3)
    one = Client(targets.address("--weight-layout", layout), manual_weight="auto")
    assert one.kind.layout == layout and one.kind.reads_back
    assert one.user.extra.layout == f"as {layout}: a weight was set and read back"
    one.user.full_flow()
    assert not one.outcomes


def test_the_wrong_layout_is_found_in_the_flow(
    targets: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EATER_SECRET_KEY", SECRET)
    one = Client(targets.address("--weight-layout", "server"), manual_weight="readme")
    one.user.full_flow()
    assert one.outcomes == {"GET /eater_get_today (post-modify): weight lost": 1}


def test_a_layout_that_nothing_tells_is_the_documented_one_with_a_warning(
    targets: Quick, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EATER_SECRET_KEY", SECRET)
    monkeypatch.setattr(before, "SEEN_WITHIN_S", 0.3)
    one = Client(targets.address("--fault-lost-weight", "100%"), manual_weight="auto")
    assert one.kind.layout == "readme" and not one.kind.reads_back
    assert "no weight could be set and read back" in caplog.text
    one.user.full_flow()
    assert not one.outcomes, "what cannot be known is no failure"


@pytest.mark.parametrize("content", [None, b"no picture"], ids=["missing", "no picture"])
def test_a_flow_goes_on_without_a_photo_that_cannot_be_read(
    well: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    path = tmp_path / "image.png"
    if content is not None:
        path.write_bytes(content)
    one = Client(well, photo={"path": str(path)})
    one.user.full_flow()
    assert one.names == [FLOW[1], *FLOW[3:6]] and not one.outcomes
    assert caplog.text.count(str(path)) == 1
    one.user.get_food_health_level()
    assert one.names[4:] == ["GET /eater_get_today (for health level)"]


def test_a_photo_of_ones_own_is_sent_as_it_is(well: str, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (20, 20)).save(path)
    one = Client(well, photo={"path": str(path)})
    one.user.full_flow()
    assert one.names == FLOW and not one.outcomes


def test_a_photo_of_a_scale_makes_no_dish(well: str) -> None:
    one = Client(well, photo={"type": "weight_prompt", "size": [40, 30], "count": 1})
    one.user.full_flow()
    one.user.get_food_health_level()
    assert one.names == [*FLOW[:2], *FLOW[3:6], "GET /eater_get_today (for health level)"]
    assert not one.outcomes
    one.end()
    assert not one.counts["left"] and not one.counts["uploaded"]


def test_no_two_drawn_photos_are_the_same(well: str) -> None:
    one = Client(well)
    pictures, draws = one.user.pictures, one.user.draws
    assert pictures is not None
    assert len({pictures.picture(draws.serial()).content for _ in range(50)}) == 50


# -- faults ----------------------------------------------------------------------------------------

PHOTO, TODAY, MODIFY, WEIGHT, ADVICE, AGAIN, DELETE = FLOW


@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        ("--fault-worker-timeout", {f"{PHOTO}: worker timeout"}),
        ("--fault-worker-error", {f"{PHOTO}: no food"}),
        ("--fault-kafka", {f"{PHOTO}: unavailable"}),
        ("--fault-failed", {f"{PHOTO}: failed with 200"}),
        ("--fault-content-type", {f"{PHOTO}: content type"}),
        ("--fault-undone", {f"{AGAIN}: not changed"}),
        ("--fault-lost-weight", {f"{AGAIN}: weight lost"}),
        ("--fault-totals", {f"{TODAY}: totals differ"}),
        ("--fault-5xx", {f"{PHOTO}: unavailable"}),
        ("--fault-corrupt", {f"{PHOTO}: bad shape"}),
        ("--fault-cut", {f"{PHOTO}: truncated"}),
    ],
)
def test_a_fault_is_caught_under_its_class(
    targets: Quick, monkeypatch: pytest.MonkeyPatch, fault: str, outcomes: set[str]
) -> None:
    monkeypatch.setenv("EATER_SECRET_KEY", SECRET)
    one = Client(targets.address(fault, "100%"))
    one.user.full_flow()
    assert set(one.outcomes) == outcomes
    (broken,) = [name for name in one.counts if name.startswith("broke at ")]
    assert one.counts[broken] == 1 and not one.counts["whole"]


def test_tasks_beside_the_flow_meet_faults_as_well(
    targets: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EATER_SECRET_KEY", SECRET)
    tasks = ("custom_date_query", "set_language", "alcohol_latest", "submit_feedback")
    for fault, outcome in (
        ("--fault-empty", "empty message"),
        ("--fault-failed", "failed with 200"),
        ("--fault-content-type", "content type"),
        ("--fault-corrupt", "bad shape"),
    ):
        one = Client(targets.address(fault, "100%"))
        for task in tasks:
            getattr(one.user, task)()
        assert {name.partition(": ")[2] for name in one.outcomes} == {outcome}, fault
        assert len(one.outcomes) == len(tasks)


def test_the_daily_limit_is_a_class_of_its_own(
    targets: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EATER_SECRET_KEY", SECRET)
    one = Client(targets.address("--daily-limit", "2"))
    for _ in range(2):
        one.user.full_flow()
    assert one.outcomes == {f"{PHOTO}: daily limit": 1}


def test_a_deletion_that_was_not_done_is_seen_at_the_next_look_and_in_the_end(
    targets: Quick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EATER_SECRET_KEY", SECRET)
    one = Client(targets.address("--fault-undone", "100%"), percentage=100)
    one.user.full_flow()
    assert not one.outcomes
    one.user.full_flow()
    assert set(one.outcomes) == {f"{TODAY}: still there"}
    one.end()
    one.user.extra.write(tmp_path)
    left = json.loads((tmp_path / FILE).read_text())
    assert len(left) == one.counts["left"] == 2
    assert {tuple(row) for row in left} == {("user", "time", "why")}
    assert {row["why"] for row in left} == {"deleted with success, and still there"}


# -- the end and the summary -----------------------------------------------------------------------


def test_what_must_be_done_is_done_though_its_greenlet_is_killed() -> None:
    done: list[int] = []

    def work() -> None:
        for number in range(3):
            gevent.sleep(0.05)
            done.append(number)

    waiting = gevent.spawn(to_the_end, work)
    gevent.sleep(0)
    waiting.kill(block=False)
    gevent.sleep(0.02)
    waiting.kill()
    assert done == [0, 1, 2]


def test_no_process_gives_a_time_twice_nor_that_of_another() -> None:
    own = Moments(shared=False, worker=3)
    assert len({own.next() for _ in range(1000)}) == 1000
    shared = [Moments(shared=True, worker=worker) for worker in range(SLOTS)]
    assert len({one.next() for one in shared for _ in range(20)}) == SLOTS * 20


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0, "acceptable"),
        (0.0099, "acceptable"),
        (0.01, "investigate"),
        (0.05, "investigate"),
        (0.0501, "critical"),
        (1, "critical"),
    ],
)
def test_failures_are_told_in_bands(ratio: float, said: str) -> None:
    assert band(ratio) == said


def test_the_summaries_of_workers_add_up() -> None:
    master, worker = FlowSummary(), FlowSummary()
    for _ in range(99):
        worker.count("requests")
        worker.flow(0.5, None)
    worker.flow(0.1, api.MODIFY.name)
    worker.left("a@b.c", 5, "gone wrong")
    for what in ("requests", "failures", "uploaded"):
        worker.count(what)
    master.absorb(worker.hand_over())
    assert worker.section() is None, "told once"
    section = master.section()
    assert section is not None
    told = {figure.name: figure.shown for figure in section.figures}
    assert told["Whole flows"] == "99, P50 500ms, P95 500ms"
    assert told["Failures"] == "1.00% failed: investigate"
    assert told["Broken flows"] == "1: 1 at POST /modify_food_record"
    assert told["Dishes"].endswith("1 left (see not_deleted.json)")
