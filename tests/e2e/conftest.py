"""The lab of every end-to-end test, emptied of processes when the test is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.e2e.support import Lab, Target


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
