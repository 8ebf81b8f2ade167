"""PL08-lossy: a bitmap scan keeps pages instead of rows, or rechecks and removes most of what the index found.

Trigger: lossy heap blocks (the bitmap did not fit into ``work_mem``), or more than half of at least 1,000 rows removed
by the recheck (the operator class answers only roughly).
Source: https://www.postgresql.org/docs/current/indexes-bitmap-scans.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import describe, place, setting_patch
from bench.analysis.measurement import Finding
from bench.analysis.wording import number, percent

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL08-lossy"
REMOVED = 0.5
FEWEST_ROWS = 1_000
BITMAP_MB = 16


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation and table."""
    return [_finding(spot) for spot in evidence.worst(lambda _, node: _offends(node), lambda node: node.rows_read)]


def _lossy(node: PlanNode) -> float:
    return float(node.details.get("Lossy Heap Blocks", 0))


def _rechecked(node: PlanNode) -> float:
    removed = node.removed.get("Rows Removed by Index Recheck", 0.0)
    read = (node.actual_rows or 0.0) + removed
    return removed / read if read * (node.loops or 0) >= FEWEST_ROWS else 0.0


def _offends(node: PlanNode) -> bool:
    return node.node_type == "Bitmap Heap Scan" and (_lossy(node) > 0 or _rechecked(node) > REMOVED)


def _finding(spot: Spot) -> Finding:
    node = spot.node
    lossy = _lossy(node) > 0
    what = f"keeps {number(_lossy(node))} pages whole" if lossy else f"removes {percent(_rechecked(node))} on recheck"
    return Finding(
        rule=RULE,
        severity="warning",
        status="measured",
        summary=f"{spot.fact.operation}: {place(node)} {what}",
        evidence=describe(
            spot,
            lossy_blocks=_lossy(node),
            exact_blocks=node.details.get("Exact Heap Blocks"),
            removed_by_recheck=_rechecked(node),
        ),
        remedy=f"Set work_mem to {BITMAP_MB}MB or more for the role that asks: the bitmap has to fit."
        if lossy
        else "Use an operator class that answers more exactly, or an index on what is compared.",
        source="https://www.postgresql.org/docs/current/indexes-bitmap-scans.html",
        patch=setting_patch("work_mem", f"{BITMAP_MB}MB", spot.tree.settings.get("work_mem", "the default"))
        if lossy
        else None,
    )
