"""Format A and B of encrypted pictures, against vectors that a running node gave."""

import hashlib

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gauntlet.wire import scramble
from gauntlet.wire.scramble import Metadata, NotEncrypted, OrderCache, Pixels, TooSmall

USUAL = Metadata(("alice", "bob", "charlie"), 5)
METADATA = st.builds(
    Metadata, st.lists(st.text(max_size=8), max_size=3).map(tuple), st.integers(0, 2**32 - 1)
)


def pixels(count: int, columns: int = 3) -> Pixels:
    at = np.arange(count)
    table = np.stack([at * factor % 256 for factor in (1, 7, 13, 29)[:columns]], axis=1)
    return table.astype(np.uint8)


@pytest.mark.parametrize(
    ("names", "quota", "seed"),
    [
        pytest.param(("alice", "bob", "charlie"), 5, 9599441205396488754, id="the usual ones"),
        pytest.param(("alice",), 1, 10321290558061797526, id="one name"),
        pytest.param((), 0, 6912158355717386040, id="no name"),
        pytest.param(("zoë",), 10, 9100316045330568785, id="beyond ASCII"),
    ],
)
def test_the_seed_is_the_nodes(names: tuple[str, ...], quota: int, seed: int) -> None:
    assert Metadata(names, quota).seed == seed


def test_the_order_is_the_nodes() -> None:
    assert scramble.make_order(USUAL.seed, 8).tolist() == [2, 3, 0, 7, 6, 5, 4, 1]
    twelve = [10, 3, 8, 6, 2, 1, 7, 5, 4, 11, 0, 9]
    assert scramble.make_order(USUAL.seed, 12).tolist() == twelve


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 1000, 20_000])
def test_swaps_in_batches_are_swaps_one_by_one(count: int) -> None:
    wanted, state = list(range(count)), USUAL.seed
    for at in range(count - 1, 0, -1):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        other = state % (at + 1)
        wanted[at], wanted[other] = wanted[other], wanted[at]
    assert scramble.make_order(USUAL.seed, count).tolist() == wanted


def test_a_scrambled_picture_is_the_nodes_to_the_bit() -> None:
    picture = pixels(144)
    digest = hashlib.sha256(picture.tobytes()).hexdigest()
    assert digest == "f8e280de901c9b407fae63d8861b4c29c5706703c6d1bd9aaa12216688996e8d"
    made = scramble.scramble(picture, USUAL)
    digest = hashlib.sha256(made.tobytes()).hexdigest()
    assert digest == "e044e75b28a628a901786fcd24a1af1593c7ec44238c6459daf8b56cbd7123e2"
    first = "16 112 208 12 84 156 26 182 82 10 70 130 126 114 102 142 232 66 0 0 0 18 126 234"
    assert made.reshape(-1)[:24].tolist() == [int(one) for one in first.split()]
    assert (USUAL.text, USUAL.bits) == (
        b'{"usernames":["alice","bob","charlie"],"quota":5}',
        424,
    )


def test_a_picture_without_room_is_refused_in_the_nodes_words() -> None:
    with pytest.raises(TooSmall, match="Image too small: need 424 bits, have 192 bits"):
        scramble.scramble(pixels(64), USUAL)
    assert len(scramble.scramble(pixels(142), USUAL)) == 142


@given(METADATA, st.integers(300, 3000), st.sampled_from([3, 4]))
def test_unscrambling_gives_the_picture_back(meta: Metadata, count: int, columns: int) -> None:
    assume(meta.bits <= count * columns)
    before = pixels(count, columns)
    opened = scramble.unscramble(scramble.scramble(before, meta))
    assert opened.metadata == meta
    assert opened.pixels is not None
    difference = np.abs(opened.pixels.astype(int) - before)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= meta.bits


def test_a_hidden_file_is_found_again() -> None:
    cover = pixels(20_000)
    file = b"\xff\xd8\xff" + bytes(range(256)) * 4
    text = USUAL.text
    payload = len(text).to_bytes(4) + text + len(file).to_bytes(4) + file
    bits = np.unpackbits(np.frombuffer(payload, np.uint8))
    flat = cover.reshape(-1)
    flat[: len(bits)] = (flat[: len(bits)] & 0xFE) | bits
    assert scramble.unscramble(cover) == (USUAL, None, file)


@pytest.mark.parametrize(
    ("length", "text", "words"),
    [
        pytest.param(0, b"", "Invalid metadata length: 0", id="no length"),
        pytest.param(10_001, b"", "Invalid metadata length: 10001", id="too long"),
        pytest.param(9_000, b"", "Unexpected end", id="longer than the picture"),
        pytest.param(4, b"\xff{}!", "Invalid metadata", id="no text"),
        pytest.param(2, b"{}", "Invalid metadata", id="without its keys"),
        pytest.param(2, b"[]", "Invalid metadata", id="a list"),
        pytest.param(27, b'{"usernames":1,"quota":10 }', "usernames as a list", id="no list"),
        pytest.param(27, b'{"usernames":[],"quota":-1}', "quota as a whole", id="negative"),
    ],
)
def test_what_holds_no_metadata_says_so(length: int, text: bytes, words: str) -> None:
    picture = np.zeros((500, 3), np.uint8)
    bits = np.unpackbits(np.frombuffer(length.to_bytes(4) + text, np.uint8))
    picture.reshape(-1)[: len(bits)] = bits
    with pytest.raises(NotEncrypted, match=words):
        scramble.unscramble(picture)


def test_a_picture_of_a_few_pixels_says_so() -> None:
    with pytest.raises(NotEncrypted, match="Unexpected end"):
        scramble.unscramble(pixels(3))


def test_the_cache_keeps_what_was_used_last_and_no_more() -> None:
    cache = OrderCache(pixels=250)
    first = cache.get(1, 100)
    cache.get(2, 100)
    assert cache.get(1, 100) is first
    cache.get(3, 100)
    assert cache.held == 200
    assert cache.get(1, 100) is first
    assert cache.get(2, 100).tolist() == scramble.make_order(2, 100).tolist()
    cache.get(1, 251)
    assert cache.held == 0
