"""A table as the templates print it: every cell is text, with the number it sorts by beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.numbers import interval, point, refusal
from bench.report.words import ABSENT, level_text, metric_unit, shorten
from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from bench.model.scenario import Level
    from bench.stats.estimate import Refused

LONGEST_CELL = 120
LAST = 1e300
"""Sorts behind every number."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``text`` with a smaller ``note`` behind it; ``order`` sorts where it is a number; ``tone`` names a look."""

    text: str
    note: str = ""
    order: float | None = None
    tone: str = ""

    @property
    def key(self) -> str:
        """What a script sorts by; empty where the text itself is the key."""
        return "" if self.order is None else f"{self.order:.9g}"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; ``numeric`` columns stand to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns. The caption says what a row is."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of the table {self.caption!r} does not have {len(self.columns)} cells")


def estimate_cell(value: Estimate | Refused | None, metric: str = "") -> Cell:
    """Write an estimate, or why there is none; what is missing sorts last."""
    match value:
        case Estimate():
            unit = metric_unit(metric, value.unit)
            return Cell(point(value, unit), interval(value, unit), value.point)
        case None:
            return Cell(ABSENT, "not measured", LAST, "absent")
        case refused:
            return Cell(ABSENT, refusal(refused), LAST, "absent")


def level_cell(level: Level | None) -> Cell:
    """Write a factor's level."""
    if level is None:
        return Cell(ABSENT, order=LAST)
    order = float(level) if isinstance(level, int | float) and not isinstance(level, bool) else None
    return Cell(shorten(level_text(level), LONGEST_CELL), order=order)
