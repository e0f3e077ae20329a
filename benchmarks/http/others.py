"""Load generators that are not Locust: wrk, hey and autocannon, where they are installed."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.http.payloads import FORM_TYPE, form
from benchmarks.pinned import GENERATOR_CORE

PATHS = {"get": "/health", "post_files": "/predict", "blob": "/blob"}
CONNECTIONS = 50


def installed() -> list[str]:
    """Which of them can be run; AUTOCANNON may name a program outside the path."""
    return [name for name in _COMMANDS if _program(name)]


def measure(name: str, work: str, address: str, folder: Path, seconds: int) -> float:
    """CPU microseconds per request of a run without its start and its first second."""
    first, whole = (_run(name, work, address, folder, 1 + more) for more in (0, seconds))
    return (whole[0] - first[0]) * 1e6 / (whole[1] - first[1])


def _run(name: str, work: str, address: str, folder: Path, seconds: int) -> tuple[float, int]:
    """CPU seconds and requests of one run."""
    upload = work == "post_files"
    body = folder / "form"
    body.write_bytes(form())
    command = _COMMANDS[name](address + PATHS[work], seconds, upload, body)
    command[0] = str(_program(name))
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "GOMAXPROCS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, GENERATOR_CORE),
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, _count(name, printed)


def _program(name: str) -> str | None:
    return shutil.which(os.environ.get(name.upper(), name))


def _count(name: str, printed: str) -> int:
    if name == "autocannon":
        found: dict[str, int] = json.loads(printed)
        return found["2xx"]
    pattern = r"(\d+) requests in" if name == "wrk" else r"\[200\]\s+(\d+) responses"
    match = re.search(pattern, printed)
    if match is None:
        raise SystemExit(f"{name} printed no count of requests:\n{printed}")
    return int(match[1])


def _wrk(url: str, seconds: int, upload: bool, body: Path) -> list[str]:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    if upload:
        script = body.with_suffix(".lua")
        script.write_text(
            f'local file = io.open("{body}", "rb")\nwrk.body = file:read("*a")\n'
            f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "{FORM_TYPE}"\n'
        )
        command += ["-s", str(script)]
    return [*command, url]


def _hey(url: str, seconds: int, upload: bool, body: Path) -> list[str]:
    command = ["hey", "-z", f"{seconds}s", "-c", str(CONNECTIONS)]
    if upload:
        command += ["-m", "POST", "-D", str(body), "-T", FORM_TYPE]
    return [*command, url]


def _autocannon(url: str, seconds: int, upload: bool, body: Path) -> list[str]:
    command = ["autocannon", "-j", "-c", str(CONNECTIONS), "-d", str(seconds)]
    if upload:
        command += ["-m", "POST", "-i", str(body), "-H", f"Content-Type={FORM_TYPE}"]
    return [*command, url]


_COMMANDS: dict[str, Callable[[str, int, bool, Path], list[str]]] = {
    "wrk": _wrk,
    "hey": _hey,
    "autocannon": _autocannon,
}
