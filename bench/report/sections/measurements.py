"""The measurement tables: one row a treatment and operation, every number with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.analysis.wording import count
from bench.report.numbers import quantity
from bench.report.tables import Cell, Column, Table, estimate_cell, level_cell
from bench.report.words import ALL_OPERATIONS, describe, key_name, metric_name, operation_name, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.measurement import Measurement
    from bench.model.facts import Caveat
    from bench.model.scenario import Level

_METRICS: Final = (
    "throughput",
    "response_time.p50",
    "response_time.p95",
    "response_time.p99",
    "response_time.p99_9",
    "service_time.p95",
    "pool_wait.p95",
    "error_rate",
    "cache_hit_ratio",
)
_OPEN_METRICS: Final = ("offered_rate", "schedule_lag.p99")
_PROTOCOL_METRICS: Final = ("round_trips_per_operation", "server_assignments_per_operation", "retries_per_operation")


@dataclass(frozen=True, slots=True)
class MeasurementTables:
    """``same`` says what holds for every row; ``outcomes`` counts what did not succeed, if anything."""

    same: str
    table: Table
    outcomes: Table | None


def tabulate(measurements: Sequence[Measurement], varied: Sequence[str]) -> MeasurementTables:
    """Lay out all measurements; columns nobody measured are left out."""
    several = len({one.operation for one in measurements} - {ALL_OPERATIONS}) > 1
    if not several:  # the only operation and all together are the same numbers
        measurements = [one for one in measurements if one.operation == ALL_OPERATIONS] or measurements
    wanted = (_METRICS[0], *_OPEN_METRICS, *_METRICS[1:], *_PROTOCOL_METRICS)
    metrics = [metric for metric in wanted if _worth_a_column(measurements, metric)]
    columns = (
        *(Column(shorten(key_name(key), 40).capitalize(), numeric=_numeric(measurements, key)) for key in varied),
        *((Column("Operation"),) if several else ()),
        Column("Standing"),
        *(Column(metric_name(metric).capitalize(), numeric=True) for metric in metrics),
        Column("Trials", numeric=True),
    )
    rows = tuple(
        (
            *(level_cell(one.treatment.get(key)) for key in varied),
            *((Cell(operation_name(one.operation)),) if several else ()),
            _standing(one),
            *(estimate_cell(one.metrics.get(metric, one.refused.get(metric)), metric) for metric in metrics),
            Cell(f"{len(one.trials)}", order=len(one.trials)),
        )
        for one in measurements
    )
    return MeasurementTables(
        same=_same([one.treatment for one in measurements], varied),
        table=Table("One row a treatment" + (" and operation" if several else ""), columns, rows),
        outcomes=_outcomes(measurements, varied),
    )


def _worth_a_column(measurements: Sequence[Measurement], metric: str) -> bool:
    """Tell whether anybody has a number, or would have one with more samples."""
    return any(
        metric in one.metrics or (metric in one.refused and one.refused[metric].needed is not None)
        for one in measurements
    )


def _numeric(measurements: Sequence[Measurement], key: str) -> bool:
    levels = [one.treatment.get(key) for one in measurements]
    return all(isinstance(level, int | float) and not isinstance(level, bool) for level in levels)


def _same(treatments: Sequence[Mapping[str, Level]], varied: Sequence[str]) -> str:
    if not treatments:
        return ""
    fixed = {key: level for key, level in treatments[0].items() if key not in varied}
    return describe(fixed) if fixed else ""


def _standing(one: Measurement) -> Cell:
    if not one.valid:
        return Cell("excluded", _codes([caveat for caveat in one.caveats if caveat.invalidates]), 2, "bad")
    if one.caveats:
        return Cell("doubtful", _codes(one.caveats), 1, "unsure")
    return Cell("sound", order=0, tone="good")


def _codes(caveats: Sequence[Caveat]) -> str:
    return ", ".join(shorten(caveat.code) for caveat in caveats)


def _outcomes(measurements: Sequence[Measurement], varied: Sequence[str]) -> Table | None:
    """Count what did not succeed: it is outside the latencies, so it must stand beside them."""
    labels = list(
        dict.fromkeys(label for one in measurements for label, n in one.outcomes.items() if n and label != "ok")
    )
    failed = [one for one in measurements if any(one.outcomes.get(label) for label in labels)]
    if not failed:
        return None
    columns = (
        Column("Treatment"),
        Column("Operation"),
        Column("Succeeded", numeric=True),
        *(Column(shorten(label.replace("_", " "), 40).capitalize(), numeric=True) for label in labels),
        Column("Share not succeeded", numeric=True),
    )
    rows = []
    for one in failed:
        total = sum(one.outcomes.values())
        lost = total - one.outcomes.get("ok", 0)
        numbers = [one.outcomes.get("ok", 0), *(one.outcomes.get(label, 0) for label in labels)]
        rows.append(
            (
                Cell(describe(one.treatment, varied)),
                Cell(operation_name(one.operation)),
                *(Cell(f"{number:,}", order=number) for number in numbers),
                Cell(quantity(lost / total, "%"), order=lost / total),
            )
        )
    title = f"Operations that did not succeed, in {count(len(failed), 'row')}"
    return Table(title, columns, tuple(rows))
