"""Streams of one seed: repeatable, and apart from each other."""

import pytest

from gauntlet.errors import UsageError
from gauntlet.payloads.seeds import SEED_LIMIT, STREAM_LIMIT, Purpose, Stream, random_stream

Path = tuple[int, Purpose, Stream, tuple[int, ...]]


def first_bytes(path: Path) -> bytes:
    seed, purpose, stream, item = path
    return random_stream(seed, purpose, stream, *item).bytes(16)


def test_the_same_path_gives_the_same_numbers() -> None:
    path: Path = (7, Purpose.FILES, (1, 2), (3,))
    assert first_bytes(path) == first_bytes(path)


def test_the_numbers_of_a_path_never_change() -> None:
    assert (
        first_bytes((7, Purpose.PICTURES, (1, 2), (3,))).hex() == "485e49045bdb1bfda2a0989aa1d4b060"
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((8, Purpose.FILES, (1, 2), (3,)), id="another seed"),
        pytest.param((7 + 2**32, Purpose.FILES, (1, 2), (3,)), id="a seed that differs high up"),
        pytest.param((7, Purpose.BLOBS, (1, 2), (3,)), id="another purpose"),
        pytest.param((7, Purpose.FILES, (2, 1), (3,)), id="the stream the other way round"),
        pytest.param((7, Purpose.FILES, (1, 2), (4,)), id="another item"),
        pytest.param((7, Purpose.FILES, (1, 2, 3), ()), id="the item as part of the stream"),
        pytest.param((7, Purpose.FILES, (1, 2, 3), (0,)), id="a longer stream"),
        pytest.param((7, Purpose.FILES, (), (1, 2, 3)), id="no stream"),
    ],
)
def test_another_path_gives_other_numbers(other: Path) -> None:
    assert first_bytes((7, Purpose.FILES, (1, 2), (3,))) != first_bytes(other)


@pytest.mark.parametrize("seed", [-1, SEED_LIMIT])
def test_a_seed_of_more_than_64_bits_is_refused_in_one_line(seed: int) -> None:
    with pytest.raises(UsageError) as refusal:
        random_stream(seed, Purpose.FILES)
    assert refusal.value.mistakes == [
        f"seed: expected a whole number from 0 to {SEED_LIMIT - 1}, got {seed}"
    ]


@pytest.mark.parametrize("number", [-1, STREAM_LIMIT])
def test_a_number_that_would_be_cut_in_two_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="stream: expected numbers from 0 to"):
        random_stream(7, Purpose.FILES, (number,))
