"""Stamps: rendered, spliced in, found again, and refused when damaged."""

import zlib
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gauntlet.errors import UsageError
from gauntlet.payloads.stamps import Blank, Format, Recipe, Size, Stamp, find_stamp

FORMATS: list[Format] = ["JPEG", "PNG"]


def recipe(format: Format = "JPEG", size: Size = (32, 16), quality: int = 85) -> Recipe:
    return Recipe(7, (1, 4), 3, size, quality, format, "drawn")


def plain(format: Format) -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize((32, 16)).convert("RGB").save(file, format)
    return file.getvalue()


def stamped(format: Format, serial: int) -> bytes:
    return b"".join(Blank(recipe(format), plain(format)).parts(serial))


@pytest.mark.parametrize("format", FORMATS)
def test_a_stamp_changes_no_pixel(format: Format) -> None:
    with (
        Image.open(BytesIO(plain(format))) as before,
        Image.open(BytesIO(stamped(format, 42))) as after,
    ):
        assert after.format == format
        assert after.tobytes() == before.tobytes()


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_library_reads_the_stamp_as_a_comment(format: Format) -> None:
    with Image.open(BytesIO(stamped(format, 42))) as picture:
        comment = picture.info["comment" if format == "JPEG" else "Comment"]
    text = comment.decode() if isinstance(comment, bytes) else comment
    words = f"gauntlet/1 drawn {format} 32x16 q85 seed=7 stream=1.4 index=3 serial={42:024x}"
    assert text == f"{words} check={zlib.crc32(words.encode()):08x}"


@pytest.mark.parametrize("format", FORMATS)
def test_head_and_tail_are_the_unstamped_file_and_never_copied(format: Format) -> None:
    blank = Blank(recipe(format), plain(format))
    (head, first, tail), (same_head, second, same_tail) = blank.parts(1), blank.parts(2)
    assert head + tail == plain(format)
    assert head is same_head and tail is same_tail
    assert first != second
    assert blank.length == len(head) + len(first) + len(tail)


def test_the_jfif_header_stays_in_front_of_the_comment() -> None:
    data = stamped("JPEG", 0)
    assert data[2:4] == b"\xff\xe0"
    assert data[20:22] == b"\xff\xfe"


def test_a_jpeg_without_jfif_header_is_stamped_behind_its_first_marker() -> None:
    bare = plain("JPEG")
    bare = bare[:2] + bare[20:]
    head, stamp, tail = Blank(recipe(), bare).parts(0)
    assert (head, tail) == (bare[:2], bare[2:])
    assert stamp.startswith(b"\xff\xfe")


def test_the_text_chunk_of_a_png_has_the_right_checksum() -> None:
    data, at, kinds = stamped("PNG", 42), 8, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        kinds.append(data[at + 4 : at + 8])
        body, crc = data[at + 4 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        assert zlib.crc32(body) == int.from_bytes(crc)
        at += 12 + length
    assert kinds[:2] == [b"IHDR", b"tEXt"]
    assert kinds[-1] == b"IEND"


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**64 - 1),
    stream=st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple),
    index=st.integers(0, 2**32 - 1),
    serial=st.integers(0, 16**24 - 1),
    format=st.sampled_from(FORMATS),
)
def test_every_stamp_is_found_again(
    seed: int, stream: tuple[int, ...], index: int, serial: int, format: Format
) -> None:
    made = Recipe(seed, stream, index, (64, 48), 90, format, "folder")
    data = b"".join(Blank(made, plain(format)).parts(serial))
    assert find_stamp(data) == Stamp(made, serial)


@pytest.mark.parametrize("format", FORMATS)
def test_a_stamp_with_any_byte_changed_is_not_taken_for_another(format: Format) -> None:
    stamp = b"".join(Blank(recipe(format), plain(format)).parts(42))
    start = stamp.index(b"gauntlet/1")
    end = stamp.index(b"check=") + len(b"check=00000000")
    for at in range(start, end):
        for other in b"0159af.":
            damaged = stamp[:at] + bytes([other]) + stamp[at + 1 :]
            assert damaged == stamp or find_stamp(damaged) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no picture", id="no picture"),
        pytest.param(plain("JPEG"), id="a picture of somebody else"),
        pytest.param(stamped("JPEG", 1)[:60], id="cut inside the stamp"),
        pytest.param(b" " * 4096 + stamped("JPEG", 1), id="too far behind the beginning"),
        pytest.param(stamped("JPEG", 1).replace(b"32x16", b"99999x1"), id="a size that cannot be"),
        pytest.param(stamped("JPEG", 1).replace(b"1.4", b"1..4"), id="a stream that cannot be"),
    ],
)
def test_without_an_intact_stamp_nothing_is_found(data: bytes) -> None:
    assert find_stamp(data) is None


def test_serials_differ_in_the_stamp_only() -> None:
    blank = Blank(recipe(), plain("JPEG"))
    stamps = [blank.parts(serial)[1] for serial in range(100)]
    assert all(first != second for first, second in pairwise(stamps))
    assert len(set(map(len, stamps))) == 1


@pytest.mark.parametrize(
    ("size", "quality", "text"),
    [
        pytest.param((0, 5), 85, "picture size: expected 1x1 to 8192x8192, got 0x5", id="empty"),
        pytest.param(
            (5, 8193), 85, "picture size: expected 1x1 to 8192x8192, got 5x8193", id="too high"
        ),
        pytest.param((5, 5), 0, "picture quality: expected 1 to 100, got 0", id="no quality"),
        pytest.param((5, 5), 101, "picture quality: expected 1 to 100, got 101", id="too good"),
    ],
)
def test_an_impossible_recipe_is_refused_in_one_line(size: Size, quality: int, text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        recipe(size=size, quality=quality)
    assert refusal.value.mistakes == [text]


def test_an_unknown_format_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="^picture format: expected JPEG or PNG, got 'GIF'$"):
        recipe("GIF")  # type: ignore[arg-type]  # what a profile could say
