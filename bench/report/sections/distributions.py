"""Response time by percentile: the whole distribution of a few treatments, and of each operation of one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.summary import key_of
from bench.analysis.wording import count
from bench.report.charts.curves import Curve, Curves, Point
from bench.report.numbers import quantity, refusal
from bench.report.sections.figure import Figure, Gallery
from bench.report.sections.levels import LOADS, sort_key
from bench.report.tables import LAST, Cell, Column, Table
from bench.report.words import ABSENT, describe, operation_name, slug, varied_keys
from bench.stats.histogram import merge
from bench.stats.quantiles import quantiles, smallest_n, too_few

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Level
    from bench.stats.histogram import LogHistogram

LEVEL: Final = 0.95
_SHARES: Final = (0.5, 0.9, 0.95, 0.99, 0.999, 0.9999)
_TICKS: Final = ((1.0, "0 %"), *((1 / (1 - share), f"{100 * share:g} %") for share in _SHARES))
_LAST_SHARE: Final = 0.9999
_STEPS_PER_DECADE: Final = 24
_MOST_CURVES: Final = 5
_OPERATIONS_PER_CHART: Final = 6


def draw_distributions(
    trials: Sequence[TrialSummary], chosen: Mapping[str, Level] | None, varied: Sequence[str]
) -> Gallery:
    """Draw the spectrum of all operations for a few treatments, then one line an operation for the advised one."""
    sound = [trial for trial in trials if trial.valid_for()]
    groups: dict[object, list[TrialSummary]] = {}
    for trial in sorted(sound, key=lambda one: sort_key(one.trial.treatment, varied)):
        groups.setdefault(key_of(trial.trial.treatment), []).append(trial)
    title = "Distribution of response times"
    if not groups:
        reason = "No trial was sound enough to show its distribution." if trials else "There are no raw samples."
        return Gallery("distribution", title, "", (), reason)
    advised = key_of(chosen) if chosen is not None and key_of(chosen) in groups else next(iter(groups))
    shown = _contrasting(groups, advised)
    treatments = [group[0].trial.treatment for _, group in shown]
    different = varied_keys(treatments)
    same = describe(treatments[0], [key for key in varied if key not in different])
    figures = [
        spectrum(
            "spectrum",
            "Response time by percentile" + (", all operations together" if len(_operations(sound)) > 1 else ""),
            [
                (
                    describe(group[0].trial.treatment, different or varied),
                    histograms(group, ALL_OPERATIONS),
                    name == advised,
                )
                for name, group in shown
            ],
            "Treatment",
            f"All with {same}." if different and len(different) < len(varied) else "",
        )
    ]
    operations = _operations(sound)
    if len(operations) > 1:
        parts = [operations[i : i + _OPERATIONS_PER_CHART] for i in range(0, len(operations), _OPERATIONS_PER_CHART)]
        where = describe(groups[advised][0].trial.treatment, varied or None)
        figures += [
            spectrum(
                f"spectrum-operations-{number}",
                f"Response time by percentile and operation{f' ({number} of {len(parts)})' if len(parts) > 1 else ''}",
                [(operation_name(name), histograms(groups[advised], name), False) for name in part],
                "Operation",
                f"With {where}.",
            )
            for number, part in enumerate(parts, 1)
        ]
    lead = "The axis stretches towards 100 %: how bad are the slowest operations?"
    return Gallery("distribution", title, lead, tuple(figure for figure in figures if figure is not None))


def _operations(trials: Sequence[TrialSummary]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.operations if name != ALL_OPERATIONS))


def histograms(trials: Sequence[TrialSummary], operation: str) -> list[LogHistogram]:
    """Return the response times of one operation in each sound trial."""
    found = [
        trial.operations[operation].durations["response_time"].histogram()
        for trial in trials
        if operation in trial.operations and trial.valid_for(operation)
    ]
    return [histogram for histogram in found if histogram.n]


def _contrasting(
    groups: Mapping[object, list[TrialSummary]], advised: object
) -> list[tuple[object, list[TrialSummary]]]:
    """Choose the advised treatment and others of its load, spread over what differs; in the order of the plan."""
    load = _load(groups[advised])
    same_load = [name for name, group in groups.items() if _load(group) == load]
    others = same_load if len(same_load) > 1 else list(groups)
    if len(others) > _MOST_CURVES:
        step = (len(others) - 1) / (_MOST_CURVES - 1)
        kept = {others[round(index * step)] for index in range(_MOST_CURVES)}
        if advised not in kept:
            position = others.index(advised)
            inner = [others[round(index * step)] for index in range(1, _MOST_CURVES - 1)]
            kept.discard(min(inner, key=lambda name: abs(others.index(name) - position)))
        others = [name for name in others if name in kept or name == advised]
    return [(name, groups[name]) for name in others]


def _load(group: Sequence[TrialSummary]) -> list[Level | None]:
    return [group[0].trial.treatment.get(key) for key in LOADS]


def spectrum(
    anchor: str,
    title: str,
    lines: Sequence[tuple[str, list[LogHistogram], bool]],
    row_title: str,
    common: str = "",
) -> Figure | None:
    """Draw response times by percentile, a line for each label with its trials; None where nothing was recorded.

    ``common`` says what all lines share.
    """
    filled = [(label, histograms, bold) for label, histograms, bold in lines if histograms]
    if not filled:
        return None
    curves = tuple(Curve(label, _points(histograms), chosen=bold) for label, histograms, bold in filled)
    furthest = max((curve.points[-1].x for curve in curves if curve.points), default=1.0)
    chart = Curves(
        x_title="Share of operations that are faster",
        y_title="Response time",
        unit="s",
        ticks=tuple((position, name) for position, name in _TICKS if position <= furthest * 1.001),
        curves=curves,
        legend_title=row_title if len(curves) > 1 else "",
        logarithmic=True,
        markers=False,
        stretched=True,
    )
    columns = (
        Column(row_title),
        Column("Operations", numeric=True),
        *(Column(f"p{100 * share:g}", numeric=True) for share in _SHARES),
        Column("Longest", numeric=True),
    )
    rows = tuple(_row(label, histograms) for label, histograms, _ in filled)
    slowest = rows[0][1 + _SHARES.index(0.95) + 1]
    alt = (
        f"Lines of response time over the share of operations that are faster, from 0 % to "
        f"{100 * (1 - 1 / furthest):.5g} %, for {count(len(curves), 'line')}. {rows[0][0].text}: p95 {slowest.text}."
    )
    return Figure(
        anchor=slug(anchor),
        title=title,
        caption=f"{common} {_caption(filled)}".strip(),
        alt=alt,
        chart=chart,
        table=Table(title, columns, rows),
    )


def _caption(lines: Sequence[tuple[str, list[LogHistogram], bool]]) -> str:
    parts = ["Trials merged, never averaged."]
    if any(len(histograms) > 1 for _, histograms, _ in lines):
        parts.append("Bands: from the lowest to the highest trial.")
    parts.append(f"A line ends where too few operations are slower to be {100 * LEVEL:g} % sure of its place.")
    return " ".join(parts)


def _points(histograms: Sequence[LogHistogram]) -> tuple[Point, ...]:
    together = merge(histograms)
    shares = _shares_within(together.n)
    if not shares:
        return ()
    middle = quantiles(together, shares)
    single = [quantiles(one, _shares_within(one.n)) for one in histograms]
    points = []
    for index, (share, value) in enumerate(zip(shares, middle, strict=True)):
        seen = [ends[index] for ends in single if index < len(ends)]
        # A band needs every trial; where one has too few operations the merged line goes on alone.
        ends = (min(seen), max(seen)) if len(seen) == len(single) else (value, value)
        points.append(Point(1 / (1 - share), value * 1e-9, min(ends[0], value) * 1e-9, max(ends[1], value) * 1e-9))
    return tuple(points)


def _shares_within(n: int) -> list[float]:
    """Return the shares up to the last one that ``n`` values can bound; the same steps for every n."""
    steps = round(_STEPS_PER_DECADE * -math.log10(1 - _LAST_SHARE))
    shares = [1e-9] + [round(1 - 10 ** (-step / _STEPS_PER_DECADE), 7) for step in range(1, steps + 1)]
    # Far from the middle smallest_n grows with the share, so the first that asks for too much ends the line.
    kept = [share for share in shares if share < 0.5 or smallest_n(share, LEVEL) <= n]
    return kept if n >= smallest_n(0.5, LEVEL) else []


def _row(label: str, histograms: Sequence[LogHistogram]) -> tuple[Cell, ...]:
    together = merge(histograms)
    cells = [Cell(label), Cell(f"{together.n:,}", order=together.n)]
    for share in _SHARES:
        if together.n < smallest_n(share, LEVEL):
            cells.append(Cell(ABSENT, refusal(too_few(share, together.n, LEVEL)), LAST, "absent"))
        else:
            seconds = quantiles(together, [share])[0] * 1e-9
            cells.append(Cell(quantity(seconds, "s"), order=seconds))
    return (*cells, Cell(quantity(together.max_ns * 1e-9, "s"), order=together.max_ns * 1e-9))
