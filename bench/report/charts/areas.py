"""Stacked areas over time: how many of a whole were in which state. States differ by colour and by hatching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.report.charts.axes import ROUND_STEPS, axis_text
from bench.report.charts.canvas import HEIGHT_IN, WIDTH_IN, add_legend, legend_rows, paint, tidy
from bench.report.charts.palette import HATCHES, PAPER, SERIES
from bench.report.words import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.report.charts.canvas import Styles

_LONGEST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Areas:
    """``parts`` are named columns of numbers, one for each of ``positions``; the first lies at the bottom."""

    positions: tuple[float, ...]
    parts: tuple[tuple[str, tuple[float, ...]], ...]
    x_title: str
    y_title: str
    unit: str

    @property
    def wide(self) -> bool:
        """Tell whether it needs the width of the page."""
        return False

    def draw(self, key: str, alt: str, styles: Styles) -> str:
        """Return the chart as inline SVG."""
        rows = legend_rows([shorten(name, _LONGEST_LABEL) for name, _ in self.parts])[1]
        return paint(self._fill, key=key, alt=alt, styles=styles, size_in=(WIDTH_IN, HEIGHT_IN + 0.22 * rows))

    def _fill(self, figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.grid(visible=True, axis="y")
        floor = [0.0] * len(self.positions)
        for number, (name, values) in enumerate(self.parts):
            top = [low + value for low, value in zip(floor, values, strict=True)]
            axes.fill_between(
                self.positions,
                floor,
                top,
                facecolor=SERIES[number % len(SERIES)],
                edgecolor=PAPER,
                hatch=HATCHES[number % len(HATCHES)],
                linewidth=0.6,
                label=shorten(name, _LONGEST_LABEL),
            )
            floor = top
        axes.set_ylim(0, max(floor) * 1.05 or 1.0)
        axes.set_xlim(self.positions[0], self.positions[-1])
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND_STEPS))
        axes.yaxis.set_major_formatter(FuncFormatter(axis_text(max(floor), self.unit)))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=ROUND_STEPS))
        tidy(axes, x_title=self.x_title, y_title=self.y_title)
        add_legend(figure)
