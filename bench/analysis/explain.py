"""EXPLAIN (FORMAT JSON) of PostgreSQL 14 to 18 into a ``PlanTree``, and a ``PlanTree`` into lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.plan_tree import Buffers, PlanNode, PlanTree
from bench.analysis.wording import number, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bench.model.facts import PlanFact

_NAMED = {
    "Node Type", "Parent Relationship", "Subplan Name", "Relation Name", "Schema", "Alias", "Index Name", "CTE Name",
    "Join Type", "Strategy", "Partial Mode", "Startup Cost", "Total Cost", "Plan Rows", "Plan Width", "Actual Rows",
    "Actual Loops", "Actual Startup Time", "Actual Total Time", "Plans",
}  # fmt: skip
_BUFFERS = {
    "shared_hit": "Shared Hit Blocks",
    "shared_read": "Shared Read Blocks",
    "shared_dirtied": "Shared Dirtied Blocks",
    "shared_written": "Shared Written Blocks",
    "local_hit": "Local Hit Blocks",
    "local_read": "Local Read Blocks",
    "temp_read": "Temp Read Blocks",
    "temp_written": "Temp Written Blocks",
}
_SHOWN = ("Sort Key", "Group Key", "Sort Method", "Sort Space Used", "Heap Fetches", "Workers Launched", "Hash Batches")


def parse_plan(document: object) -> PlanTree:
    """Read a document as the server gives it: a list of one statement, the statement, or a bare node.

    Raises ``ValueError`` that says what is missing where it is none, as for a utility statement, which has no plan.
    """
    statement: Any = document
    if isinstance(statement, list):
        if len(statement) != 1:
            raise ValueError(f"an EXPLAIN document holds one statement, not {len(statement)}")
        statement = statement[0]
    if not isinstance(statement, dict):
        kind = type(statement).__name__
        raise ValueError(f"an EXPLAIN document is a JSON object, not {kind}")  # noqa: TRY004 - damaged data, not a bug
    if "Plan" not in statement and "Node Type" in statement:
        statement = {"Plan": statement}
    if "Plan" not in statement:
        raise ValueError(f"no `Plan` in the EXPLAIN document: it holds {', '.join(map(str, statement)) or 'nothing'}")
    planning = statement.get("Planning", {})
    jit = statement.get("JIT", {}).get("Timing", {}).get("Total")
    return PlanTree(
        root=_node(statement["Plan"], "$.Plan"),
        planning_ms=statement.get("Planning Time"),
        execution_ms=statement.get("Execution Time", statement.get("Total Runtime")),
        planning_buffers=_buffers(planning),
        settings=dict(statement.get("Settings", {})),
        jit_ms=jit,
        triggers=tuple(statement.get("Triggers", ())),
        query_id=statement.get("Query Identifier"),
    )


def readable(facts: Iterable[PlanFact]) -> Iterator[tuple[PlanFact, PlanTree]]:
    """Yield plans with their trees; documents that are no plans are left out, for the report to show as they are."""
    for fact in facts:
        try:
            yield fact, parse_plan(fact.document)
        except (ValueError, TypeError, AttributeError):
            continue


def _node(raw: Any, path: str) -> PlanNode:
    if not isinstance(raw, dict) or "Node Type" not in raw:
        raise ValueError(f"{path} is not a plan node: it has no `Node Type`")
    taken = {*_NAMED, *_BUFFERS.values()}
    conditions = {key: str(value) for key, value in raw.items() if _is_condition(key, value)}
    removed = {key: float(value) for key, value in raw.items() if key.startswith("Rows Removed by")}
    taken |= conditions.keys() | removed.keys()
    return PlanNode(
        node_type=raw["Node Type"],
        parent_relationship=raw.get("Parent Relationship"),
        subplan_name=raw.get("Subplan Name"),
        relation=raw.get("Relation Name"),
        schema=raw.get("Schema"),
        alias=raw.get("Alias"),
        index=raw.get("Index Name"),
        cte=raw.get("CTE Name"),
        join_type=raw.get("Join Type"),
        strategy=raw.get("Strategy"),
        partial_mode=raw.get("Partial Mode"),
        startup_cost=float(raw.get("Startup Cost", 0.0)),
        total_cost=float(raw.get("Total Cost", 0.0)),
        plan_rows=float(raw.get("Plan Rows", 0.0)),
        plan_width=int(raw.get("Plan Width", 0)),
        actual_rows=_real(raw, "Actual Rows"),
        loops=_real(raw, "Actual Loops"),
        startup_ms=_real(raw, "Actual Startup Time"),
        total_ms=_real(raw, "Actual Total Time"),
        conditions=conditions,
        removed=removed,
        buffers=_buffers(raw),
        details={key: value for key, value in raw.items() if key not in taken},
        children=tuple(_node(child, f"{path}.Plans[{place}]") for place, child in enumerate(raw.get("Plans", ()))),
    )


def _is_condition(key: str, value: object) -> bool:
    """Tell conditions (``Index Cond``, ``Filter``, ``Join Filter``, ``Order By``, …) from other text."""
    return isinstance(value, str) and (key.endswith(("Cond", "Filter", "Condition")) or key == "Order By")


def _real(raw: Mapping[str, Any], key: str) -> float | None:
    return float(raw[key]) if key in raw else None


def _buffers(raw: Mapping[str, Any]) -> Buffers | None:
    if not any(key in raw for key in _BUFFERS.values()):
        return None
    return Buffers(**{name: int(raw.get(key, 0)) for name, key in _BUFFERS.items()})


def render_tree(plan: PlanTree) -> list[str]:
    """Write the plan as psql does, a node a line with its conditions below it."""
    lines = list(_render(plan.root, 0))
    if plan.planning_ms is not None:
        lines.append(f"Planning: {seconds(plan.planning_ms / 1e3)}")
    if plan.jit_ms is not None:
        lines.append(f"JIT: {seconds(plan.jit_ms / 1e3)}")
    if plan.execution_ms is not None:
        lines.append(f"Execution: {seconds(plan.execution_ms / 1e3)}")
    if plan.settings:
        lines.append("Settings: " + ", ".join(f"{name} = {value}" for name, value in plan.settings.items()))
    return lines


def _render(node: PlanNode, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if node.subplan_name:
        yield f"{indent}{node.subplan_name}"
    yield f"{indent}{'-> ' if depth else ''}{_title(node)}  ({_figures(node)})"
    inner = indent + ("     " if depth else "  ")
    for key, text in node.conditions.items():
        yield f"{inner}{key}: {text}"
    for key, rows in node.removed.items():
        if rows:
            yield f"{inner}{key}: {number(rows)}"
    for key in _SHOWN:
        if key in node.details:
            value = node.details[key]
            unit = " kB" if key == "Sort Space Used" else ""
            yield f"{inner}{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}{unit}"
    for child in node.children:
        yield from _render(child, depth + 1)


def _title(node: PlanNode) -> str:
    name = node.node_type
    if node.join_type and node.join_type != "Inner":
        name += f" {node.join_type} Join"
    if operation := node.details.get("Operation"):
        name += f" {operation}"
    if node.index:
        name += f" using {node.index}"
    target = node.relation or node.cte or node.details.get("Function Name")
    if target:
        name += f" on {target}"
    if node.alias and node.alias != target:
        name += f" {node.alias}"
    return name


def _figures(node: PlanNode) -> str:
    parts = [f"estimated {number(node.plan_rows)} rows"]
    if node.loops == 0:
        parts.append("never executed")
    elif node.loops is not None:
        loops = "" if node.loops == 1 else f" x {number(node.loops)} loops"
        parts.append(f"actual {number(node.actual_rows or 0.0)} rows{loops}")
        if node.total_ms is not None:
            parts.append(seconds(node.total_ms / 1e3) + (" each" if loops else ""))
    if node.buffers is not None:
        parts.append(f"{node.buffers.shared:,} buffers")
    return ", ".join(parts)
