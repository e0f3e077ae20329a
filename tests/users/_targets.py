"""Reference targets for the tests of users, which are patched by gevent."""

import os
import sys
from pathlib import Path

from gevent import subprocess

from tests.clients.torture import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


class Targets:
    """Targets of one kind, ended together; `command` is their name and what all of them get."""

    def __init__(self, *command: str, **variables: str) -> None:
        self._command, self._variables = command, variables
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *options: str, addresses: int = 1) -> list[str]:
        """Start one; its addresses."""
        name, *given = self._command
        command = [sys.executable, "-m", "gauntlet.targets", name, "--port", "0"]
        process = subprocess.Popen(
            [*command, *given, "--exit-with-parent", *options],
            cwd=ROOT,
            env={**os.environ, **self._variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        self._processes.append(process)
        lines = [process.stdout.readline() for _ in range(addresses)]
        assert all(line.startswith("ready ") for line in lines), lines
        return [line.split()[1] for line in lines]

    def close(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:  # all end at the same time
            assert process.stdout is not None
            process.wait(PATIENCE_S)
            process.stdout.close()
