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


def generator(command: Sequence[str], cwd: Path, **variables: str) -> dict[str, Any]:
    """Run a generator to its end on its core; the JSON object on its last line of JSON."""
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
    if done.returncode or not lines:
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
    with subprocess.Popen(
        [sys.executable, "-m", "gauntlet.targets", name, "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, TARGET_CORE),
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[1]
        finally:
            process.terminate()
