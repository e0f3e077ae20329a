"""Locust as our commands start it."""

import subprocess
import sys
from pathlib import Path

from gauntlet.exitcodes import ExitCode


def start(*words: str) -> subprocess.CompletedProcess[str]:
    """Start it with these options and wait for its end."""
    command = [sys.executable, "-m", "gauntlet.start", "locust", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_ctrl_c_before_everything_is_read_leaves_no_traceback(tmp_path: Path) -> None:
    locustfile = tmp_path / "slow.py"
    locustfile.write_text("raise KeyboardInterrupt  # as Ctrl-C does while modules are read\n")
    ended = start("-f", str(locustfile), "--headless", "-t", "1s")
    assert (ended.returncode, ended.stderr) == (ExitCode.INTERRUPTED, "")


def test_mistakes_are_told_by_the_name_of_locust() -> None:
    ended = start("--version=1")
    assert ended.returncode == ExitCode.USAGE
    assert ended.stderr.startswith("locust: error: ")
