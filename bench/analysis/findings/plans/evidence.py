"""What the rules on plans look at: every explanation with its tree, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.analysis.explain import readable
from bench.analysis.plan_tree import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.analysis.plan_tree import PlanNode, PlanTree
    from bench.model.facts import PlanFact
    from bench.model.scenario import Scenario

SOURCE = "https://www.postgresql.org/docs/current/using-explain.html"
ROWS_OF_A_TABLE = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan", "Tid Range Scan")


@dataclass(frozen=True, slots=True)
class Explained:
    """One explanation and its tree."""

    fact: PlanFact
    tree: PlanTree


@dataclass(frozen=True, slots=True)
class Spot:
    """A node of a plan at which a rule takes offence."""

    fact: PlanFact
    tree: PlanTree
    node: PlanNode


class Evidence:
    """The plans of a scenario. Documents that are no plans are left out: the report shows them as they are."""

    def __init__(self, facts: Sequence[PlanFact], scenario: Scenario) -> None:
        self.scenario = scenario
        self._explained = [Explained(fact, tree) for fact, tree in readable(facts)]

    def load(self) -> Iterator[Explained]:
        """Yield the plans as the load itself has them."""
        return (one for one in self._explained if one.fact.load)

    def seen(
        self,
        operation: str,
        step: int,
        *,
        role: Literal["app", "owner", "foreign"],
        kind: Literal["custom", "generic", "auto"],
    ) -> list[Explained]:
        """Return the plans of one step from one side."""
        wanted = (operation, step, role, kind)
        return [
            one
            for one in self._explained
            if (one.fact.operation, one.fact.step, one.fact.role, one.fact.kind) == wanted
        ]

    def steps(self) -> list[tuple[str, int]]:
        """Return the operations and steps that have plans, in the order they were explained."""
        return list(dict.fromkeys((one.fact.operation, one.fact.step) for one in self._explained))

    def worst(self, offends: Callable[[PlanTree, PlanNode], bool], weight: Callable[[PlanNode], float]) -> list[Spot]:
        """Return the heaviest offending node of the load's plans for each operation and table (or index)."""
        found: dict[tuple[str, str], Spot] = {}
        for one in self.load():
            for node in walk(one.tree):
                if not node.executed or not offends(one.tree, node):
                    continue
                key = (one.fact.operation, node.relation or node.index or node.node_type)
                if key not in found or weight(node) > weight(found[key].node):
                    found[key] = Spot(one.fact, one.tree, node)
        return list(found.values())
