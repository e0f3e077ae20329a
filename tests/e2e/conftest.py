"""The lab of every end-to-end test, emptied of processes when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A folder of its own for each test."""
    lab = Lab(tmp_path)
    try:
        yield lab
    finally:
        lab.close()
