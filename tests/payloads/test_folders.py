"""Folders of real pictures: order by seed, unreadable files, and what is no picture."""

from pathlib import Path

import pytest
from PIL import Image

from gauntlet.errors import UsageError
from gauntlet.payloads.folders import load, shuffled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        colour = (number * 20, 0, 0)
        Image.new("RGB", (40, 30), colour).save(tmp_path / f"{number}.jpg", comment="private")
    return tmp_path


def test_the_seed_decides_the_order(folder: Path) -> None:
    assert shuffled(folder, 7, ()) == shuffled(folder, 7, ())
    assert shuffled(folder, 7, ()) != shuffled(folder, 8, ())
    assert shuffled(folder, 7, ()) != shuffled(folder, 7, (1,))
    assert sorted(shuffled(folder, 7, ())) == sorted(path.name for path in folder.iterdir())


def test_only_regular_files_called_like_pictures_count(folder: Path) -> None:
    names = set(shuffled(folder, 7, ()))
    (folder / "labels.json").write_text("{}")
    (folder / "folder.jpg").mkdir()
    (folder / "UPPER.JPG").write_bytes(b"")
    assert set(shuffled(folder, 7, ())) == names | {"UPPER.JPG"}


def test_a_picture_is_brought_to_size_without_its_comment(folder: Path) -> None:
    picture = load(folder / "3.jpg", (16, 8))
    assert picture is not None
    assert (picture.size, picture.mode, picture.info) == ((16, 8), "RGB", {})


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_colour_becomes_rgb(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (8, 8)).save(tmp_path / "a.png")
    picture = load(tmp_path / "a.png", (4, 4))
    assert picture is not None
    assert picture.mode == "RGB"


def test_a_palette_with_transparency_warns_nobody(tmp_path: Path) -> None:
    Image.new("P", (8, 8)).save(tmp_path / "a.png", transparency=b"\0\1\2")
    assert load(tmp_path / "a.png", (4, 4)) is not None


@pytest.mark.parametrize("name", ["cut", "empty", "text", "missing"])
def test_a_file_that_cannot_be_read_gives_none(folder: Path, name: str) -> None:
    (folder / "cut").write_bytes((folder / "3.jpg").read_bytes()[:-30])
    (folder / "empty").touch()
    (folder / "text").write_text("no picture")
    assert load(folder / name, (16, 8)) is None


def test_a_picture_that_claims_to_be_gigantic_is_not_opened(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.bmp")
    data = bytearray((tmp_path / "a.bmp").read_bytes())
    data[18:26] = (60_000).to_bytes(4, "little") * 2
    (tmp_path / "a.bmp").write_bytes(data)
    assert load(tmp_path / "a.bmp", (4, 4)) is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("missing", "no such file or directory", id="a folder that is not there"),
        pytest.param("3.jpg", "not a directory", id="a file"),
        pytest.param("bare", "none in it", id="a folder without pictures"),
    ],
)
def test_a_folder_without_pictures_is_refused_in_one_line(
    folder: Path, name: str, found: str
) -> None:
    (folder / "bare").mkdir()
    with pytest.raises(UsageError) as refusal:
        shuffled(folder / name, 7, ())
    assert refusal.value.mistakes == [
        f"{folder / name}: expected a folder with pictures, got {found}"
    ]
