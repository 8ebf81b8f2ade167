"""A grid of numbers with colour: one factor down, one across, the best marked, the doubtful hatched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from bench.report.charts.canvas import paint
from bench.report.charts.palette import ACCENT, GRID, INK, MUTED
from bench.report.words import ABSENT, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.charts.canvas import Styles

Mark = Literal["", "best", "over", "unsure"]
_LABEL_AREA_IN = 1.1
_CELL_IN = (0.72, 0.46)
_NARROWEST_IN = 6.0
_WIDEST_IN = 8.0


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One treatment: the value that colours it, the text inside, and what is to be said of it."""

    value: float
    text: str
    mark: Mark = ""
    invalid: bool = False


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Cells by row and column; None where nothing was measured. ``better`` tells which end is bright."""

    row_title: str
    column_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[HeatCell | None, ...], ...]
    better: Literal["high", "low"]
    chosen_row: int | None = None

    @property
    def wide(self) -> bool:
        """Tell whether it needs the width of the page."""
        return self._width_in() > _WIDEST_IN

    def draw(self, key: str, alt: str, styles: Styles) -> str:
        """Return the map as inline SVG."""
        height = len(self.rows) * _CELL_IN[1] + _LABEL_AREA_IN
        return paint(self._fill, key=key, alt=alt, styles=styles, size_in=(self._width_in(), max(2.2, height)))

    def _width_in(self) -> float:
        return max(_NARROWEST_IN, len(self.columns) * _CELL_IN[0] + 1.4)

    def _fill(self, figure: Figure) -> None:
        axes = figure.add_subplot()
        shades = self._shades()
        for row, cells in enumerate(self.cells):
            for column, cell in enumerate(cells):
                _draw_cell(axes, column, row, cell, shades)
        axes.set_xlim(-0.5, len(self.columns) - 0.5)
        axes.set_ylim(len(self.rows) - 0.5, -0.5)
        axes.set_xticks(range(len(self.columns)), [shorten(name, 14) for name in self.columns])
        axes.set_yticks(range(len(self.rows)), [shorten(name, 18) for name in self.rows])
        axes.set_xlabel(shorten(self.column_title))
        axes.set_ylabel(shorten(self.row_title), rotation_mode="anchor")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if self.chosen_row is not None:
            axes.get_yticklabels()[self.chosen_row].set_fontweight("bold")
            frame = Rectangle((-0.5, self.chosen_row - 0.5), len(self.columns), 1)
            frame.set(facecolor="none", edgecolor=ACCENT, linewidth=2.5, clip_on=False, zorder=3)
            axes.add_patch(frame)

    def _shades(self) -> dict[float, str]:
        values = [cell.value for row in self.cells for cell in row if cell is not None and not cell.invalid]
        positive = [value for value in values if value > 0]
        if not positive:
            return {}
        # Response times spread over powers of ten; on a linear scale the slowest would leave one shade for the rest.
        logarithmic = self.better == "low" and max(positive) / min(positive) > 8
        low, high = min(positive), max(positive)
        colours = colormaps["viridis" if self.better == "high" else "viridis_r"]
        shades = {}
        for value in values:
            kept = max(value, low)
            if high == low:
                share = 0.8
            elif logarithmic:
                share = math.log(kept / low) / math.log(high / low)
            else:
                share = (kept - low) / (high - low)
            shades[value] = to_hex(colours(share))
        return shades


def _draw_cell(axes: Axes, column: int, row: int, cell: HeatCell | None, shades: dict[float, str]) -> None:
    box = Rectangle((column - 0.48, row - 0.47), 0.96, 0.94)
    axes.add_patch(box)
    if cell is None or cell.invalid:
        box.set(facecolor="none", edgecolor=MUTED if cell else GRID, linewidth=0.8, hatch="////" if cell else None)
        axes.text(column, row, cell.text if cell else ABSENT, ha="center", va="center", color=INK if cell else MUTED)
        return
    shade = shades.get(cell.value, "#888888")
    ink = readable_on(shade)
    box.set(facecolor=shade, edgecolor="none")
    axes.text(column, row, cell.text, ha="center", va="center", color=ink)
    spot = {"best": "*", "over": "x", "unsure": "o"}.get(cell.mark)
    if spot:
        axes.plot([column + 0.4], [row - 0.32], spot, color=ink, ms=8 if spot == "*" else 5, mew=1.4, fillstyle="none")


def readable_on(shade: str) -> str:
    """Choose black or white by the contrast of WCAG 2.2, relative luminance."""
    channels = (int(shade[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#ffffff"
