"""Looking into encrypted pictures: readable, as requested, equal."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gauntlet.wire import scramble
from gauntlet.wire.scramble import Metadata, Pixels
from gauntlet.wire.verify import Original, verify, verify_plain

USUAL = Metadata(("alice", "zoë"), 5)
SIZE = (40, 30)


def noise(seed: int = 1, columns: int = 3) -> Pixels:
    source = np.random.default_rng(seed)
    return source.integers(0, 256, (SIZE[0] * SIZE[1], columns), dtype=np.uint8)


def file(pixels: Pixels, kind: str = "PNG", size: tuple[int, int] = SIZE) -> bytes:
    mode = "RGBA" if pixels.shape[1] == 4 else "RGB"
    encoded = BytesIO()
    Image.frombytes(mode, size, pixels.tobytes()).save(encoded, kind)
    return encoded.getvalue()


def test_a_right_picture_is_right_and_can_be_kept() -> None:
    original = Original(file(noise()))
    found = verify(file(scramble.scramble(noise(), USUAL)), original, USUAL, keep=True)
    assert (found.readable, found.as_requested, found.equal, found.error) == (True,) * 3 + (None,)
    assert found.right and found.size == SIZE
    assert found.decrypted is not None
    assert verify_plain(found.decrypted, original, USUAL.bits, 0).equal


def test_the_older_variant_with_four_colours_is_read() -> None:
    pixels = noise(columns=4)
    found = verify(
        file(scramble.scramble(pixels, USUAL)), Original(file(pixels[:, :3].copy())), USUAL
    )
    assert found.right


def test_a_hidden_file_is_compared_byte_for_byte() -> None:
    data, cover = file(noise()), np.zeros((20_000, 3), np.uint8)
    text = USUAL.text
    payload = len(text).to_bytes(4) + text + len(data).to_bytes(4) + data
    bits = np.unpackbits(np.frombuffer(payload, np.uint8))
    cover.reshape(-1)[: len(bits)] = bits
    encrypted = file(cover, size=(200, 100))
    assert verify(encrypted, Original(data), USUAL, keep=True).decrypted == data
    assert verify(encrypted, Original(data), USUAL).right
    assert not verify(encrypted, Original(file(noise(2))), USUAL).right


@pytest.mark.parametrize("level", [0, 1, 4, 5, 6])
def test_levels_within_the_tolerance_are_equal_where_the_original_is_a_jpeg(level: int) -> None:
    data = file(noise(), "JPEG")
    original = Original(data)
    pixels = original.pixels.copy()
    wide = pixels.astype(int) + np.where(pixels < 128, level, -level)
    found = verify(file(scramble.scramble(wide.astype(np.uint8), USUAL)), original, USUAL, 4)
    assert found.equal is (level <= 4)


def test_a_lossless_original_has_no_tolerance() -> None:
    pixels = noise()
    other = pixels ^ np.uint8(1)
    found = verify(file(scramble.scramble(other, USUAL)), Original(file(pixels)), USUAL, 4)
    assert (found.equal, found.error) == (False, "pixels are not those of the original")


def test_each_question_is_answered_for_itself() -> None:
    encrypted = file(scramble.scramble(noise(), USUAL))
    swapped = verify(encrypted, Original(file(noise(2))), USUAL)
    assert (swapped.readable, swapped.as_requested, swapped.equal) == (True, True, False)
    other = verify(encrypted, Original(file(noise())), Metadata(("eve",), 5))
    assert (other.as_requested, other.equal, other.right) == (False, True, False)
    assert other.error == "metadata is not as requested"
    alone = verify(encrypted, None, None)
    assert (alone.readable, alone.as_requested, alone.equal) == (True, None, None)
    assert not alone.right
    smaller = Original(file(noise()[:600], size=(20, 30)))
    assert verify(encrypted, smaller, USUAL).equal is False


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", "no picture that can be decoded", id="nothing"),
        pytest.param(file(noise())[:200], "no picture that can be decoded", id="truncated"),
        pytest.param(file(noise()), "Invalid metadata length", id="never encrypted"),
        pytest.param(
            file(scramble.scramble(noise(), USUAL), "JPEG"), "Invalid", id="kept as a JPEG"
        ),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, error: str) -> None:
    found = verify(data, None, USUAL)
    assert not found.readable
    assert found.error is not None and found.error.startswith(error)
