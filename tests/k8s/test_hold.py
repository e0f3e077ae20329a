"""The container that keeps a pod until its results are copied, with real processes."""

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gauntlet.k8s import hold

DEADLINE_S = 60.0


@pytest.fixture
def load(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is called locust, alone in a list of processes."""
    process = subprocess.Popen(["bash", "-c", "exec -a /opt/venv/bin/locust sleep 300"])
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / str(process.pid)).symlink_to(f"/proc/{process.pid}")
    (tmp_path / "proc" / "self").symlink_to("/proc/self")
    yield process
    process.kill()
    process.wait(DEADLINE_S)


def holding(folder: Path, window: float) -> threading.Thread:
    thread = threading.Thread(
        target=hold.keep, args=(folder, window, folder / "proc"), kwargs={"begin_s": 2.0}
    )
    thread.start()
    return thread


def test_it_stays_while_the_load_goes_on_and_goes_when_the_results_are_copied(
    tmp_path: Path, load: "subprocess.Popen[bytes]"
) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not hold.load_test(tmp_path / "proc") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert hold.load_test(tmp_path / "proc")
    (tmp_path / hold.COPIED).touch()  # too early: of a run before, on the same claim
    thread = holding(tmp_path, 300)
    thread.join(2 * hold.LOOK_S)
    assert thread.is_alive()
    load.kill()
    load.wait(DEADLINE_S)
    thread.join(3 * hold.LOOK_S)
    assert thread.is_alive(), "the window is open"
    (tmp_path / hold.COPIED).touch()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_the_window_closes_by_itself(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    thread = holding(tmp_path, 0.1)
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_a_process_that_only_mentions_locust_is_no_load_test(tmp_path: Path) -> None:
    process = subprocess.Popen(["sleep", "300"])
    try:
        (tmp_path / "77").mkdir()
        (tmp_path / "77" / "cmdline").write_bytes(b"cat\0/home/locust/predict_mix.py\0")
        (tmp_path / str(process.pid)).symlink_to(f"/proc/{process.pid}")
        assert not hold.load_test(tmp_path)
    finally:
        process.kill()
        process.wait(DEADLINE_S)
