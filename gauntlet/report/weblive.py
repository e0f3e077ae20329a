"""The page at /gauntlet: the report of the run that goes on, inside Locust's web interface.

    GET /gauntlet         the page, which asks again every two seconds
    GET /gauntlet/live    its sections as JSON: heading, body, fresh

Both are behind `--web-login` where Locust's own page is. Whoever looks must not disturb what is
measured: the sections are made in a thread, and so seldom that it takes a small share of the time.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Protocol

import gevent
from flask import Blueprint, Flask, Response, jsonify, make_response
from gevent.lock import RLock
from locust.web import WebUI

from gauntlet.report import html
from gauntlet.report.record import RunRecord
from gauntlet.run import Run
from gauntlet.thresholds import Threshold

PATH = "gauntlet"
FRESH_S = 1.5
"""How long a record, or sections made of it, are fresh."""
SHARE = 10
"""Making them takes at most about one part in so many of the time."""

_LINK = (
    '<a href="./gauntlet" style="position:fixed;right:16px;bottom:12px;z-index:1200;'
    "padding:6px 12px;border-radius:8px;background:#0b5cc4;color:#fff;"
    'font:600 14px system-ui,sans-serif;text-decoration:none">Gauntlet report</a>'
)
"""On Locust's page, whose tabs can hold no link."""


class Serving(Protocol):
    """What the page shows of the suite."""

    run: Run | None
    record: RunRecord | None

    def rules(self) -> list[Threshold]: ...


class Live:
    """The run that goes on, or the last one, looked at no more often than need be."""

    def __init__(self, suite: Serving) -> None:
        self._suite = suite
        self._record: tuple[Run, RunRecord, float] | None = None
        self._sections: tuple[RunRecord, dict[str, str], float] | None = None
        self._making = RLock()

    def record(self) -> RunRecord | None:
        """The record so far, some moments old at most; of the last run where none goes on."""
        run = self._suite.run
        if run is None:
            return self._suite.record
        known = self._record
        if known is None or known[0] is not run or known[2] < time.monotonic():
            begun = time.monotonic()
            known = run, run.so_far(), _until(begun)
            self._record = known
        return known[1]

    def sections(self) -> dict[str, str]:
        """What the page shows now."""
        with self._making:  # several who look get the same
            known = self._sections
            if known is not None and known[2] > time.monotonic() and self._suite.run is not None:
                return known[1]
            record, going = self.record(), self._suite.run is not None
            if record is None:
                rules = [rule.text for rule in self._suite.rules()]
                return _told("Gauntlet", html.waiting(rules), "Waiting for a run.")
            if known is not None and known[0] is record:
                return known[1]
            begun = time.monotonic()
            body = gevent.get_hub().threadpool.apply(html.body, ([record], going))
            told = _told(html.heading(record), body, _fresh(going))
            self._sections = record, told, _until(begun)
            return told


def install(web_ui: WebUI, suite: Serving) -> Live:
    """Serve the page, and lead to it from Locust's own."""
    live = Live(suite)
    options = web_ui.environment.parsed_options
    prefix = getattr(options, "web_base_path", None) or None
    blueprint = Blueprint(PATH, __name__, url_prefix=prefix)

    def guarded(view: Callable[[], Response]) -> Callable[[], Response]:
        allowed: Callable[[], Response] = web_ui.auth_required_if_enabled(view)

        @wraps(view)
        def kept_nowhere() -> Response:
            response = make_response(allowed())
            response.headers["Cache-Control"] = "no-store"
            return response

        return kept_nowhere

    @blueprint.get(f"/{PATH}")
    @guarded
    def page() -> Response:
        told = live.sections()
        return make_response(html.live_page(told["heading"], told["body"], f"{PATH}/live"))

    @blueprint.get(f"/{PATH}/live")
    @guarded
    def sections() -> Response:
        return jsonify(live.sections())

    assert isinstance(web_ui.app, Flask)
    web_ui.app.register_blueprint(blueprint)

    @web_ui.app.after_request
    def lead(response: Response) -> Response:
        if response.mimetype == "text/html" and response.status_code == 200:
            text = response.get_data(as_text=True)
            if '<div id="root">' in text and "window.templateArgs" in text:
                response.set_data(text.replace("</body>", f"{_LINK}</body>"))
        return response

    return live


def _told(heading: str, body: str, fresh: str) -> dict[str, str]:
    return {"heading": heading, "body": body, "fresh": fresh}


def _fresh(going: bool) -> str:
    at = f"{datetime.now(UTC):%H:%M:%S} UTC"
    return f"Live, as of {at}." if going else f"The run has ended; seen at {at}."


def _until(begun: float) -> float:
    """When something that was begun to be made then has been made is fresh no more."""
    now = time.monotonic()
    return now + max(FRESH_S, SHARE * (now - begun))
