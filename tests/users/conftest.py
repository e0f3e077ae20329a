"""What tests of Walrus users start, and end."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from tests.clients.torture import PATIENCE_S
from tests.users._targets import Targets
from tests.users._walrus import Client, Make


@pytest.fixture
def patience() -> Iterator[None]:
    with gevent.Timeout(4 * PATIENCE_S):
        yield


@pytest.fixture
def targets() -> Iterator[Targets]:
    targets = Targets("walrus", "--first-read", "0s")
    yield targets
    targets.close()


@pytest.fixture(scope="module")
def well() -> Iterator[str]:
    """A target without any fault, for all tests that need no other."""
    targets = Targets("walrus", "--first-read", "0s")
    yield targets.start("--cache-headers")[0]
    targets.close()


@pytest.fixture
def client() -> Iterator[Make]:
    """Makes clients and closes them."""
    made: list[Client] = []

    def make(*addresses: str, **mix: Any) -> Client:
        made.append(Client(*addresses, **mix))
        return made[-1]

    yield make
    for one in made:
        one.close()
