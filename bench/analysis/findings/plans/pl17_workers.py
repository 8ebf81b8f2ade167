"""PL17-workers: fewer parallel workers came than were planned.

Trigger: ``Workers Launched`` below ``Workers Planned``: others hold them.
Source: https://www.postgresql.org/docs/current/runtime-config-resource.html (max_parallel_workers)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import describe
from bench.analysis.measurement import Finding

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL17-workers"


def find(evidence: Evidence) -> list[Finding]:
    """Report the plan that lacked most workers."""
    return [_finding(spot) for spot in evidence.worst(lambda _, node: _lacking(node) > 0, _lacking)]


def _lacking(node: PlanNode) -> float:
    details = node.details
    return float(details.get("Workers Planned", 0)) - float(details.get("Workers Launched", 0))


def _finding(spot: Spot) -> Finding:
    planned, launched = (spot.node.details.get(f"Workers {what}", 0) for what in ("Planned", "Launched"))
    return Finding(
        rule=RULE,
        severity="info",
        status="measured",
        summary=f"{spot.fact.operation} was planned with {planned} parallel workers and got {launched}",
        evidence=describe(spot, planned=planned, launched=launched),
        remedy="Raise max_parallel_workers if there are cores to spare; under many connections set "
        "max_parallel_workers_per_gather = 0 for the role, so that the plan is made for what it gets.",
        source="https://www.postgresql.org/docs/current/runtime-config-resource.html",
    )
