"""Plan cards: how the server ran each operation, as a tree to read and as JSON to copy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.analysis.explain import parse_plan, render_tree
from bench.analysis.plan_tree import fingerprint, indexes_used, walk
from bench.report.numbers import count, quantity
from bench.report.sections.plan_nodes import lay_out_nodes
from bench.report.words import operation_name, shorten, slug

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.plan_tree import PlanTree
    from bench.model.facts import PlanFact
    from bench.model.scenario import Scenario
    from bench.report.sections.plan_nodes import PlanLine

_ROLES: Final = {"app": "as the application role", "owner": "as the owner", "foreign": "as a foreign tenant"}
_KINDS: Final = {
    "custom": "custom plan (values known)",
    "generic": "generic plan (values unknown)",
    "auto": "as the server chose",
}


@dataclass(frozen=True, slots=True)
class PlanCard:
    """One plan. Explained with the same shape more than once it is shown once, with the count in its tags."""

    anchor: str
    title: str
    tags: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    nodes: tuple[PlanLine, ...]
    tree: str
    sql: str
    arguments: str
    document: str


def lay_out_plans(plans: Sequence[PlanFact], scenario: Scenario | None) -> tuple[PlanCard, ...]:
    """Show each distinct plan of each operation; a document that is no plan says so instead of a tree."""
    intended = {operation.name: operation.index for operation in scenario.operation} if scenario else {}
    groups: dict[tuple[object, ...], list[tuple[PlanFact, PlanTree | None, str]]] = {}
    for plan in plans:
        try:
            tree, problem = parse_plan(plan.document), ""
        except (ValueError, TypeError, AttributeError) as error:
            tree, problem = None, str(error)
        shape = fingerprint(tree) if tree is not None else repr(plan.document)
        groups.setdefault((plan.operation, plan.sql, plan.role, plan.kind, plan.execution, shape), []).append(
            (plan, tree, problem)
        )
    shapes: dict[tuple[object, ...], int] = {}
    for key in groups:
        shapes[key[:5]] = shapes.get(key[:5], 0) + 1
    return tuple(
        _card(number, group, intended.get(group[0][0].operation), shapes[key[:5]])
        for number, (key, group) in enumerate(groups.items(), 1)
    )


def _card(
    number: int, group: Sequence[tuple[PlanFact, PlanTree | None, str]], intended: str | None, shapes: int
) -> PlanCard:
    # The slowest of equal plans shows most.
    plan, tree, problem = max(group, key=lambda item: (item[1].execution_ms or 0.0) if item[1] is not None else 0.0)
    tags = [_ROLES[plan.role], _KINDS[plan.kind] + (f", execution {plan.execution}" if plan.execution else "")]
    if len(group) > 1:
        tags.append(f"the same for {count(len(group), 'set of arguments', 'sets of arguments')}, the slowest shown")
    if shapes > 1:
        tags.append(f"one of {shapes} different plans of this statement")
    return PlanCard(
        anchor=f"plan-{number}-{slug(plan.operation)}",
        title=shorten(operation_name(plan.operation), 120) + (f", step {plan.step}" if plan.step else ""),
        tags=tuple(tags),
        facts=tuple(_facts(tree, intended)) if tree is not None else (),
        nodes=lay_out_nodes(tree) if tree is not None else (),
        tree="\n".join(render_tree(tree)) if tree is not None else f"No plan: {problem}",
        sql=plan.sql.strip(),
        arguments=", ".join(plan.arguments),
        document=json.dumps(plan.document, indent=2, ensure_ascii=False, default=str),
    )


def _facts(tree: PlanTree, intended: str | None) -> Iterator[tuple[str, str]]:
    used = indexes_used(tree)
    yield "Indexes used", ", ".join(used) or "none"
    if intended:
        yield "Intended index", f"{intended}: {'used' if intended in used else 'NOT used'}"
    whole_scans = [node.relation or "" for node in walk(tree) if node.node_type == "Seq Scan" and node.loops != 0]
    if whole_scans:
        yield "Read from end to end", ", ".join(dict.fromkeys(whole_scans))
    if tree.execution_ms is not None:
        yield "Execution", quantity(tree.execution_ms / 1e3, "s")
    if tree.planning_ms is not None:
        yield "Planning", quantity(tree.planning_ms / 1e3, "s")
    buffers = tree.root.buffers
    if buffers is not None:
        yield "Buffers", f"{buffers.shared_hit:,} found in the cache, {buffers.shared_read:,} read"
        if buffers.temp_written:
            yield "Spilled", f"{quantity(buffers.temp_written * 8192, 'bytes')} written to temporary files"
