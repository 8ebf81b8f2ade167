"""What several rules on plans say in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.measurement import Patch

if TYPE_CHECKING:
    from bench.analysis.findings.plans.evidence import Spot
    from bench.analysis.plan_tree import PlanNode


def describe(spot: Spot, **more: Any) -> dict[str, Any]:
    """Return the evidence that every finding on a node carries."""
    node = spot.node
    return {
        "operation": spot.fact.operation,
        "step": spot.fact.step,
        "node": node.node_type,
        "table": node.relation,
        "index": node.index,
        "arguments": list(spot.fact.arguments),
        "shared_buffers": node.buffers.shared if node.buffers else None,
        **more,
    }


def setting_patch(name: str, value: str, before: str = "the value before") -> Patch:
    """Return a line of ``postgresql.conf``."""
    return Patch(kind="postgresql.conf", text=f"{name} = '{value}'\n", rollback=f"# {name}: {before}\n")


def statement_patch(statement: str, rollback: str) -> Patch:
    """Return a statement for the database."""
    return Patch(kind="sql", text=f"{statement};\n", rollback=rollback)


def place(node: PlanNode) -> str:
    """Name a node: ``Index Scan on policies using ix``."""
    on = f" on {node.relation}" if node.relation else ""
    return f"{node.node_type}{on}{f' using {node.index}' if node.index else ''}"
