"""What stands behind the API of a Chater target: a topic, a worker, and the wait for its answer.

A request that asks the worker looks for the answer at once and then once per tick of a grid, so it
is told of it late: the original looks every half second.
"""

import asyncio
import math
import random
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from gauntlet.targets._chater_settings import ChaterSettings
from gauntlet.targets.faults import chance


class Fate(NamedTuple):
    """What is to go wrong with one request."""

    worker_error: bool
    worker_timeout: bool
    kafka_down: bool
    failed: bool
    empty: bool
    content_type: bool
    undone: bool
    lost_weight: bool
    totals: bool


class Work(Enum):
    """How a request to the worker ended."""

    DONE = auto()
    REFUSED = auto()
    TIMED_OUT = auto()
    UNSENT = auto()


class Backend:
    """The workers of one process."""

    def __init__(self, settings: ChaterSettings, worker: int) -> None:
        self._settings = settings
        self._source = random.Random(f"chater:{settings.seed}:{worker}")

    def fate(self) -> Fate:
        """Decide over one request: always as many draws, so that faults strike independently."""
        settings = self._settings
        return Fate(*(chance(getattr(settings, f"{name}_share"), self._source) for name in _NAMES))

    async def ask(self, fate: Fate, seconds: float, timeout_s: float) -> Work:
        """Wait for work that takes so long; what the caller then does is the worker's answer."""
        timeout_s *= self._settings.timeout_scale
        if fate.kafka_down:
            return Work.UNSENT
        if fate.worker_timeout:
            await asyncio.sleep(timeout_s)
            return Work.TIMED_OUT
        grid = self._settings.answer_grid_s
        waits = math.ceil(seconds / grid) * grid if grid else seconds
        await asyncio.sleep(min(waits, timeout_s))
        if waits > timeout_s:
            return Work.TIMED_OUT
        return Work.REFUSED if fate.worker_error else Work.DONE

    def dispatch(self, work: Callable[[], object], seconds: float) -> None:
        """Let a worker do something that nobody waits for."""
        asyncio.get_running_loop().call_later(seconds, work)


_NAMES = Fate._fields
