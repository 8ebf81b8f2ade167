"""What happened during the window: throughput and response time block by block, the pooler's gauges, the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bench.analysis.summary import key_of
from bench.report.charts.curves import Curve, Curves, Point
from bench.report.numbers import count, quantity
from bench.report.sections.activity import describe_activity, draw_activity
from bench.report.sections.figure import Figure, Gallery
from bench.report.tables import Cell, Column, Table
from bench.report.words import describe, level_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from bench.analysis.summary import TrialSummary
    from bench.model.facts import PoolGauges
    from bench.model.scenario import Level

    Series = npt.NDArray[np.float64]

_BLOCKS: Final = 20
_MOST_TRIALS: Final = 7
_TITLE: Final = "During the measurement window"
_TICKS: Final = 6


def draw_timelines(
    trials: Sequence[TrialSummary], chosen: Mapping[str, Level] | None, varied: Sequence[str]
) -> Gallery:
    """Draw the trials of the advised treatment, or of the first one."""
    if not trials:
        return Gallery("timeline", _TITLE, "", (), "There are no raw samples.")
    wanted = key_of(chosen) if chosen is not None else ""
    mine = [one for one in trials if key_of(one.trial.treatment) == wanted]
    mine = mine or [one for one in trials if one.trial.treatment == trials[0].trial.treatment]
    shown = sorted(mine, key=lambda one: one.trial.block)[:_MOST_TRIALS]
    lead = f"{count(len(shown), 'trial')} with {describe(shown[0].trial.treatment, varied or None)}."
    errors = sum(one.everything.total - one.everything.outcomes.get("ok", 0) for one in shown)
    lead += (
        f" {count(errors, 'operation')} did not succeed; they are counted beside these charts, never inside."
        if errors
        else " No operation failed in them."
    ) + describe_activity(shown)
    figures = [
        _blocks("timeline-throughput", "Throughput", "1/s", shown, _throughput),
        _blocks("timeline-response", "Mean response time", "s", shown, _response),
        _gauges("timeline-waiting", "Clients waiting in pgBouncer", shown, lambda gauge: gauge.cl_waiting),
        _gauges("timeline-servers", "Server connections in use", shown, lambda gauge: gauge.sv_active),
        *draw_activity(shown),
    ]
    return Gallery("timeline", _TITLE, lead, tuple(figure for figure in figures if figure is not None))


def _throughput(trial: TrialSummary) -> Series | None:
    return trial.everything.throughput_blocks


def _response(trial: TrialSummary) -> Series | None:
    # Blocks in which nothing ended are left out of the series, so a shorter one has lost its times.
    series = trial.everything.response_blocks_s
    return series if series.size == trial.everything.throughput_blocks.size else None


def _blocks(
    anchor: str,
    title: str,
    unit: str,
    trials: Sequence[TrialSummary],
    series_of: Callable[[TrialSummary], Series | None],
) -> Figure | None:
    lines = []
    for trial in trials:
        series = series_of(trial)
        if series is None or series.size < 2:
            continue
        groups = np.array_split(series, min(_BLOCKS, series.size))
        step = trial.window_s / len(groups)
        points = [((index + 0.5) * step, float(group.mean())) for index, group in enumerate(groups)]
        lines.append((_trial_name(trial), points))
    caption = "One line a trial, each point a twentieth of the window. A steady state has no slope and no step."
    return _figure(anchor, title, unit, lines, caption)


def _gauges(
    anchor: str, title: str, trials: Sequence[TrialSummary], value_of: Callable[[PoolGauges], int]
) -> Figure | None:
    lines = []
    for trial in trials:
        pooler, start = trial.facts.pooler, trial.facts.window_start_ns
        gauges = (
            [] if pooler is None else [one for one in pooler.gauges if start <= one.t_ns <= trial.facts.window_end_ns]
        )
        if len(gauges) > 1:
            lines.append((_trial_name(trial), [((one.t_ns - start) / 1e9, float(value_of(one))) for one in gauges]))
    return _figure(anchor, title, "1", lines, "Readings of SHOW POOLS for the load's own pool, one line a trial.")


def _trial_name(trial: TrialSummary) -> str:
    return f"block {level_text(trial.trial.block)}"


def _figure(
    anchor: str, title: str, unit: str, lines: Sequence[tuple[str, list[tuple[float, float]]]], caption: str
) -> Figure | None:
    if not lines:
        return None
    last = max(x for _, points in lines for x, _ in points)
    # Whole seconds where the window has them, so that ticks are round.
    step = next(
        (s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600) if last / s <= _TICKS), last / _TICKS
    )
    ticks = tuple((index * step, f"{index * step:g}") for index in range(int(last / step) + 2))
    chart = Curves(
        x_title="Seconds since the window began",
        y_title=title,
        unit=unit,
        ticks=ticks,
        curves=tuple(Curve(name, tuple(Point(x, y, y, y) for x, y in points)) for name, points in lines),
        legend_title="Trial" if len(lines) > 1 else "",
        markers=False,
    )
    values = [y for _, points in lines for _, y in points]
    alt = (
        f"{title} over the seconds of the window, {count(len(lines), 'trial')}: between {quantity(min(values), unit)} "
        f"and {quantity(max(values), unit)}, mean {quantity(sum(values) / len(values), unit)}."
    )
    return Figure(anchor, title, caption, alt, chart, _table(title, unit, lines))


def _table(title: str, unit: str, lines: Sequence[tuple[str, list[tuple[float, float]]]]) -> Table:
    columns = (Column("Trial"), Column("Seconds", numeric=True), Column(title, numeric=True))
    rows = tuple(
        (Cell(name), Cell(f"{x:.2f}", order=x), Cell(quantity(y, unit), order=y))
        for name, points in lines
        for x, y in points
    )
    return Table(f"{title} during the window", columns, rows)
