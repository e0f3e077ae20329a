"""Picture pools: unique, repeatable, verifiable by whoever has the seed."""

from collections.abc import Callable
from io import BytesIO
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from xxhash import xxh3_128_digest

from gauntlet.errors import UsageError
from gauntlet.payloads.pictures import Origin, PicturePool, rebuild, verify
from gauntlet.payloads.seeds import Stream
from gauntlet.payloads.stamps import Format, find_stamp

SIZE = (64, 48)
FORMATS: list[Format] = ["JPEG", "PNG"]


def pool(
    format: Format = "JPEG", seed: int = 7, stream: Stream = (1, 4), count: int = 3
) -> PicturePool:
    return PicturePool.make(size=SIZE, seed=seed, count=count, stream=stream, format=format)


JPEG = pool().picture(5)
PNG = pool("PNG").picture(5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures")
    for number in range(6):
        picture = Image.linear_gradient("L").resize((40 + number, 30))
        picture.save(path / f"photo {number}.png")
    for number in range(3):
        (path / f"broken {number}.jpg").write_bytes(b"no picture")
    return path


def from_folder(path: Path, count: int = 16) -> PicturePool:
    return PicturePool.from_folder(path, size=SIZE, seed=7, stream=(1,), count=count)


@pytest.mark.parametrize("format", FORMATS)
def test_ten_thousand_pictures_are_all_different(format: Format) -> None:
    made = pool(format)
    assert len({xxh3_128_digest(made.next().content) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("format", FORMATS)
def test_no_two_streams_give_the_same_picture(format: Format) -> None:
    streams: list[Stream] = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 0, 0)]
    pools = [pool(format, stream=stream, count=2) for stream in streams]
    made = [p.next().content for p, _ in product(pools, range(20))]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_seed_makes_the_same_bytes(format: Format) -> None:
    first, second, other = pool(format), pool(format), pool(format, seed=8)
    for _ in range(5):
        content = first.next().content
        assert content == second.next().content
        assert content != other.next().content


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_is_what_it_says(format: Format) -> None:
    picture = pool(format).next()
    assert picture.length == len(picture.content) == sum(map(len, picture.parts))
    assert picture.name == f"drawn-64x48-0{'.jpg' if format == 'JPEG' else '.png'}"
    with Image.open(BytesIO(picture.content)) as opened:
        opened.load()
        assert (opened.format, opened.size) == (format, picture.size)


def test_pictures_take_turns_and_share_their_bytes() -> None:
    made = pool(count=3)
    first, second, third, again = (made.next() for _ in range(4))
    assert len({first.name, second.name, third.name}) == 3
    assert again.name == first.name
    assert again.parts[2] is first.parts[2]


def test_a_pool_pauses_after_every_picture() -> None:
    pauses: list[None] = []
    PicturePool.make(size=SIZE, seed=7, count=3, pause=lambda: pauses.append(None))
    assert len(pauses) == 3


def test_a_better_quality_weighs_more() -> None:
    weights = [
        PicturePool.make(size=SIZE, seed=7, count=1, quality=quality).next().length
        for quality in (50, 85, 95)
    ]
    assert weights == sorted(weights)


@pytest.mark.parametrize("format", FORMATS)
def test_the_seed_tells_stream_index_and_serial(format: Format) -> None:
    origin = verify(pool(format).picture(5).content, seed=7)
    assert origin is not None
    assert origin.exact
    recipe = origin.stamp.recipe
    assert (recipe.stream, recipe.index, origin.stamp.serial) == ((1, 4), 2, 5)


def test_another_seed_recognises_the_stamp_but_not_the_bytes() -> None:
    origin = verify(JPEG.content, seed=8)
    assert origin is not None
    assert not origin.exact


@settings(deadline=None, max_examples=120)
@given(
    data=st.sampled_from([JPEG.content, PNG.content]),
    place=st.floats(0, 1, exclude_max=True),
    change=st.integers(1, 255),
)
def test_one_changed_byte_anywhere_is_noticed(data: bytes, place: float, change: int) -> None:
    at = int(place * len(data))
    damaged = bytearray(data)
    damaged[at] ^= change
    origin = verify(bytes(damaged), seed=7)
    assert origin is None or not origin.exact


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="a byte short"),
        pytest.param(lambda data: data + b"\0", id="a byte more"),
        pytest.param(lambda data: data[:200], id="cut behind the stamp"),
    ],
)
def test_another_length_is_noticed(damage: Callable[[bytes], bytes]) -> None:
    origin = verify(damage(JPEG.content), seed=7)
    assert origin is not None
    assert not origin.exact


def test_a_stamp_is_enough_to_make_the_picture_again() -> None:
    stamp = find_stamp(PNG.content)
    assert stamp is not None
    assert rebuild(stamp) == PNG.content


def test_a_folder_gives_what_it_has_and_counts_what_it_skips(folder: Path) -> None:
    made = from_folder(folder)
    assert (len(made), made.skipped) == (6, 3)
    assert {made.next().name for _ in range(6)} == {f"photo {number}.jpg" for number in range(6)}


def test_a_folder_is_read_no_further_than_needed(folder: Path) -> None:
    made = from_folder(folder, count=2)
    assert len(made) == 2
    assert made.next().content == from_folder(folder, count=4).next().content


def test_a_picture_of_a_folder_is_verified_with_the_folder(folder: Path) -> None:
    content = from_folder(folder).picture(4).content
    origin = verify(content, seed=7, folder=folder)
    assert origin is not None
    assert origin == Origin(origin.stamp, exact=True)
    assert verify(content, seed=7) == Origin(origin.stamp, exact=False)


def test_a_folder_that_lost_its_pictures_verifies_nothing(folder: Path, tmp_path: Path) -> None:
    origin = verify(from_folder(folder).picture(5).content, seed=7, folder=folder)
    assert origin is not None
    (tmp_path / "photo 0.png").write_bytes(b"no picture")
    again = verify(from_folder(folder).picture(5).content, seed=7, folder=tmp_path)
    assert again == Origin(origin.stamp, exact=False)


def test_what_a_file_carries_besides_its_pixels_is_not_sent(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", comment="private", icc_profile=b"private")
    assert b"private" not in from_folder(tmp_path).next().content


def test_a_folder_of_unreadable_files_is_refused_in_one_line(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(UsageError) as refusal:
        from_folder(tmp_path)
    assert refusal.value.mistakes == [
        f"{tmp_path}: expected a folder with pictures, got 2 that cannot be read"
    ]


def test_a_folder_pauses_after_every_file(folder: Path) -> None:
    pauses: list[None] = []
    PicturePool.from_folder(folder, size=SIZE, seed=7, pause=lambda: pauses.append(None))
    assert len(pauses) == 9


def test_a_pool_without_pictures_is_refused(folder: Path) -> None:
    expected = "^picture count: expected 1 or more, got 0$"
    with pytest.raises(UsageError, match=expected):
        pool(count=0)
    with pytest.raises(UsageError, match=expected):
        from_folder(folder, count=0)
