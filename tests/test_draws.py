"""Random numbers per (worker, user, iteration): the same for the same path, and unrelated else."""

from itertools import product

import numpy as np
import pytest

from gauntlet.draws import ITEM_BITS, SERIAL_BITS, SHARED, Draws, Streams, turn
from gauntlet.errors import UsageError


def at(seed: int = 7, worker: int = 1, user: int = 1, iteration: int = 1) -> Draws:
    """The draws of one path."""
    draws = Draws(seed, worker, user)
    for _ in range(iteration):
        draws.begin()
    return draws


PATHS = [at(*path) for path in product((7, 8), (0, 1), (1, 2), (0, 1, 2))]


def test_the_same_path_gives_the_same_numbers_whatever_was_drawn_before() -> None:
    one, other = at(iteration=3), at()
    other.random()
    other.gauss(0, 1)
    other.serial()
    other.begin()
    other.begin()
    assert [one.gauss(0, 1) for _ in range(3)] == [other.gauss(0, 1) for _ in range(3)]
    assert one.serial() == other.serial()


def test_no_two_paths_give_the_same_numbers() -> None:
    drawn = [draws.getrandbits(64) for draws in PATHS for _ in range(500)]
    assert len(set(drawn)) == len(drawn)


def test_neighbouring_paths_are_unrelated() -> None:
    """No pair of paths correlates by more than chance: of 4,000 numbers 1/sqrt(4000), times 5."""
    tables = np.array([[draws.random() for _ in range(4000)] for draws in PATHS])
    related = np.corrcoef(tables) - np.eye(len(PATHS))
    assert np.abs(related).max() < 5 / 4000**0.5
    firsts = [at(iteration=one).random() for one in range(1, 2001)]
    assert abs(np.corrcoef(firsts[1:], firsts[:-1])[0, 1]) < 5 / 2000**0.5


def test_numbers_spread_evenly() -> None:
    draws = at()
    counts = np.bincount([draws.randrange(10) for _ in range(20_000)], minlength=10)
    chi_squared = float(((counts - 2000) ** 2 / 2000).sum())
    assert chi_squared < 28  # one in a thousand for nine degrees of freedom; these are fixed


@pytest.mark.parametrize("bits", [0, 1, 63, 64, 65, 200])
def test_bits_are_as_many_as_asked_for(bits: int) -> None:
    draws = at()
    drawn = [draws.getrandbits(bits) for _ in range(200)]
    assert max(drawn).bit_length() == bits
    assert min(drawn) >= 0


def test_every_payload_of_a_worker_has_a_serial_of_its_own() -> None:
    streams = Streams(7, 0)
    serials = []
    for draws in [streams.user() for _ in range(20)]:
        for _ in range(20):
            serials += [draws.serial() for _ in range(3)]
            draws.begin()
    assert len(set(serials)) == len(serials) == 20 * 20 * 3
    assert max(serials) < 2**SERIAL_BITS


def test_a_numbered_iteration_is_the_same_for_whoever_takes_it() -> None:
    one, other = Draws(7, 0, 1), Draws(7, 0, 2)
    one.begin(41)
    other.begin(41)
    assert (one.serial(), one.random()) == (other.serial(), other.random())
    assert one.serial() >> SERIAL_BITS - 32 == SHARED


def test_an_iteration_that_was_cut_is_drawn_anew() -> None:
    draws, seen = at(), set()
    for cuts in range(4):
        draws.begin(41, cuts)
        seen.add(draws.serial())
    assert len(seen) == 4


def test_an_iteration_has_room_for_so_many_payloads() -> None:
    draws = at()
    draws._items = 2**ITEM_BITS
    with pytest.raises(OverflowError, match="at most 16777216 payloads per iteration"):
        draws.serial()


def test_turns_go_on_with_items_iterations_and_users() -> None:
    draws = at()
    assert [turn(draws.serial()) for _ in range(3)] == [2, 3, 4]
    draws.begin()
    assert turn(draws.serial()) == 3
    assert turn(at(user=2).serial()) == 3
    assert [turn(number) for number in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("path", [(-1, 0, 1), (2**64, 0, 1), (7, -1, 1), (7, 2**32, 1)])
def test_impossible_paths_are_refused(path: tuple[int, int, int]) -> None:
    with pytest.raises((UsageError, ValueError)):
        Draws(*path)
