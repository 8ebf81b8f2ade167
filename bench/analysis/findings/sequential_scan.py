"""PL01-seq-scan-selective: a large table is read whole to find few rows.

Trigger: a sequential scan that reads at least 10,000 rows per execution and throws away more than nine in ten. A scan
that returns most of what it reads is the right plan and is left alone.
Source: https://www.postgresql.org/docs/current/using-explain.html, rows removed by filter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.explain import parse_plan
from bench.analysis.measurement import Finding
from bench.analysis.plan_tree import walk
from bench.analysis.wording import number, percent

if TYPE_CHECKING:
    from bench.analysis.findings.context import Context
    from bench.analysis.plan_tree import PlanNode

RULE = "PL01-seq-scan-selective"
LARGE_ROWS = 10_000
REMOVED_SHARE = 0.9


def find(context: Context) -> list[Finding]:
    """Report one finding per operation and table, from the plan that reads most."""
    worst: dict[tuple[str, str], PlanNode] = {}
    for fact in context.plans:
        for node in walk(parse_plan(fact.document)):
            key = (fact.operation, node.relation or "")
            if _is_selective(node) and (key not in worst or node.rows_read > worst[key].rows_read):
                worst[key] = node
    return [_finding(operation, node) for (operation, _), node in worst.items()]


def _is_selective(node: PlanNode) -> bool:
    read = node.rows_read
    return node.node_type == "Seq Scan" and read >= LARGE_ROWS and 1 - node.rows / read > REMOVED_SHARE


def _finding(operation: str, node: PlanNode) -> Finding:
    removed = 1 - node.rows / node.rows_read
    condition = node.conditions.get("Filter", "")
    return Finding(
        rule=RULE,
        severity="high",
        status="measured",
        summary=f"{operation} reads all {number(node.rows_read)} rows of {node.relation} and keeps {number(node.rows)}",
        evidence={
            "operation": operation,
            "table": node.relation,
            "rows_read": node.rows_read,
            "rows_kept": node.rows,
            "removed": percent(removed),
            "filter": condition,
            "loops": node.loops,
            "shared_buffers": node.buffers.shared if node.buffers else None,
        },
        remedy=f"Give {node.relation} an index on the columns of the filter {condition}; if there is one, run ANALYZE.",
        source="https://www.postgresql.org/docs/current/using-explain.html",
    )
