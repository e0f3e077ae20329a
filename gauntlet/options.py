"""The suite's options on Locust's own command line, and their variables.

Options are ours only where Locust and locust-plugins have none.
"""

from argparse import Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from gauntlet import thresholds
from gauntlet.arrivals import DISTRIBUTIONS, Distribution
from gauntlet.errors import UsageError, gathering
from gauntlet.models import Interval, metrics_url
from gauntlet.payloads import manifest
from gauntlet.text import nearest
from gauntlet.thresholds import Threshold
from gauntlet.units import parse_interval, parse_number, parse_rate

if TYPE_CHECKING:  # commands that only read options do without Locust and its patches
    from locust.argument_parser import LocustArgumentParser

PREFLIGHT = ("warn", "strict", "off")
LARGEST = 2**63
FASTEST = 100_000.0
ON_THE_PAGE = ("arrivals", "arrivals_distribution", "max_users")
"""Options that the start form of Locust's page asks for, each time anew."""
STOP_TIMEOUT = "30"
"""Seconds that a request in flight may take to end; Locust's own default cuts it at once."""


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


def add(parser: "LocustArgumentParser") -> None:
    """Add the options to Locust's parser, in a group of their own."""
    group = parser.add_argument_group(
        "gauntlet", "Profiles, thresholds and verdicts of locust-gauntlet"
    )
    group.add_argument(
        "--load-profile",
        metavar="<name>",
        help="Load profile to run: smoke, quick, standard, load, spike, endurance, stress or one "
        "of your own in profiles/. Without it -u, -r and -t work as always.",
        env_var="LOCUST_LOAD_PROFILE",
    )
    group.add_argument(
        "--scale",
        metavar="<factor>",
        default=None,
        help="Shorten the load profile: 0.1 makes each of its durations a tenth, with the same "
        "users and thresholds. Default: 1.",
        env_var="LOCUST_SCALE",
    )
    group.add_argument(
        "--environment",
        metavar="<name>",
        help="Environment whose targets to test. Default: embedded, which starts the reference "
        "target; --host outranks it.",
        env_var="LOCUST_ENVIRONMENT",
    )
    group.add_argument(
        "--threshold",
        metavar="<rule>",
        action="append",
        default=[],
        help="A rule that judges the run, such as 'p95(\"/predict*\") < 2s'. Also "
        "'… in steady over 10s abort': in a phase, over windows, ending the run. Repeatable; "
        "replaces the profile's rule of the same metric, glob, phase and window.",
        env_var="LOCUST_THRESHOLD",
    )
    group.add_argument(
        "--preflight",
        metavar="<mode>",
        default="warn",
        help="Before the load, one real call per endpoint kind: warn (go on), strict (exit 5) or "
        "off. Default: warn.",
        env_var="LOCUST_PREFLIGHT",
    )
    group.add_argument(
        "--allow-protected",
        action="store_true",
        default=False,
        help="Allow load on an environment that is marked protected.",
        env_var="LOCUST_ALLOW_PROTECTED",
    )
    group.add_argument(
        "--results-dir",
        metavar="<folder>",
        default="results",
        help="Where each run's folder of reports is made. Default: results.",
        env_var="LOCUST_RESULTS_DIR",
    )
    group.add_argument(
        "--seed",
        metavar="<int>",
        default=None,
        help="Seed of all payloads; the run record names it. Default: a random one.",
        env_var="LOCUST_SEED",
    )
    group.add_argument(
        "--total-iterations",
        metavar="<int>",
        default=None,
        help="Run exactly this many iterations (task executions), shared by all users and workers, "
        "then end. Default: no limit.",
        env_var="LOCUST_TOTAL_ITERATIONS",
    )
    group.add_argument(
        "--exact-mix",
        action="store_true",
        default=False,
        help="With --total-iterations: deal the tasks from one shuffled deck, so that the mix "
        "holds exactly.",
        env_var="LOCUST_EXACT_MIX",
    )
    group.add_argument(
        "--arrivals",
        metavar="<rate>",
        default=None,
        help="Open model: start so many iterations, such as 200/s, whatever became of those "
        "before. Users come as needed; with -t, and without a profile.",
        env_var="LOCUST_ARRIVALS",
    )
    group.add_argument(
        "--arrivals-distribution",
        metavar="<name>",
        default="constant",
        choices=DISTRIBUTIONS,
        help="How --arrivals lie in time: constant (evenly) or poisson. Default: constant.",
        env_var="LOCUST_ARRIVALS_DISTRIBUTION",
    )
    group.add_argument(
        "--max-users",
        metavar="<int>",
        default=None,
        help="Open model: the most users in each process. Default: the profile's, else 1000.",
        env_var="LOCUST_MAX_USERS",
    )
    group.add_argument(
        "--wait",
        metavar="<interval>",
        default=None,
        help="Pause of a user between two tasks, such as 0.1s-0.5s, 0s or original; outranks the "
        "mix.",
        env_var="LOCUST_WAIT",
    )
    group.add_argument(
        "--files-manifest",
        metavar="<file>",
        default=None,
        help="file_server: hashes of the files that the server has, as md5sum or sha256sum write "
        "them. Without it downloads are compared with the first one.",
        env_var="LOCUST_FILES_MANIFEST",
    )
    group.add_argument(
        "--metrics-port",
        metavar="<port>",
        default=None,
        help="Serve the run's figures to Prometheus at this port; 0 is one that is free. "
        "Workers serve none.",
        env_var="LOCUST_METRICS_PORT",
    )
    group.add_argument(
        "--metrics-host",
        metavar="<address>",
        default="127.0.0.1",
        help="Address to serve the figures at, 0.0.0.0 for all. Default: 127.0.0.1.",
        env_var="LOCUST_METRICS_HOST",
    )
    group.add_argument(
        "--web-password-file",
        metavar="<file>",
        default=None,
        help="With --web-login: the page asks for the password in this file.",
        env_var="LOCUST_WEB_PASSWORD_FILE",
    )
    group.add_argument(
        "--target-metrics",
        metavar="<url>",
        default=None,
        help="Where the target tells Prometheus of itself, asked once a second for rules such as "
        "'target(\"process_resident_memory_bytes\").slope < 1MB/min'; off: nowhere. Default: what "
        "the environment says.",
        env_var="LOCUST_TARGET_METRICS",
    )
    group.add_argument(
        "--no-rebalancing",
        action="store_true",
        default=False,
        help="Master: leave users where they are when a worker joins, leaves or is lost, as Locust "
        "does without --enable-rebalancing.",
        env_var="LOCUST_NO_REBALANCING",
    )
    parser.set_defaults(stop_timeout=STOP_TIMEOUT)
    _show(group)


def _show(group: object) -> None:
    """Locust's web page asks each of a group's options for these four marks."""
    for action in group._group_actions:  # type: ignore[attr-defined]  # argparse has no other way
        action.include_in_web_ui = action.dest in ON_THE_PAGE
        action.is_secret = action.is_required = action.is_multiple = False


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
