"""Our options on Locust's own parser, beside those of locust-plugins."""

import os
from argparse import Namespace
from collections.abc import Callable

import locust_plugins
import pytest
from locust.argument_parser import (
    LocustArgumentParser,
    get_empty_argument_parser,
    setup_parser_arguments,
)
from locust.event import Events

from gauntlet import option_group, options
from gauntlet.errors import UsageError
from gauntlet.models import Interval
from gauntlet.options import Options

Parse = Callable[..., Namespace]


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> LocustArgumentParser:
    """A parser with all options of Locust, of locust-plugins and of ours; no variable is set."""
    for name in [name for name in os.environ if name.startswith("LOCUST_")]:
        monkeypatch.delenv(name)
    parser = get_empty_argument_parser(default_config_files=[])
    monkeypatch.setattr("locust.events.init_command_line_parser", Events().init_command_line_parser)
    setup_parser_arguments(parser)
    locust_plugins.add_arguments(parser)
    option_group.add(parser)
    return parser


@pytest.fixture
def parse(parser: LocustArgumentParser) -> Parse:
    return lambda *arguments: parser.parse_args(list(arguments))


DEFAULTS = Options(
    profile=None,
    environment=None,
    rules=(),
    preflight="warn",
    allow_protected=False,
    results="results",
    seed=None,
    total_iterations=None,
    wait=None,
    target_metrics=None,
)


def test_without_any_option_these_are_the_defaults(parse: Parse) -> None:
    assert options.read(parse()) == DEFAULTS


@pytest.mark.parametrize(
    ("arguments", "variables", "field", "value"),
    [
        pytest.param(["--load-profile", "smoke"], {}, "profile", "smoke", id="a profile"),
        pytest.param([], {"LOCUST_LOAD_PROFILE": "smoke"}, "profile", "smoke", id="its variable"),
        pytest.param(
            ["--load-profile", "smoke"],
            {"LOCUST_LOAD_PROFILE": "load"},
            "profile",
            "smoke",
            id="an option outranks its variable",
        ),
        pytest.param(["--load-profile", ""], {}, "profile", None, id="an empty profile"),
        pytest.param(["--environment", "k8s"], {}, "environment", "k8s", id="an environment"),
        pytest.param([], {"LOCUST_ENVIRONMENT": "k8s"}, "environment", "k8s", id="and by variable"),
        pytest.param([], {"LOCUST_ENVIRONMENT": ""}, "environment", None, id="an empty variable"),
        pytest.param(["--preflight", "strict"], {}, "preflight", "strict", id="a preflight mode"),
        pytest.param([], {"LOCUST_PREFLIGHT": "off"}, "preflight", "off", id="off by variable"),
        pytest.param(["--allow-protected"], {}, "allow_protected", True, id="a flag"),
        pytest.param(
            [], {"LOCUST_ALLOW_PROTECTED": "true"}, "allow_protected", True, id="a flag by variable"
        ),
        pytest.param(["--results-dir", "r"], {}, "results", "r", id="a folder"),
        pytest.param([], {"LOCUST_RESULTS_DIR": "r"}, "results", "r", id="a folder by variable"),
        pytest.param(["--seed", "0"], {}, "seed", 0, id="the least seed"),
        pytest.param(["--seed", str(2**63 - 1)], {}, "seed", 2**63 - 1, id="the greatest seed"),
        pytest.param([], {"LOCUST_SEED": "7"}, "seed", 7, id="a seed by variable"),
        pytest.param(
            ["--total-iterations", "100"], {}, "total_iterations", 100, id="a number of iterations"
        ),
        pytest.param(["--wait", "0.1s-0.5s"], {}, "wait", Interval(low=0.1, high=0.5), id="a wait"),
        pytest.param(["--wait", "original"], {}, "wait", "original", id="the original wait"),
        pytest.param(
            ["--metrics-port", "0"], {}, "metrics", ("127.0.0.1", 0), id="figures on any port"
        ),
        pytest.param(
            ["--metrics-host", "0.0.0.0"],
            {"LOCUST_METRICS_PORT": "9646"},
            "metrics",
            ("0.0.0.0", 9646),
            id="figures for all",
        ),
        pytest.param(
            [],
            {"LOCUST_METRICS_PORT": "", "LOCUST_METRICS_HOST": ""},
            "metrics",
            None,
            id="empty variables",
        ),
        pytest.param(
            ["--web-login"],
            {"LOCUST_WEB_PASSWORD_FILE": "/p"},
            "web_password",
            "/p",
            id="a password",
        ),
    ],
)
def test_an_option_is_read_from_the_command_line_or_its_variable(
    parser: LocustArgumentParser,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    field: str,
    value: object,
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    found = options.read(parser.parse_args(arguments))
    assert getattr(found, field) == value
    rest = [name for name in DEFAULTS.__dict__ if name != field]
    assert [getattr(found, name) for name in rest] == [getattr(DEFAULTS, name) for name in rest]


@pytest.mark.parametrize(
    ("arguments", "variable", "rules"),
    [
        pytest.param(["--threshold", "p95 < 2s"], None, ["p95 < 2s"], id="one rule"),
        pytest.param(
            ["--threshold", "p95<2s", "--threshold", 'rps("/a,b") > 1/s'],
            None,
            ["p95 < 2s", 'rps("/a,b") > 1/s'],
            id="several rules",
        ),
        pytest.param([], "p95 < 2s", ["p95 < 2s"], id="one by variable"),
        pytest.param(
            [], "[p95 < 2s, rps > 1/s]", ["p95 < 2s", "rps > 1/s"], id="a list by variable"
        ),
    ],
)
def test_rules_are_given_one_by_one(
    parser: LocustArgumentParser,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variable: str | None,
    rules: list[str],
) -> None:
    if variable is not None:
        monkeypatch.setenv("LOCUST_THRESHOLD", variable)
    assert [rule.text for rule in options.read(parser.parse_args(arguments)).rules] == rules


def test_rules_of_one_parse_do_not_stay_for_the_next(parse: Parse) -> None:
    assert options.read(parse("--threshold", "p95 < 2s")).rules
    assert options.read(parse()).rules == ()


SEED = "--seed: expected a whole number from 0 to 2**63 - 1"
ITERATIONS = "--total-iterations: expected a whole number from 1 to 2**63 - 1"
WAIT = '--wait: expected an interval such as "0.1s-0.5s"'


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        pytest.param(
            ["--threshold", "p95 < 2"],
            ['--threshold: expected a duration such as "30s" or "1m30s", got \'2\''],
            id="a wrong limit",
        ),
        pytest.param(
            ["--threshold", "p95 < 2s", "--threshold", "rsp > 1/s"],
            [
                "--threshold: expected a metric (fail_ratio, rps, requests, failures, avg, min, "
                "max, pNN), got 'rsp'; did you mean rps?"
            ],
            id="a wrong metric beside a right one",
        ),
        pytest.param(
            ["--preflight", "strickt"],
            ["--preflight: expected one of warn, strict, off, got 'strickt'; did you mean strict?"],
            id="a wrong mode",
        ),
        pytest.param(
            ["--preflight", ""],
            ["--preflight: expected one of warn, strict, off, got ''"],
            id="an empty mode",
        ),
        pytest.param(["--seed", "ten"], [f"{SEED}, got 'ten'"], id="a seed in words"),
        pytest.param(["--seed", "1.5"], [f"{SEED}, got '1.5'"], id="a broken seed"),
        pytest.param(["-u", "-1"], ["--users: expected 0 or more, got -1"], id="less than no user"),
        pytest.param(["--seed=-1"], [f"{SEED}, got '-1'"], id="a negative seed"),
        pytest.param(["--seed", str(2**63)], [f"{SEED}, got '{2**63}'"], id="a seed too great"),
        pytest.param(["--seed", "²"], [f"{SEED}, got '²'"], id="a seed in another script"),
        pytest.param(
            ["--total-iterations", "0"], [f"{ITERATIONS}, got '0'"], id="no iteration at all"
        ),
        pytest.param(
            ["--exact-mix"],
            ["--exact-mix: expected --total-iterations with it, got none"],
            id="an exact mix of no number",
        ),
        pytest.param(["--wait", "5"], [f"{WAIT}, got '5'"], id="a wait without unit"),
        pytest.param(
            ["--metrics-port", "65536"],
            ["--metrics-port: expected a whole number from 0 to 65535, got '65536'"],
            id="a port that is none",
        ),
        pytest.param(
            ["--web-password-file", "/p"],
            ["--web-password-file: expected --web-login with it, got none"],
            id="a password for nobody",
        ),
        pytest.param(["--wait", "2s-1s"], [f"{WAIT}, got '2s-1s'"], id="a wait backwards"),
        pytest.param(
            [
                *("--threshold", "p95", "--preflight", "on", "--seed", "x"),
                *("--threshold", "rps > 1", "--wait", "x"),
            ],
            [
                "--threshold: expected a threshold such as 'p95(\"/predict*\") < 2s', got 'p95'",
                "--preflight: expected one of warn, strict, off, got 'on'",
                f"{SEED}, got 'x'",
                f"{WAIT}, got 'x'",
            ],
            id="all mistakes at once",
        ),
    ],
)
def test_a_wrong_option_is_one_line(parse: Parse, arguments: list[str], lines: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        options.read(parse(*arguments))
    assert caught.value.mistakes == lines


@pytest.mark.parametrize(
    ("arguments", "metric", "op", "limit"),
    [
        pytest.param(["--check-fail-ratio", "0.01"], "fail_ratio", "<=", 0.01, id="ratio"),
        pytest.param(["--check-fail-ratio", "0"], "fail_ratio", "<=", 0.0, id="no failure"),
        pytest.param(["--check-rps", "12.5"], "rps", ">=", 12.5, id="rate"),
        pytest.param(["--check-avg-response-time", "250"], "avg", "<=", 0.25, id="average"),
        pytest.param(["--check-avg-response-time", "0.5"], "avg", "<=", 0.0005, id="below a ms"),
    ],
)
def test_a_check_of_locust_plugins_becomes_a_rule_and_is_switched_off(
    parse: Parse, arguments: list[str], metric: str, op: str, limit: float
) -> None:
    parsed = parse(*arguments)
    [rule] = options.read(parsed).rules
    assert (rule.metric, rule.glob, rule.op, rule.limit) == (metric, None, op, limit)
    checks = [parsed.check_fail_ratio, parsed.check_rps, parsed.check_avg_response_time]
    assert checks == [None, None, None]


def test_all_checks_come_before_the_rules(parse: Parse) -> None:
    found = options.read(
        parse(
            *("--threshold", "p95 < 2s", "--check-avg-response-time", "250"),
            *("--check-rps", "5", "--check-fail-ratio", "0.5"),
        )
    )
    assert [rule.metric for rule in found.rules] == ["fail_ratio", "rps", "avg", "p95"]


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["--check-fail-ratio", "1.5"], "--check-fail-ratio: expected a ratio such as 1% or 0.01"),
        (["--check-fail-ratio", "nan"], "--check-fail-ratio: expected a ratio such as 1% or 0.01"),
        (["--check-rps=-1"], "--check-rps: expected a rate such as 10/s"),
        (["--check-avg-response-time", "inf"], "--check-avg-response-time: expected a duration"),
    ],
)
def test_a_wrong_check_is_one_line(parse: Parse, arguments: list[str], start: str) -> None:
    with pytest.raises(UsageError) as caught:
        options.read(parse(*arguments))
    [line] = caught.value.mistakes
    assert line.startswith(start)


def test_every_option_has_a_variable_of_its_name(parser: LocustArgumentParser) -> None:
    [group] = [group for group in parser._action_groups if group.title == "gauntlet"]
    for action in group._group_actions:
        [option] = action.option_strings
        assert action.env_var == f"LOCUST_{option.removeprefix('--').replace('-', '_').upper()}"


def test_only_arrivals_are_on_the_web_page_which_still_can_ask_each(
    parser: LocustArgumentParser,
) -> None:
    [group] = [group for group in parser._action_groups if group.title == "gauntlet"]
    marks = ("include_in_web_ui", "is_secret", "is_required", "is_multiple")
    for action in group._group_actions:
        shown = action.dest in ("arrivals", "arrivals_distribution", "max_users")
        assert [getattr(action, mark) for mark in marks] == [shown, False, False, False]
