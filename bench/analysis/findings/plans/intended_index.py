"""plan-lacks-index: an operation whose plan does not use the index that its scenario says serves it.

Source: ``index`` of the operation against the index scans of its recorded plans, as the role that runs the load
(https://www.postgresql.org/docs/current/using-explain.html). Where partitions are scanned by indexes of their own,
their names differ from the parent's and nothing is claimed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.findings.plans.evidence import ROWS_OF_A_TABLE, SOURCE
from bench.analysis.measurement import Finding
from bench.analysis.plan_tree import indexes_used, walk
from bench.analysis.wording import number

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Evidence
    from bench.analysis.measurement import Severity
    from bench.analysis.plan_tree import PlanTree

RULE = "plan-lacks-index"
LARGE_ROWS, SMALL_ROWS = 10_000, 1_000
"""From so many rows read without it, a missing index is severe; below the second a small table is best read whole."""


def find(evidence: Evidence) -> list[Finding]:
    """Report one finding per operation that names an index."""
    found = []
    for operation in evidence.scenario.operation:
        if operation.index is None:
            continue
        executions: dict[object, list[PlanTree]] = {}
        for one in evidence.load():
            if one.fact.operation == operation.name:  # of a transaction one step has to use it, not every one
                key = one.fact.draw if one.fact.step else (one.fact.draw, one.fact.arguments, id(one.fact))
                executions.setdefault(key, []).append(one.tree)
        without = [plans for plans in executions.values() if not any(_serves(operation.index, plan) for plan in plans)]
        if without:
            trees = [plan for plans in without for plan in plans]
            found.append(_finding(operation.name, operation.index, trees, f"{len(without)} of {len(executions)}"))
    return found


def _serves(index: str, plan: PlanTree) -> bool:
    return index in indexes_used(plan) or _by_partition(plan)


def _severity(read: float, *, sequential: bool) -> Severity:
    if sequential and read < SMALL_ROWS:
        return "info"
    return "high" if sequential and read >= LARGE_ROWS else "warning"


def _by_partition(plan: PlanTree) -> bool:
    """Tell whether partitions are scanned, each by some index."""
    nodes = list(walk(plan))
    appended = any(node.node_type in ("Append", "Merge Append") for node in nodes)
    return appended and not any(node.node_type == "Seq Scan" for node in nodes)


def _finding(operation: str, index: str, without: list[PlanTree], share: str) -> Finding:
    worst = max(without, key=lambda plan: max((node.rows_read for node in walk(plan)), default=0.0))
    scans = [node for node in walk(worst) if node.node_type in ROWS_OF_A_TABLE and node.relation]
    used = sorted({name for plan in without for name in indexes_used(plan)})
    read = max((node.rows_read for node in scans), default=0.0)
    sequential = any(node.node_type == "Seq Scan" for node in scans)
    instead = f"reads {number(read)} rows" + (f" by {', '.join(used)}" if used else " without an index")
    return Finding(
        rule=RULE,
        severity=_severity(read, sequential=sequential),
        status="measured",
        summary=f"The plan of {operation} does not use {index}: it {instead} ({share} plans)",
        evidence={
            "operation": operation,
            "index": index,
            "indexes_used": used,
            "scans": [f"{node.node_type} on {node.relation}" for node in scans],
            "rows_read": read,
            "shared_buffers": worst.root.buffers.shared if worst.root.buffers else None,
            "plans_without": share,
        },
        remedy=f"Check that {index} exists and is valid (`\\d` in psql), run ANALYZE on the table, and compare the "
        "plan as owner: under row-level security an operator that is not leakproof cannot use an index.",
        source=SOURCE,
    )
