"""A query plan as a tree of values, and what can be asked of it.

The server reports times and rows *per loop*. A node's totals are those times its loops; under a Gather the loops are
those of all processes, so such totals are process time, not time that passed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONSTANT = re.compile(r"'(?:[^']|'')*'(?:::\w[\w ]*(?:\(\d+(?:,\d+)?\))?(?:\[\])?)?|\$\d+|\b\d+(?:\.\d+)?\b")
_GATHERS = ("Gather", "Gather Merge")
# What varies between executions or argument values is no part of a plan's shape.
_SHAPE_DETAILS = ("Sort Key", "Group Key", "Presorted Key", "Cache Mode", "Operation", "Command", "Scan Direction")


@dataclass(frozen=True, slots=True)
class Buffers:
    """Blocks of 8 kB touched by a node and everything below it."""

    shared_hit: int = 0
    shared_read: int = 0
    shared_dirtied: int = 0
    shared_written: int = 0
    local_hit: int = 0
    local_read: int = 0
    temp_read: int = 0
    temp_written: int = 0

    @property
    def shared(self) -> int:
        """Shared blocks found in the cache or read."""
        return self.shared_hit + self.shared_read


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One node. What was not executed or not asked for is None; keys without a field are in ``details``."""

    node_type: str
    parent_relationship: str | None
    subplan_name: str | None
    relation: str | None
    schema: str | None
    alias: str | None
    index: str | None
    cte: str | None
    join_type: str | None
    strategy: str | None
    partial_mode: str | None
    startup_cost: float
    total_cost: float
    plan_rows: float
    plan_width: int
    actual_rows: float | None
    """Rows per loop; fractional since PostgreSQL 18."""
    loops: float | None
    startup_ms: float | None
    total_ms: float | None
    """Per loop; None where TIMING was off."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, float] = field(default_factory=dict)
    """Rows per loop that were read and thrown away, by the key that says why."""
    buffers: Buffers | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[PlanNode, ...] = ()

    @property
    def executed(self) -> bool:
        """Tell whether the node ran at least once."""
        return bool(self.loops)

    @property
    def rows(self) -> float:
        """Rows over all loops; 0 where it did not run."""
        return (self.actual_rows or 0.0) * (self.loops or 0.0)

    @property
    def rows_read(self) -> float:
        """Rows over all loops, with those thrown away."""
        return self.rows + sum(self.removed.values()) * (self.loops or 0.0)

    @property
    def elapsed_ms(self) -> float:
        """Time over all loops, children included; process time below a Gather."""
        return (self.total_ms or 0.0) * (self.loops or 0.0)


@dataclass(frozen=True, slots=True)
class PlanTree:
    """A whole EXPLAIN document. Times in ms, None where the statement was not executed."""

    root: PlanNode
    planning_ms: float | None = None
    execution_ms: float | None = None
    planning_buffers: Buffers | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    jit_ms: float | None = None
    triggers: tuple[Mapping[str, Any], ...] = ()
    query_id: int | None = None

    @property
    def shared_buffers(self) -> int:
        """Shared blocks that the whole plan touched; 0 where BUFFERS was off."""
        return self.root.buffers.shared if self.root.buffers else 0


def walk(plan: PlanTree | PlanNode) -> Iterator[PlanNode]:
    """Yield every node, parents before children."""
    node = plan.root if isinstance(plan, PlanTree) else plan
    yield node
    for child in node.children:
        yield from walk(child)


def indexes_used(plan: PlanTree | PlanNode) -> tuple[str, ...]:
    """Return the indexes that scans read, each once, in the order of the plan; never executed scans do not count."""
    nodes = [node for node in walk(plan) if node.index]
    return tuple(dict.fromkeys(node.index for node in nodes if node.index and node.loops != 0))


def q_error(node: PlanNode) -> float:
    """Return the factor between estimated and actual rows per loop, at least 1; 1 where the node did not run.

    Rows below one count as one, as the planner's estimates do. Source: Moerkotte, Neumann, Steidl, "Preventing Bad
    Plans by Bounding the Impact of Cardinality Estimation Errors", VLDB 2009.
    """
    if not node.executed or node.actual_rows is None:
        return 1.0
    low, high = sorted((max(1.0, node.plan_rows), max(1.0, node.actual_rows)))
    return high / low


def exclusive_time(plan: PlanTree) -> list[tuple[PlanNode, float]]:
    """Return each node with the ms it took itself, in the order of ``walk``.

    Process time is never divided by workers. A Gather waits for processes that run at once, so it is charged with what
    passed beyond one loop of its child. A CTE belongs to the nodes that scan it, not to the one it is listed under.
    """
    nodes = list(walk(plan))
    ctes = {
        (node.subplan_name or "").removeprefix("CTE "): node
        for node in nodes
        if (node.subplan_name or "").startswith("CTE ")
    }
    scanned: dict[str, float] = {}
    for node in nodes:
        if node.cte:
            scanned[node.cte] = scanned.get(node.cte, 0.0) + node.elapsed_ms
    return [(node, _own_ms(node, ctes, scanned)) for node in nodes]


def _own_ms(node: PlanNode, ctes: Mapping[str, PlanNode], scanned: Mapping[str, float]) -> float:
    below = 0.0
    for child in node.children:
        if (child.subplan_name or "").startswith("CTE "):
            continue
        below += (child.total_ms or 0.0) if node.node_type in _GATHERS else child.elapsed_ms
    if node.cte in ctes and scanned.get(node.cte or ""):
        below += ctes[node.cte or ""].elapsed_ms * node.elapsed_ms / scanned[node.cte or ""]
    return max(0.0, node.elapsed_ms - below)


def fingerprint(plan: PlanTree | PlanNode) -> str:
    """Return 16 hex digits of the plan's shape: the same whatever the costs, times, row counts and constants."""
    node = plan.root if isinstance(plan, PlanTree) else plan
    return hashlib.sha256("\n".join(_shape(node, 0)).encode()).hexdigest()[:16]


def _shape(node: PlanNode, depth: int) -> Iterator[str]:
    parts: list[object] = [node.node_type, node.join_type, node.strategy, node.partial_mode, node.parent_relationship]
    parts += [node.schema, node.relation, node.index, node.cte]
    parts += [f"{key} {_CONSTANT.sub('?', text)}" for key, text in sorted(node.conditions.items())]
    parts += [f"{key} {_CONSTANT.sub('?', str(node.details[key]))}" for key in _SHAPE_DETAILS if key in node.details]
    yield " " * depth + "|".join(str(part) for part in parts)
    for child in node.children:
        yield from _shape(child, depth + 1)
