"""What happened during the window: throughput and response time block by block, the pooler's gauges, the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bench.analysis.distribution import BLOCKS
from bench.analysis.summary import key_of
from bench.analysis.wording import count
from bench.report.charts.curves import Point
from bench.report.sections.activity import describe_activity, draw_activity
from bench.report.sections.figure import Gallery
from bench.report.sections.window_lines import WindowLine, draw_over_window
from bench.report.words import describe, level_text
from bench.stats.quantiles import smallest_n

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from bench.analysis.summary import TrialSummary
    from bench.model.facts import PoolGauges
    from bench.model.scenario import Level
    from bench.report.sections.figure import Figure

    Series = npt.NDArray[np.float64]

_POINTS: Final = 20
_MOST_READINGS: Final = 60
"""Points of a line of readings: more would be a fence of spikes, and a table that nobody reads."""
_MOST_TRIALS: Final = 7
_TITLE: Final = "During the measurement window"
_LEVEL: Final = 0.95
_LEAST_WAIT: Final = 0.01
"""Share of the response time from which on the wait for the pool is drawn."""
_PERCENTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


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
    each = "One line a trial, each point a twentieth of the window."
    figures = [
        _blocks(
            "timeline-throughput", "Throughput", "1/s", shown, _throughput,
            f"{each} A steady state has no slope and no step.",
        ),
        _blocks("timeline-response", "Mean response time", "s", shown, _response, f"{each} Good operations only."),
        _percentiles(shown, "response_time", "timeline-percentiles", "Response time"),
        _percentiles(shown, "pool_wait", "timeline-pool-wait", "Pool wait")
        if _waited(shown) else None,
        _blocks(
            "timeline-errors", "Operations that did not succeed", "1/s", shown, _failures,
            f"{each} They are in no response time and in no throughput.",
        ) if _errors(shown) else None,
        _gauges("timeline-waiting", "Clients waiting in pgBouncer", shown, _waiting),
        _gauges("timeline-servers", "Server connections in use", shown, lambda gauge: gauge.sv_active),
        *draw_activity(shown),
    ]  # fmt: skip
    return Gallery("timeline", _TITLE, _lead(shown, varied), tuple(figure for figure in figures if figure is not None))


def _errors(trials: Sequence[TrialSummary]) -> int:
    return sum(one.everything.total - one.everything.outcomes.get("ok", 0) for one in trials)


def _lead(trials: Sequence[TrialSummary], varied: Sequence[str]) -> str:
    said = [f"{count(len(trials), 'trial')} with {describe(trials[0].trial.treatment, varied or None)}."]
    errors = _errors(trials)
    said.append(
        f"{count(errors, 'operation')} did not succeed; they have a chart of their own and are in no other."
        if errors
        else "No operation failed in them."
    )
    readings = [gauge for trial in trials for gauge in _readings(trial)]
    if len(readings) > 1 and not any(map(_waiting, readings)):
        said.append(f"No client waited in pgBouncer in any of {len(readings):,} readings.")
    return " ".join(said) + describe_activity(trials)


def _throughput(trial: TrialSummary) -> Series | None:
    return trial.everything.throughput_blocks


def _failures(trial: TrialSummary) -> Series | None:
    return trial.everything.failure_blocks


def _response(trial: TrialSummary) -> Series | None:
    # Blocks in which nothing ended are left out of the series, so a shorter one has lost its times.
    series = trial.everything.response_blocks_s
    return series if series.size == trial.everything.throughput_blocks.size else None


def _waiting(gauge: PoolGauges) -> int:
    return gauge.cl_waiting


def _blocks(
    anchor: str,
    title: str,
    unit: str,
    trials: Sequence[TrialSummary],
    series_of: Callable[[TrialSummary], Series | None],
    caption: str,
) -> Figure | None:
    lines = []
    for trial in trials:
        series = series_of(trial)
        if series is None or series.size < 2:
            continue
        groups = np.array_split(series, min(_POINTS, series.size))
        step = trial.window_s / len(groups)
        means = [((index + 0.5) * step, float(group.mean())) for index, group in enumerate(groups)]
        lines.append(WindowLine(_trial_name(trial), tuple(Point(x, y, y, y) for x, y in means)))
    return draw_over_window(anchor, title, unit, lines, caption)


def _waited(trials: Sequence[TrialSummary]) -> bool:
    """Tell whether waiting for the pool is a part of the response time that an eye could see."""
    each = [trial.everything.durations for trial in trials]
    return any(one["pool_wait"].total_ns > _LEAST_WAIT * one["response_time"].total_ns for one in each)


def _percentiles(trials: Sequence[TrialSummary], duration: str, anchor: str, title: str) -> Figure | None:
    """Draw percentiles of each tenth of the window, where every tenth has the operations that a percentile needs."""
    found = [trial.everything.durations[duration] for trial in trials]
    lines = []
    for name, share in _PERCENTILES.items():
        needed = smallest_n(share, _LEVEL) * BLOCKS
        rows = [one.blocks.quantiles_ns[name] for one in found if one.n >= needed]
        if len(rows) < len(found) or any(row.size < BLOCKS for row in rows):
            continue
        table = np.array(rows) * 1e-9
        step = trials[0].window_s / BLOCKS
        points = tuple(
            Point((index + 0.5) * step, float(np.median(column)), float(column.min()), float(column.max()))
            for index, column in enumerate(table.T)
        )
        lines.append(WindowLine(name, points))
    caption = "Each point a tenth of the window, good operations only."
    if len(trials) > 1:
        caption += " Lines: the middle one of the trials. Bands: from the lowest to the highest trial."
    named = f"{title}, {' and '.join(line.name for line in lines)}" if len(lines) < 3 else f"{title}: percentiles"
    return draw_over_window(anchor, named, "s", lines, caption, kind="Percentile")


def _readings(trial: TrialSummary) -> list[PoolGauges]:
    if trial.facts.pooler is None:
        return []
    start, end = trial.facts.window_start_ns, trial.facts.window_end_ns
    return [one for one in trial.facts.pooler.gauges if start <= one.t_ns <= end]


def _gauges(
    anchor: str, title: str, trials: Sequence[TrialSummary], value_of: Callable[[PoolGauges], int]
) -> Figure | None:
    lines, thinned = [], False
    for trial in trials:
        readings = _readings(trial)
        if len(readings) < 2:
            continue
        thinned = thinned or len(readings) > _MOST_READINGS
        groups = np.array_split(np.arange(len(readings)), min(_MOST_READINGS, len(readings)))
        lines.append(
            WindowLine(
                _trial_name(trial),
                tuple(_spread([readings[i] for i in group], trial.facts.window_start_ns, value_of) for group in groups),
            )
        )
    caption = "Readings of SHOW POOLS for the load's own pool, one line a trial."
    if thinned:
        caption += f" Each point the mean of a part of {_MOST_READINGS}, the band its lowest and highest reading."
    return draw_over_window(anchor, title, "1", lines, caption)


def _spread(readings: Sequence[PoolGauges], start_ns: int, value_of: Callable[[PoolGauges], int]) -> Point:
    values = [float(value_of(one)) for one in readings]
    place_s = sum(one.t_ns - start_ns for one in readings) / len(readings) / 1e9
    return Point(place_s, sum(values) / len(values), min(values), max(values))


def _trial_name(trial: TrialSummary) -> str:
    return f"block {level_text(trial.trial.block)}"
