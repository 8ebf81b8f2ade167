"""PL09-no-pruning: a search in a partitioned table reads every partition.

Trigger: an Append that really executes scans of at least four tables and prunes none, neither at plan time nor at run
time, none of which gives a row but at most one. High from twelve partitions on. A search whose rows lie in several
partitions has to read them.
Source: https://www.postgresql.org/docs/current/ddl-partitioning.html (partition pruning)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.wording import describe
from bench.analysis.measurement import Finding
from bench.analysis.plan_tree import walk
from bench.analysis.wording import count

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence, Spot
    from bench.analysis.plan_tree import PlanNode

RULE = "PL09-no-pruning"
FEWEST, MANY = 4, 12
_APPENDS = ("Append", "Merge Append")


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation: the append that scans most."""
    return [_finding(spot) for spot in evidence.worst(lambda _, node: _offends(node), lambda node: len(_scanned(node)))]


def _scanned(node: PlanNode) -> list[PlanNode]:
    return [part for part in walk(node) if part.relation and part.executed]


def _offends(node: PlanNode) -> bool:
    if node.node_type not in _APPENDS or node.details.get("Subplans Removed", 0):
        return False
    if any(part.loops == 0 for part in node.children):
        return False
    scanned = {part.relation for part in _scanned(node)}
    giving = {part.relation for part in _scanned(node) if part.rows > 0}
    return len(scanned) >= FEWEST and len(giving) <= 1


def _finding(spot: Spot) -> Finding:
    tables = list(dict.fromkeys(part.relation or "" for part in _scanned(spot.node)))
    giving = [part.relation for part in _scanned(spot.node) if part.rows > 0]
    return Finding(
        rule=RULE,
        severity="high" if len(tables) >= MANY else "warning",
        status="measured",
        summary=f"{spot.fact.operation} searches {count(len(tables), 'partition')}, "
        f"and {giving[0] if giving else 'none'} has what it looks for",
        evidence=describe(spot, partitions=tables, partitions_with_rows=giving),
        remedy="Name the partition key in the WHERE clause, compared with a value of its own type: a cast or a "
        "function on the key's side prevents pruning.",
        source="https://www.postgresql.org/docs/current/ddl-partitioning.html",
    )
