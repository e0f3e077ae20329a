"""Drawn pictures: repeatable, of the right size, and as heavy as photographs."""

from io import BytesIO

import pytest
from PIL import Image

from gauntlet.payloads.drawing import draw
from gauntlet.payloads.seeds import Purpose, random_stream
from gauntlet.payloads.stamps import Size


def drawn(size: Size, index: int = 0, caption: str = "hello") -> Image.Image:
    return draw(random_stream(7, Purpose.PICTURES, (), index), size, caption)


def test_the_same_numbers_draw_the_same_picture() -> None:
    assert drawn((64, 48)).tobytes() == drawn((64, 48)).tobytes()


def test_other_numbers_draw_another_picture() -> None:
    assert drawn((64, 48), 0).tobytes() != drawn((64, 48), 1).tobytes()


def test_the_caption_is_in_the_picture() -> None:
    assert drawn((64, 48), caption="one").tobytes() != drawn((64, 48), caption="two").tobytes()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (17, 9), (640, 480)])
def test_every_size_can_be_drawn(size: Size) -> None:
    picture = drawn(size)
    assert (picture.size, picture.mode) == (size, "RGB")


@pytest.mark.parametrize(
    ("size", "smallest", "largest"),
    [
        pytest.param((640, 480), 60_000, 150_000, id="small"),
        pytest.param((1280, 720), 200_000, 400_000, id="medium"),
    ],
)
def test_a_jpeg_of_it_is_as_heavy_as_a_photograph(size: Size, smallest: int, largest: int) -> None:
    file = BytesIO()
    drawn(size).save(file, "JPEG", quality=85)
    assert smallest < len(file.getvalue()) < largest
