"""PL05-hash-batches: a hash table does not fit into memory and is worked off in batches on disk.

Trigger: a Hash with more than one batch, or a hash aggregate that used disk. High where the batches grew beyond the
planned number: the planner did not know.
Source: https://www.postgresql.org/docs/current/runtime-config-resource.html (hash_mem_multiplier)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.pl04_sort_spill import enough_mb
from bench.analysis.findings.plans.wording import describe, setting_patch
from bench.analysis.measurement import Finding
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL05-hash-batches"


def find(evidence: Evidence) -> list[Finding]:
    """Report the largest hash of each operation that did not fit."""
    return [_finding(spot) for spot in evidence.worst(lambda _, node: _spills(node), _needed_kb)]


def _batches(node: PlanNode) -> int:
    return int(node.details.get("Hash Batches", node.details.get("HashAgg Batches", 1)))


def _spills(node: PlanNode) -> bool:
    return _batches(node) > 1 or float(node.details.get("Disk Usage", 0)) > 0


def _needed_kb(node: PlanNode) -> float:
    peak = float(node.details.get("Peak Memory Usage", 0))
    return max(peak * _batches(node), peak + float(node.details.get("Disk Usage", 0)))


def _finding(spot: Spot) -> Finding:
    node = spot.node
    planned = int(node.details.get("Original Hash Batches", node.details.get("Planned Partitions", _batches(node))))
    grew = "Original Hash Batches" in node.details and _batches(node) > planned
    megabytes = enough_mb(_needed_kb(node) / 3)
    return Finding(
        rule=RULE,
        severity="high" if grew else "warning",
        status="measured",
        summary=f"{spot.fact.operation}: a {node.node_type.lower()} is worked off in {_batches(node)} batches on disk"
        + (f", {planned} were planned" if grew else ""),
        evidence=describe(
            spot,
            batches=_batches(node),
            planned_batches=planned,
            needed_kb=_needed_kb(node),
            formula=f"work_mem x hash_mem_multiplier (2) >= {number(_needed_kb(node))} kB",
        ),
        remedy=f"Set work_mem to {megabytes}MB for the role that asks, and run ANALYZE where the estimate is off.",
        source="https://www.postgresql.org/docs/current/runtime-config-resource.html",
        patch=setting_patch("work_mem", f"{megabytes}MB", spot.tree.settings.get("work_mem", "the server's default")),
    )
