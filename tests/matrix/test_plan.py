"""The matrix's cells in the original's order, its files row by row, and how it goes on."""

from itertools import product
from pathlib import Path

import pytest

from gauntlet import config
from gauntlet.errors import UsageError
from gauntlet.matrix.plan import Axes, Cell, cells, remaining
from gauntlet.matrix.sheet import COLUMNS, Sheet, cell_of
from gauntlet.matrix.storage import _at_once

SMALL = Axes(
    modes=("thread",),
    operations=("upload", "list"),
    volumes=(1,),
    client_pools=(2,),
    server_pools=(1, 5),
)


def row(cell: Cell) -> list[object]:
    head = ["2025-05-25T10:33:54", cell.mode, cell.server_pool, cell.operation]
    return [*head, cell.volume, cell.client_pool, "0.12", 1000, cell.client_pool, 0]


def test_there_are_162_cells_in_the_order_of_the_original() -> None:
    three = (1, 5, 50)
    wanted = list(
        product(("thread", "process"), ("upload", "download", "list"), (10, 50, 100), three, three)
    )
    planned = cells(config.load_matrix({}))
    assert len(planned) == 162
    assert [tuple(cell) for cell in planned] == wanted


def test_a_server_of_somebody_else_has_no_pools() -> None:
    planned = cells(SMALL, foreign=True)
    assert [(cell.operation, cell.server_pool) for cell in planned] == [
        ("upload", None),
        ("list", None),
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"modes": (["fork"], "--modes")}, "--modes: modes[0]: expected"),
        ({"volumes": (["x"], "--volumes")}, "--volumes: volumes[0]: expected"),
        ({"volumes": ([0], "--volumes")}, "--volumes: volumes[0]: expected"),
        ({"volumes": ([5, 5], "--volumes")}, "--volumes: volumes: expected each value once"),
        ({"cell_limit": ("soon", "--cell-limit")}, "--cell-limit: cell_limit: expected a duration"),
    ],
)
def test_a_wrong_dimension_is_told_with_its_option(
    given: dict[str, tuple[object, str]], words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        config.load_matrix(given)
    assert caught.value.mistakes[0].startswith(words), caught.value.mistakes


def test_it_goes_on_after_what_is_done() -> None:
    planned = cells(SMALL)
    assert remaining(planned, planned[:3]) == planned[3:]
    assert remaining(planned, planned) == []
    with pytest.raises(ValueError, match="resume with the options"):
        remaining(planned, [planned[1]])
    with pytest.raises(ValueError, match="at most 4 rows"):
        remaining(planned, [*planned, planned[0]])


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("torn", [b"", b"2025", b"2025-05-25T10:33:54,thread,5,list,1,2,0.1,9,2,0"])
def test_a_row_that_was_not_finished_goes(tmp_path: Path, separator: str, torn: bytes) -> None:
    planned, path = cells(SMALL), tmp_path / "rows.csv"
    sheet = Sheet(path, COLUMNS)
    sheet.begin()
    for cell in planned[:2]:
        sheet.append(row(cell))
    text = path.read_bytes().replace(b",", separator.encode())
    path.write_bytes(text + torn)
    assert [cell_of(one, path) for one in sheet.rows()] == planned[:2]
    sheet.cut(2)
    assert path.read_bytes() == text
    sheet.cut(1)
    assert [cell_of(one, path) for one in sheet.rows()] == planned[:1]
    sheet.cut(0)
    assert path.read_bytes().count(b"\n") == 1 and sheet.rows() == []


def test_a_file_is_not_written_over_and_another_file_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("mine\n1\n")
    with pytest.raises(UsageError, match="not there yet"):
        Sheet(path, COLUMNS).begin()
    with pytest.raises(UsageError, match="expected the columns timestamp, mode"):
        Sheet(path, COLUMNS).rows()
    assert path.read_text() == "mine\n1\n"
    with pytest.raises(UsageError, match="readable file"):
        Sheet(tmp_path / "none.csv", COLUMNS).rows()


def test_room_is_kept_for_the_uploads_that_a_cell_holds_at_once() -> None:
    assert _at_once(Cell("thread", "upload", 100, 50, 5)) == 500
    assert _at_once(Cell("process", "upload", 100, 50, 5)) == 5000
    assert _at_once(Cell("process", "list", 100, 50, 5)) == 0


def test_what_is_no_text_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a\xff,b\n")
    with pytest.raises(UsageError, match="expected the columns"):
        Sheet(path, COLUMNS).rows()
    path.write_bytes(",".join(COLUMNS).encode() + b"\n2026,\0\xc3,1\n")
    assert Sheet(path, COLUMNS).rows() == []
