"""Lines over one factor: a point for each level, its interval, a band between the intervals, and the limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from bench.report.charts.axes import LONGEST, axis_text, linear_locator, power_text, powers, thinned
from bench.report.charts.canvas import HEIGHT_IN, WIDTH_IN, add_legend, legend_rows, paint, tidy
from bench.report.charts.palette import ACCENT, DANGER, GRID, MARKERS, MUTED, PAPER, SERIES
from bench.report.words import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.charts.axes import Tick
    from bench.report.charts.canvas import Styles

_WIDE_RANGE = 8
_NEAR = 0.75
_REACH = 2.0
"""An interval that ends beyond this many times the highest point is cut, lest one unsure point flatten all others."""
_REACH_LOGARITHMIC = 10.0
_LONGEST_LABEL = 40
_HALO: Any = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.75, "pad": 1}


@dataclass(frozen=True, slots=True)
class Point:
    """One level: its position, the value and its interval."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of the chart. ``background`` lines are thin, grey and without an entry in the legend."""

    label: str
    points: tuple[Point, ...]
    background: bool = False
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across the chart with a name: a limit at a value, or a level that is singled out."""

    at: float
    name: str
    below: bool = False


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over one factor.

    ``ticks`` name its levels; a factor of words is placed at 0, 1, 2 and so on. ``model`` is a fitted line, drawn
    dashed. Without ``markers`` the points are so many that only the line is drawn; a ``stretched`` horizontal axis is
    logarithmic whatever it spans, an ``even`` one never: what is achieved as offered then lies on a straight line.
    ``logarithmic`` values get such an axis if they spread far; those that need not be drawn ``from_zero`` are drawn
    larger if they lie close together. Points that have nothing between them are not ``joined``. With ``far_ends_cut``
    an interval far above all points does not set the scale.
    """

    x_title: str
    y_title: str
    unit: str
    ticks: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    legend_title: str = ""
    limit: Rule | None = None
    level: Rule | None = None
    model: Curve | None = None
    from_zero: bool = True
    logarithmic: bool = False
    words: bool = False
    markers: bool = True
    stretched: bool = False
    even: bool = False
    joined: bool = True
    far_ends_cut: bool = False

    @property
    def wide(self) -> bool:
        """Tell whether it needs the width of the page."""
        return False

    @property
    def cuts(self) -> int:
        """Intervals that are not drawn to their upper end."""
        top = self._top
        return sum(p.high > top for curve in self.curves for p in curve.points)

    @property
    def told_cuts(self) -> tuple[str, ...]:
        """A sentence about the intervals that are cut, for the caption; nothing where there is none."""
        if not self.cuts:
            return ()
        return (f"{self.cuts} that would end far above the points {'is' if self.cuts == 1 else 'are'} cut off.",)

    @property
    def _top(self) -> float:
        """The highest value that is drawn."""
        points = [p.y for curve in self.curves for p in curve.points]
        points += [] if self.limit is None else [self.limit.at]
        top = max([*points, *(p.high for curve in self.curves for p in curve.points)], default=0.0)
        if not self.far_ends_cut or not points or max(points) <= 0:
            return top
        return min(top, max(points) * (_REACH_LOGARITHMIC if self.logarithmic else _REACH))

    def draw(self, key: str, alt: str, styles: Styles) -> str:
        """Return the chart as inline SVG."""
        rows = legend_rows(self._labels())[1] + bool(self.legend_title) if self._labels() else 0
        return paint(self._fill, key=key, alt=alt, styles=styles, size_in=(WIDTH_IN, HEIGHT_IN + 0.22 * rows))

    def _front(self) -> list[Curve]:
        return [curve for curve in self.curves if not curve.background]

    def _labels(self) -> list[str]:
        drawn = [*self._front(), *([self.model] if self.model is not None else [])]
        return [_label(curve) for curve in drawn] if len(drawn) > 1 else []

    def _fill(self, figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.grid(visible=True, axis="y")
        for curve in self.curves:
            if curve.background:
                axes.plot([p.x for p in curve.points], [p.y for p in curve.points], color=GRID, linewidth=1.2, zorder=1)
        for number, curve in enumerate(self._front()):
            marker = MARKERS[number % len(MARKERS)] if self.markers else ""
            _draw_curve(axes, curve, SERIES[number % len(SERIES)], marker, joined=self.joined)
        if self.model is not None:
            x, y = zip(*((p.x, p.y) for p in self.model.points), strict=True)
            axes.plot(x, y, color=MUTED, linestyle=(0, (5, 3)), linewidth=1.4, label=_label(self.model), zorder=1)
        logarithmic = self._scale_y(axes)
        self._scale_x(axes)
        self._draw_rules(axes)
        y_title = shorten(self.y_title) + (", log scale" if logarithmic else "")
        tidy(axes, x_title=shorten(self.x_title), y_title=y_title)
        if self._labels():
            add_legend(figure, shorten(self.legend_title))

    def _scale_y(self, axes: Axes) -> bool:
        values = [value for curve in self.curves for p in curve.points for value in (p.low, p.y)]
        if self.limit is not None:
            values.append(self.limit.at)
        if not values:
            return False
        top, bottom = self._top, min(values)
        logarithmic = self.logarithmic and bottom > 0 and top / bottom > _WIDE_RANGE
        if logarithmic:
            axes.set_yscale("log")
            axes.set_ylim(bottom / 1.25, top * 1.35)
            axes.yaxis.set_major_locator(FixedLocator(powers(bottom, top)))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.yaxis.set_major_formatter(FuncFormatter(power_text(self.unit)))
        else:
            axes.set_ylim(self._floor(bottom, top), top + 0.08 * (top - self._floor(bottom, top)) or 1.0)
            axes.yaxis.set_major_locator(linear_locator(top, self.unit))
            axes.yaxis.set_major_formatter(FuncFormatter(axis_text(top, self.unit)))
        return logarithmic

    def _floor(self, bottom: float, top: float) -> float:
        if self.from_zero or bottom < _NEAR * top:
            return min(0.0, bottom * 1.05)
        floor = bottom - 0.25 * (top - bottom or top)
        if self.limit is not None and self.limit.below:  # its name stands under the line, above the axis
            return min(floor, self.limit.at - 0.15 * (top - floor))
        return floor

    def _scale_x(self, axes: Axes) -> None:
        positions = [position for position, _ in self.ticks]
        if not positions:
            return
        low, high = min(positions), max(positions)
        if self.stretched or (not (self.words or self.even) and low > 0 and high / low > _WIDE_RANGE):
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlim(low / 1.12, high * 1.12)
        else:
            edge = 0.5 if self.words else 0.06 * (high - low) or max(1.0, 0.1 * high)
            axes.set_xlim(low - edge, high + edge)
        shown = thinned(self.ticks, logarithmic=axes.get_xscale() == "log")
        axes.set_xticks([position for position, _ in shown], [shorten(name, LONGEST) for _, name in shown])

    def _draw_rules(self, axes: Axes) -> None:
        if self.limit is not None:
            axes.axhline(self.limit.at, color=DANGER, linewidth=1.4, linestyle=(0, (2, 2)), zorder=4)
            name = axes.annotate(
                self.limit.name,
                (0.995, self.limit.at),
                xycoords=("axes fraction", "data"),
                xytext=(0, -4 if self.limit.below else 3),
                textcoords="offset points",
                color=DANGER,
                fontsize=10,
                bbox=_HALO,
            )
            name.set(ha="right", va="top" if self.limit.below else "bottom")
        if self.level is not None:
            axes.axvline(self.level.at, color=ACCENT, linewidth=1.4, linestyle=(0, (1, 2)), zorder=1)
            axes.annotate(
                self.level.name,
                (self.level.at, 0.02),
                xycoords=("data", "axes fraction"),
                xytext=(4, 0),
                textcoords="offset points",
                color=ACCENT,
                fontsize=10,
                bbox=_HALO,
            )


def _label(curve: Curve) -> str:
    return shorten(curve.label, _LONGEST_LABEL)


def _draw_curve(axes: Axes, curve: Curve, colour: str, marker: str, *, joined: bool) -> None:
    x = [p.x for p in curve.points]
    if joined:
        axes.fill_between(
            x, [p.low for p in curve.points], [p.high for p in curve.points], color=colour, alpha=0.16, linewidth=0
        )
    if marker:
        axes.vlines(x, [p.low for p in curve.points], [p.high for p in curve.points], color=colour, linewidth=1.2)
    axes.plot(
        x,
        [p.y for p in curve.points],
        color=colour,
        marker=marker,
        linestyle="-" if joined else "",
        linewidth=2.8 if curve.chosen else 1.6,
        label=_label(curve),
        zorder=3 if curve.chosen else 2,
    )
