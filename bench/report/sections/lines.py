"""Lines: one quantity against one factor, with intervals, the budget, and the law it should follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.analysis.wording import count
from bench.report.charts.curves import Curve, Curves, Point, Rule
from bench.report.numbers import limit, with_interval
from bench.report.sections.figure import Figure
from bench.report.sections.levels import POOL_SIZE, axis_title, levels_of, names_of, series_name, sort_key
from bench.report.sections.sweep import THROUGHPUT
from bench.report.tables import Column, Table, level_cell
from bench.report.words import describe, key_name, level_text, slug, varied_keys
from bench.stats.scalability import Usl, fit_usl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.measurement import Measurement
    from bench.report.sections.facets import Facet
    from bench.report.sections.sweep import Quantity, Sweep
    from bench.stats.estimate import Estimate

_MOST_CURVES: Final = 7
_MODEL_STEPS: Final = 40


def draw_lines(sweep: Sweep, quantity: Quantity, factor: str, facet: Facet) -> Figure | None:
    """Draw one quantity over a factor, a line for each combination of the others; None where there is nothing sound."""
    drawn = [one for one in sweep.sound(quantity) if factor in one.treatment]
    if not drawn:
        return None
    others = [key for key in varied_keys(sweep.treatments) if key != factor]
    levels = levels_of([one.treatment for one in drawn], factor)
    words = any(isinstance(level, bool | str) for level in levels)
    place = {repr(level): float(index) if words else float(level) for index, level in enumerate(levels)}
    groups: dict[str, list[Measurement]] = {}
    for one in sorted(drawn, key=lambda one: sort_key(one.treatment, others)):
        groups.setdefault(series_name(one.treatment, others), []).append(one)
    advised = series_name(sweep.chosen, others) if sweep.chosen is not None else None
    front = _front(list(groups), advised)
    curves = tuple(
        Curve(
            label=name,
            points=_points([(place[repr(one.treatment[factor])], one.metrics[quantity.metric]) for one in group]),
            background=name not in front,
            chosen=name == advised and len(groups) > 1,
        )
        for name, group in groups.items()
    )
    excluded = sum(not one.valid for one in sweep.measurements)
    chart = Curves(
        x_title=axis_title(factor),
        y_title=quantity.title,
        unit=quantity.unit,
        ticks=tuple((place[repr(level)], level_text(level)) for level in levels),
        curves=curves,
        legend_title=names_of(others).capitalize() if others else "",
        limit=_rule(sweep.limit(quantity), quantity),
        model=_model(curves, factor, quantity),
        from_zero=quantity.better == "high",
        logarithmic=quantity.better == "low",
        words=words,
        joined=not words,
        even=factor == "load.rate",
        far_ends_cut=True,
    )
    best = max(drawn, key=quantity.goodness)
    alt = (
        f"{quantity.title} against {key_name(factor)}, {count(len(curves), 'line')}"
        + (f", one for each {names_of(others)}" if others else "")
        + f". Best: {with_interval(best.metrics[quantity.metric])} at {describe(best.treatment, [*others, factor])}."
    )
    return Figure(
        anchor=f"lines-{slug(quantity.metric)}-{slug(factor)}{facet.suffix}",
        title=facet.titled(f"{quantity.title} against {key_name(factor)}"),
        caption=_lines_caption(drawn, chart, excluded),
        alt=alt,
        chart=chart,
        table=_table(sweep, quantity, [*others, factor]),
    )


def _table(sweep: Sweep, quantity: Quantity, keys: Sequence[str]) -> Table:
    ordered = sorted(sweep.measurements, key=lambda one: sort_key(one.treatment, keys))
    return Table(
        f"{quantity.title} by {names_of(keys)}",
        (*(Column(key_name(key).capitalize()) for key in keys), Column(quantity.title, numeric=True)),
        tuple((*(level_cell(one.treatment.get(key)) for key in keys), quantity.cell(one)) for one in ordered),
    )


def _points(placed: Sequence[tuple[float, Estimate]]) -> tuple[Point, ...]:
    ordered = sorted(placed, key=lambda item: item[0])
    return tuple(Point(x, value.point, value.low, value.high) for x, value in ordered)


def _lines_caption(drawn: Sequence[Measurement], chart: Curves, excluded: int) -> str:
    levels = {round(100 * estimate.level) for one in drawn for estimate in one.metrics.values()}
    parts = [f"{'Bars and bands' if chart.joined else 'Bars'}: {min(levels)} % intervals over trials."]
    if chart.model is not None:
        parts.append(f"Dashed: {chart.model.label}.")
    parts.extend(chart.told_cuts)
    hidden = sum(curve.background for curve in chart.curves)
    if hidden:
        parts.append(f"{count(hidden, 'further line')} in grey; all numbers are in the table.")
    if excluded:
        parts.append(f"{count(excluded, 'excluded treatment is', 'excluded treatments are')} not drawn.")
    return " ".join(parts)


def _rule(value: float | None, quantity: Quantity) -> Rule | None:
    return None if value is None else Rule(value, f"limit {limit(value, quantity.unit)}")


def _front(names: list[str], advised: str | None) -> set[str]:
    """Choose the lines that get a colour: evenly spread over the levels, always with the advised one."""
    if len(names) <= _MOST_CURVES:
        return set(names)
    step = (len(names) - 1) / (_MOST_CURVES - 1)
    spread = [names[round(index * step)] for index in range(_MOST_CURVES)]
    if advised in names and advised not in spread:
        nearest = min(range(_MOST_CURVES), key=lambda index: abs(round(index * step) - names.index(advised)))
        spread[nearest] = advised
    return set(spread)


def _model(curves: Sequence[Curve], factor: str, quantity: Quantity) -> Curve | None:
    """Return the line to hold the measured ones against: what was asked, or the scalability law at the highest load."""
    if quantity is not THROUGHPUT:
        return None
    if factor == "load.rate":
        rates = sorted({p.x for curve in curves for p in curve.points})
        return Curve("achieved = offered", tuple(Point(rate, rate, rate, rate) for rate in rates))
    if factor != POOL_SIZE:
        return None
    points = [p for p in curves[-1].points if p.x > 0 and p.y > 0]
    fitted = fit_usl([p.x for p in points], [p.y for p in points]) if points else None
    if not isinstance(fitted, Usl):
        return None
    span = points[-1].x / points[0].x
    sizes = [points[0].x * span ** (step / _MODEL_STEPS) for step in range(_MODEL_STEPS + 1)]
    drawn = tuple(Point(size, y, y, y) for size in sizes for y in [fitted.throughput(size)])
    return Curve(f"scalability law, {curves[-1].label}" if len(curves) > 1 else "scalability law", drawn)
