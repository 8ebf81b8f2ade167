"""Plan cards: how the server ran each operation, as a tree to read and as JSON to copy."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bench.analysis.explain import parse_plan, render_tree
from bench.analysis.plan_tree import fingerprint, indexes_used, walk
from bench.analysis.wording import count
from bench.report.numbers import quantity
from bench.report.sections.plan_nodes import lay_out_nodes
from bench.report.words import operation_name, shorten, slug

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.plan_tree import PlanTree
    from bench.model.facts import PlanFact
    from bench.model.scenario import Scenario
    from bench.report.sections.plan_nodes import PlanLine

_MOST_UNFOLDED: Final = 12
"""Plans that are laid out open one after the other."""
_MOST_DOCUMENT_LETTERS: Final = 600_000
"""Of all plans as JSON on one page; the raw files hold every one."""
_ROLES: Final = {"app": "as the application role", "owner": "as the owner", "foreign": "as a foreign tenant"}
_KINDS: Final = {
    "custom": "custom plan (values known)",
    "generic": "generic plan (values unknown)",
    "auto": "as the server chose",
}


@dataclass(frozen=True, slots=True)
class PlanCard:
    """One plan. What has the same shape from several sides, or with several values, is shown once and told in its tags.

    ``document`` is empty where the page has no room for it.
    """

    anchor: str
    title: str
    tags: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    nodes: tuple[PlanLine, ...]
    tree: str
    sql: str
    arguments: str
    document: str


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """The plans of one operation. ``note`` counts them, and tells what is read from end to end."""

    title: str
    note: str
    cards: tuple[PlanCard, ...]


@dataclass(frozen=True, slots=True)
class PlanSection:
    """All plans; ``folded`` where there are so many that a reader looks for one of them."""

    groups: tuple[PlanGroup, ...]
    folded: bool

    @property
    def number(self) -> int:
        """How many plans are shown."""
        return sum(len(group.cards) for group in self.groups)


@dataclass(frozen=True, slots=True)
class _Read:
    """A plan as recorded, and as far as it could be read."""

    fact: PlanFact
    tree: PlanTree | None
    problem: str

    @property
    def weight(self) -> tuple[bool, float]:
        """What is shown of equal plans: the load's own before others, and of these the slowest, which shows most."""
        return self.fact.load, (self.tree.execution_ms or 0.0) if self.tree is not None else 0.0


def lay_out_plans(plans: Sequence[PlanFact], scenario: Scenario | None) -> PlanSection:
    """Show each distinct plan of each statement once; a document that is no plan says so instead of a tree."""
    intended = {operation.name: operation.index for operation in scenario.operation} if scenario else {}
    alike: dict[tuple[str, str, str], list[_Read]] = {}
    for fact in plans:
        try:
            tree, problem = parse_plan(fact.document), ""
        except (ValueError, TypeError, AttributeError) as error:
            tree, problem = None, str(error)
        shape = fingerprint(tree) if tree is not None else repr(fact.document)
        alike.setdefault((fact.operation, fact.sql, shape), []).append(_Read(fact, tree, problem))
    shapes = Counter(key[:2] for key in alike)
    cards: dict[str, list[PlanCard]] = {}
    scanned: dict[str, set[str]] = {}
    room = _MOST_DOCUMENT_LETTERS
    for number, ((operation, sql, _), group) in enumerate(alike.items(), 1):
        card = _card(number, group, intended.get(operation), shapes[operation, sql])
        room -= len(card.document)
        cards.setdefault(operation, []).append(card if room >= 0 else replace(card, document=""))
        scanned.setdefault(operation, set()).update(
            name for one in group if one.tree for name in _whole_scans(one.tree)
        )
    groups = tuple(
        PlanGroup(
            shorten(operation_name(operation), 120),
            _note(sum(key[0] == operation for key in shapes), len(mine), sorted(scanned[operation])),
            tuple(mine),
        )
        for operation, mine in cards.items()
    )
    return PlanSection(groups, folded=len(groups) > 1 and len(alike) > _MOST_UNFOLDED)


def _note(statements: int, plans: int, scanned: Sequence[str]) -> str:
    said = f"{count(statements, 'statement')}, {count(plans, 'plan')}"
    return f"{said}; read from end to end: {shorten(', '.join(scanned), 120)}" if scanned else said


def _card(number: int, group: Sequence[_Read], intended: str | None, shapes: int) -> PlanCard:
    shown = max(group, key=lambda one: one.weight)
    plan, tree = shown.fact, shown.tree
    sides: dict[tuple[str, str], list[PlanFact]] = {}
    for one in group:
        sides.setdefault((one.fact.role, one.fact.kind), []).append(one.fact)
    own = sides.pop((plan.role, plan.kind))
    tags = [_ROLES[plan.role], _KINDS[plan.kind] + _executions(own)]
    values = len({fact.arguments for fact in own})
    if values > 1:
        tags.append(f"the same for {values} sets of arguments, the slowest shown")
    tags += [f"the same {_ROLES[role]}, {_KINDS[kind]}{_executions(facts)}" for (role, kind), facts in sides.items()]
    if shapes > 1:
        tags.append(f"one of {shapes} different plans of this statement")
    return PlanCard(
        anchor=f"plan-{number}-{slug(plan.operation)}",
        title=shorten(operation_name(plan.operation), 120) + (f", step {plan.step}" if plan.step else ""),
        tags=tuple(tags),
        facts=tuple(_facts(tree, intended)) if tree is not None else (),
        nodes=lay_out_nodes(tree) if tree is not None else (),
        tree="\n".join(render_tree(tree)) if tree is not None else f"No plan: {shown.problem}",
        sql=plan.sql.strip(),
        arguments=", ".join(plan.arguments),
        document=json.dumps(plan.document, indent=1, ensure_ascii=False, default=str),
    )


def _executions(facts: Sequence[PlanFact]) -> str:
    numbers = sorted({fact.execution for fact in facts if fact.execution})
    if not numbers:
        return ""
    return f", {'execution' if len(numbers) == 1 else 'executions'} {', '.join(map(str, numbers))}"


def _whole_scans(tree: PlanTree) -> list[str]:
    return [node.relation or "" for node in walk(tree) if node.node_type == "Seq Scan" and node.loops != 0]


def _facts(tree: PlanTree, intended: str | None) -> Iterator[tuple[str, str]]:
    used = indexes_used(tree)
    yield "Indexes used", ", ".join(used) or "none"
    if intended:
        yield "Intended index", f"{intended}: {'used' if intended in used else 'NOT used'}"
    if scanned := _whole_scans(tree):
        yield "Read from end to end", ", ".join(dict.fromkeys(scanned))
    if tree.execution_ms is not None:
        yield "Execution", quantity(tree.execution_ms / 1e3, "s")
    if tree.planning_ms is not None:
        yield "Planning", quantity(tree.planning_ms / 1e3, "s")
    buffers = tree.root.buffers
    if buffers is not None:
        yield "Buffers", f"{buffers.shared_hit:,} found in the cache, {buffers.shared_read:,} read"
        if buffers.temp_written:
            yield "Spilled", f"{quantity(buffers.temp_written * 8192, 'bytes')} written to temporary files"
