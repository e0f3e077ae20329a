"""What is asked for is checked before anything is started, and steps are what they should be."""

from pathlib import Path

import pytest

from gauntlet.capacity.command import capacity
from gauntlet.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "mistakes"),
    [
        pytest.param(
            ["--from", "1.5"],
            [
                "capacity: expected at least one --threshold RULE, got none",
                "--from: expected a number of users such as 10, got '1.5'",
            ],
            id="no rule and half a user",
        ),
        pytest.param(
            ["--threshold", "p95 < 2", "--step", "100ms", "--precision", "0%"],
            [
                '--threshold: expected a duration such as "30s" or "1m30s", got \'2\'',
                "--step: expected at least 1s, got 100ms",
                "--precision: expected a share from 0.1% to 100%, got '0%'",
            ],
            id="every mistake at once",
        ),
        pytest.param(
            ["--threshold", "p95 < 2s", "--from", "20", "--to", "10"],
            ["--to: expected at least 20, what --from says, got 10"],
            id="bounds the wrong way round",
        ),
        pytest.param(
            ["--threshold", "p95 < 2s", "--url", "http://me:secret@x"],
            [
                "--url: expected an address without user and password, got one with; "
                "credentials come from the environment"
            ],
            id="a password in an address",
        ),
    ],
)
def test_wrong_input_starts_nothing(
    arguments: list[str],
    mistakes: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        capacity.main(["predict", "--users", *arguments], standalone_mode=False)
    assert error.value.mistakes == mistakes
    assert not list(tmp_path.iterdir())
