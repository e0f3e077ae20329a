"""What Locust's own web page shows of the suite: the profiles to start and the Gauntlet tab, live.

Nothing of the page is replaced. It draws tables that it is told of (`extended_tabs`,
`extended_tables`) from rows that come along with its statistics (`extended_stats`), and its start
form offers the shapes that it is told of. The tab's columns:

    Threshold     Value    Limit    Margin    State
    p95 <= 2s     84ms     ≤ 2s     96%       ✓ holds

`gauntlet.report.webservers` has the second tab, `gauntlet.report.weblive` the page at /gauntlet.
"""

import logging
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from flask import Flask, Response, before_render_template, jsonify, request
from locust import LoadTestShape, User
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING, MasterRunner
from locust.web import WebUI
from werkzeug.datastructures import ImmutableMultiDict

from gauntlet import option_group, options, thresholds
from gauntlet.errors import GauntletError, UsageError
from gauntlet.report import progress, weblines, weblive, webservers
from gauntlet.report.record import RunRecord, ThresholdResult
from gauntlet.run import Run
from gauntlet.shape import ProfileShape
from gauntlet.text import counted, nearest
from gauntlet.thresholds import Threshold
from gauntlet.units import format_duration

logger = logging.getLogger(__name__)

TAB = "gauntlet"
COLUMNS = ("Threshold", "Value", "Limit", "Margin", "State")

DEFAULT = "Default"
"""Locust's word for no shape in the start form."""
NO_PROFILE = f"{DEFAULT} · no profile: the users and the ramp up below"

Row = dict[str, str]

_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
_TOGETHER = "\N{NO-BREAK SPACE}"
_MARKS = {"PASS": "✓ PASS", "FAIL": "✗ FAIL", "INVALID": "✗ INVALID"}


class Judging(Protocol):
    """What the page shows of the suite."""

    run: Run | None
    record: RunRecord | None
    folder: Path | None

    beginning: bool

    def rules(self) -> list[Threshold]: ...
    def give_up(self) -> None: ...
    def get_ready(self, host: str | None) -> None: ...


def install(web_ui: WebUI, suite: Judging) -> None:
    """Add the tab and feed it; let the start form offer profiles and say why a start is refused."""
    web_ui.template_args |= _tabs(suite)
    web_ui.userclass_picker_is_active = True  # where profiles are picked
    app, form = cast(Flask, web_ui.app), StartForm(web_ui, suite)
    live = weblive.install(web_ui, suite)

    @app.before_request
    def check_start() -> Response | None:
        asked = request.path.rsplit("/", 1)[-1] if request.method == "POST" else ""
        if asked not in ("swarm", "stop"):
            return None
        denied = cast(Response | None, web_ui.auth_required_if_enabled(lambda: None)())
        if denied is not None:
            return denied
        if asked == "swarm":
            return form.check()
        form.stop()
        return None

    def offer_profiles(_: Flask, context: dict[str, Any], **__: Any) -> None:
        if "template_args" in context:
            context["template_args"] = context["template_args"] | form.shown() | _tabs(suite)

    before_render_template.connect(offer_profiles, app, weak=False)

    @app.after_request
    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            data = response.get_json()
            data["extended_stats"] = [{"key": TAB, "data": rows(suite, live.record())}]
            if webservers.wanted(suite):
                servers = {"key": webservers.TAB, "data": webservers.rows(suite)}
                data["extended_stats"].append(servers)
            if suite.run is not None and data["state"] != STATE_SPAWNING:
                # The page stops asking once it reads of another state, a passing one too, and
                # would never see the verdict of a run that is still being judged.
                data["state"] = STATE_RUNNING
            response.set_data(jsonify(data).get_data())
        return response


def _tabs(suite: Judging) -> dict[str, Any]:
    """What the page reads when it is loaded: its tabs, and the columns of their tables."""
    titles, columns = {TAB: "Gauntlet"}, {TAB: {one.lower(): one for one in COLUMNS}}
    if webservers.wanted(suite):
        titles[webservers.TAB], columns[webservers.TAB] = webservers.TITLE, webservers.COLUMNS
    return {
        "extended_tabs": [{"title": title, "key": tab} for tab, title in titles.items()],
        "extended_tables": [
            {"key": tab, "structure": [{"key": key, "title": one} for key, one in table.items()]}
            for tab, table in columns.items()
        ],
    }


class StartForm:
    """The form's list of shapes, and what pressing its button means.

    The list's first entry is what runs if nothing is picked: the shape that the command line or
    the locustfile chose, else none.
    """

    def __init__(self, web_ui: WebUI, suite: Judging) -> None:
        self._web_ui = web_ui
        self._suite = suite
        self._environment: Environment = web_ui.environment
        self._first = self._chosen()
        self._preparing = self._stopped = False

    def shown(self) -> dict[str, Any]:
        """What the page is told: profiles with their numbers, smallest first."""
        chosen = self._shapes.get(self._first)
        return {
            "available_shape_classes": list(self._labels()),
            "hide_common_options": chosen is not None and not chosen.use_common_options,
        }

    def check(self) -> Response | None:
        """Get the run ready that the form asks for; the refusal, where something is wrong."""
        run = self._suite.run
        try:
            if self._preparing or self._suite.beginning:
                raise UsageError("a run is being prepared already; stop it, or wait for it")
            if run is None:
                self._prepare()
            elif run.ended:
                raise UsageError("the last run is still being judged; start again in a moment")
            else:
                self._keep()
        except GauntletError as error:
            message = "; ".join(error.mistakes)
            if run is not None:  # the page's Edit closes without a word; its tab Logs has this
                logger.warning("refused: %s", message)
            return jsonify({"success": False, "message": message})
        return None

    def stop(self) -> None:
        """Stop what is being prepared; Locust stops the rest."""
        self._stopped = True
        self._suite.give_up()

    def _keep(self) -> None:
        """Take new numbers for a run that goes on: it keeps its shape, host and arrivals."""
        if request.form.get("host") not in (None, "", self._environment.host):
            raise UsageError("host: expected that of the run that goes on, got another; stop first")
        if self._open_model(request.form) != self._open_model({}):
            raise UsageError(
                "arrivals: expected those of the run that goes on, got others; stop first"
            )
        self._pick(self._chosen())

    def _open_model(self, form: Mapping[str, str]) -> tuple[options.Arrivals | None, int | None]:
        """Arrivals and most users as the form says, else as was said before; UsageError where
        either cannot be made."""
        held = self._environment.parsed_options
        said = {one: form.get(one, getattr(held, one, None)) for one in option_group.ON_THE_PAGE}
        return options.arrivals(Namespace(**said)), options.max_users(Namespace(**said))

    def _prepare(self) -> None:
        runner = self._environment.runner
        if isinstance(runner, MasterRunner) and not runner.worker_count:
            raise UsageError(
                "workers: expected one that is ready, got none; start again when it is"
            )
        picked = request.form.get("shape_class", DEFAULT)
        name = self._first if picked == DEFAULT else self._labels().get(picked, picked)
        shape = self._shapes.get(name)
        if shape is None and name != DEFAULT:
            hint = nearest(name, self._shapes)
            raise UsageError(f"shape class: expected a profile or a shape, got {name!r}{hint}")
        if shape is None and request.form.get("spawn_rate") == "0":
            # The page left its fields greyed out after a run with a shape.
            raise UsageError(
                f"shape class: pick a profile, or one and {DEFAULT} again to type users"
            )
        if isinstance(shape, ProfileShape):
            _ = shape.plan  # read now: a mistake in it is said on the page
        options.check_total(request.form.get("total_iterations"))
        self._open_model(request.form)
        self._pick(name)
        self._forget_run_time()
        self._take_user_classes()
        self._preparing, self._stopped = True, False
        try:
            self._suite.get_ready(request.form.get("host") or None)
        finally:
            self._preparing = False
        if self._stopped:
            raise UsageError("stopped before the load began")

    def _pick(self, name: str) -> None:
        """Hand Locust its own name of the shape in place of the label."""
        fields = request.form.copy()
        fields["shape_class"] = name
        request.form = ImmutableMultiDict(fields)

    def _forget_run_time(self) -> None:
        """An empty run time means no limit; Locust would keep the last one's number."""
        options = self._environment.parsed_options
        if options is not None and not request.form.get("run_time"):
            options.run_time = None

    def _take_user_classes(self) -> None:
        """Select what Locust is about to select, so that the run gets ready for just these."""
        names = request.form.getlist("user_classes")
        known = cast(dict[str, type[User]], self._environment.available_user_classes or {})
        self._environment.user_classes = [
            user for name, user in known.items() if not names or name in names
        ]

    @property
    def _shapes(self) -> dict[str, LoadTestShape]:
        return self._environment.available_shape_classes or {}

    def _chosen(self) -> str:
        """The name of the shape that drives the users."""
        shape = self._environment.shape_class
        return next((name for name, one in self._shapes.items() if one is shape), DEFAULT)

    def _labels(self) -> dict[str, str]:
        """Each entry of the list with the name that it stands for."""
        shapes = dict(self._shapes)
        chosen = shapes.pop(self._first, None)
        first = NO_PROFILE if chosen is None else label(self._first, chosen)
        return {first: self._first} | {label(name, one): name for name, one in shapes.items()}


def label(name: str, shape: LoadTestShape) -> str:
    """A shape as the start form lists it."""
    if not isinstance(shape, ProfileShape):
        return name
    try:
        plan = shape.plan
    except GauntletError:
        return f"{name} · cannot be read"
    numbers = f"{plan.numbers} · {format_duration(plan.duration)}"
    return f"{name} · {numbers} · {' '.join(plan.description.split())}"


def rows(suite: Judging, seen: RunRecord | None = None) -> list[Row]:
    """The tab's table: the verdict so far, why, each threshold, what else is known, the run.

    `seen` is a record of the run that goes on; without one it is asked for now.
    """
    if suite.run is not None:
        return _running(suite.run, seen or suite.run.so_far())
    if suite.record is not None:
        return _ended(suite.record, suite.folder)
    rules = [_row(rule.text, limit=_limit(rule)) for rule in suite.rules()]
    return [_row("Verdict", state="no run yet"), *rules]


def _running(run: Run, record: RunRecord) -> list[Row]:
    plan, moment = run.plan, run.moment()
    verdict = _MARKS[record.outcome.verdict] if moment.requests else "no request yet"
    line = progress.line(moment, plan.planned, plan.profile)
    return [
        _row("Verdict so far", state=verdict),
        *_reasons(record.outcome.reasons, [one.rule for one in record.thresholds]),
        *(_result(one, "no samples yet") for one in record.thresholds),
        *map(_row, weblines.lines(record)),
        _row(f"{_title(plan.profile_name)}: {line}"),
    ]


def _ended(record: RunRecord, folder: Path | None) -> list[Row]:
    return [
        _row("Verdict", state=_MARKS[record.outcome.verdict]),
        *_reasons(record.outcome.reasons, [one.rule for one in record.thresholds]),
        *(_result(one, "no samples") for one in record.thresholds),
        *map(_row, weblines.lines(record)),
        _row(f"{_title(record.profile)}: {_whole(record)}"),
        _row(f"Results: {folder}"),
    ]


def _reasons(reasons: Sequence[str], rules: Sequence[str]) -> list[Row]:
    """Reasons that no threshold's own row tells."""
    return [_row(f"Reason: {one}") for one in reasons if not one.startswith(tuple(rules))]


def _result(result: ThresholdResult, missing: str) -> Row:
    return _row(
        result.rule,
        result.shown if result.samples else "",
        _limit(thresholds.parse(result.rule)),
        _margin(result.margin),
        _state(result.held, result.samples or None, missing),
    )


def _row(
    threshold: str, value: str = "", limit: str = "", margin: str = "", state: str = ""
) -> Row:
    narrow = [cell.replace(" ", _TOGETHER) for cell in (value, limit, margin, state)]
    return dict(zip(map(str.lower, COLUMNS), [threshold, *narrow], strict=True))


def _title(profile: str | None) -> str:
    return "No profile" if profile is None else f"Profile {profile}"


def _whole(record: RunRecord) -> str:
    lasted = format_duration(round(record.duration))
    parts = [
        lasted if record.planned is None else f"{lasted} of {format_duration(record.planned)}",
        counted(record.peak_users, "user"),
        counted(record.total.requests, "request"),
        f"{record.total.failures} failed",
    ]
    return " · ".join(parts)


def _limit(rule: Threshold) -> str:
    return f"{_SIGNS[rule.op]} {rule.show(rule.limit)}"


def _margin(margin: float | None) -> str:
    """Whole percents, tenths near 0: a broken rule has no margin of `-0%`."""
    return "" if margin is None else f"{margin:.0%}" if abs(margin) >= 0.01 else f"{margin:.1%}"


def _state(held: bool, value: float | None, missing: str) -> str:
    return missing if value is None else "✓ holds" if held else "✗ broken"
