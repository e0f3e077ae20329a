"""Processes of a benchmark: a target on one core, a generator on the other."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

GENERATOR_CORE = {0}
TARGET_CORE = {max(os.sched_getaffinity(0))}


ROOT = Path(__file__).resolve().parents[1]


def locust(
    name: str, folder: Path, address: str, users: int, seconds: int, **variables: str
) -> dict[str, Any]:
    """Run a locustfile of this folder where the mix lies; what its generator printed in the end."""
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "benchmarks" / name)]
    command += ["--headless", "--only-summary", "-u", str(users), "-r", str(users)]
    command += ["-t", f"{seconds}s", "--host", address]
    return generator(command, folder, {"PYTHONPATH": str(ROOT), **variables})


def generator(
    command: Sequence[str], cwd: Path, variables: Mapping[str, str], judged: bool = True
) -> dict[str, Any]:
    """Run a generator to its end on its core; the JSON object on its last line of JSON.

    Its exit code has to be 0 where it is `judged`.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: os.sched_setaffinity(0, GENERATOR_CORE),
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if (done.returncode and judged) or not lines:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def rates(
    system: str,
    mix: str,
    folder: Path,
    who: Sequence[str],
    rounds: int,
    measure: Callable[..., float],
) -> dict[str, list[float]]:
    """Rates of each generator in interleaved rounds; `measure` runs one where the mix lies."""
    place = folder / "profiles" / system / "mix.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(mix)
    found: dict[str, list[float]] = {one: [] for one in who}
    for number in range(rounds):
        for one in who:
            found[one].append(measure(one, folder))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return found


def print_ratios(labels: Mapping[str, str], found: Mapping[str, Sequence[float]]) -> None:
    """Print a row per generator: its median rate, and ours to it within the rounds."""
    for who, label in labels.items():
        rate = statistics.median(found[who])
        pairs = zip(found["ours"], found[who], strict=True)
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        print(f"| {label} | {rate:.0f} | {1e6 / rate:.0f} | {ratio:.2f} |")


@contextlib.contextmanager
def target(name: str, *options: str) -> Iterator[str]:
    """A reference target on its core; yields its address."""
    with server("gauntlet.targets", name, "--port", "0", *options) as line:
        yield line.split()[1]


@contextlib.contextmanager
def server(*command: str) -> Iterator[str]:
    """A module that serves on the target's core; yields the first line that it prints."""
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, TARGET_CORE),
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
