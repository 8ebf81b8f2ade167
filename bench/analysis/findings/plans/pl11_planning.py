"""PL11-planning: planning takes longer than executing.

Trigger: planning is more than half of the total and more than 5 ms, in the cheapest of the plans of a statement: the
first one of a connection also fills the caches.
Source: https://www.postgresql.org/docs/current/ddl-partitioning.html (best practices), using-explain.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.evidence import SOURCE
from bench.analysis.measurement import Finding
from bench.analysis.wording import percent, seconds

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Explained

RULE = "PL11-planning"
SHARE = 0.5
FEWEST_MS = 5.0


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per step."""
    found = []
    for operation, step in evidence.steps():
        plans = [one for one in evidence.seen(operation, step, role="app", kind="custom") if one.tree.planning_ms]
        if not plans:
            continue
        least = min(plans, key=lambda one: one.tree.planning_ms or 0.0)
        planning = least.tree.planning_ms or 0.0
        if planning > FEWEST_MS and _share(least) > SHARE:
            found.append(_finding(least, planning))
    return found


def _share(one: Explained) -> float:
    planning = one.tree.planning_ms or 0.0
    return planning / (planning + (one.tree.execution_ms or 0.0))


def _finding(one: Explained, planning: float) -> Finding:
    return Finding(
        rule=RULE,
        severity="warning",
        status="measured",
        summary=f"{one.fact.operation} is planned in {seconds(planning / 1e3)}, {percent(_share(one))} of its time",
        evidence={
            "operation": one.fact.operation,
            "step": one.fact.step,
            "planning_ms": planning,
            "execution_ms": one.tree.execution_ms,
            "planning_buffers": one.tree.planning_buffers.shared if one.tree.planning_buffers else None,
        },
        remedy="Prepare the statement (the drivers do by default, through pgBouncer 1.21 or newer too), and keep the "
        "number of partitions and joins that have to be planned small.",
        source=SOURCE,
    )
