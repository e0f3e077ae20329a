"""Blobs: unique, of the right size and kind, known byte for byte."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from gauntlet.errors import UsageError
from gauntlet.payloads.blobs import BLOCK_BYTES, STAMP_BYTES, BlobPool
from gauntlet.payloads.seeds import Stream

SIZES = (200, 300)
POOL = BlobPool.make(sizes=SIZES, seed=7, stream=(1, 4), text_share=0.5)
BLOB = POOL.blob(5)


def pool(
    sizes: tuple[int, int] = SIZES, seed: int = 7, stream: Stream = (1, 4), text_share: float = 0.5
) -> BlobPool:
    return BlobPool.make(sizes=sizes, seed=seed, stream=stream, text_share=text_share)


def test_ten_thousand_blobs_are_all_different() -> None:
    made = pool()
    assert len({xxh3_128_digest(made.next().content) for _ in range(10_000)}) == 10_000


def test_no_two_streams_give_the_same_blob() -> None:
    streams: list[Stream] = [(), (0,), (1,), (0, 0), (0, 1), (1, 0)]
    pools = [pool((STAMP_BYTES, STAMP_BYTES), stream=stream) for stream in streams]
    made = [p.next().content for p, _ in product(pools, range(50))]
    assert len(set(made)) == len(made)


def test_whoever_has_seed_stream_and_serial_has_the_bytes() -> None:
    assert pool().blob(5).content == BLOB.content
    assert pool(seed=8).blob(5).content != BLOB.content
    assert BLOB.serial == 5


def test_next_counts_the_serials() -> None:
    made = pool()
    assert [made.next().serial for _ in range(3)] == [0, 1, 2]


def test_sizes_reach_both_ends_and_spread_evenly() -> None:
    made = pool((30, 39))
    lengths = [made.next().length for _ in range(5_000)]
    assert all(400 < lengths.count(length) < 600 for length in range(30, 40))


def test_the_length_is_that_of_the_parts() -> None:
    assert BLOB.length == sum(map(len, BLOB.parts)) == len(BLOB.content)
    assert len(BLOB.parts[0]) == STAMP_BYTES


@pytest.mark.parametrize(
    ("share", "fewest", "most"),
    [
        pytest.param(0.0, 0, 0, id="binary only"),
        pytest.param(0.5, 400, 600, id="half and half"),
        pytest.param(1.0, 1000, 1000, id="text only"),
    ],
)
def test_the_share_of_text_is_kept(share: float, fewest: int, most: int) -> None:
    made = pool(text_share=share)
    texts = [content for _ in range(1000) if (content := made.next().content).isascii()]
    assert fewest <= len(texts) <= most
    assert all(content.decode("utf-8").isprintable() for content in texts)


@pytest.mark.parametrize(
    "length",
    [
        pytest.param(STAMP_BYTES, id="nothing but the stamp"),
        pytest.param(STAMP_BYTES + 1, id="one byte more"),
        pytest.param(STAMP_BYTES + BLOCK_BYTES - 1, id="nearly the whole block"),
        pytest.param(STAMP_BYTES + BLOCK_BYTES, id="exactly the block"),
        pytest.param(STAMP_BYTES + 2 * BLOCK_BYTES + 5, id="twice round the block"),
    ],
)
def test_every_length_is_given_and_recognised(length: int) -> None:
    blob = pool((length, length)).next()
    content = blob.content
    assert len(content) == blob.length == length
    assert blob.matches(content)
    assert not blob.matches(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_blob_matches_its_own_bytes(kind: type[bytes] | type[bytearray]) -> None:
    assert BLOB.matches(kind(BLOB.content))


@settings(deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_one_changed_byte_anywhere_is_noticed(place: float, change: int) -> None:
    damaged = bytearray(BLOB.content)
    damaged[int(place * len(damaged))] ^= change
    assert not BLOB.matches(damaged)
    assert POOL.verify(bytes(damaged)) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(BLOB.content[:-1], id="a byte short"),
        pytest.param(BLOB.content + b"\0", id="a byte more"),
        pytest.param(POOL.blob(6).content, id="another blob"),
    ],
)
def test_other_bytes_do_not_match(data: bytes) -> None:
    assert not BLOB.matches(data)


def test_a_pool_names_the_serial_of_its_blobs() -> None:
    assert [POOL.verify(POOL.blob(serial).content) for serial in (0, 5, 2**95)] == [0, 5, 2**95]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"gauntlet", id="too short for a stamp"),
        pytest.param(b"A" * 300, id="a stamp of nobody"),
        pytest.param(pool(stream=(2,)).blob(5).content, id="another stream"),
        pytest.param(BLOB.content[:-1], id="a byte short"),
    ],
)
def test_a_pool_knows_what_is_not_its_own(data: bytes) -> None:
    assert POOL.verify(data) is None


def test_the_hash_is_that_of_the_content() -> None:
    assert BLOB.xxh3 == BLOB.xxh3 == xxh3_64_intdigest(BLOB.content)


def test_a_pool_pauses_while_it_is_made() -> None:
    pauses: list[None] = []
    BlobPool.make(sizes=SIZES, seed=7, pause=lambda: pauses.append(None))
    assert len(pauses) >= 8


@pytest.mark.parametrize(
    ("sizes", "share", "text"),
    [
        pytest.param(
            (23, 30),
            0.5,
            "blob sizes: expected 24 <= smallest <= largest, got 23 and 30",
            id="no room for a stamp",
        ),
        pytest.param(
            (30, 25),
            0.5,
            "blob sizes: expected 24 <= smallest <= largest, got 30 and 25",
            id="the wrong way round",
        ),
        pytest.param((25, 30), 1.5, "share of text blobs: expected 0 to 1, got 1.5", id="share"),
    ],
)
def test_impossible_blobs_are_refused_in_one_line(
    sizes: tuple[int, int], share: float, text: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        pool(sizes, text_share=share)
    assert refusal.value.mistakes == [text]


ROUND = BlobPool.make(sizes=(2 * BLOCK_BYTES + 100, 2 * BLOCK_BYTES + 200), seed=7)


@settings(max_examples=60)
@given(st.sampled_from([POOL, ROUND]), st.integers(0, 2**40), st.data())
def test_runs_of_a_stretch_are_its_bytes(made: BlobPool, serial: int, data: st.DataObject) -> None:
    blob = made.blob(serial)
    start = data.draw(st.integers(0, blob.length - 1))
    length = data.draw(st.integers(1, blob.length - start))
    runs = blob.runs(start, length)
    assert all(type(known) is bytes and size > 0 for known, _, size in runs)
    joined = b"".join(known[at : at + size] for known, at, size in runs)
    assert joined == blob.content[start : start + length]


def test_runs_of_a_whole_blob_are_all_of_it() -> None:
    for blob in (BLOB, ROUND.blob(3)):
        assert sum(size for _, _, size in blob.runs()) == blob.length
        assert len(blob.runs()) == len(blob.parts)
