"""The lab of every end-to-end test, emptied of processes when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import Lab, Target


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A folder of its own for each test."""
    lab = Lab(tmp_path)
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="module")
def quiet_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A target to which a module's tests must send nothing."""
    lab = Lab(tmp_path_factory.mktemp("target"))
    try:
        yield lab.target()
    finally:
        lab.close()
