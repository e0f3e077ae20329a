"""Thresholds: one rule each, parsed once, evaluated against series. Pure.

    threshold := metric [ "(" '"' glob '"' ")" ] op value [ clauses ]
               | 'recovers("' threshold '")' op duration [ clauses ]
    metric    := "fail_ratio" | "rps" | "requests" | "failures" | "avg" | "min" | "max"
               | "p" digits [ "." digits ]
               | "service_avg" | "service_max" | "service_p" digits [ "." digits ]
    op        := "<" | "<=" | ">" | ">="
    value     := duration for times    500ms, 2s, 1m
               | ratio for fail_ratio  1%, 0.01
               | rate for rps          10/s, 10
               | count for the rest    100
    clauses   := [ "in" phase ] [ "over" duration ] [ "abort" [ "after" duration ] ]

    p95("/predict*") < 2s       fail_ratio <= 1%       rps >= 10/s in steady
    p95 < 2s in steady over 10s                        fail_ratio < 50% abort after 30s
    recovers("p95 < 2s") < 30s

Rules about what the target tells of itself begin with `target("…")`: see `gauntlet.target_rules`.

In a glob only `*` is special. It is matched against the statistics name and against
`METHOD name`; the rule judges all that match as one. Without a glob it judges the whole run.

`recovers` is the time from the end of the spike, or from the start of the phase that `in` names,
until the inner rule holds in a sliding window (its `over`, else 10s) and keeps holding. Globs of
the inner rule stand in single quotes. The clauses are those of `gauntlet.clauses`; windows are
judged by `gauntlet.windows`.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from gauntlet import clauses, target_rules
from gauntlet.measure.series import Key, Series
from gauntlet.target_rules import Selector
from gauntlet.text import nearest, shown
from gauntlet.units import format_duration, parse_duration, parse_number, parse_ratio

METRICS = ("fail_ratio", "rps", "requests", "failures", "avg", "min", "max")
SERVICE_METRICS = ("service_avg", "service_max")
_RULE = re.compile(r'\s*([A-Za-z_][\w.]*)\s*(?:\(\s*"([^"]*)"\s*\))?\s*(<=|>=|<|>)\s*(.+?)\s*')
_TAIL = re.compile(r"\s*(<=|>=|<|>)\s*(.+?)\s*")
_PERCENTILE = re.compile(r"(service_)?p([0-9]{1,2}(?:\.[0-9]{1,6})?|100)")
_COMPARE = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}

Kind = Literal["time", "ratio", "rate", "count", "target"]

TARGET = "target."
"""What metrics of the target begin with: `target.slope`."""

RECOVERS = "recovers"


@dataclass(frozen=True)
class Threshold:
    """One parsed rule; `limit` in seconds, 0 to 1, requests per second, or requests.

    `text` is the rule in its canonical spelling, `parse` of it the same rule.
    """

    text: str
    metric: str
    glob: str | None
    op: str
    limit: float
    phase: str | None = None
    over: int | None = None
    """Seconds of its windows."""
    abort: float | None = None
    """Second of the run from which breaking it ends the run."""
    inner: "Threshold | None" = None
    """The rule that has to hold again, of `recovers`."""
    selector: Selector | None = None
    """Which series of the target it is about; None for a rule about requests."""
    unit: str = ""
    """What a limit on the target's figures was written in."""

    @property
    def stat(self) -> str:
        """The figure of the target's series that it judges."""
        return self.metric.removeprefix(TARGET)

    @property
    def subject(self) -> tuple[object, ...]:
        """What the rule is about; a rule given by hand replaces a profile's of the same subject."""
        glob = self.inner.subject if self.inner else self.glob
        return self.metric, glob, self.phase, self.over

    @property
    def windowed(self) -> bool:
        """Whether windows of time are judged, not the whole run or phase at once."""
        return self.over is not None or self.inner is not None

    @property
    def kind(self) -> Kind:
        """What the metric's values are."""
        return "target" if self.selector else _kind(self.metric)

    @property
    def quantile(self) -> float | None:
        """The percentile it reads (0 to 100); None for another metric."""
        match = _PERCENTILE.fullmatch(self.inner.metric if self.inner else self.metric)
        return float(match[2]) if match else None

    @property
    def needs(self) -> int:
        """Requests under which the percentile is just the maximum; 1 for another metric."""
        quantile = self.quantile
        if quantile is None or quantile >= 100:
            return 1
        return math.ceil(100 / (100 - Fraction(str(quantile))))

    def matches(self, key: Key) -> bool:
        """Whether a series is one of those that the rule judges."""
        if self.phase is not None and key.phase != self.phase:
            return False
        if self.glob is None:
            return True
        pattern = ".*".join(map(re.escape, self.glob.split("*")))
        names = key.name, f"{key.method} {key.name}"
        return any(re.fullmatch(pattern, name, re.DOTALL) for name in names)

    def show(self, value: float) -> str:
        """A value of this metric as people read it; in full where it would look like the limit."""
        if math.isinf(value):
            return "not recovered"
        text, limit = self._show(value), self._show(self.limit)
        return self._show_all(value) if text == limit and value != self.limit else text

    def _show(self, value: float) -> str:
        match self.kind:
            case "time":
                return format_duration(value)
            case "ratio":
                return f"{value * 100:.3g}%"
            case "target":
                return target_rules.show(value, self.unit)
            case "rate":
                return f"{value:.4g}/s" if value < 1000 else f"{value:.0f}/s"
            case _:
                return f"{value:.0f}"

    def _show_all(self, value: float) -> str:
        if self.selector is not None:
            return target_rules.show(value, self.unit, in_full=True)
        factor, unit = {"time": (1000, "ms"), "ratio": (100, "%"), "rate": (1, "/s")}.get(
            self.kind, (1, "")
        )
        return f"{value * factor:.9g}{unit}"


@dataclass(frozen=True)
class Check:
    """What became of a threshold: `value` is None where nothing matched."""

    threshold: Threshold
    value: float | None
    samples: int
    silent: int = 0
    """Requests that it matched where it has no value since none of them told a response time."""

    @property
    def held(self) -> bool:
        """Whether the rule matched something and held."""
        return self.value is not None and holds(self.threshold, self.value)

    @property
    def margin(self) -> float | None:
        """How far inside its limit the value is, as a share of the limit; negative beyond it.

        None without a value, and at a limit of 0, which has no shares.
        """
        limit = self.threshold.limit
        if self.value is None or not limit or math.isinf(self.value):
            return None
        share = (limit - self.value) / limit
        return -share if self.threshold.op.startswith(">") else share


def parse(text: object) -> Threshold:
    """The rule that `text` says; ValueError with what was expected where it says none."""
    body, found = clauses.split(text) if isinstance(text, str) else (text, clauses.Clauses())
    rule = _parse_body(body)
    if rule.selector and found.over:
        raise ValueError(f"expected no window in a rule about the target, got {shown(text)}")
    if rule.inner and found.over:
        raise ValueError(f"expected the window in the inner rule, got {shown(text)}")
    return replace(
        rule, text=f"{rule.text}{found}", phase=found.phase, over=found.over, abort=found.abort
    )


def _parse_body(text: object) -> Threshold:
    about_target = target_rules.parse_head(text) if isinstance(text, str) else None
    if about_target is not None:
        return _parse_target(*about_target)
    match = _RULE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        example = "a threshold such as 'p95(\"/predict*\") < 2s'"
        raise ValueError(f"expected {example}, got {shown(text)}")
    metric, glob, op, value = match.groups()
    if metric == RECOVERS:
        return _parse_recovery(glob, op, value)
    percentile = _PERCENTILE.fullmatch(metric)
    if percentile:
        # p95.0 is about what p95 is about
        metric = f"{percentile[1] or ''}p{float(percentile[2]):.12g}"
    elif metric not in METRICS + SERVICE_METRICS:
        percentiles = "p50", "p95", "p99", "service_p50", "service_p95", "service_p99"
        hint = nearest(metric, [*METRICS, *percentiles, *SERVICE_METRICS, RECOVERS])
        raise ValueError(f"expected a metric ({', '.join(METRICS)}, pNN), got {metric!r}{hint}")
    limit = _parse_limit(metric, value)
    subject = metric if glob is None else f'{metric}("{glob}")'
    return Threshold(f"{subject} {op} {' '.join(value.split())}", metric, glob, op, limit)


def _parse_recovery(rule: str | None, op: str, value: str) -> Threshold:
    inner = parse((rule or "").replace("'", '"'))
    if inner.inner or inner.phase or inner.abort is not None:
        raise ValueError(f"expected a rule with a window at most, got {shown(rule)}")
    if op.startswith(">"):
        raise ValueError(f"expected < or <=, got {op!r}")
    quoted = inner.text.replace('"', "'")
    text = f'{RECOVERS}("{quoted}") {op} {" ".join(value.split())}'
    return Threshold(text, RECOVERS, quoted, op, parse_duration(value), inner=inner)


def override(rules: list[Threshold], by: list[Threshold]) -> list[Threshold]:
    """`rules` without those whose subject `by` names, then `by`."""
    named = {rule.subject for rule in by}
    return [rule for rule in rules if rule.subject not in named] + by


def _parse_target(head: target_rules.Head, rest: str) -> Threshold:
    match = _TAIL.fullmatch(rest)
    if match is None:
        raise ValueError(f"expected an operator and a value behind the figure, got {shown(rest)}")
    op, value = match.groups()
    limit = target_rules.parse_limit(head.stat, value)
    text = f'target("{head.selector}").{head.stat} {op} {" ".join(value.split())}'
    metric, glob = f"{TARGET}{head.stat}", str(head.selector)
    return Threshold(text, metric, glob, op, limit.value, selector=head.selector, unit=limit.unit)


Figures = Callable[[Threshold], tuple[float | None, int]]
"""A value that is not read from whole series, and from how many requests, or values of the
target, it is made."""


def evaluate(
    rules: list[Threshold], series: Mapping[Key, Series], figures: Figures | None = None
) -> list[Check]:
    """Each rule against the series it matches; `figures` tells what windows and the target hold."""
    found = [_evaluate(rule, series, figures) for rule in rules]
    return [
        replace(one, silent=_silent(one.threshold, series)) if one.value is None else one
        for one in found
    ]


def _evaluate(rule: Threshold, series: Mapping[Key, Series], figures: Figures | None) -> Check:
    if rule.windowed or rule.selector is not None:
        return Check(rule, *(figures(rule) if figures else (None, 0)))
    judged = Series.merged(one for key, one in series.items() if rule.matches(key))
    samples = samples_of(rule, judged)
    return Check(rule, value_of(rule, judged) if samples else None, samples)


def _silent(rule: Threshold, series: Mapping[Key, Series]) -> int:
    """Requests that a rule about times matches, where none of them told its own."""
    about = replace(rule.inner, phase=rule.phase) if rule.inner else rule
    if about.kind != "time":
        return 0
    matched = Series.merged(one for key, one in series.items() if about.matches(key))
    return 0 if matched.timed else matched.requests


def samples_of(rule: Threshold, series: Series) -> int:
    """Requests that the figure is made of: where it is a time, those that told theirs."""
    return series.timed if rule.kind == "time" else series.requests


def value_of(rule: Threshold, series: Series) -> float:
    """What the rule judges of a series."""
    if rule.quantile is not None and rule.metric.startswith("service_"):
        return series.service_percentiles_ms([rule.quantile])[rule.quantile] / 1000
    if rule.quantile is not None:
        return series.percentile_ms(rule.quantile) / 1000
    if rule.kind == "time":
        return float(getattr(series, f"{rule.metric}_ms")) / 1000
    return float(getattr(series, rule.metric))


def holds(rule: Threshold, value: float) -> bool:
    """Whether a value is within the rule's limit."""
    return bool(_COMPARE[rule.op](value, rule.limit))


def broke_by_itself(rule: Threshold, series: Mapping[Key, Series]) -> bool:
    """Whether a rule that broke would have done so if no arrival had waited or been dropped.

    Fewer arrivals than wanted spare the target; but they lower what a rule wants more of, and what
    waits for a user makes response times longer. There the service times must be over the limit.
    """
    if rule.op.startswith(">") or rule.inner:
        return False
    if rule.kind != "time" or rule.metric.startswith("service_"):
        return True
    if rule.metric == "min":
        return False
    [check] = evaluate([replace(rule, metric=f"service_{rule.metric}", over=None)], series)
    return check.value is not None and not check.held


def _kind(metric: str) -> Kind:
    others: dict[str, Kind] = {
        "fail_ratio": "ratio",
        "rps": "rate",
        "requests": "count",
        "failures": "count",
    }
    return others.get(metric, "time")


def _parse_limit(metric: str, value: str) -> float:
    kind = _kind(metric)
    if kind == "time":
        return parse_duration(value)
    if kind == "ratio":
        return parse_ratio(value)
    suffix, example = ("/s", "a rate such as 10/s") if kind == "rate" else ("", "a count such as 5")
    try:
        return parse_number(value, suffix)
    except ValueError:
        raise ValueError(f"expected {example}, got {shown(value)}") from None
