"""One engine and one image for all tests of containers."""

import os
from collections.abc import Iterator

import pytest

from tests.docker.engine import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A running engine with the image of this checkout."""
    assert os.geteuid() == 0, "an engine of one's own needs root"
    with Engine(tmp_path_factory.mktemp("engine")) as engine:
        engine.build()
        yield engine
