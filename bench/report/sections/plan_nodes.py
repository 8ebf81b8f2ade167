"""A plan node by node: where its time and its buffers went, with a bar for each and words for what smells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.plan_tree import exclusive_time, q_error
from bench.report.numbers import quantity
from bench.report.words import ABSENT, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.plan_tree import PlanNode, PlanTree

OFF = 10.0
FEWEST_ROWS = 100
"""Below so many rows nothing smells."""
REMOVED = 0.5


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One node. Shares are percent of the whole plan's, for the bars; None where it was not measured."""

    depth: int
    title: str
    rows: str
    estimate: str
    time: str
    time_share: int | None
    buffers: str
    buffer_share: int | None
    smells: tuple[str, ...]


def lay_out_nodes(tree: PlanTree) -> tuple[PlanLine, ...]:
    """Return the nodes in the order of the plan, each with what it took itself, without those below it."""
    own = exclusive_time(tree)
    timed = sum(took for _, took in own)
    touched = {id(node): _own_buffers(node) for node, _ in own}
    total = sum(touched.values())
    depths = dict(_depths(tree.root, 0))
    return tuple(
        PlanLine(
            depth=depths[id(node)],
            title=_title(node),
            rows=_rows(node),
            estimate=f"{node.plan_rows:,.0f}",
            time=quantity(took / 1e3, "s") if timed and node.executed else ABSENT,
            time_share=round(100 * took / timed) if timed and node.executed else None,
            buffers=f"{touched[id(node)]:,}" if node.buffers and node.executed else ABSENT,
            buffer_share=round(100 * touched[id(node)] / total) if total and node.buffers and node.executed else None,
            smells=tuple(_smells(node)),
        )
        for node, took in own
    )


def _depths(node: PlanNode, depth: int) -> Iterator[tuple[int, int]]:
    yield id(node), depth
    for child in node.children:
        yield from _depths(child, depth + 1)


def _own_buffers(node: PlanNode) -> int:
    below = sum(child.buffers.shared for child in node.children if child.buffers)
    return max(0, node.buffers.shared - below) if node.buffers else 0


def _title(node: PlanNode) -> str:
    join = f"{node.join_type} " if node.join_type and node.join_type != "Inner" else ""
    on = node.relation or node.cte or ""
    parts = [f"{join}{node.node_type}", f"on {on}" if on else "", f"by {node.index}" if node.index else ""]
    return shorten(" ".join(part for part in parts if part), 120)


def _rows(node: PlanNode) -> str:
    if not node.executed:
        return "never executed" if node.loops is not None else ABSENT
    loops = f" in {node.loops:,.0f} loops" if node.loops and node.loops > 1 else ""
    return f"{node.rows:,.0f}{loops}"


def _smells(node: PlanNode) -> Iterator[str]:
    if q_error(node) >= OFF and max(node.plan_rows, node.actual_rows or 0.0) >= FEWEST_ROWS:
        yield f"estimate {q_error(node):,.0f} times off"
    if node.executed and node.rows_read >= FEWEST_ROWS and node.rows < (1 - REMOVED) * node.rows_read:
        yield f"throws {node.rows_read - node.rows:,.0f} rows away"
    if node.details.get("Sort Space Type") == "Disk":
        yield "sorts on disk"
    if int(node.details.get("Hash Batches", node.details.get("HashAgg Batches", 1))) > 1:
        yield "hash on disk"
    if node.details.get("Lossy Heap Blocks"):
        yield "bitmap kept pages, not rows"
    if node.details.get("Heap Fetches", 0) >= FEWEST_ROWS:
        yield f"{node.details['Heap Fetches']:,} heap fetches"
    if node.details.get("Workers Launched", 0) < node.details.get("Workers Planned", 0):
        yield "workers missing"
