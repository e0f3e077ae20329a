"""The matrix of a proof: faults against thresholds, and what is wrong with it. Pure.

What counts are the thresholds' values, not the verdict: the runs are brief, and a percentile of so
few requests that it is their maximum is green only where the maximum is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from gauntlet.report.record import RunRecord
from gauntlet.suite.faults import Fault
from gauntlet.thresholds import parse

CLEAN = "clean"
Colour = Literal["green", "red", "none"]


class Cell(NamedTuple):
    """What one threshold said in one run; `expected` is None where either will do."""

    colour: Colour
    shown: str
    expected: Colour | None

    @property
    def right(self) -> bool:
        """Whether it is as it has to be."""
        return self.expected in (None, self.colour)


class Matrix(NamedTuple):
    """A row of cells by threshold, a cell by run; `clean` first."""

    system: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Cell]]


def matrix(system: str, clean: RunRecord, faulty: Sequence[tuple[Fault, RunRecord]]) -> Matrix:
    """The matrix of a system from its records."""
    rows: dict[str, dict[str, Cell]] = {
        one.rule: {CLEAN: _cell(clean, one.rule, "green")} for one in clean.thresholds
    }
    for fault, record in faulty:
        for rule, cells in rows.items():
            must = fault.must_redden(parse(rule))
            cells[fault.name] = _cell(record, rule, "red" if must else None)
    return Matrix(system, (CLEAN, *(fault.name for fault, _ in faulty)), rows)


def mistakes(found: Matrix) -> Iterator[str]:
    """What is not as it has to be, a line each."""
    if not found.rows:
        yield f"{found.system}: expected a profile with thresholds, got none"
    for rule, cells in found.rows.items():
        for name, cell in cells.items():
            if not cell.right:
                yield (
                    f"{found.system}, {name}: {rule}: expected {cell.expected}, got {_told(cell)}"
                )
        if not any(cell.colour == "red" for name, cell in cells.items() if name != CLEAN):
            yield f"{found.system}: {rule}: this threshold stays green under every fault"


def _cell(record: RunRecord, rule: str, expected: Colour | None) -> Cell:
    result = next((one for one in record.thresholds if one.rule == rule), None)
    if result is None or not result.samples:
        return Cell("none", "no samples", expected)
    return Cell("green" if result.held else "red", result.shown, expected)


def _told(cell: Cell) -> str:
    return cell.shown if cell.colour == "none" else f"{cell.colour} at {cell.shown}"
