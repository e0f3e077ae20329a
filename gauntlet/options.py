"""The suite's options as they were given, checked; `gauntlet.option_group` declares them."""

from argparse import Namespace
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from gauntlet import thresholds
from gauntlet.arrivals import DISTRIBUTIONS, Distribution
from gauntlet.errors import UsageError, gathering
from gauntlet.models import Interval, metrics_url
from gauntlet.payloads import manifest
from gauntlet.text import nearest
from gauntlet.thresholds import Threshold
from gauntlet.units import parse_interval, parse_number, parse_rate

PREFLIGHT = ("warn", "strict", "off")
LARGEST = 2**63
FASTEST = 100_000.0


@dataclass(frozen=True)
class Options:
    """Our options after Locust's parser read them, checked."""

    profile: str | None
    environment: str | None
    rules: tuple[Threshold, ...]
    preflight: Literal["warn", "strict", "off"]
    allow_protected: bool
    results: str
    seed: int | None
    total_iterations: int | None
    wait: Interval | Literal["original"] | None
    scale: float = 1.0
    metrics: tuple[str, int] | None = None
    """Host and port of the endpoint for Prometheus."""
    web_password: str | None = None
    """The file that holds the page's password."""
    target_metrics: str | None = None
    """An address, `off`, or None: the environment's."""


class Arrivals(NamedTuple):
    """Arrivals per second without a profile, and how they lie in time."""

    rate: float
    distribution: Distribution


def read(options: Namespace) -> Options:
    """The options, checked; UsageError with one line per mistake."""
    mistakes: list[str] = []
    rules: list[Threshold] = []
    for text in options.threshold or ():
        try:
            rules.append(thresholds.parse(text))
        except ValueError as error:
            several = "; several rules stand in brackets: [a, b]" if "," in text else ""
            mistakes.append(f"--threshold: {error}{several}")
    mode = options.preflight
    if mode not in PREFLIGHT:
        expected = ", ".join(PREFLIGHT)
        mistakes.append(
            f"--preflight: expected one of {expected}, got {mode!r}{nearest(mode, PREFLIGHT)}"
        )
    if (options.num_users or 0) < 0:  # Locust takes it, and trips over it while it spawns
        mistakes.append(f"--users: expected 0 or more, got {options.num_users}")
    seed = _whole("--seed", options.seed, 0, mistakes)
    total = _whole("--total-iterations", options.total_iterations, 1, mistakes)
    checks = _checks(options, mistakes)
    if options.exact_mix and options.total_iterations is None:
        mistakes.append("--exact-mix: expected --total-iterations with it, got none")
    wait = _wait(options.wait, mistakes)
    scale = _scale(options.scale, mistakes)
    for check in (arrivals, max_users):
        with gathering(mistakes):
            check(options)
    metrics = _metrics(options.target_metrics, mistakes)
    options.files_hashes = _manifest(options.files_manifest, mistakes)  # workers get it as well
    port = _whole("--metrics-port", options.metrics_port, 0, mistakes, 65535)
    if options.web_password_file and not options.web_login:
        mistakes.append("--web-password-file: expected --web-login with it, got none")
    if mistakes:
        raise UsageError(mistakes)
    options.total_iterations = total  # as a number, for this process and the workers
    return Options(
        profile=options.load_profile or None,
        environment=options.environment or None,
        rules=tuple(checks + rules),
        preflight=cast(Literal["warn", "strict", "off"], mode),
        allow_protected=options.allow_protected,
        results=options.results_dir,
        seed=seed,
        total_iterations=total,
        wait=wait,
        scale=scale,
        metrics=None if port is None else (options.metrics_host or "127.0.0.1", port),
        web_password=options.web_password_file or None,
        target_metrics=metrics,
    )


def parse_scale(text: str) -> float:
    """The factor on a profile's durations; ValueError where it is none."""
    try:
        factor = parse_number(text)
    except ValueError:
        factor = 0.0
    if not 0.001 <= factor <= 1:
        raise ValueError(f"expected a factor from 0.001 to 1, got {text!r}")
    return factor


def arrivals(options: Namespace) -> Arrivals | None:
    """The arrivals that are asked for; UsageError where that is none that can be made."""
    text = options.arrivals
    if not text:
        return None
    try:
        rate = parse_rate(text)
    except ValueError as error:
        raise UsageError(f"--arrivals: {error}") from None
    if not 0 < rate <= FASTEST:
        raise UsageError(f"--arrivals: expected more than 0/s, at most {FASTEST:.0f}/s, got {text}")
    distribution = options.arrivals_distribution or DISTRIBUTIONS[0]
    if distribution not in DISTRIBUTIONS:
        expected = ", ".join(DISTRIBUTIONS)
        hint = nearest(distribution, DISTRIBUTIONS)
        raise UsageError(
            f"--arrivals-distribution: expected one of {expected}, got {distribution!r}{hint}"
        )
    return Arrivals(rate, distribution)


def max_users(options: Namespace) -> int | None:
    """The most users of a process, where somebody says; UsageError where that is no number."""
    mistakes: list[str] = []
    number = _whole("--max-users", options.max_users, 1, mistakes)
    if mistakes:
        raise UsageError(mistakes)
    return number


def check_total(text: str | None) -> None:
    """UsageError where this is no number of iterations; nothing at all asks for none."""
    mistakes: list[str] = []
    _whole("--total-iterations", text, 1, mistakes)
    if mistakes:
        raise UsageError(mistakes)


def _whole(
    option: str, text: str | int | None, least: int, mistakes: list[str], most: int = LARGEST - 1
) -> int | None:
    if text is None:
        return None
    if text == "":  # a variable that is set and empty
        return None
    if str(text).isdecimal() and len(str(text)) < 20 and least <= int(text) <= most:
        return int(text)
    high = "2**63 - 1" if most == LARGEST - 1 else most
    mistakes.append(f"{option}: expected a whole number from {least} to {high}, got {text!r}")
    return None


def _scale(text: str | None, mistakes: list[str]) -> float:
    try:
        return parse_scale(text) if text else 1.0
    except ValueError as error:
        mistakes.append(f"--scale: {error}")
        return 1.0


def _wait(text: str | None, mistakes: list[str]) -> Interval | Literal["original"] | None:
    if text is None or text == "original":
        return text  # type: ignore[return-value]  # the literal, as just compared
    try:
        low, high = parse_interval(text)
    except ValueError as error:
        mistakes.append(f"--wait: {error}")
        return None
    return Interval(low=low, high=high)


def _metrics(text: str | None, mistakes: list[str]) -> str | None:
    if not text or text == "off":
        return text or None
    try:
        return metrics_url(text)
    except ValueError as error:
        mistakes.append(f"--target-metrics: {error}")
        return None


def _manifest(path: str | None, mistakes: list[str]) -> dict[str, str]:
    try:
        return manifest.read(path) if path else {}
    except UsageError as error:
        mistakes += error.mistakes
        return {}


def _checks(options: Namespace, mistakes: list[str]) -> list[Threshold]:
    """The checks of locust-plugins as rules of ours; theirs are switched off, ours judge.

    Theirs run last and would put their exit code over an INVALID.
    """
    rules = {
        "check_fail_ratio": "fail_ratio <= {}",
        "check_rps": "rps >= {}/s",
        "check_avg_response_time": "avg <= {}ms",
    }
    found = []
    for name, rule in rules.items():
        value = getattr(options, name, None)
        if value is None:
            continue
        setattr(options, name, None)
        try:
            found.append(thresholds.parse(rule.format(_decimal(value))))
        except ValueError as error:
            mistakes.append(f"--{name.replace('_', '-')}: {error}")
    return found


def _decimal(value: float) -> str:
    """A number without exponent and closing zeros."""
    return f"{value:.10f}".rstrip("0").rstrip(".")
