"""The suite's options on Locust's own command line, and their variables.

Options are ours only where Locust and locust-plugins have none.
"""

from typing import TYPE_CHECKING

from gauntlet.arrivals import DISTRIBUTIONS

if TYPE_CHECKING:  # commands that only read options do without Locust and its patches
    from locust.argument_parser import LocustArgumentParser

ON_THE_PAGE = ("arrivals", "arrivals_distribution", "max_users")
"""Options that the start form of Locust's page asks for, each time anew."""
STOP_TIMEOUT = "30"
"""Seconds that a request in flight may take to end; Locust's own default cuts it at once."""


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
        help="Open model: iterations to start, such as 200/s, whatever became of those before. "
        "Users come as needed; with -t, and without a profile.",
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
