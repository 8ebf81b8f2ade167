"""PL04-sort-spill: a sort does not fit into ``work_mem`` and goes to disk.

Trigger: ``Sort Space Type`` is Disk. In memory a sort takes two to three times what it takes on disk; the setting that
is proposed is the power of two of megabytes above three times that. High above 100 MB.
Source: https://www.postgresql.org/docs/current/runtime-config-resource.html (work_mem)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import describe, setting_patch
from bench.analysis.measurement import Finding
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL04-sort-spill"
HIGH_KB = 100 * 1024
IN_MEMORY = 3
SOURCE = "https://www.postgresql.org/docs/current/runtime-config-resource.html"


def find(evidence: Evidence) -> list[Finding]:
    """Report the largest spilled sort of each operation."""
    return [_finding(spot) for spot in evidence.worst(lambda _, node: spilled_kb(node) > 0, spilled_kb)]


def spilled_kb(node: PlanNode) -> float:
    """Return the kB that a sort wrote, of its workers too; 0 where it stayed in memory."""
    own = [node.details, *node.details.get("Workers", ())]
    return sum(float(part.get("Sort Space Used", 0)) for part in own if part.get("Sort Space Type") == "Disk")


def enough_mb(kilobytes: float) -> int:
    """Return the power of two of megabytes that holds ``IN_MEMORY`` times as much."""
    megabytes = 4
    while megabytes * 1024 < IN_MEMORY * kilobytes:
        megabytes *= 2
    return megabytes


def _finding(spot: Spot) -> Finding:
    size = spilled_kb(spot.node)
    megabytes = enough_mb(size)
    return Finding(
        rule=RULE,
        severity="high" if size >= HIGH_KB else "warning",
        status="measured",
        summary=f"{spot.fact.operation} sorts {number(size)} kB on disk",
        evidence=describe(
            spot,
            spilled_kb=size,
            work_mem=spot.tree.settings.get("work_mem", "the server's default"),
            sort_key=spot.node.details.get("Sort Key"),
            formula=f"work_mem >= {IN_MEMORY} x {number(size)} kB, as a power of two",
        ),
        remedy=f"Set work_mem to {megabytes}MB for the role that asks (each sort of each connection may take as much), "
        "or give the sort key an index that delivers the order.",
        source=SOURCE,
        patch=setting_patch("work_mem", f"{megabytes}MB", spot.tree.settings.get("work_mem", "the server's default")),
    )
