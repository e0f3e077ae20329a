"""Every error that ends a command carries its lines and its exit code."""

import pytest

from gauntlet.errors import (
    GauntletError,
    MissingExtra,
    TargetUnreachable,
    UsageError,
    WrongAnswer,
)
from gauntlet.exitcodes import ExitCode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(GauntletError("x"), ExitCode.USAGE, id="the base"),
        pytest.param(UsageError("x"), ExitCode.USAGE, id="bad usage"),
        pytest.param(MissingExtra("plots", "plots"), ExitCode.USAGE, id="a missing extra"),
        pytest.param(TargetUnreachable("x"), ExitCode.UNREACHABLE, id="no target"),
    ],
)
def test_an_error_knows_its_exit_code(error: GauntletError, code: ExitCode) -> None:
    assert error.exit_code is code


def test_one_mistake_is_one_line() -> None:
    error = UsageError("users: expected 1 or more, got 0")
    assert error.mistakes == ["users: expected 1 or more, got 0"]
    assert str(error) == "users: expected 1 or more, got 0"


def test_many_mistakes_are_as_many_lines_even_from_a_generator() -> None:
    error = UsageError(f"mistake {number}" for number in range(3))
    assert error.mistakes == ["mistake 0", "mistake 1", "mistake 2"]
    assert str(error) == "mistake 0\nmistake 1\nmistake 2"


def test_a_missing_extra_says_what_to_install() -> None:
    [line] = MissingExtra("gauntlet target", "targets").mistakes
    assert line == "gauntlet target needs more packages: pip install 'locust-gauntlet[targets]'"


def test_a_wrong_answer_ends_no_run() -> None:
    wrong = WrongAnswer("status", "expected 200, got 503")
    assert not isinstance(wrong, GauntletError)
    assert (wrong.outcome, str(wrong)) == ("status", "status: expected 200, got 503")
