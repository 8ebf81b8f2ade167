"""Stacked bars: where the mean response time of each treatment goes. Parts differ by colour and by hatching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.report.charts.axes import ROUND_STEPS, axis_text
from bench.report.charts.canvas import WIDTH_IN, add_legend, paint, tidy
from bench.report.charts.palette import HATCHES, MUTED, PAPER, SERIES
from bench.report.words import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.report.charts.canvas import Styles

_ROW_IN = 0.34
_FRAME_IN = 1.5


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar a row; ``parts`` are named columns of numbers, one a row. Negative parts stand left of zero."""

    rows: tuple[str, ...]
    parts: tuple[tuple[str, tuple[float, ...]], ...]
    x_title: str
    unit: str
    chosen_row: int | None = None

    @property
    def wide(self) -> bool:
        """Tell whether it needs the width of the page."""
        return False

    def draw(self, key: str, alt: str, styles: Styles) -> str:
        """Return the chart as inline SVG."""
        height = max(2.4, len(self.rows) * _ROW_IN + _FRAME_IN)
        return paint(self._fill, key=key, alt=alt, styles=styles, size_in=(WIDTH_IN, height))

    def _fill(self, figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.grid(visible=True, axis="x")
        above, below = [0.0] * len(self.rows), [0.0] * len(self.rows)
        for number, (name, values) in enumerate(self.parts):
            starts = [above[row] if value >= 0 else below[row] for row, value in enumerate(values)]
            axes.barh(
                range(len(self.rows)),
                values,
                left=starts,
                height=0.72,
                facecolor=SERIES[number % len(SERIES)],
                edgecolor=PAPER,
                hatch=HATCHES[number % len(HATCHES)],
                linewidth=0.6,
                label=name,
            )
            for row, value in enumerate(values):
                (above if value >= 0 else below)[row] += value
        axes.set_yticks(range(len(self.rows)), [shorten(name, 26) for name in self.rows])
        axes.set_ylim(len(self.rows) - 0.4, -0.6)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_xlim(min([0.0, *below]) * 1.05, max([0.0, *above]) * 1.04 or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=ROUND_STEPS))
        axes.xaxis.set_major_formatter(FuncFormatter(axis_text(max([0.0, *above]), self.unit)))
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        tidy(axes, x_title=self.x_title, y_title="")
        if self.chosen_row is not None:
            axes.get_yticklabels()[self.chosen_row].set_fontweight("bold")
        add_legend(figure)
