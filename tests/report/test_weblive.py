"""The page at /gauntlet, asked as a browser asks it."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from locust.env import Environment
from locust.web import WebUI

from gauntlet import thresholds
from gauntlet.report import weblive
from tests.report.test_webtab import (  # noqa: F401  # fixtures
    Judge,
    begin,
    end,
    environment,
    judge,
    sample,
    web_ui,
)


@pytest.fixture
def client(web_ui: WebUI, judge: Judge) -> Iterator[FlaskClient]:  # noqa: F811
    weblive.install(web_ui, judge)
    assert web_ui.app is not None
    yield web_ui.app.test_client()


def told(client: FlaskClient) -> dict[str, str]:
    answer = client.get("/gauntlet/live")
    assert answer.headers["Cache-Control"] == "no-store"
    found: dict[str, str] = answer.get_json()
    return found


def test_before_any_run_it_shows_the_rules_that_will_judge(
    client: FlaskClient,
    judge: Judge,  # noqa: F811
) -> None:
    judge.given = [thresholds.parse('p95("/<b>*") < 2s')]
    page = client.get("/gauntlet").text
    assert "No run yet" in page
    assert "<code>p95(&#34;/&lt;b&gt;*&#34;) &lt; 2s</code>" in page
    assert "connect-src &#39;self&#39;" in page
    assert 'data-live="gauntlet/live"' in page


def test_a_run_is_shown_as_it_goes_and_when_it_has_ended(
    client: FlaskClient,
    environment: Environment,  # noqa: F811
    judge: Judge,  # noqa: F811
    begin: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weblive, "FRESH_S", 0.0)
    monkeypatch.setattr(weblive, "SHARE", 0)
    begin("max <= 2s", times=(500.0,))
    assert "so far" in told(client)["body"]
    assert "<dd>1</dd>" in told(client)["body"]
    sample(environment, 700.0)
    assert "<dd>2</dd>" in told(client)["body"]
    assert told(client)["fresh"].startswith("Live, as of ")
    end(judge)
    last = told(client)
    assert "so far" not in last["body"]
    assert last["heading"] == "PASS · predict · tiny"
    assert last["fresh"].startswith("The run has ended")


def test_several_who_look_cost_no_more_than_one(
    client: FlaskClient,
    environment: Environment,  # noqa: F811
    begin: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weblive, "FRESH_S", 60.0)
    begin("max <= 2s", times=(500.0,))
    first = told(client)
    sample(environment, 700.0)
    assert told(client) == first


def test_it_is_behind_the_login_where_there_is_one(
    environment: Environment,  # noqa: F811
    judge: Judge,  # noqa: F811
) -> None:
    page = environment.create_web_ui("127.0.0.1", 0, web_login=True, delayed_start=True)
    assert page.app is not None
    page.app.secret_key = "of a test"
    page.login_manager.user_loader(lambda _: None)
    weblive.install(page, judge)
    for path in ("/gauntlet", "/gauntlet/live"):
        answer = page.app.test_client().get(path)
        assert answer.status_code == 302
        assert "login" in answer.headers["Location"]


def test_it_lies_under_the_base_path_and_locusts_page_leads_to_it(
    environment: Environment,  # noqa: F811
    judge: Judge,  # noqa: F811
) -> None:
    assert environment.parsed_options is not None
    environment.parsed_options.web_base_path = "/load"
    page = environment.create_web_ui("127.0.0.1", 0, web_base_path="/load", delayed_start=True)
    weblive.install(page, judge)
    assert page.app is not None
    client = page.app.test_client()
    assert client.get("/load/gauntlet").status_code == 200
    assert client.get("/gauntlet").status_code == 404
    assert client.get("/load/").text.count('<a href="./gauntlet"') == 1
    assert '<a href="./gauntlet"' not in client.get("/load/gauntlet").text
