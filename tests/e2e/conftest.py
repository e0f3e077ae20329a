"""The lab of every end-to-end test, emptied of processes when the test is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.e2e.support import Lab, Process, Target


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A folder of its own for each test."""
    with closing(Lab(tmp_path)) as lab:
        yield lab


@pytest.fixture
def labs(tmp_path: Path) -> Iterator[Callable[[str], Lab]]:
    """Folders by name, for runs that go on at the same time."""
    with ExitStack() as stack:

        def open_lab(name: str) -> Lab:
            folder = tmp_path / name.replace(" ", "-")
            folder.mkdir()
            return stack.enter_context(closing(Lab(folder)))

        yield open_lab


@pytest.fixture(scope="module")
def module_labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Lab]]:
    """Folders for runs whose results several tests look at."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Lab(tmp_path_factory.mktemp("lab"))))


@pytest.fixture(scope="module")
def quiet_target(module_labs: Callable[[], Lab]) -> Target:
    """A target to which a module's tests must send nothing."""
    return module_labs().target()


class Smoke(NamedTuple):
    """The smoke run, its process and those that it started."""

    lab: Lab
    process: Process
    family: list[psutil.Process]


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smoke]:
    """The smoke profile with no host and the mix of the suite: 30 seconds, started once."""
    with closing(Lab(tmp_path_factory.mktemp("smoke"))) as lab:
        (lab.folder / "profiles" / "predict" / "mix.yaml").unlink()
        process = lab.headless("--load-profile", "smoke")
        process.wait_until(lambda: len(process.children()) >= 2, "the embedded target")
        yield Smoke(lab, process, process.children())
