"""The Gauntlet tab's rows, and what pressing the start button means."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any, cast

import gevent
import pytest
from locust import LoadTestShape, User
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_SPAWNING
from locust.web import WebUI

from gauntlet import thresholds
from gauntlet.errors import UsageError
from gauntlet.iterating import Iterations
from gauntlet.measure.recorder import Recorder
from gauntlet.measure.series import Key, Series
from gauntlet.models import Profile
from gauntlet.plan import Plan
from gauntlet.report import webservers
from gauntlet.report.record import RunRecord
from gauntlet.report.webtab import COLUMNS, StartForm, install, rows
from gauntlet.run import Run
from gauntlet.shape import ProfileShape, shape_for
from gauntlet.systems import SYSTEMS
from gauntlet.thresholds import Threshold
from gauntlet.windows import KEPT_S

PREDICT = SYSTEMS["predict"]


class Reader(User):
    """A user class to pick."""


class Writer(User):
    """Another one."""


class Waves(LoadTestShape):
    """A shape of a locustfile that is no profile."""

    def tick(self) -> tuple[int, float]:
        return 1, 1.0


@dataclass
class Judge:
    """What the page is shown in a test, and whom it asked to get ready."""

    run: Run | None = None
    record: RunRecord | None = None
    folder: Path | None = None
    given: list[Threshold] = field(default_factory=list)
    objection: UsageError | None = None
    asked: list[str | None] = field(default_factory=list)
    beginning: bool = False
    while_getting_ready: Callable[[], object] = field(default=lambda: None)

    def give_up(self) -> None:
        self.beginning = False

    def rules(self) -> list[Threshold]:
        return self.given

    def get_ready(self, host: str | None) -> None:
        self.asked.append(host)
        self.while_getting_ready()
        if self.objection is not None:
            raise self.objection


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """An environment with a runner, two user classes, a foreign shape and two profiles."""
    monkeypatch.setattr("sys.argv", ["locust"])  # Locust's page reads the command line
    options = dict.fromkeys(("tags", "exclude_tags", "run_time", "num_users", "spawn_rate"))
    shapes = {name: shape_for(name, PREDICT) for name in ("smoke", "stress")}
    environment = Environment(
        user_classes=[Reader, Writer],
        available_user_classes=cast(dict[str, User], {"Reader": Reader, "Writer": Writer}),
        available_shape_classes={"Waves": Waves(), **shapes},
        parsed_options=Namespace(
            headless=False, only_summary=False, stats_history_enabled=False, **options
        ),
    )
    runner = environment.create_local_runner()
    yield environment
    runner.quit()


@pytest.fixture
def web_ui(environment: Environment) -> WebUI:
    """Locust's page, which no socket serves."""
    return environment.create_web_ui("127.0.0.1", 0, delayed_start=True)


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
def begin(environment: Environment, judge: Judge, tmp_path: Path) -> Iterator[Any]:
    """Begin a run under some rules, with a sample of each response time given."""
    begun: list[Run] = []

    def begin(*rules: str, times: tuple[float, ...] = (), planned: float | None = None) -> Run:
        description = {"description": "Of a test", "users": 2, "spawn_rate": 2}
        profile = Profile.model_validate(
            {**description, "duration": "30s", "thresholds": list(rules)}
        )
        plan = Plan(
            system="predict",
            profile_name="tiny",
            profile=profile if planned else None,
            environment=None,
            target="http://127.0.0.1",
            rules=profile.thresholds,
            planned=planned,
            results=str(tmp_path),
            seed=1,
            mix=None,
            preflight=(),
        )
        judge.run = Run(environment, plan, Recorder(environment), None, Iterations(environment))
        begun.append(judge.run)
        for ms in times:
            sample(environment, ms)
        return judge.run

    yield begin
    for run in begun:
        if not run.ended:
            run.finish(stopped_early=False)


def sample(environment: Environment, ms: float, exception: Exception | None = None) -> None:
    """A request that took so long."""
    environment.events.request.fire(
        request_type="GET",
        name="/health",
        response_time=ms,
        response_length=2,
        exception=exception,
        context={},
        start_time=1.0,
    )


def end(judge: Judge, stopped_early: bool = False) -> None:
    """End the judge's run as the suite does."""
    assert judge.run is not None
    run = judge.run
    judge.record, judge.folder, judge.run = run.finish(stopped_early), run.folder, None


def cells(judge: Judge) -> list[list[str]]:
    """The table as the page shows it, spaces made plain."""
    table = rows(judge)
    assert all(list(row) == [one.lower() for one in COLUMNS] for row in table)
    return [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row.values()] for row in table]


def plain(table: list[list[str]]) -> list[list[str]]:
    """The table without the rows that stand between thresholds and profile."""
    return [row for row in table if not row[0].startswith(("Diagnosis: ", "Generator: "))]


# -- the tab -------------------------------------------------------------------------------------


def test_before_any_run_the_rules_stand_with_their_limits(judge: Judge) -> None:
    judge.given = [thresholds.parse('p95("/predict*") <2s'), thresholds.parse("rps >= 10")]

    assert cells(judge) == [
        ["Verdict", "", "", "", "no run yet"],
        ['p95("/predict*") < 2s', "", "< 2s", "", ""],
        ["rps >= 10", "", "≥ 10/s", "", ""],
    ]


def test_a_run_without_a_request_has_no_verdict_yet(judge: Judge, begin: Any) -> None:
    begin("p95 <= 2s")

    verdict, rule, generator, _ = cells(judge)
    assert generator[0].startswith("Generator: processes one")
    assert verdict == ["Verdict so far", "", "", "", "no request yet"]
    assert rule == ["p95 <= 2s", "", "≤ 2s", "", "no samples yet"]


def test_a_run_shows_each_value_with_limit_and_margin(judge: Judge, begin: Any) -> None:
    begin("max <= 2s", "min >= 200ms", 'avg("/other") < 1s', times=(100.0, 500.0), planned=30.0)

    table = plain(cells(judge))
    assert table[:-1] == [
        ["Verdict so far", "", "", "", "✗ FAIL"],
        ["max <= 2s", "500ms", "≤ 2s", "75%", "✓ holds"],
        ["min >= 200ms", "100ms", "≥ 200ms", "-50%", "✗ broken"],
        ['avg("/other") < 1s', "", "< 1s", "", "no samples yet"],
    ]
    assert table[-1][0].startswith("Profile tiny: ")
    assert " of 30s · " in table[-1][0]
    assert table[-1][0].endswith(" · 2 requests · 0 failed")


def test_a_margin_near_zero_keeps_its_sign(judge: Judge, begin: Any) -> None:
    begin("max <= 100ms", times=(100.2,))

    assert cells(judge)[1][3] == "-0.2%"


def test_without_thresholds_the_reason_has_a_row(
    environment: Environment, judge: Judge, begin: Any
) -> None:
    begin()
    sample(environment, 1.0, ValueError("wrong"))

    assert cells(judge)[0][-1] == "✗ FAIL"
    assert cells(judge)[1][0].startswith("Reason: 1 request")


@pytest.mark.parametrize(
    ("limit", "verdict", "margin", "state"),
    [
        pytest.param("2s", "✓ PASS", "75%", "✓ holds", id="pass"),
        pytest.param("400ms", "✗ FAIL", "-25%", "✗ broken", id="fail"),
    ],
)
def test_after_the_run_limits_stay_and_the_folder_is_named(
    judge: Judge, begin: Any, limit: str, verdict: str, margin: str, state: str
) -> None:
    begin(f"max <= {limit}", times=(500.0,))
    end(judge)

    table = plain(cells(judge))
    assert table[0] == ["Verdict", "", "", "", verdict]
    assert table[1] == [f"max <= {limit}", "500ms", f"≤ {limit}", margin, state]
    assert table[2][0].startswith("Profile tiny: ")
    assert table[2][0].endswith(" · 0 users · 1 request · 0 failed")
    assert [row[0] for row in table[3:]] == [f"Results: {judge.folder}"]


def test_after_an_invalid_run_its_reasons_have_rows(judge: Judge, begin: Any) -> None:
    begin("max <= 2s", 'max("/other") <= 2s', times=(500.0,), planned=30.0)
    end(judge, stopped_early=True)

    table = cells(judge)
    assert table[0] == ["Verdict", "", "", "", "✗ INVALID"]
    assert table[1][0].startswith('Reason: the threshold max("/other") <= 2s matched no request')
    assert table[2][0].startswith("Reason: cut short after ")
    assert table[3] == ["max <= 2s", "500ms", "≤ 2s", "75%", "✓ holds"]
    assert table[4] == ['max("/other") <= 2s', "", "≤ 2s", "", "no samples"]


def test_the_page_asks_on_until_the_run_is_judged(web_ui: WebUI, judge: Judge, begin: Any) -> None:
    install(web_ui, judge)
    begin("max <= 2s", times=(500.0,))
    assert web_ui.environment.runner is not None
    assert web_ui.environment.runner.state == STATE_INIT

    assert web_ui.app is not None
    told = web_ui.app.test_client().get("/stats/requests").get_json()

    assert told["state"] == "running"
    assert told["extended_stats"] == [{"key": "gauntlet", "data": rows(judge)}]


# -- the start form ------------------------------------------------------------------------------


def press_start(web_ui: WebUI, **fields: Any) -> dict[str, Any]:
    """What the page gets told after a press on Start."""
    assert web_ui.app is not None
    answer = web_ui.app.test_client().post("/swarm", data=fields)
    told: dict[str, Any] = answer.get_json()
    return told


def press_stop(web_ui: WebUI) -> None:
    assert web_ui.app is not None
    assert web_ui.app.test_client().post("/stop").get_json()["success"]


def test_the_form_offers_profiles_with_their_numbers_and_none_first(
    web_ui: WebUI, judge: Judge
) -> None:
    shown = StartForm(web_ui, judge).shown()

    assert shown["available_shape_classes"] == [
        "Default · no profile: the users and the ramp up below",
        "Waves",
        "smoke · 5 users · 30s · Quick validation: does it answer at all",
        "stress · 100 users · 15m · High load: in steps up to the most",
    ]
    assert not shown["hide_common_options"]


@pytest.mark.parametrize("name", ["Waves", "stress"])
def test_a_shape_given_at_the_start_is_offered_first_and_runs_unless_another_is_picked(
    environment: Environment, web_ui: WebUI, judge: Judge, name: str
) -> None:
    assert environment.available_shape_classes is not None
    given = environment.available_shape_classes[name]
    environment.shape_class = given
    shown = StartForm(web_ui, judge).shown()
    install(web_ui, judge)

    assert shown["available_shape_classes"][0].split(" · ")[0] == name
    assert not any("Default" in one for one in shown["available_shape_classes"])
    assert shown["hide_common_options"]
    assert press_start(web_ui, host="")["success"]
    assert environment.shape_class is given


@pytest.mark.parametrize(
    "picked",
    ["smoke", "smoke · 5 users · 30s · Quick validation: does it answer at all"],
    ids=["by name", "by the form's label"],
)
def test_a_picked_profile_is_what_locust_runs(
    environment: Environment, web_ui: WebUI, judge: Judge, picked: str
) -> None:
    install(web_ui, judge)

    told = press_start(web_ui, shape_class=picked, host="http://127.0.0.1:1", user_classes="Reader")

    assert told["message"] == "Swarming started using shape class 'smoke'"
    assert isinstance(environment.shape_class, ProfileShape)
    assert environment.shape_class.profile == "smoke"
    assert judge.asked == ["http://127.0.0.1:1"]
    assert environment.user_classes == [Reader]


def test_the_run_gets_ready_for_the_ticked_user_classes(
    environment: Environment, web_ui: WebUI, judge: Judge
) -> None:
    environment.user_classes = [Reader]  # as an earlier run left it
    judge.objection = UsageError("stop here, before Locust selects them itself")
    install(web_ui, judge)

    press_start(web_ui, shape_class="smoke", user_classes=["Reader", "Writer"])

    assert environment.user_classes == [Reader, Writer]


def test_a_refusal_is_told_to_the_page_and_nothing_starts(
    environment: Environment, web_ui: WebUI, judge: Judge
) -> None:
    judge.objection = UsageError(["host: expected this, got that", "seed: the same"])
    install(web_ui, judge)

    told = press_start(web_ui, shape_class="smoke", host="https://guarded.example")

    message = "host: expected this, got that; seed: the same"
    assert told == {"success": False, "message": message}
    assert judge.asked == ["https://guarded.example"]
    assert environment.runner is not None
    assert environment.runner.shape_greenlet is None
    assert environment.runner.state != STATE_SPAWNING


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"shape_class": "smoek"}, "did you mean smoke?", id="unknown shape"),
        pytest.param({"spawn_rate": "0"}, "pick a profile", id="greyed out fields"),
    ],
)
def test_a_form_that_names_nothing_to_run_is_refused(
    web_ui: WebUI, judge: Judge, fields: dict[str, str], said: str
) -> None:
    install(web_ui, judge)

    told = press_start(web_ui, **fields)

    assert not told["success"]
    assert said in told["message"]
    assert judge.asked == []


def test_an_unreadable_profile_is_refused_with_its_mistakes(
    environment: Environment,
    web_ui: WebUI,
    judge: Judge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "torn.yaml").write_text("description: No numbers\n")
    monkeypatch.chdir(tmp_path)
    environment.available_shape_classes = {"torn": shape_for("torn", PREDICT)}
    install(web_ui, judge)

    assert StartForm(web_ui, judge).shown()["available_shape_classes"][1:] == [
        "torn · cannot be read"
    ]
    told = press_start(web_ui, shape_class="torn · cannot be read")
    assert not told["success"]
    assert "torn.yaml" in told["message"]
    assert judge.asked == []


def test_new_numbers_for_a_run_that_goes_on_leave_its_shape(
    environment: Environment, web_ui: WebUI, judge: Judge, begin: Any
) -> None:
    install(web_ui, judge)
    begin()
    assert environment.available_shape_classes is not None
    assert environment.runner is not None
    environment.shape_class = running = environment.available_shape_classes["smoke"]
    environment.runner.update_state(STATE_SPAWNING)

    press_start(web_ui, user_count="3", spawn_rate="1")

    assert environment.shape_class is running
    assert judge.asked == []


def test_nothing_starts_while_a_run_is_being_judged(
    environment: Environment, web_ui: WebUI, judge: Judge, begin: Any
) -> None:
    install(web_ui, judge)
    begin(times=(1.0,)).finish(stopped_early=False)

    told = press_start(web_ui, shape_class="smoke")

    assert not told["success"]
    assert "still being judged" in told["message"]
    assert environment.shape_class is None


def test_nothing_starts_while_workers_make_their_payloads(
    environment: Environment, web_ui: WebUI, judge: Judge, begin: Any
) -> None:
    install(web_ui, judge)
    begin()
    judge.beginning = True

    told = press_start(web_ui, shape_class="smoke")

    assert (told["success"], judge.asked) == (False, [])
    assert "a run is being prepared already" in told["message"]
    press_stop(web_ui)
    assert not judge.beginning


def test_a_second_start_while_the_first_gets_ready_is_refused(
    environment: Environment, web_ui: WebUI, judge: Judge
) -> None:
    install(web_ui, judge)
    second: list[Any] = []
    judge.while_getting_ready = lambda: second.append(press_start(web_ui, shape_class="stress"))

    assert press_start(web_ui, user_count="1", spawn_rate="1")["success"]

    assert len(judge.asked) == 1
    assert "a run is being prepared already" in second[0]["message"]
    judge.while_getting_ready = lambda: None
    assert press_start(web_ui, user_count="1", spawn_rate="1")["success"]


def test_a_stop_while_a_run_gets_ready_keeps_it_from_beginning(
    environment: Environment, web_ui: WebUI, judge: Judge
) -> None:
    install(web_ui, judge)
    judge.while_getting_ready = lambda: press_stop(web_ui)

    told = press_start(web_ui, user_count="1", spawn_rate="1")

    assert (told["success"], told["message"]) == (False, "stopped before the load began")
    assert environment.runner is not None
    assert environment.runner.state != STATE_SPAWNING
    judge.while_getting_ready = lambda: None
    assert press_start(web_ui, user_count="1", spawn_rate="1")["success"]


@pytest.mark.parametrize(("posted", "starts"), [("12", True), ("", True), ("-1", False)])
def test_a_posted_number_of_iterations_is_looked_at(
    web_ui: WebUI, judge: Judge, posted: str, starts: bool
) -> None:
    install(web_ui, judge)
    told = press_start(web_ui, user_count="1", spawn_rate="1", total_iterations=posted)
    assert told["success"] is starts
    assert len(judge.asked) == starts
    if not starts:
        assert told["message"].startswith("--total-iterations: expected a whole number from 1")


def test_an_empty_run_time_means_no_limit(
    environment: Environment, web_ui: WebUI, judge: Judge
) -> None:
    assert environment.parsed_options is not None
    environment.parsed_options.run_time = 60  # as an earlier run left it
    install(web_ui, judge)

    assert press_start(web_ui, user_count="1", spawn_rate="1", run_time="")["success"]

    assert environment.parsed_options.run_time is None


def test_behind_a_login_nobody_else_gets_a_run_ready(
    environment: Environment, judge: Judge
) -> None:
    web_ui = environment.create_web_ui("127.0.0.1", 0, web_login=True, delayed_start=True)
    assert web_ui.app is not None
    web_ui.app.secret_key = "of a test"
    web_ui.login_manager.user_loader(lambda _: None)
    install(web_ui, judge)

    answer = web_ui.app.test_client().post("/swarm", data={"shape_class": "smoke"})

    assert answer.status_code == 302
    assert judge.asked == []


def test_servers_have_a_tab_of_their_own_once_a_run_has_some(
    environment: Environment, web_ui: WebUI, judge: Judge, begin: Any
) -> None:
    install(web_ui, judge)
    run = begin(times=(10.0,))
    assert not webservers.wanted(judge)
    for server, ms, error in (("two", 20.0, None), ("one", 30.0, OSError()), ("two", 40.0, None)):
        environment.events.request.fire(
            request_type="GET",
            name="/health",
            response_time=ms,
            response_length=1,
            exception=error,
            context={"server": server},
        )
    assert webservers.wanted(judge)
    shown = {"server", "requests", "success", "average"}
    seen = [{key: row[key] for key in shown} for row in webservers.rows(judge)]
    assert seen == [
        {"server": "one", "requests": "1", "success": "0.00%", "average": "30.0 ms"},
        {"server": "two", "requests": "2", "success": "100.00%", "average": "30.0 ms"},
    ]
    told = web_ui.app.test_client().get("/stats/requests").get_json()  # type: ignore[union-attr]
    assert told["extended_stats"][1] == {"key": webservers.TAB, "data": webservers.rows(judge)}
    assert b'"gauntlet-servers"' in web_ui.app.test_client().get("/").data  # type: ignore[union-attr]
    judge.record, judge.run = run.finish(stopped_early=False), None
    assert webservers.rows(judge)[1]["p99"] == "40.0 ms"


def test_windows_are_judged_and_let_go_while_nobody_looks(begin: Any) -> None:
    """A long run without a page or an `abort` would otherwise keep every second to its end."""
    run = begin("p95 < 2s over 1s")
    run.start_clock()
    run._loaded -= 200
    second = Series()
    second.add_many([10.0] * 20, [1.0] * 20, 0)
    for ago in range(200, 0, -1):
        run._windows.add(Key("GET", "/health"), int(time()) - ago, second)
    kept = run._windows._sliding[run.plan.rules[0]]._seconds
    deadline = time() + 30
    while len(kept) > KEPT_S + 10 and time() < deadline:
        gevent.sleep(0.05)
    assert 0 < len(kept) <= KEPT_S + 10


def test_other_arrivals_for_a_run_that_goes_on_are_refused(
    web_ui: WebUI, judge: Judge, begin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    install(web_ui, judge)
    begin()

    told = press_start(web_ui, user_count="3", spawn_rate="1", arrivals="60/s")
    assert told["message"] == (
        "arrivals: expected those of the run that goes on, got others; stop first"
    )
    assert not told["success"]
    assert f"refused: {told['message']}" in caplog.text
    # The fields as the page fills them in where nobody asked for arrivals.
    same = {"arrivals": "", "arrivals_distribution": "constant", "max_users": ""}
    assert press_start(web_ui, user_count="3", spawn_rate="1", **same)["success"]
