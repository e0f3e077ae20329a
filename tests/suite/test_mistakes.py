"""Mistakes in what `gauntlet suite` and `gauntlet prove` are told; nothing is started then."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gauntlet.cli import gauntlet
from gauntlet.errors import GauntletError
from gauntlet.exitcodes import ExitCode


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        pytest.param("suite", ["suite: expected --system NAME or --resume DIR"], id="nothing"),
        pytest.param("suite --system predikt", ["system: expected one of"], id="system"),
        pytest.param(
            "suite --system predict smok --scale 2 --cool-down 1 --cool-down-max x --env nowhere",
            [
                "profile: expected one of",
                "environment: expected one of",
                "--scale: expected a factor from 0.001 to 1",
                "--cool-down: expected a duration",
                "--cool-down-max: expected a duration",
            ],
            id="all at once",
        ),
        pytest.param(
            "suite --system predict --cool-down 10s --cool-down-max 5s",
            ["--cool-down-max: expected at least --cool-down, got '5s'"],
            id="a longest pause that is shorter than the shortest",
        ),
        pytest.param(
            "suite --system predict --env production", ["--env: expected an"], id="protected"
        ),
        pytest.param(
            "suite --system walrus --url tcp://a:1", ["--url: expected an address"], id="address"
        ),
        pytest.param(
            "suite --resume here", ["--resume: expected the folder of a suite"], id="no suite"
        ),
        pytest.param(
            "suite smoke --resume here --scale 0.1",
            ["--resume: expected no other settings with it, got smoke, --scale"],
            id="settings of a suite that goes on",
        ),
        pytest.param("suite --resume broken", ["broken/suite.json: expected a suite"], id="broken"),
        pytest.param(
            "prove predict walrus --profile smok --scale 0",
            ["profile: expected one of", "--scale: expected a factor"],
            id="proof",
        ),
        pytest.param("prove predikt", ["system: expected one of"], id="proof of nothing"),
    ],
)
def test_each_mistake_is_told_in_one_line(
    typed: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "suite.json").write_text('{"version": 1}')
    result = CliRunner().invoke(gauntlet, typed.split())
    assert isinstance(result.exception, GauntletError), result.output
    assert result.exception.exit_code == ExitCode.USAGE
    lines = result.exception.mistakes
    assert len(lines) == len(words), lines
    assert all(line.startswith(word) for line, word in zip(lines, words, strict=True)), lines
    assert not (tmp_path / "results").exists()
