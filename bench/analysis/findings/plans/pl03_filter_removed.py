"""PL03-filter-removed: an index finds rows of which most are then thrown away.

Trigger: an index scan (or the heap part of a bitmap scan) that reads at least 1,000 rows per execution and removes more
than half (warning) or nine in ten (high) by a filter that is no part of the index condition.
Source: https://www.postgresql.org/docs/current/indexes-multicolumn.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import describe, place
from bench.analysis.measurement import Finding
from bench.analysis.wording import number, percent

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL03-filter-removed"
WARN, HIGH = 0.5, 0.9
FEWEST_ROWS = 1_000
_BY_INDEX = ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation and table."""
    spots = evidence.worst(lambda _, node: _offends(node), lambda node: _removed(node) * (node.loops or 0))
    return [_finding(spot) for spot in spots]


def _removed(node: PlanNode) -> float:
    return node.removed.get("Rows Removed by Filter", 0.0)


def _share(node: PlanNode) -> float:
    read = (node.actual_rows or 0.0) + _removed(node)
    return _removed(node) / read if read else 0.0


def _offends(node: PlanNode) -> bool:
    return node.node_type in _BY_INDEX and node.rows_read >= FEWEST_ROWS and _share(node) > WARN


def _finding(spot: Spot) -> Finding:
    node = spot.node
    condition = node.conditions.get("Filter", "")
    return Finding(
        rule=RULE,
        severity="high" if _share(node) > HIGH else "warning",
        status="measured",
        summary=f"{spot.fact.operation}: {place(node)} throws {percent(_share(node))} of "
        f"{number(node.rows_read)} rows away after it found them",
        evidence=describe(
            spot, rows_read=node.rows_read, rows_kept=node.rows, filter=condition, condition=node.conditions
        ),
        remedy=f"Extend the index with the columns of {condition}, or make it partial by that condition.",
        source="https://www.postgresql.org/docs/current/indexes-multicolumn.html",
    )
