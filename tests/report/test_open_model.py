"""What is said of the open model in profiles, rules, verdicts and on the console."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gauntlet import curves
from gauntlet.books import Book, Count, counted
from gauntlet.documents import read, validate
from gauntlet.errors import UsageError
from gauntlet.exitcodes import ExitCode
from gauntlet.measure.series import Key, Series
from gauntlet.models import Profile
from gauntlet.report import console, entries
from gauntlet.report.record import RunRecord
from gauntlet.thresholds import evaluate, parse
from gauntlet.units import format_rate, parse_rate
from gauntlet.verdict import Evidence, Verdict, judge

OPEN = """\
description: d
duration: 1m
phases:
  - {name: ramp, duration: 10s, arrivals: 200/s, ramp: 5s}
  - {name: steady, duration: 50s, arrivals: 12000/min}
"""
MIXED = """\
description: d
users: 10
spawn_rate: 5
duration: 1m
phases:
  - {name: users, duration: 30s, users: 10}
  - {name: open, duration: 30s, arrivals: 50/s}
"""

Load = Callable[[str], Profile]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Read a profile from text in a file called `f`."""

    def load(text: str) -> Profile:
        path = tmp_path / "f.yaml"
        path.write_text(text)
        return validate(Profile, read(path, "f"))

    return load


def test_an_open_profile_needs_no_users(load: Load) -> None:
    profile = load(OPEN)
    schedule = profile.schedule(seed=1)
    assert schedule is not None
    assert schedule.end == pytest.approx(5 * 200 / 2 + 55 * 200)
    assert (profile.users, profile.numbers) == (None, "200/s")
    moments = (0, 2.5, 5, 30, 60)
    assert [curves.arrivals_at(profile.curve, t) for t in moments] == [0, 100, 200, 200, None]
    assert curves.users_at(profile.curve, 30) == 0


def test_users_stay_as_the_phase_before_left_them(load: Load) -> None:
    profile = load(MIXED)
    assert [curves.users_at(profile.curve, t) for t in (0, 29, 31, 59.9, 60)] == [
        0,
        10,
        10,
        10,
        None,
    ]
    assert curves.arrivals_at(profile.curve, 10) is None
    assert profile.numbers == "10 users · 50/s"


def test_a_profile_without_phases_may_be_open(load: Load) -> None:
    profile = load("description: d\nduration: 10s\narrivals: 30/s\nmax_users: 7\n")
    schedule = profile.schedule(seed=1)
    assert schedule is not None
    assert (len(list(schedule.arrivals())), profile.max_users) == (300, 7)


def test_a_closed_profile_has_no_schedule(load: Load) -> None:
    text = "description: d\nusers: 5\nspawn_rate: 5\nduration: 10s\n"
    assert load(text).schedule(seed=1) is None


RATE = 'expected a rate such as "200/s" or "12000/min"'


@pytest.mark.parametrize(
    ("text", "old", "new", "lines"),
    [
        pytest.param(
            OPEN,
            "arrivals: 200/s",
            "arrivals: 200",
            [f"f:4: phases[0].arrivals: {RATE}, got 200"],
            id="a rate without a unit",
        ),
        pytest.param(
            OPEN,
            "arrivals: 200/s",
            "users: 3",
            ["f:4: phases[0].ramp: expected arrivals with it, got none"],
            id="a ramp of users",
        ),
        pytest.param(
            OPEN,
            "arrivals: 200/s",
            "users: 3, arrivals: 200/s",
            ["f:4: phases[0].users: expected no such key beside arrivals, got one"],
            id="users and arrivals",
        ),
        pytest.param(
            OPEN,
            "arrivals: 12000/min",
            "spawn_rate: 3",
            ["f:5: phases[1].users: expected this or arrivals, got nothing"],
            id="neither",
        ),
        pytest.param(
            OPEN,
            "duration: 1m\n",
            "duration: 1m\nusers: 5\nspawn_rate: 2\n",
            [
                "f:3: users: expected no such key where no phase wants users, got one",
                "f:4: spawn_rate: expected no such key where no phase wants users, got one",
            ],
            id="users for nothing",
        ),
        pytest.param(
            OPEN,
            "duration: 1m\n",
            "duration: 1m\narrivals: 5/s\n",
            ["f:3: arrivals: expected no such key beside phases, got one"],
            id="arrivals beside phases",
        ),
        pytest.param(
            MIXED,
            "users: 10\nspawn_rate: 5\n",
            "",
            [
                "f:1: users: expected this key, got nothing",
                "f:1: spawn_rate: expected this key, got nothing",
            ],
            id="a phase of users without a rate",
        ),
        pytest.param(
            OPEN,
            "duration: 1m\n",
            "duration: 1m\narrivals_distribution: posson\n",
            [
                "f:3: arrivals_distribution: expected one of constant, poisson, got 'posson'; "
                "did you mean poisson?"
            ],
            id="a distribution misspelled",
        ),
    ],
)
def test_a_wrong_open_profile_is_refused(
    load: Load, text: str, old: str, new: str, lines: list[str]
) -> None:
    assert text.count(old) == 1
    with pytest.raises(UsageError) as caught:
        load(text.replace(old, new))
    assert caught.value.mistakes == lines


@pytest.mark.parametrize(
    ("text", "rate", "canonical"),
    [
        pytest.param("200/s", 200.0, "200/s", id="per second"),
        pytest.param("12000/min", 200.0, "200/s", id="per minute"),
        pytest.param("90/h", 0.025, "0.025/s", id="per hour"),
        pytest.param("7/h", 7 / 3600, "7/h", id="what no short number says per second"),
        pytest.param(" 0.5 /s ", 0.5, "0.5/s", id="less than one, and blanks"),
    ],
)
def test_a_rate_is_read_and_written(text: str, rate: float, canonical: str) -> None:
    assert parse_rate(text) == pytest.approx(rate)
    assert format_rate(parse_rate(text)) == canonical


@pytest.mark.parametrize("value", ["200", "/s", "fast", "-5/s", "5/day", 200, None, ""])
def test_what_is_no_rate_is_named(value: object) -> None:
    with pytest.raises(ValueError, match="expected a rate such as"):
        parse_rate(value)


# -- rules, verdicts, console --------------------------------------------------------------------


def late_series() -> Series:
    """Ten requests of 10 ms, each 1 s late."""
    series = Series()
    series.add_many([1010.0] * 10, [1e9] * 10, 0, [1000.0] * 10)
    return series


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("p95 < 2s", 1.01),
        ("service_p95 < 2s", 0.01),
        ("service_p95.0 < 2s", 0.01),
        ('service_avg("/a*") < 2s', 0.01),
        ("service_max < 2s", 0.01),
        ("avg < 2s", 1.01),
    ],
)
def test_rules_judge_either_time(rule: str, value: float) -> None:
    [check] = evaluate([parse(rule)], {Key("GET", "/a"): late_series()})
    assert check.value == pytest.approx(value, rel=0.001)
    assert check.held
    assert parse(check.threshold.text) == check.threshold


def test_a_service_metric_misspelled_has_a_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"did you mean service_p95\?"):
        parse("service_95 < 2s")


FINE = Evidence(requests=100, failures=0, user_errors=0, checks=(), planned=30.0, lasted=30.0)


@pytest.mark.parametrize(
    ("count", "lost", "tolerated", "reasons"),
    [
        pytest.param(Count(scheduled=9, started=9), (), 0, (), id="all begun"),
        pytest.param(
            Count(scheduled=9, started=7, dropped=2),
            (),
            0,
            (
                "2 of 9 arrivals dropped: all users were busy; raise --max-users, add workers, or "
                "lower the rate",
            ),
            id="dropped",
        ),
        pytest.param(
            Count(scheduled=9, started=7, missing=2),
            (),
            0,
            ("2 of 9 arrivals dropped: their workers were gone; find out what ended them",),
            id="missing",
        ),
        pytest.param(
            Count(scheduled=9, started=7, missing=2), ("worker 1",), 1, (), id="tolerated"
        ),
    ],
)
def test_dropped_arrivals_spoil_a_run(
    count: Count, lost: tuple[str, ...], tolerated: int, reasons: tuple[str, ...]
) -> None:
    evidence = Evidence(
        **{**vars(FINE), "arrivals": count, "lost_workers": lost, "tolerated_losses": tolerated}
    )
    judgement = judge(evidence)
    assert judgement.reasons == reasons
    assert (judgement.verdict is Verdict.INVALID) == bool(reasons)
    assert judgement.exit_code is (ExitCode.INVALID if reasons else ExitCode.PASS)


def test_the_books_of_all_workers_add_up() -> None:
    books = [Book(started=5, late=1, waiting=2, most_waiting=3), Book(started=4, dropped=1)]
    whole = counted(books, 6, {1000: 9})
    assert (whole.scheduled, whole.started, whole.late) == (18, 9, 1)
    assert (whole.dropped, whole.missing, whole.waiting, whole.most_waiting) == (1, 6, 2, 3)


def test_the_console_tells_both_times_and_the_arrivals(
    make_record: Callable[..., RunRecord],
) -> None:
    count = Count(scheduled=12, started=10, late=3, dropped=1, missing=1, most_waiting=4)
    count.late_us = {1000: 10}
    kept = make_record(
        {("GET", "/a"): [10]}, arrivals=entries.arrivals(count, "constant")
    ).model_copy(update={"total": entries.statistics(Key("", "Aggregated"), late_series())})
    text = "\n".join(line.plain for line in console.lines(kept))
    assert (
        """\
Service times, without late starts:
  P50: 0.010s
  P95: 0.010s
  P99: 0.010s

Arrivals:
  Scheduled: 12
  Started: 10, late by P50 0.001s, P95 0.001s, P99 0.001s
  Started over 10 ms late: 3
  Most waiting: 4
  Dropped: 2
"""
        in text
    )
