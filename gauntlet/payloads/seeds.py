"""One run seed, and from it as many independent random streams as there are things to choose.

    random = random_stream(seed, Purpose.FILES, (worker, user), iteration)
    random.integers(100)

The same path gives the same numbers in every process; two different paths give unrelated ones. A
stream is a tuple of whole numbers, for example (worker, user); what is made inside it (picture 3,
iteration 17) is numbered by `item`. Repeatable for as long as numpy stays the same version.
"""

from enum import IntEnum

import numpy as np

from gauntlet.errors import UsageError

Stream = tuple[int, ...]

SEED_LIMIT = 2**64
# SeedSequence cuts a larger number into words of 32 bits, and (2**32,) would be the stream (0, 1).
STREAM_LIMIT = 2**32


class Purpose(IntEnum):
    """What a stream is for; two purposes never share their numbers. The values are for ever."""

    PICTURES = 1
    FOLDER = 2
    BLOBS = 3
    FILES = 4


def random_stream(
    seed: int, purpose: Purpose, stream: Stream = (), *item: int
) -> np.random.Generator:
    """The random numbers of one item of one stream; about 15 µs, so not for the hot loop."""
    check_seed(seed)
    check_stream((*stream, *item))
    # The length keeps stream (1,) with item 2 apart from stream (1, 2).
    path = (int(purpose), len(stream), *stream, *item)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=path)))


def check_seed(seed: int) -> None:
    """Refuse a seed that is not a whole number of 64 bits."""
    if not 0 <= seed < SEED_LIMIT:
        raise UsageError(f"seed: expected a whole number from 0 to {SEED_LIMIT - 1}, got {seed!r}")


def check_stream(stream: Stream) -> None:
    """Refuse a number that numpy would cut in two."""
    for number in stream:
        if not 0 <= number < STREAM_LIMIT:
            raise ValueError(f"stream: expected numbers from 0 to {STREAM_LIMIT - 1}, got {stream}")
