"""`gauntlet compare` and `gauntlet history` on folders of records."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gauntlet.cli import gauntlet
from gauntlet.compare.history import sparkline
from gauntlet.errors import GauntletError
from gauntlet.exitcodes import ExitCode
from gauntlet.report.record import Arrivals, Moment, Outcome, RunRecord
from tests.compare.simulation import run_record, simulate

Keep = Callable[..., str]


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Write a record as a run does; gives back the name of its folder."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, record: RunRecord) -> str:
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(record.model_dump_json())
        return f"results/{name}"

    return write


def call(*typed: str) -> Result:
    return CliRunner().invoke(gauntlet, list(typed), catch_exceptions=True)


def mistakes(result: Result) -> list[str]:
    assert isinstance(result.exception, GauntletError), result.output
    assert result.exception.exit_code == ExitCode.USAGE
    return result.exception.mistakes


def run(seed: int, **changes: Any) -> RunRecord:
    return simulate(np.random.default_rng(seed), **{"steady": 40, **changes})


def test_a_regression_is_shown_in_every_form_and_ends_with_3(keep: Keep) -> None:
    names = [keep(f"a{seed}", run(seed)) for seed in range(2)]
    slow = [keep(f"b{seed}", run(seed, slower={"/predict": 1.5})) for seed in range(10, 12)]
    typed = ["compare", "-b", names[0], "-b", names[1], *slow]
    told = call(*typed)
    assert told.exit_code == ExitCode.THRESHOLD, told.output
    row = next(line for line in told.output.splitlines() if "/predict" in line)
    assert "GET /predict" in row and "steady" in row and row.rstrip().endswith("regression")
    assert "regressions among" in told.output
    told = call(*typed, "--json", "-o", "comparison.json")
    found = json.loads(told.output)
    assert json.loads(Path("comparison.json").read_text()) == found
    assert found["run_to_run"] is True and found["baseline"] == names
    worse = [one for one in found["changes"] if one["judgement"] == "regression"]
    assert {one["name"] for one in worse} == {"/predict"}
    assert all(one["low"] > one["margin"] for one in worse)
    told = call(*typed, "--markdown")
    assert told.exit_code == ExitCode.THRESHOLD
    assert told.output.startswith("### ✗") and "| **GET /predict** | **steady** |" in told.output
    assert call(*typed, "--margin", "90%").exit_code == ExitCode.PASS
    assert call(*typed, "--margin", "90%", "--margin", "p99=5%").exit_code == ExitCode.THRESHOLD


def test_one_run_a_side_says_that_the_spread_is_unknown(keep: Keep) -> None:
    told = call("compare", keep("a", run(1)), keep("b", run(2)))
    assert told.exit_code == ExitCode.PASS, told.output
    assert "run-to-run spread is unknown" in told.output and "no regression" in told.output


def test_figures_that_are_all_unclear_are_no_tick(keep: Keep) -> None:
    names = keep("a", run(1)), keep("b", run(2))
    wide = "--markdown", "--margin", "0.01%", "--margin", "fail_ratio=0.001%"
    told = call("compare", *names, *wide)
    assert told.exit_code == ExitCode.PASS, told.output
    begin, figures = told.output.split(" no regression among ")
    number = figures.split()[0]
    assert begin == "### ?" and figures.startswith(f"{number} figures, {number} of them unclear;")


def test_runs_too_short_to_compare_are_no_green(keep: Keep) -> None:
    short = {"steady": 4, "ramp": 4}
    told = call("compare", keep("a", run(1, **short)), keep("b", run(2, **short)), "--markdown")
    assert told.exit_code == ExitCode.INVALID, told.output
    assert told.output.startswith("### ✗ nothing could be compared")


UNLIKE: dict[str, dict[str, Any]] = {
    "system": {"system": "walrus"},
    "profile": {"profile": "load"},
    "scale": {"scale": 0.1},
    "planned duration": {"planned": 99.0},
    "mix": {"mix": {"weights": {"health": 2}}},
    "kind of target": {"environment": "embedded"},
    "tags": {"tags": ("health",)},
    "excluded tags": {"excluded_tags": ("large",)},
    "gauntlet": {"gauntlet": "0.2.0"},
    "locust": {"locust": "2.48.0"},
}


@pytest.mark.parametrize("what", UNLIKE)
def test_unlike_runs_are_refused_unless_forced(keep: Keep, what: str) -> None:
    typed = ["compare", keep("a", run(1)), keep("b", run(2, **UNLIKE[what]))]
    first, last = mistakes(call(*typed))
    assert first.startswith(f"results/b: {what}: expected ") and "--force" in last
    told = call(*typed, "--force")
    assert told.exit_code == ExitCode.PASS and f"not alike: results/b: {what}" in told.output


def test_runs_of_one_rate_are_alike_however_many_users_came(keep: Keep) -> None:
    count = Arrivals(scheduled=1, started=1, late=0, dropped=0, most_waiting=0, late_ms={})

    def opened(name: str, users: int, rate: float) -> str:
        moment = Moment(t=1.0, users=users, requests=1, failures=0, wanted=rate)
        changes = {"profile": None, "peak_users": users, "timeline": (moment,), "arrivals": count}
        return keep(name, run(users).model_copy(update=changes))

    base, same, other = opened("a", 9, 50.0), opened("b", 12, 50.0), opened("c", 10, 60.0)
    assert call("compare", base, same).exit_code == ExitCode.PASS
    assert mistakes(call("compare", base, other))[0] == (
        "results/c: load: expected 50 arrivals/s, constant, got 60 arrivals/s, constant"
    )
    count = count.model_copy(update={"distribution": "poisson"})
    assert mistakes(call("compare", base, opened("d", 9, 50.0)))[0] == (
        "results/d: load: expected 50 arrivals/s, constant, got 50 arrivals/s, poisson"
    )


def test_an_invalid_run_is_refused_with_its_reason(keep: Keep) -> None:
    spoiled = Outcome(verdict="INVALID", reasons=("cut short",), exit_code=4)
    typed = ["compare", keep("a", run(1)), keep("b", run(2, outcome=spoiled, system="walrus"))]
    lines = mistakes(call(*typed))
    assert len(lines) == 3 and "got INVALID: cut short" in lines[0]


def test_mistakes_are_told_a_line_each(keep: Keep) -> None:
    name = keep("a", run(1))
    keep("without", run_record())
    Path("results/other.json").write_text('{"version": 1}')
    Path("results/old.json").write_text('{"version": 0, "outcome": {}}')
    assert "expected two runs, BASELINE and CURRENT, got 1" in mistakes(call("compare", name))[0]
    assert "got it again" in mistakes(call("compare", name, name))[0]
    lines = mistakes(call("compare", "-b", "results/none", "-b", "results/without", name))
    assert len(lines) == 2
    assert lines[1] == "results/without: expected a record of every second, got one without"
    lines = mistakes(call("compare", "results/other.json", "results/old.json"))
    starts = (f"results/{name}.json: expected a run record, got" for name in ("other", "old"))
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True))
    lines = mistakes(call("compare", name, "x", "--margin", "p96=5%", "--margin", "many"))
    assert "got 'many'" in lines[0] and "did you mean p9" in lines[1]
    assert "from 50% to 99.9%" in mistakes(call("compare", name, "x", "--confidence", "2%"))[0]


def day(number: int, p95: float, **changes: Any) -> RunRecord:
    record = run_record(
        started=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number), **changes
    )
    total = record.total.model_copy(
        update={"percentiles_ms": {**record.total.percentiles_ms, "p95": p95}}
    )
    return record.model_copy(update={"total": total})


def test_history_lists_runs_newest_last_and_draws_their_trend(keep: Keep) -> None:
    for number, p95 in ((2, 30.0), (1, 10.0), (3, 80.0)):
        keep(f"r{number}", day(number, p95, description=f"build {number}"))
    spoiled = Outcome(verdict="INVALID", reasons=("cut short",), exit_code=4)
    keep("r4", day(4, 9000.0, outcome=spoiled))
    keep("r5", day(5, 1.0, system="walrus"))
    keep("r6", day(6, 1.0, system="walrus", scale=0.1))
    Path("results/orchestrator.csv").write_text("not a run")
    Path("results/alien").mkdir()
    Path("results/alien/run.json").write_text('{"version": 0, "outcome": {}}')
    told = call("history")
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert [line.split()[-1] for line in lines[1:7]] == [f"r{number}" for number in range(1, 7)]
    assert "10ms" in lines[1] and "build 1" in lines[1] and "INVALID" in lines[4]
    assert "predict smoke, 3 runs" in told.output and "▁▃█ 10ms to 80ms" in told.output
    assert "smoke x 0.1" in lines[6] and "walrus smoke, " not in told.output
    assert "results/alien/run.json: expected a run record, got other content" in told.stderr
    told = call("history", "--system", "predict", "--last", "2", "--json", "--plot", "trend.svg")
    assert [one["folder"] for one in json.loads(told.stdout)["runs"]] == [
        "results/r3",
        "results/r4",
    ]
    assert "p95 [ms]" in Path("trend.svg").read_text() or Path("trend.svg").stat().st_size > 1000
    assert call("history", "--profile", "load").output.startswith("no run found")


def test_history_refuses_what_it_cannot_read_or_draw(keep: Keep) -> None:
    assert call("history").output == "no run found\n"  # nobody has run anything yet
    assert "expected a folder of results" in mistakes(call("history", "nowhere"))[0]
    assert "expected a .png or .svg file" in mistakes(call("history", "--plot", "a.gif"))[0]
    assert "did you mean predict?" in mistakes(call("history", "--system", "predit"))[0]


def test_a_sparkline_spans_its_values() -> None:
    assert sparkline([0, 7, 3.5, 7]) == "▁█▅█"
    assert sparkline([5, 5]) == "▁▁"
