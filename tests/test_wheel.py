"""The wheel in a clean virtual environment, as someone else installs it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 500

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def run(*command: str | Path, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A finished command; its output is shown where it ended otherwise than it should."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by way of the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a clean environment that holds the wheel and what is locked."""
    home = tmp_path_factory.mktemp("clean") / "venv"
    run(sys.executable, "-m", "venv", home, cwd=home.parent)
    pip: list[str | Path] = [home / "bin" / "python", "-m", "pip", "install", "-qq", "--no-deps"]
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock", cwd=home.parent)
    run(*pip, wheel, cwd=home.parent)
    return home / "bin"


def test_the_wheel_owns_one_name(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"gauntlet"}


def test_what_the_wheel_asks_for_is_what_is_locked(installed: Path, tmp_path: Path) -> None:
    run(installed / "python", "-m", "pip", "check", cwd=tmp_path)


def test_every_module_imports_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    script = """
import locust, importlib, pkgutil, sys
sys.modules["users"] = sys.modules["shapes"] = None
import gauntlet
skip = {"gauntlet.__main__", "gauntlet.targets.__main__"}
for module in pkgutil.walk_packages(gauntlet.__path__, "gauntlet."):
    if module.name not in skip:
        importlib.import_module(module.name)
from gauntlet.users.predict import PredictUser
from gauntlet.shapes.profiles import SmokeShape
print(PredictUser.__name__, SmokeShape.__name__)
"""
    assert run(installed / "python", "-c", script, cwd=tmp_path).stdout.split() == [
        "PredictUser",
        "SmokeShape",
    ]


def test_gauntlet_run_works_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    # Brief, and of small requests: what the machine can do is no matter of this test.
    brief = "--tags", "health", "--scale", "0.4"
    done = run(installed / "gauntlet", "run", "predict", "-p", "smoke", *brief, cwd=tmp_path)
    assert "✓ PASS - All thresholds met" in done.stdout
    assert (tmp_path / done.stdout.strip().rpartition("Results: ")[2] / "run.json").is_file()


def test_gauntlet_init_makes_a_folder_that_runs(installed: Path, tmp_path: Path) -> None:
    run(installed / "gauntlet", "init", "mine", cwd=tmp_path)
    locust: list[str | Path] = [
        installed / "locust",
        "-f",
        "predict_mix.py",
        "--headless",
        "-u2",
        "-r2",
        "-t4s",
    ]
    assert "✓ PASS" in run(*locust, cwd=tmp_path / "mine").stdout
    again = run(installed / "gauntlet", "init", "mine", cwd=tmp_path, code=2)
    assert len(again.stderr.splitlines()) == 1


def test_without_the_extra_one_line_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    # Links suffice: what is taken out here stays there.
    shutil.copytree(installed.parent, home, symlinks=True, copy_function=os.link)
    python = home / "bin" / "python"
    run(python, "-m", "pip", "uninstall", "-qq", "-y", "starlette", "uvicorn", cwd=tmp_path)
    done = run(python, "-m", "gauntlet", "run", "predict", "-p", "smoke", cwd=tmp_path, code=2)
    lines = [line for line in done.stderr.splitlines() if "/INFO/" not in line]
    assert lines == [
        "the reference target of predict needs more packages: "
        "pip install 'locust-gauntlet[targets]'"
    ]
