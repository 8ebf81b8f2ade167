"""PL07-heap-fetches: an index-only scan has to look into the table after all.

Trigger: heap fetches above 10 % (warning) or 50 % (high) of at least 1,000 rows: the visibility map is out of date.
Source: https://www.postgresql.org/docs/current/indexes-index-only-scans.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import describe, place, statement_patch
from bench.analysis.measurement import Finding
from bench.analysis.wording import number, percent

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL07-heap-fetches"
WARN, HIGH = 0.1, 0.5
FEWEST_ROWS = 1_000


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation and table."""
    return [_finding(spot) for spot in evidence.worst(lambda _, node: _offends(node), _fetches)]


def _fetches(node: PlanNode) -> float:
    """Heap fetches over all loops; the server reports their sum."""
    return float(node.details.get("Heap Fetches", 0))


def _offends(node: PlanNode) -> bool:
    return (
        node.node_type == "Index Only Scan" and node.rows >= FEWEST_ROWS and _fetches(node) / max(node.rows, 1.0) > WARN
    )


def _finding(spot: Spot) -> Finding:
    node = spot.node
    share = _fetches(node) / node.rows
    return Finding(
        rule=RULE,
        severity="high" if share > HIGH else "warning",
        status="measured",
        summary=f"{spot.fact.operation}: {place(node)} looks into the table for {percent(min(1.0, share))} of "
        f"{number(node.rows)} rows",
        evidence=describe(spot, heap_fetches=_fetches(node), rows=node.rows),
        remedy=f"VACUUM {node.relation}, and let autovacuum come sooner: autovacuum_vacuum_scale_factor, and "
        "autovacuum_vacuum_insert_scale_factor where rows are only added.",
        source="https://www.postgresql.org/docs/current/indexes-index-only-scans.html",
        patch=statement_patch(f"VACUUM (ANALYZE) {node.relation}", "-- VACUUM needs no way back\n"),
    )
