"""How processes of ours begin: our own commands, and Locust as they start it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gauntlet.exitcodes import ExitCode

GAUNTLET = Path(sys.executable).with_name("gauntlet")


def start(*words: str) -> subprocess.CompletedProcess[str]:
    """Start it with these options and wait for its end."""
    command = [sys.executable, "-m", "gauntlet.start", "locust", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_ctrl_c_before_everything_is_read_leaves_no_traceback(tmp_path: Path) -> None:
    locustfile = tmp_path / "slow.py"
    locustfile.write_text("raise KeyboardInterrupt  # as Ctrl-C does while modules are read\n")
    ended = start("-f", str(locustfile), "--headless", "-t", "1s")
    assert (ended.returncode, ended.stderr) == (ExitCode.INTERRUPTED, "")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([str(GAUNTLET)], id="the command"),
        pytest.param([sys.executable, "-m", "gauntlet"], id="the package"),
    ],
)
@pytest.mark.parametrize("module", ["click", "pydantic"])
def test_ctrl_c_while_a_command_of_ours_is_read_leaves_no_traceback(
    command: list[str], module: str, tmp_path: Path
) -> None:
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt  # as Ctrl-C does\n")
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [*command, "list"], env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (ExitCode.INTERRUPTED, "", "")


def test_a_command_does_without_what_another_needs() -> None:
    script = (
        "import gauntlet.start, sys; assert 'click' not in sys.modules; "
        "import gauntlet.cli; assert not {'numpy', 'pydantic', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)


def test_mistakes_are_told_by_the_name_of_locust() -> None:
    ended = start("--version=1")
    assert ended.returncode == ExitCode.USAGE
    assert ended.stderr.startswith("locust: error: ")
