"""Heat maps: one quantity over pool size and load, the best marked, the advised size framed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.report.charts.heat_map import HeatCell, HeatMap
from bench.report.numbers import choose_scale, point
from bench.report.sections.figure import Figure
from bench.report.sections.levels import axis_title, levels_of
from bench.report.tables import Column, Table, level_cell
from bench.report.words import ABSENT, describe, key_name, level_text, slug

if TYPE_CHECKING:
    from bench.model.scenario import Level
    from bench.report.charts.heat_map import Mark
    from bench.report.sections.facets import Facet
    from bench.report.sections.sweep import Quantity, Sweep
    from bench.stats.estimate import Estimate

_LONGEST_TEXT: Final = 9
"""Letters that a cell has room for."""


def draw_heat_map(sweep: Sweep, quantity: Quantity, rows: str, columns: str, facet: Facet) -> Figure | None:
    """Draw one quantity over two factors; None where no sound measurement has it."""
    levels = {key: levels_of(sweep.treatments, key) for key in (rows, columns)}
    by_place = {(repr(one.treatment.get(rows)), repr(one.treatment.get(columns))): one for one in sweep.measurements}
    sound = sweep.sound(quantity)
    if not sound:
        return None
    best, worst = max(sound, key=quantity.goodness), min(sound, key=quantity.goodness)

    def cell(row: Level, column: Level) -> HeatCell | None:
        one = by_place.get((repr(row), repr(column)))
        estimate = one.metrics.get(quantity.metric) if one else None
        if one is None or estimate is None:
            return None
        mark: Mark = "best" if one is best else sweep.mark(quantity, one.treatment)
        return HeatCell(estimate.point, _cell_text(estimate, quantity), mark, invalid=not one.valid)

    chosen = None if sweep.chosen is None else sweep.chosen.get(rows)
    chart = HeatMap(
        row_title=key_name(rows).capitalize(),
        column_title=axis_title(columns),
        rows=tuple(level_text(level) for level in levels[rows]),
        columns=tuple(level_text(level) for level in levels[columns]),
        cells=tuple(tuple(cell(row, column) for column in levels[columns]) for row in levels[rows]),
        better=quantity.better,
        chosen_row=levels[rows].index(chosen) if chosen in levels[rows] else None,
    )
    table = Table(
        f"{quantity.title} by {key_name(rows)} (down) and {key_name(columns)} (across)",
        (
            Column(key_name(rows).capitalize(), numeric=True),
            *(Column(f"{level_text(level)} {key_name(columns)}", numeric=True) for level in levels[columns]),
        ),
        tuple(
            (
                level_cell(row),
                *(quantity.cell(by_place.get((repr(row), repr(column)))) for column in levels[columns]),
            )
            for row in levels[rows]
        ),
    )
    keys = (rows, columns)
    alt = (
        f"Heat map of {quantity.title.lower()} over {key_name(rows)} and {key_name(columns)}. "
        f"Best: {point(best.metrics[quantity.metric])} at {describe(best.treatment, keys)}. "
        f"Worst: {point(worst.metrics[quantity.metric])} at {describe(worst.treatment, keys)}."
    )
    return Figure(
        anchor=f"heat-{slug(quantity.metric)}{facet.suffix}",
        title=facet.titled(f"{quantity.title} by {key_name(rows)} and {key_name(columns)}"),
        caption=_heat_caption(chart),
        alt=alt,
        chart=chart,
        table=table,
    )


def _heat_caption(chart: HeatMap) -> str:
    cells = [cell for row in chart.cells for cell in row]
    sound = [cell for cell in cells if cell is not None and not cell.invalid]
    parts = ["Brighter is better.", "★ best."]
    if any(cell.mark == "over" for cell in sound):
        parts.append("✕ misses the budget.")
    if any(cell.mark == "unsure" for cell in sound):
        parts.append("○ budget undecided.")
    if chart.chosen_row is not None:
        parts.append("Framed: the advised pool size.")
    if any(cell and cell.invalid for cell in cells):
        parts.append("Hatched: excluded, see the doubts.")
    if None in cells:
        parts.append(f"{ABSENT}: not measured.")
    return " ".join(parts)


def _cell_text(estimate: Estimate, quantity: Quantity) -> str:
    scale = choose_scale(estimate.point, quantity.unit)
    text = scale.digits(estimate.point) if quantity.unit == "1/s" else scale.text(estimate.point)
    return text if len(text) <= _LONGEST_TEXT else f"{estimate.point:.3g}"
