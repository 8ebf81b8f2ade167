"""Which index serves which operation: from plans and from the server's own counters.

An index that no plan uses and that the server did not scan is unused *by this load*; whether another one needs it this
load cannot know. An index is redundant where another of the same table begins with the same columns: a scan of the
longer one finds the same rows (https://www.postgresql.org/docs/current/indexes-multicolumn.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.analysis.explain import readable
from bench.analysis.plan_tree import indexes_used, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.model.facts import PlanFact
    from bench.model.indexes import IndexFact


@dataclass(frozen=True, slots=True)
class IndexUse:
    """One line of the index-use matrix."""

    index: IndexFact
    plans: Mapping[str, tuple[int, int]]
    """Operation to plans that use the index and plans that touch its table."""
    state: Literal["used", "constraint", "redundant", "unused"]
    covered_by: str = ""
    """The index that makes this one redundant."""


def tables_touched(facts: Iterable[PlanFact]) -> set[str]:
    """Return the tables that plans name."""
    return {node.relation for _, tree in readable(facts) for node in walk(tree) if node.relation}


def tabulate_indexes(indexes: Sequence[IndexFact], facts: Sequence[PlanFact]) -> tuple[IndexUse, ...]:
    """Return a line for each index, used ones first; plans that the load itself has count, others do not."""
    seen: dict[str, list[frozenset[str]]] = {}
    for fact, tree in readable(facts):
        if fact.load:
            seen.setdefault(fact.operation, []).append(frozenset(indexes_used(tree)))
    lines = [_line(index, indexes, seen) for index in indexes]
    order = ("used", "constraint", "redundant", "unused")
    return tuple(sorted(lines, key=lambda line: (order.index(line.state), -line.index.scans, line.index.name)))


def _line(index: IndexFact, all_of_them: Sequence[IndexFact], seen: Mapping[str, list[frozenset[str]]]) -> IndexUse:
    names = {index.name, *index.parts}
    plans = {
        operation: (sum(1 for used in executions if used & names), len(executions))
        for operation, executions in seen.items()
    }
    used = {operation: share for operation, share in plans.items() if share[0]}
    cover = next((other.name for other in all_of_them if covers(other, index)), "")
    if cover and not used:
        return IndexUse(index, used, "redundant", cover)
    if used or index.scans:
        return IndexUse(index, used, "used", cover)
    return IndexUse(index, used, "constraint" if index.constraint or index.unique else "unused")


def covers(other: IndexFact, index: IndexFact) -> bool:
    """Tell whether ``other`` finds everything that ``index`` does, in the same order.

    What guarantees something (unique, a constraint) is never redundant; of two equal ones the first by name stays.
    """
    if index.unique or index.constraint or other.name == index.name:
        return False
    alike = (other.table, other.method, other.predicate) == (index.table, index.method, index.predicate)
    if not alike or index.method != "btree" or other.columns[: len(index.columns)] != index.columns:
        return False
    if not set(index.included) <= {*other.included, *other.columns}:
        return False
    longer = len(other.columns) > len(index.columns) or len(other.included) > len(index.included)
    return longer or other.unique or other.constraint or other.name < index.name
