"""PL02-misestimate: the planner expected far fewer or far more rows of a table than came.

Trigger: estimate and rows per loop differ by 10 times (warning) or 100 times (high) where at least 100 rows were
expected or came. Below a LIMIT a scan stops early and an inner scan is estimated per loop, so scans under a Limit are
left alone where fewer rows came than expected.
Source: https://www.postgresql.org/docs/current/planner-stats.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.evidence import ROWS_OF_A_TABLE
from bench.analysis.findings.plans.wording import describe, place, statement_patch
from bench.analysis.measurement import Finding
from bench.analysis.plan_tree import q_error, walk
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode, PlanTree

RULE = "PL02-misestimate"
WARN, HIGH = 10.0, 100.0
FEWEST_ROWS = 100
SOURCE = "https://www.postgresql.org/docs/current/planner-stats.html"


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation and table, from the node that is off most."""
    return [_finding(spot) for spot in evidence.worst(_is_off, q_error)]


def _is_off(tree: PlanTree, node: PlanNode) -> bool:
    if node.node_type not in ROWS_OF_A_TABLE or node.actual_rows is None:
        return False
    if max(node.actual_rows, node.plan_rows) < FEWEST_ROWS or q_error(node) < WARN:
        return False
    return node.actual_rows > node.plan_rows or not _may_stop_early(tree)


def _may_stop_early(tree: PlanTree) -> bool:
    stops = ("Limit", "Merge Join")
    return any(node.node_type in stops or node.join_type in ("Semi", "Anti") for node in walk(tree))


def _finding(spot: Spot) -> Finding:
    node, off = spot.node, q_error(spot.node)
    came = node.actual_rows or 0.0
    return Finding(
        rule=RULE,
        severity="high" if off >= HIGH else "warning",
        status="measured",
        summary=f"{spot.fact.operation}: {place(node)} was expected to give {number(node.plan_rows)} rows and gave "
        f"{number(came)}, {number(off)} times off",
        evidence=describe(spot, estimated_rows=node.plan_rows, rows=came, q_error=off, loops=node.loops),
        remedy=f"Run ANALYZE on {node.relation}; if the columns depend on each other, CREATE STATISTICS on them.",
        source=SOURCE,
        patch=statement_patch(f"ANALYZE {node.relation}", "-- statistics need no way back\n"),
    )
