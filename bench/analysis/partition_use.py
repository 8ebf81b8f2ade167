"""How many partitions of a table each operation's plans really scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.explain import readable
from bench.analysis.plan_tree import walk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.model.facts import PlanFact
    from bench.model.partitions import PartitionedTable


@dataclass(frozen=True, slots=True)
class PartitionUse:
    """One partitioned table."""

    table: PartitionedTable
    scanned: Mapping[str, int]
    """Operation to the most partitions that one of its plans scans; 0 where it only writes through the root."""


def tabulate_partitions(tables: Sequence[PartitionedTable], facts: Sequence[PlanFact]) -> tuple[PartitionUse, ...]:
    """Return a line for each table; the load's own plans count, and in them what pruning did not skip."""
    plans = [(fact.operation, tree) for fact, tree in readable(facts) if fact.load]
    lines = []
    for table in tables:
        parts = set(table.parts)
        scanned: dict[str, int] = {}
        for operation, tree in plans:
            relations = {node.relation for node in walk(tree) if node.loops != 0}
            if relations & {table.table, *parts}:
                scanned[operation] = max(scanned.get(operation, 0), len(relations & parts))
        lines.append(PartitionUse(table, scanned))
    return tuple(lines)
