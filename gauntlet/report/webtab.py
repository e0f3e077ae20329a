"""The Gauntlet tab in Locust's own web page, live, and the page's refusals.

Locust's page draws tables that it is told of (`extended_tabs`, `extended_tables`) from rows that
come along with its statistics (`extended_stats`).
"""

from typing import Any, Protocol, cast

from flask import Flask, Response, jsonify, request
from locust.web import WebUI

from gauntlet.errors import GauntletError
from gauntlet.report.record import RunRecord
from gauntlet.run import Run
from gauntlet.thresholds import Check, Threshold

TAB = "gauntlet"


class Judging(Protocol):
    """What the tab shows of the suite."""

    run: Run | None
    record: RunRecord | None

    def rules(self) -> list[Threshold]: ...
    def get_ready(self, host: str | None) -> None: ...
    @property
    def shape(self) -> object | None: ...


def install(web_ui: WebUI, suite: Judging) -> None:
    """Add the tab, feed it, and let the start button say why a start is refused."""
    if suite.shape is None:  # else the profile is given, and the form has nothing to pick
        web_ui.userclass_picker_is_active = True
    web_ui.template_args["extended_tabs"] = [{"title": "Gauntlet", "key": TAB}]
    web_ui.template_args["extended_tables"] = [
        {
            "key": TAB,
            "structure": [
                {"key": "rule", "title": "Threshold"},
                {"key": "value", "title": "Value"},
                {"key": "limit", "title": "Limit"},
                {"key": "margin", "title": "Margin"},
                {"key": "state", "title": "State"},
            ],
        }
    ]

    app = cast(Flask, web_ui.app)

    @app.before_request
    def refuse_start() -> Response | None:
        if request.path.rsplit("/", 1)[-1] != "swarm" or request.method != "POST":
            return None
        if suite.run is not None:
            return None
        _forget_run_time(web_ui)
        try:
            suite.get_ready(request.form.get("host") or None)
        except GauntletError as error:
            return jsonify({"success": False, "message": "; ".join(error.mistakes)})
        return None

    @app.after_request
    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            data = response.get_json()
            data["extended_stats"] = [{"key": TAB, "data": rows(suite)}]
            response.set_data(jsonify(data).get_data())
        return response


def rows(suite: Judging) -> list[dict[str, Any]]:
    """The tab's table: the verdict so far, why, then each threshold."""
    if suite.run is not None:
        judgement, checks = suite.run.judgement(), suite.run.checks()
        found = [_row("Verdict so far", judgement.verdict.value)]
        return found + [_row("", reason) for reason in judgement.reasons] + _checks(checks)
    if suite.record is not None:
        outcome = suite.record.outcome
        found = [_row("Verdict", outcome.verdict)]
        found += [_row("", reason) for reason in outcome.reasons]
        return found + [
            _row(one.rule, one.shown, str(one.rule), _margin(one.margin), _state(one.held))
            for one in suite.record.thresholds
        ]
    return [_row("Verdict", "no run yet")] + [_row(rule.text) for rule in suite.rules()]


def _checks(checks: list[Check]) -> list[dict[str, Any]]:
    return [
        _row(
            check.threshold.text,
            "—" if check.value is None else check.threshold.show(check.value),
            f"{check.threshold.op} {check.threshold.show(check.threshold.limit)}",
            _margin(check.margin),
            _state(check.held) if check.value is not None else "no samples yet",
        )
        for check in checks
    ]


def _row(
    rule: str, value: str = "", limit: str = "", margin: str = "", state: str = ""
) -> dict[str, Any]:
    return {"rule": rule, "value": value, "limit": limit, "margin": margin, "state": state}


def _margin(margin: float | None) -> str:
    return "" if margin is None else f"{margin * 100:.0f}%"


def _state(held: bool) -> str:
    return "✓ holds" if held else "✗ broken"


def _forget_run_time(web_ui: WebUI) -> None:
    """An empty run time in the form means no limit; Locust would keep the last one's number."""
    options = web_ui.environment.parsed_options
    if options is not None and not request.form.get("run_time"):
        options.run_time = None
