"""budget-missed: a budget that the answer's own treatment does not keep, and where its time goes.

Source: the scenario's budgets against the interval of the measurement; parts of the mean from the latency split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.measurement import ALL_OPERATIONS, Finding
from bench.analysis.reported import REPORTED
from bench.analysis.split import PARTS
from bench.analysis.validity import MOST_ERRORS, unanswered_share
from bench.analysis.wording import estimate, quantity, treatment
from bench.model.budget import SHARES, parse_budget

if TYPE_CHECKING:
    from bench.analysis.bottleneck import Bottleneck
    from bench.analysis.findings.context import Context
    from bench.analysis.measurement import Line, Measurement
    from bench.stats.estimate import Estimate

RULE = "budget-missed"
_REMEDIES = {
    "schedule_lag": "The generator starts operations late: give it more workers or cores before judging the database.",
    "pool_wait": "Operations wait for a connection: sweep `pool.size` upwards, or lower the load.",
    "pooler_wait": "Clients wait inside pgBouncer for a server: sweep `pooler.size` upwards.",
    "server": "The server executes for most of the time: look at the plan of the operation and at its waits.",
    "driver_and_wire": "Driver, pooler and network take the time: use fewer round trips or a nearer client.",
    "release": "The time goes to giving connections back: `pool.reset` sends a query on every release.",
}
_INSIDE = {
    "response_time": ("schedule_lag", "pool_wait", "pooler_wait", "server", "driver_and_wire"),
    "service_time": ("pooler_wait", "server", "driver_and_wire"),
    "pool_wait": ("pool_wait",),
    "schedule_lag": ("schedule_lag",),
    "hold_time": ("pooler_wait", "server", "driver_and_wire", "release"),
}
"""The parts a duration is made of; throughput is bound by all of them."""

_FINDINGS = {
    "locks": "WT01-locks",
    "latches": "WT02-latches",
    "wal": "WT03-commits",
    "disk": "WT04-disk",
    "transactions": "WT05-open-transactions",
}
"""The rules that speak of what sessions wait for, by what holds a treatment back."""

_OF_WORK = {
    "plan": "Compare the recorded plans with those of an earlier run: look for a dropped or invalid index, missing "
    "statistics (ANALYZE), or row-level security that keeps an operator from the index.",
    "buffers": "Look at the plan for scans that read more than they return; VACUUM a bloated table or index.",
    "cache_hit_ratio": "See by table which blocks are not in shared buffers; raise shared_buffers where they fit, or "
    "read fewer blocks.",
    "partitions": "Give the statement a condition on the partition key that can be pruned: a constant or a parameter, "
    "not an expression of another column.",
}
"""Remedies of budgets on work instead of time, by metric."""


def find(context: Context) -> list[Finding]:
    """Report one finding per budget and operation, for the treatment that misses it most."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in context.verdict.lines:
        if line.counts and line.verdict == "fail":
            groups.setdefault((line.budget, line.operation), []).append(line)
    return [_finding(context, lines) for lines in groups.values()]


def _excess(line: Line) -> float:
    return abs(line.observed.point - line.limit) if line.observed else 0.0


def _finding(context: Context, lines: list[Line]) -> Finding:
    worst = max(lines, key=_excess)
    metric = parse_budget(worst.budget, worst.operation).metric
    unit = "%" if metric in SHARES else worst.unit
    limit = quantity(worst.limit, unit)
    measurement = context.of(worst.treatment, worst.operation)
    overall = context.of(worst.treatment)
    held_back_by = context.bottleneck(overall) if overall else None
    parts = _parts(measurement)
    evidence: dict[str, Any] = {
        "observed": worst.observed,
        "limit": limit,
        "treatment": treatment(worst.treatment),
        "treatments_that_miss_it": len(lines),
    }
    if worst.reason:
        evidence["reason"] = worst.reason
    if parts:
        evidence["mean_time_by_part"] = parts
    if measurement and measurement.outcomes:
        evidence["outcomes"] = dict(measurement.outcomes)
    what = "all operations" if worst.operation == ALL_OPERATIONS else worst.operation
    seen = estimate(worst.observed, unit) if worst.observed else worst.reason
    return Finding(
        rule=RULE,
        severity="high",
        status="measured" if metric in _OF_WORK or (measurement and not _is_reported(measurement)) else "reported",
        summary=f"{worst.budget} is missed for {what}: {seen}, limit {limit}",
        evidence=evidence,
        remedy=_remedy(metric, measurement, parts, held_back_by),
        source="Budget of the scenario; intervals over trials (mean of all parts: latency split).",
    )


def _instead(held_back_by: Bottleneck) -> str:
    if rule := _FINDINGS.get(held_back_by.kind):
        return f"see {rule}, and leave the pool as it is until that is done."
    return "do not raise the pool; lower the load."


def _is_reported(measurement: Measurement) -> bool:
    return any(caveat.code == REPORTED for caveat in measurement.caveats)


def _parts(measurement: Measurement | None) -> dict[str, Estimate]:
    metrics = measurement.metrics if measurement else {}
    return {part: metrics[f"split.{part}"] for part in PARTS if f"split.{part}" in metrics}


def _remedy(
    metric: str, measurement: Measurement | None, parts: dict[str, Estimate], held_back_by: Bottleneck | None
) -> str:
    if metric in _OF_WORK:
        return _OF_WORK[metric]
    if measurement is None or _is_reported(measurement):
        return "Measure it with `bench run`: figures without raw data do not show where the time goes."
    failed = {label: count for label, count in measurement.outcomes.items() if label != "ok"}
    if failed and (metric == "error_rate" or unanswered_share(measurement.outcomes) > MOST_ERRORS):
        worst = max(failed, key=lambda label: failed[label])
        return f"Find out why operations end with `{worst}` ({failed[worst]:,} times): until then no latency counts."
    inside = _INSIDE.get(metric.partition(".")[0], tuple(_REMEDIES))
    known = {part: value.point for part, value in parts.items() if part in inside}
    if not known:
        return "Run two replicates or more, so that the latency split shows where the time goes."
    largest = max(known, key=lambda part: known[part])
    if largest in ("pool_wait", "pooler_wait") and held_back_by is not None and held_back_by.kind != "pool":
        # Too small a pool and a saturated system look alike in the queue; only one of them is cured by connections.
        return f"Operations queue, but {held_back_by.reason}: {_instead(held_back_by)}"
    if largest == "server" and held_back_by is not None and held_back_by.kind in _FINDINGS:
        return (
            f"The server has the operations for most of the time, but {held_back_by.reason}: {_instead(held_back_by)}"
        )
    return _REMEDIES[largest]
