"""PL14-rls-per-row: a policy looks its setting up for every row instead of once.

Trigger: ``current_setting(`` in the filter of a scan that reads at least 100 rows. Wrapped as
``(select current_setting(…))`` it becomes an InitPlan and runs once.
Source: https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import describe, place
from bench.analysis.measurement import Finding
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL14-rls-per-row"
FEWEST_ROWS = 100


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation and table."""
    return [_finding(spot) for spot in evidence.worst(lambda _, node: _offends(node), lambda node: node.rows_read)]


def _offends(node: PlanNode) -> bool:
    return "current_setting(" in node.conditions.get("Filter", "") and node.rows_read >= FEWEST_ROWS


def _finding(spot: Spot) -> Finding:
    node = spot.node
    return Finding(
        rule=RULE,
        severity="warning",
        status="measured",
        summary=f"{spot.fact.operation}: {place(node)} asks for the tenant's setting at each of "
        f"{number(node.rows_read)} rows",
        evidence=describe(spot, filter=node.conditions["Filter"], rows_read=node.rows_read),
        remedy="Write the policy with (select current_setting('…', true)), which the server evaluates once.",
        source="https://www.postgresql.org/docs/current/ddl-rowsecurity.html",
    )
