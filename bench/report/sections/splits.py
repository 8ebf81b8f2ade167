"""Where the time goes: the mean response time of each treatment, split into the stages it passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.analysis.summary import key_of
from bench.analysis.wording import count
from bench.report.charts.stack import Stack
from bench.report.numbers import quantity
from bench.report.sections.figure import Figure, Gallery
from bench.report.sections.levels import LOADS
from bench.report.tables import Cell, Column, Table, estimate_cell
from bench.report.words import SPLIT_PARTS, describe, varied_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.measurement import Measurement
    from bench.model.scenario import Level

_MOST_ROWS: Final = 16
_TITLE: Final = "Where the time goes"


def draw_splits(
    measurements: Sequence[Measurement], chosen: Mapping[str, Level] | None, varied: Sequence[str]
) -> Gallery:
    """Draw one bar a sound treatment; of many, those with the load of the advised one."""
    split = [one for one in measurements if one.valid and any(f"split.{part}" in one.metrics for part in SPLIT_PARTS)]
    if not split:
        return Gallery("split", _TITLE, "", (), _absent(measurements))
    shown = _shown(split, chosen)
    parts = [part for part in SPLIT_PARTS if any(_seconds(one, part) for one in split)]
    names = [key_of(one.treatment) for one in shown]
    chart = Stack(
        rows=tuple(describe(one.treatment, varied_keys([one.treatment for one in shown]) or varied) for one in shown),
        parts=tuple((SPLIT_PARTS[part], tuple(_seconds(one, part) for one in shown)) for part in parts),
        x_title="Mean time of one operation",
        unit="s",
        chosen_row=names.index(key_of(chosen)) if chosen is not None and key_of(chosen) in names else None,
    )
    table = Table(
        "Mean time of one operation by stage",
        (Column("Treatment"), *(Column(name.capitalize(), numeric=True) for name in SPLIT_PARTS.values())),
        tuple(
            (
                Cell(describe(one.treatment, varied)),
                *(
                    estimate_cell(one.metrics.get(f"split.{part}", one.refused.get(f"split.{part}")))
                    for part in SPLIT_PARTS
                ),
            )
            for one in split
        ),
    )
    largest = max(shown, key=lambda one: sum(_seconds(one, part) for part in parts))
    main = max(parts, key=lambda part: _seconds(largest, part), default="unexplained")
    caption = (
        "Schedule lag: sent late by the generator. Pool wait: for a free connection of the client's pool. Pooler wait: "
        "for a server connection in pgBouncer. Server: execution as pg_stat_statements counts it. "
        "Release: until the connection is back. What is left over is shown, not hidden."
    )
    if len(shown) < len(split):
        caption += f" {len(split) - len(shown)} more treatments are in the table."
    alt = (
        f"Stacked bars of the mean time of one operation for {count(len(shown), 'treatment')}. Longest: "
        f"{describe(largest.treatment, varied)}, of which {SPLIT_PARTS[main]} takes "
        f"{quantity(_seconds(largest, main), 's')}."
    )
    figure = Figure("latency-split", "Mean time of one operation by stage", caption, alt, chart, table)
    return Gallery(
        "split",
        _TITLE,
        "The stages one operation passes, from the instant it was due until its connection is free again.",
        (figure,),
    )


def _absent(measurements: Sequence[Measurement]) -> str:
    """Say why there is no split: nothing sound, parts that were not counted, or too few trials for an interval."""
    reasons = (one.refused.get(f"split.{part}") for one in measurements if one.valid for part in SPLIT_PARTS)
    reason = next((refused.reason for refused in reasons if refused is not None), "no sound trial has the parts")
    return f"The response time could not be split: {reason}."


def _seconds(one: Measurement, part: str) -> float:
    estimate = one.metrics.get(f"split.{part}")
    return estimate.point if estimate else 0.0


def _shown(split: Sequence[Measurement], chosen: Mapping[str, Level] | None) -> list[Measurement]:
    if len(split) <= _MOST_ROWS:
        return list(split)
    load = [chosen.get(key) for key in LOADS] if chosen is not None else None
    same = [one for one in split if [one.treatment.get(key) for key in LOADS] == load]
    kept = same or list(split)
    if len(kept) <= _MOST_ROWS:
        return kept
    step = (len(kept) - 1) / (_MOST_ROWS - 1)
    return [kept[round(index * step)] for index in range(_MOST_ROWS)]
