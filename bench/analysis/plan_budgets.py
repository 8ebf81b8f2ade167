"""Budgets on query plans: the index they must use, the partitions they may scan.

Plans hold for the whole run, whatever its pool: a budget on them has one line. They are those explained as the load's
role with arguments of the scenario's own distribution, several for each operation, and every one must keep the budget.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from bench.analysis.explain import parse_plan
from bench.analysis.measurement import Line
from bench.analysis.plan_tree import fingerprint, indexes_used, walk
from bench.model.budget import PLAN
from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.analysis.measurement import Judgement
    from bench.analysis.plan_tree import PlanTree
    from bench.model.budget import Budget
    from bench.model.facts import PlanFact

_APPENDS = ("Append", "Merge Append")
LEVEL = 0.95


def judge_plans(budget: Budget, facts: Iterable[PlanFact]) -> Line:
    """Judge one budget by the plans of its operation; inconclusive where none was recorded."""
    plans = _distinct(fact for fact in facts if fact.load and fact.operation == budget.operation)
    if not plans:
        return _line(budget, None, "inconclusive", f"no plan of {budget.operation!r} was recorded")
    return _judge_index(budget, plans) if budget.metric == PLAN else _judge_partitions(budget, plans)


def partitions_scanned(plan: PlanTree) -> int:
    """Return the most relations that one Append really scans; 1 where there is none, as after full pruning.

    What pruning at run time left out is "never executed" and does not count. The branches of a UNION ALL are appended
    in the same way and do count.
    """
    most = 1
    for node in walk(plan):
        if node.node_type in _APPENDS:
            scanned = {part.alias or part.relation for part in walk(node) if part.relation and part.loops != 0}
            most = max(most, len(scanned))
    return most


def _distinct(facts: Iterable[PlanFact]) -> list[PlanTree]:
    kept: dict[tuple[int, tuple[str, ...], str], PlanTree] = {}
    for fact in facts:
        plan = parse_plan(fact.document)
        kept.setdefault((fact.step, fact.arguments, fingerprint(plan)), plan)
    return list(kept.values())


def _judge_index(budget: Budget, plans: Sequence[PlanTree]) -> Line:
    without = [
        plan for plan in plans if not any(fnmatch.fnmatchcase(name, budget.index) for name in indexes_used(plan))
    ]
    share = 1 - len(without) / len(plans)
    seen = Estimate(share, share, share, LEVEL, len(plans), "1")
    if not without:
        return _line(budget, seen, "pass", "")
    used = sorted({name for plan in without for name in indexes_used(plan)})
    scans = sorted({f"{node.node_type} on {node.relation}" for plan in without for node in walk(plan) if node.relation})
    instead = f"index {', '.join(used)}" if used else ", ".join(scans) or "no table at all"
    return _line(budget, seen, "fail", f"{len(without)} of {len(plans)} plans do without {budget.index}: {instead}")


def _judge_partitions(budget: Budget, plans: Sequence[PlanTree]) -> Line:
    counts = [partitions_scanned(plan) for plan in plans]
    worst = max(counts) if budget.comparator in ("<", "<=") else min(counts)
    seen = Estimate(float(worst), float(min(counts)), float(max(counts)), LEVEL, len(plans), "partitions")
    missed = [count for count in counts if not budget.holds(count)]
    if not missed:
        return _line(budget, seen, "pass", "")
    return _line(budget, seen, "fail", f"{len(missed)} of {len(plans)} plans scan {worst} partitions")


def _line(budget: Budget, observed: Estimate | None, verdict: Judgement, reason: str) -> Line:
    return Line(
        budget=budget.text,
        operation=budget.operation,
        treatment={},
        observed=observed,
        limit=budget.limit,
        unit=budget.unit,
        verdict=verdict,
        reason=reason,
    )
