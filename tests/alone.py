"""Runs a piece of a test in a process of its own: what other tests left does not count in it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def alone(function: Callable[[], Any], timeout_s: float = 120.0) -> Any:
    """What a function of a test module gives back, as JSON carries it."""
    module, name = function.__module__, function.__name__
    script = f"import locust, json; from {module} import {name}; print(json.dumps({name}()))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
