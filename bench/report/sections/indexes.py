"""The index-use matrix: each index of the tables that the load touches, and which operation's plans use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.report.numbers import quantity
from bench.report.tables import Cell, Column, Table
from bench.report.words import ABSENT, operation_name, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.index_use import IndexUse

_STATES: Final = {
    "used": ("used", "good"),
    "constraint": ("guards a constraint", ""),
    "redundant": ("redundant", "unsure"),
    "unused": ("not used by this load", "unsure"),
}
_MOST_COLUMNS: Final = 8
"""Operations with a column of their own."""
_LEAD: Final = (
    "Each index of the tables that the load touches: plans that use it, of those explained, and the server's own count "
    "of scans during the run. What this load does not use another may need."
)


@dataclass(frozen=True, slots=True)
class IndexSection:
    """``lead`` says how to read the matrix."""

    lead: str
    table: Table


def lay_out_indexes(lines: Sequence[IndexUse]) -> IndexSection | None:
    """Return the matrix; None where no index was recorded."""
    if not lines:
        return None
    operations = list(dict.fromkeys(name for line in lines for name in line.plans))
    columns = (
        Column("Index"),
        Column("Table"),
        *(
            [Column(shorten(operation_name(name), 30), numeric=True) for name in operations]
            if len(operations) <= _MOST_COLUMNS
            else [Column("Plans that use it")]
        ),
        Column("Scans", numeric=True),
        Column("Size", numeric=True),
        Column("State"),
    )
    return IndexSection(_LEAD, Table("Indexes and their use", columns, tuple(_row(line, operations) for line in lines)))


def _row(line: IndexUse, operations: Sequence[str]) -> tuple[Cell, ...]:
    word, tone = _STATES[line.state]
    note = f"{line.covered_by} begins with the same columns" if line.covered_by else ""
    return (
        Cell(shorten(line.index.name, 80), shorten(", ".join(line.index.columns), 120)),
        Cell(shorten(line.index.table, 80)),
        *(
            [_share(line, name) for name in operations]
            if len(operations) <= _MOST_COLUMNS
            else [_shares(line, operations)]
        ),
        Cell(f"{line.index.scans:,}", order=line.index.scans),
        Cell(quantity(line.index.size_bytes, "bytes"), order=line.index.size_bytes),
        Cell(word, note, tone=tone),
    )


def _shares(line: IndexUse, operations: Sequence[str]) -> Cell:
    """Name the operations in one cell: a column for each of very many would be a page of dashes."""
    said = [
        f"{shorten(operation_name(name), 30)} {_share(line, name).text}"
        for name in operations
        if line.plans.get(name, (0, 0))[0]
    ]
    return Cell(", ".join(said) or ABSENT)


def _share(line: IndexUse, operation: str) -> Cell:
    used, explained = line.plans.get(operation, (0, 0))
    return Cell(f"{used} of {explained}", order=used) if used else Cell(ABSENT, order=0)
