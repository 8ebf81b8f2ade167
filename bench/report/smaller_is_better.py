"""Observed values in the `customSmallerIsBetter` form that benchmark-tracking actions read.

A throughput is told as time per operation, since the form knows one direction only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.model.budget import PLAN, parse_budget
from bench.report.words import reveal

if TYPE_CHECKING:
    from bench.analysis.gate.result import GateLine, GateResult
    from bench.stats.estimate import Estimate

_BIGGER = ("throughput", "offered_rate")


def render_smaller_is_better(result: GateResult) -> str:
    """Return a JSON list, one entry for each metric of each operation and treatment that was judged."""
    entries: dict[str, dict[str, Any]] = {}
    for line in result.lines:
        metric = parse_budget(line.name, line.operation).metric if line.kind == "budget" else line.name
        if line.observed is not None and line.counts and line.kind != "plan" and metric != PLAN:
            entry = _entry(result.scenario, metric, line, line.observed)
            if entry is not None:
                entries.setdefault(entry["name"], entry)
    return json.dumps(list(entries.values()), indent=2, ensure_ascii=False) + "\n"


def _entry(scenario: str, metric: str, line: GateLine, seen: Estimate) -> dict[str, Any] | None:
    levels = " ".join(f"{key}={level}" for key, level in line.treatment.items())
    low, point, high, unit = seen.low, seen.point, seen.high, seen.unit
    told = metric
    if metric in _BIGGER:
        if low <= 0:
            return None
        told, unit = f"time per operation ({metric})", "s"
        low, point, high = 1 / high, 1 / point, 1 / low
    factor, shown = {"s": (1e3, "ms"), "1": (100.0, "%")}.get(unit, (1.0, unit))
    half = factor * max(high - point, point - low)
    return {
        "name": reveal(" ".join(part for part in (scenario, line.operation, told, levels) if part)),
        "unit": shown,
        "value": float(f"{factor * point:.6g}"),
        "range": f"± {half:.3g}",
        "extra": f"interval {factor * low:.6g} to {factor * high:.6g} {shown}, level {seen.level:g}, n {seen.n}",
    }
