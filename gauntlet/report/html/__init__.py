"""One HTML file that shows a run, or several over each other, from their records alone.

It asks for nothing outside itself: style, script, charts and pictures are in it. Every text is
escaped, for names and failures come from targets, and a policy lets the browser run this script
and no other. `body` is what the live page in Locust's web interface shows as well.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from gauntlet import __version__
from gauntlet.report.html import curves, facts, tables
from gauntlet.report.record import RunRecord

WAITING = "WAITING"
"""In place of a verdict, before the first request."""

_MARKS = {"PASS": "✓", "FAIL": "✗", "INVALID": "!"}
_STATES = {
    "held": ("✓", "holds"),
    "broken": ("✗", "broken"),
    "missing": ("!", "no samples"),
    "waiting": ("…", "no samples yet"),
}


def write(records: Sequence[RunRecord], path: Path) -> None:
    """Write the report of a run, with further runs laid over its percentiles."""
    path.write_text(page(records), encoding="utf-8")


def page(records: Sequence[RunRecord]) -> str:
    """The whole report; the first record is what it is about."""
    return _page(heading(records[0]), Markup(body(records)))


def live_page(heading: str, body: str, source: str) -> str:
    """The page of a run that goes on; it asks `source` for news."""
    return _page(heading, Markup(body), source)


def heading(record: RunRecord) -> str:
    """What stands in the window's title."""
    return f"{record.outcome.verdict} · {facts.title(record)}"


def body(records: Sequence[RunRecord], live: bool = False) -> str:
    """The sections; `live` where the first record's run still goes on."""
    record = records[0]
    names = facts.run_names(records)
    verdict, mark = record.outcome.verdict, _MARKS.get(record.outcome.verdict, "!")
    if live and not record.total.requests:
        verdict, mark = WAITING, "…"
    return (
        _templates()
        .get_template("body.html")
        .render(
            live=live,
            verdict=verdict,
            mark=mark,
            title=facts.title(record),
            target=record.aimed_at,
            when=f"{record.started:%Y-%m-%d %H:%M} UTC",
            lasted=facts.ago(record),
            reasons=facts.reasons(record),
            said=_said(record, live),
            headline=facts.headline(record),
            diagnosis=record.diagnosis,
            runs=tables.compared(records, names),
            rules=[tables.rule(one, live) for one in record.thresholds],
            marks={state: mark for state, (mark, _) in _STATES.items()},
            states={state: text for state, (_, text) in _STATES.items()},
            full=tables.FULL,
            over_time=curves.over_time(record),
            by_endpoint=curves.by_endpoint(record),
            percentiles=curves.percentiles(records, names) if record.total.requests else [],
            tables=[*tables.all_statistics(record), tables.transfer(record)]
            if record.endpoints
            else [],
            arrivals=facts.arrivals(record),
            service=tables.service(record),
            outcomes=tables.outcomes(record),
            failures=tables.failures(record),
            preflight=record.preflight,
            slowest=tables.slowest(record),
            sections=record.sections,
            target_metrics=curves.target_metrics(record),
            generator=facts.generator(record),
            surroundings=facts.surroundings(record),
            mix=facts.mix(record),
        )
    )


def waiting(rules: Sequence[str]) -> str:
    """The sections where no run was started yet."""
    return _templates().get_template("waiting.html").render(rules=rules)


def _said(record: RunRecord, live: bool) -> str:
    if live and not record.total.requests:
        return "No request yet."
    if not record.thresholds:
        return "No threshold judges this run; nothing failed."
    return "Every threshold holds so far." if live else "All thresholds met."


def _page(heading: str, body: Markup, source: str = "") -> str:
    style, script = _style(), _text("page.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "img-src data:",
            "connect-src 'self'" if source else "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return (
        _templates()
        .get_template("page.html")
        .render(
            heading=heading,
            body=body,
            style=Markup(style),
            script=Markup(script),
            policy=policy,
            live=source,
            version=__version__,
        )
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("gauntlet.report.html"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    """The style; dark by the reader's wish or by that of the browser, never on paper."""
    dark = _text("dark.css")
    rules = (
        "@media screen and (prefers-color-scheme: dark) {"
        f' :root:not([data-theme="light"]) {{ {dark} }}'
        ' :root:not([data-theme="light"]) .only-light { display: none; }'
        ' :root:not([data-theme="light"]) .only-dark { display: inline; } }'
        f' @media screen {{ :root[data-theme="dark"] {{ {dark} }}'
        ' [data-theme="dark"] .only-light { display: none; }'
        ' [data-theme="dark"] .only-dark { display: inline; } }'
    )
    return _text("page.css") + rules


def _text(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"
