"""Thresholds: one rule each, parsed once, evaluated against series. Pure.

    threshold := metric [ "(" '"' glob '"' ")" ] op value
    metric    := "fail_ratio" | "rps" | "requests" | "failures" | "avg" | "min" | "max"
               | "p" digits [ "." digits ]
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
from gauntlet.text import nearest
from gauntlet.units import format_duration, parse_duration, parse_number

METRICS = ("fail_ratio", "rps", "requests", "failures", "avg", "min", "max")
_RULE = re.compile(r'\s*([A-Za-z_][\w.]*)\s*(?:\(\s*"([^"]*)"\s*\))?\s*(<=|>=|<|>)\s*(.+?)\s*')
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
_COMPARE = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}

Kind = Literal["time", "ratio", "rate", "count"]


@dataclass(frozen=True)
class Threshold:
    """One parsed rule; `limit` in seconds, 0 to 1, requests per second, or requests."""

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
        return float(match[1]) if match else None

    def matches(self, key: Key) -> bool:
        """Whether a series is one of those that the rule judges."""
        if self.glob is None:
            return True
        pattern = ".*".join(map(re.escape, self.glob.split("*")))
        names = key.name, f"{key.method} {key.name}"
        return any(re.fullmatch(pattern, name, re.DOTALL) for name in names)

    def show(self, value: float) -> str:
        """A value of this metric as people read it."""
        match self.kind:
            case "time":
                return format_duration(value)
            case "ratio":
                return f"{value * 100:.3g}%"
            case "rate":
                return f"{value:.4g}/s"
            case _:
                return f"{value:.0f}"


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
        """How far inside its limit the value is, as a share of the limit; negative beyond it."""
        if self.value is None:
            return None
        distance = self.threshold.limit - self.value
        if self.threshold.op.startswith(">"):
            distance = -distance
        return distance / self.threshold.limit if self.threshold.limit else distance


def parse(text: str) -> Threshold:
    """The rule that `text` says; ValueError with what was expected where it says none."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a threshold such as 'p95(\"/predict*\") < 2s', got {text!r}")
    metric, glob, op, value = match.groups()
    if metric not in METRICS and not _PERCENTILE.fullmatch(metric):
        hint = nearest(metric, [*METRICS, "p50", "p95", "p99"])
        raise ValueError(f"expected a metric ({', '.join(METRICS)}, pNN), got {metric!r}{hint}")
    return Threshold(" ".join(text.split()), metric, glob, op, _parse_limit(metric, value))


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
    match _kind(metric):
        case "time":
            return parse_duration(value)
        case "ratio":
            ratio = parse_number(value, "%") / (100 if value.endswith("%") else 1)
            if ratio > 1:
                raise ValueError(f"expected a ratio such as 1% or 0.01, got {value!r}")
            return ratio
        case "rate":
            return parse_number(value, "/s")
        case _:
            return parse_number(value)
