"""Query plans of two sides: a plan that changed fails its line even where the latency has not followed yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.explain import parse_plan
from bench.analysis.gate.identity import PLAN
from bench.analysis.gate.result import GateLine
from bench.analysis.plan_tree import fingerprint, indexes_used, walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bench.analysis.gate.side import Side
    from bench.analysis.plan_tree import PlanTree

Shapes = dict[str, "PlanTree"]


def compare_plans(baseline: Side, candidate: Side, allowed: Collection[str]) -> Iterator[GateLine]:
    """Yield a line for each operation whose plans both sides recorded; a new shape fails unless it is allowed."""
    for operation in candidate.operations:
        before, now = _shapes(baseline, operation), _shapes(candidate, operation)
        if not before or not now:
            continue
        gone, new = before.keys() - now.keys(), now.keys() - before.keys()
        reason = ""
        if gone or new:
            was = "; ".join(sorted({_sketch(before[key]) for key in gone or before.keys()}))
            becomes = "; ".join(sorted({_sketch(now[key]) for key in new or now.keys()}))
            reason = f"the plan changed: {was} became {becomes}"
        yield GateLine(
            kind="plan",
            name="plan unchanged",
            operation=operation,
            treatment={},
            verdict="fail" if reason and PLAN not in allowed else "pass",
            reason=f"{reason} (allowed)" if reason and PLAN in allowed else reason,
            change="" if reason else "equivalent",
        )


def _shapes(side: Side, operation: str) -> Shapes:
    plans = [parse_plan(fact.document) for fact in side.plans if fact.load and fact.operation == operation]
    return {fingerprint(plan): plan for plan in plans}


def _sketch(plan: PlanTree) -> str:
    """Name a plan by what it does to its tables."""
    scans = [f"{node.node_type} on {node.relation}" for node in walk(plan) if node.relation]
    indexes = indexes_used(plan)
    by = f" by {', '.join(indexes)}" if indexes else ""
    return (", ".join(dict.fromkeys(scans)) or plan.root.node_type) + by
