"""PL01-seq-scan-selective: a large table is read whole to find few rows.

Trigger: a sequential scan that reads at least 10,000 rows per execution and throws away more than nine in ten. A scan
that returns most of what it reads is the right plan and is left alone.
Source: https://www.postgresql.org/docs/current/using-explain.html, rows removed by filter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.evidence import SOURCE
from bench.analysis.findings.plans.wording import describe
from bench.analysis.measurement import Finding
from bench.analysis.wording import number, percent

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL01-seq-scan-selective"
LARGE_ROWS = 10_000
REMOVED_SHARE = 0.9


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation and table, from the plan that reads most."""
    spots = evidence.worst(lambda _, node: _is_selective(node), lambda node: node.rows_read)
    return [_finding(spot) for spot in spots]


def _is_selective(node: PlanNode) -> bool:
    read = node.rows_read
    return node.node_type == "Seq Scan" and read >= LARGE_ROWS and 1 - node.rows / read > REMOVED_SHARE


def _finding(spot: Spot) -> Finding:
    node = spot.node
    condition = node.conditions.get("Filter", "")
    return Finding(
        rule=RULE,
        severity="high",
        status="measured",
        summary=f"{spot.fact.operation} reads all {number(node.rows_read)} rows of {node.relation} and keeps "
        f"{number(node.rows)}",
        evidence=describe(
            spot,
            rows_read=node.rows_read,
            rows_kept=node.rows,
            removed=percent(1 - node.rows / node.rows_read),
            filter=condition,
            loops=node.loops,
        ),
        remedy=f"Give {node.relation} an index on the columns of the filter {condition}; if there is one, run ANALYZE.",
        source=SOURCE,
    )
