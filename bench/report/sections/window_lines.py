"""Lines over the seconds of the measurement window, with the numbers behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.analysis.wording import count
from bench.report.charts.curves import Curve, Curves
from bench.report.numbers import choose_scale, quantity
from bench.report.sections.figure import Figure
from bench.report.tables import Cell, Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.charts.curves import Point

_MOST_TICKS: Final = 6
_STEPS_S: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class WindowLine:
    """One line: a trial, or a percentile. Points have the seconds since the window began as their place."""

    name: str
    points: tuple[Point, ...]


def draw_over_window(
    anchor: str, title: str, unit: str, lines: Sequence[WindowLine], caption: str, *, kind: str = "Trial"
) -> Figure | None:
    """Draw lines over the window; ``kind`` says what a line is. None where nothing is above zero.

    A line on the axis looks like a chart that is empty; what never happened is better said in words.
    """
    if not any(point.high for line in lines for point in line.points):
        return None
    chart = Curves(
        x_title="Seconds since the window began",
        y_title=title,
        unit=unit,
        ticks=second_ticks(max(point.x for line in lines for point in line.points)),
        curves=tuple(Curve(line.name, line.points) for line in lines),
        legend_title=kind if len(lines) > 1 else "",
        logarithmic=unit == "s" and kind != "Trial",
        markers=False,
    )
    values = [point.y for line in lines for point in line.points]
    alt = (
        f"{title} over the seconds of the window, {count(len(lines), kind.lower())}: between "
        f"{quantity(min(values), unit)} and {quantity(max(values), unit)}, mean "
        f"{quantity(sum(values) / len(values), unit)}."
    )
    return Figure(anchor, title, caption, alt, chart, _table(title, unit, lines, kind))


def second_ticks(last_s: float) -> tuple[tuple[float, str], ...]:
    """Return ticks up to the window's end, at whole seconds where it has them."""
    step = next((step for step in _STEPS_S if last_s / step <= _MOST_TICKS), last_s / _MOST_TICKS)
    return tuple((index * step, f"{index * step:g}") for index in range(int(last_s / step) + 2))


def _table(title: str, unit: str, lines: Sequence[WindowLine], kind: str) -> Table:
    columns = (Column(kind), Column("Seconds", numeric=True), Column(title, numeric=True))
    rows = tuple(
        (Cell(line.name), Cell(f"{point.x:.2f}", order=point.x), _cell(point, unit))
        for line in lines
        for point in line.points
    )
    return Table(f"{title} during the window", columns, rows)


def _cell(point: Point, unit: str) -> Cell:
    if point.low == point.high:
        return Cell(quantity(point.y, unit), order=point.y)
    scale = choose_scale(point.y or point.high, unit)
    return Cell(scale.text(point.y), f"[{scale.digits(point.low)}, {scale.digits(point.high)}]", point.y)
