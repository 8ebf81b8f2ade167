"""PL06-nested-loop: the inner side of a join is run so often that its rows add up.

Trigger: a scan with at least 1,000 loops that touches a million rows in all (high), or at least 1,000 loops where the
outer side was expected to give ten times fewer rows (warning).
Source: https://www.postgresql.org/docs/current/planner-optimizer.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import describe, place
from bench.analysis.measurement import Finding
from bench.analysis.plan_tree import walk
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode, PlanTree

RULE = "PL06-nested-loop"
LOOPS = 1_000
ROWS = 1_000_000
OFF = 10.0


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation and inner table."""
    return [_finding(spot) for spot in evidence.worst(_offends, lambda node: node.rows_read)]


def _expected_loops(tree: PlanTree, inner: PlanNode) -> float | None:
    """Return the rows that the outer side was expected to give; None where the node is no inner side."""
    for node in walk(tree):
        if node.node_type == "Nested Loop" and len(node.children) == 2:
            outer, other = node.children
            if any(part is inner for part in walk(other)):
                return max(1.0, outer.plan_rows * (outer.loops or 1.0))
    return None


def _offends(tree: PlanTree, node: PlanNode) -> bool:
    loops = node.loops or 0.0
    if not node.relation or loops < LOOPS:
        return False
    expected = _expected_loops(tree, node)
    return expected is not None and (node.rows_read >= ROWS or loops / expected >= OFF)


def _finding(spot: Spot) -> Finding:
    node = spot.node
    expected = _expected_loops(spot.tree, node) or 1.0
    return Finding(
        rule=RULE,
        severity="high" if node.rows_read >= ROWS else "warning",
        status="measured",
        summary=f"{spot.fact.operation}: {place(node)} is run {number(node.loops or 0)} times and touches "
        f"{number(node.rows_read)} rows in all",
        evidence=describe(spot, loops=node.loops, expected_loops=expected, rows_read=node.rows_read),
        remedy=f"Give {node.relation} an index on the join column, or mend the estimate of the outer side (ANALYZE) so "
        "that the planner joins by hash.",
        source="https://www.postgresql.org/docs/current/planner-optimizer.html",
    )
