"""Processes that a command starts and that end with it: reference targets and Locust runs.

Each ends when its standard input ends, so none outlives the command, not even one that was killed.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Self

from gauntlet import config
from gauntlet.errors import GauntletError
from gauntlet.exitcodes import ExitCode
from gauntlet.report.record import RunRecord
from gauntlet.systems import System

START_S = 60.0
END_S = 10.0
RESULTS = "Results: "
"""What the last line of a run begins with, which names its folder."""


class Broken(GauntletError):
    """A process did not do its part; what it was needed for is worth nothing."""

    exit_code = ExitCode.INVALID


class RunFailed(GauntletError):
    """A Locust run ended without a record; it said why itself."""

    def __init__(self, mistakes: Sequence[str], code: int) -> None:
        super().__init__(mistakes)
        known = code in list(ExitCode) and code != ExitCode.PASS
        self.exit_code = ExitCode(code) if known else ExitCode.INVALID


class Child:
    """A process of which we read lines, with a deadline."""

    def __init__(
        self, what: str, *arguments: str, variables: Mapping[str, str] | None = None
    ) -> None:
        self.what = what
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(variables or {})},
            process_group=0,  # a terminal's Ctrl-C is for the command, which ends the others
        )
        self._read = b""

    def line(self, within: float) -> str:
        """The next line; Broken where none comes in time."""
        assert self._process.stdout is not None
        deadline, descriptor = time.monotonic() + within, self._process.stdout.fileno()
        while b"\n" not in self._read:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise Broken(f"{self.what}: expected a word in time, got none")
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                raise Broken(f"{self.what} ended unasked")
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    def say(self, text: str) -> None:
        """Write a line."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Broken(f"{self.what} ended unasked") from error

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def end(self) -> str:
        """End the process; what it had still to say."""
        try:
            output, _ = self._process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            output, _ = self._process.communicate()
        return (self._read + output).decode()


def addresses_of(target: Child, options: Sequence[str], count: int) -> tuple[list[str], list[str]]:
    """The `count` addresses that a reference target serves at, and where it tells of itself."""
    addresses = [_told(target, "ready") for _ in range(count)]
    if "--metrics-port" in options:
        return addresses, [_told(target, "metrics")]
    return addresses, [f"{one}/metrics" for one in addresses if one.startswith("http")]


def _told(target: Child, what: str) -> str:
    """The address in a line of that first word."""
    line = target.line(START_S)
    word, _, address = line.strip().partition(" ")
    if word != what or not address:
        raise Broken(f"{target.what}: expected {what} and an address, got {line!r}")
    return address


class ReferenceTarget:
    """The reference target of a system, with the given options besides those that it always has.

    `variables` make it the embedded one of a run.
    """

    def __init__(self, system: System, options: Sequence[str] = ()) -> None:
        arguments = [system.target, "--port", "0", "--exit-with-parent"]
        self._child = Child(
            f"the reference target of {system.name}",
            "gauntlet.targets",
            *arguments,
            *system.target_options,
            *options,
        )
        try:
            self.addresses, self.metrics = addresses_of(
                self._child, system.target_options, system.embedded
            )
        except BaseException:
            self._child.end()
            raise

    @property
    def variables(self) -> dict[str, str]:
        """What tells a run to use it."""
        return {config.RUNNING_TARGET: json.dumps([self.addresses, self.metrics])}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.end()


class LocustRun:
    """A headless run in its own process; `line` is what one types, `locust` first.

    `told` takes what it says of progress and trouble; without it, that is kept for `RunFailed`.
    """

    def __init__(
        self,
        line: Sequence[str],
        results: Path | None = None,
        variables: Mapping[str, str] | None = None,
        told: IO[str] | None = None,
    ) -> None:
        place = ["--results-dir", str(results)] if results is not None else []
        self._output = TemporaryFile()  # both are closed in end()
        self._errors = TemporaryFile() if told is None else None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gauntlet.leash", *line, *place, "--skip-log-setup"],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=told if self._errors is None else self._errors,
            env={**os.environ, **(variables or {})},
            process_group=0,
        )

    def end(self) -> tuple[RunRecord, Path]:
        """Wait for its end; its record and its folder. RunFailed where there is none.

        An interruption ends it first, with what it measured so far.
        """
        try:
            self._process.wait()
        finally:
            self._let_go()
        output, errors = _read(self._output), _read(self._errors)
        _, told, place = output.rstrip().rpartition(RESULTS)
        record = Path(place) / "run.json"
        if not told or not record.is_file():
            said = [line for line in errors.splitlines() if line.strip()]
            raise RunFailed(said, self._process.returncode)
        return RunRecord.model_validate_json(record.read_text("utf-8")), record.parent

    def signal(self, number: int) -> None:
        """Hand on a signal."""
        self._process.send_signal(number)

    def interrupt(self) -> None:
        """Let it end now, from another thread than the one that waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _let_go(self) -> None:
        self.interrupt()
        try:
            self._process.wait(START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _read(file: IO[bytes] | None) -> str:
    """What a process wrote there; the file is closed."""
    if file is None:
        return ""
    with file:
        file.seek(0)
        return file.read().decode("utf-8", "replace")
