"""Thresholds: one rule each, parsed once, evaluated against series. Pure.

    threshold := metric [ "(" '"' glob '"' ")" ] op value
    metric    := "fail_ratio" | "rps" | "requests" | "failures" | "avg" | "min" | "max"
               | "p" digits [ "." digits ]
               | "service_avg" | "service_max" | "service_p" digits [ "." digits ]
    op        := "<" | "<=" | ">" | ">="
    value     := duration for times    500ms, 2s, 1m
               | ratio for fail_ratio  1%, 0.01
               | rate for rps          10/s, 10
               | count for the rest    100

    p95("/predict*") < 2s       fail_ratio <= 1%       rps >= 10/s

In a glob only `*` is special. It is matched against the statistics name and against
`METHOD name`; the rule judges all that match as one. Without a glob it judges the whole run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gauntlet.measure.series import Key, Series
from gauntlet.text import nearest, shown
from gauntlet.units import format_duration, parse_duration, parse_number, parse_ratio

METRICS = ("fail_ratio", "rps", "requests", "failures", "avg", "min", "max")
SERVICE_METRICS = ("service_avg", "service_max")
_RULE = re.compile(r'\s*([A-Za-z_][\w.]*)\s*(?:\(\s*"([^"]*)"\s*\))?\s*(<=|>=|<|>)\s*(.+?)\s*')
_PERCENTILE = re.compile(r"(service_)?p([0-9]{1,2}(?:\.[0-9]{1,6})?|100)")
_COMPARE = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}

Kind = Literal["time", "ratio", "rate", "count"]


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

    @property
    def subject(self) -> tuple[str, str | None]:
        """What the rule is about; a rule given by hand replaces a profile's of the same subject."""
        return self.metric, self.glob

    @property
    def kind(self) -> Kind:
        """What the metric's values are."""
        return _kind(self.metric)

    @property
    def quantile(self) -> float | None:
        """The percentile it reads (0 to 100); None for another metric."""
        match = _PERCENTILE.fullmatch(self.metric)
        return float(match[2]) if match else None

    def matches(self, key: Key) -> bool:
        """Whether a series is one of those that the rule judges."""
        if self.glob is None:
            return True
        pattern = ".*".join(map(re.escape, self.glob.split("*")))
        names = key.name, f"{key.method} {key.name}"
        return any(re.fullmatch(pattern, name, re.DOTALL) for name in names)

    def show(self, value: float) -> str:
        """A value of this metric as people read it; in full where it would look like the limit."""
        text, limit = self._show(value), self._show(self.limit)
        return self._show_all(value) if text == limit and value != self.limit else text

    def _show(self, value: float) -> str:
        match self.kind:
            case "time":
                return format_duration(value)
            case "ratio":
                return f"{value * 100:.3g}%"
            case "rate":
                return f"{value:.4g}/s" if value < 1000 else f"{value:.0f}/s"
            case _:
                return f"{value:.0f}"

    def _show_all(self, value: float) -> str:
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

    @property
    def held(self) -> bool:
        """Whether the rule matched something and held."""
        rule = self.threshold
        return self.value is not None and _COMPARE[rule.op](self.value, rule.limit)

    @property
    def margin(self) -> float | None:
        """How far inside its limit the value is, as a share of the limit; negative beyond it.

        None without a value, and at a limit of 0, which has no shares.
        """
        limit = self.threshold.limit
        if self.value is None or not limit:
            return None
        share = (limit - self.value) / limit
        return -share if self.threshold.op.startswith(">") else share


def parse(text: object) -> Threshold:
    """The rule that `text` says; ValueError with what was expected where it says none."""
    match = _RULE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        example = "a threshold such as 'p95(\"/predict*\") < 2s'"
        raise ValueError(f"expected {example}, got {shown(text)}")
    metric, glob, op, value = match.groups()
    percentile = _PERCENTILE.fullmatch(metric)
    if percentile:
        metric = (
            f"{percentile[1] or ''}p{float(percentile[2]):.12g}"  # p95.0 is about what p95 is about
        )
    elif metric not in METRICS + SERVICE_METRICS:
        percentiles = "p50", "p95", "p99", "service_p50", "service_p95", "service_p99"
        hint = nearest(metric, [*METRICS, *percentiles, *SERVICE_METRICS])
        raise ValueError(f"expected a metric ({', '.join(METRICS)}, pNN), got {metric!r}{hint}")
    limit = _parse_limit(metric, value)
    subject = metric if glob is None else f'{metric}("{glob}")'
    return Threshold(f"{subject} {op} {' '.join(value.split())}", metric, glob, op, limit)


def override(rules: list[Threshold], by: list[Threshold]) -> list[Threshold]:
    """`rules` without those whose subject `by` names, then `by`."""
    named = {rule.subject for rule in by}
    return [rule for rule in rules if rule.subject not in named] + by


def evaluate(rules: list[Threshold], series: Mapping[Key, Series]) -> list[Check]:
    """Each rule against the series it matches."""
    return [_evaluate(rule, series) for rule in rules]


def _evaluate(rule: Threshold, series: Mapping[Key, Series]) -> Check:
    judged = Series.merged(one for key, one in series.items() if rule.matches(key))
    value = _value(rule, judged) if judged.requests else None
    return Check(rule, value, judged.requests)


def _value(rule: Threshold, series: Series) -> float:
    if rule.quantile is not None and rule.metric.startswith("service_"):
        return series.service_percentiles_ms([rule.quantile])[rule.quantile] / 1000
    if rule.quantile is not None:
        return series.percentile_ms(rule.quantile) / 1000
    if rule.kind == "time":
        return float(getattr(series, f"{rule.metric}_ms")) / 1000
    return float(getattr(series, rule.metric))


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
