"""The plans of a run, taken before its first trial, and how often its indexes were scanned by its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.index_use import tables_touched
from bench.environment.indexes import read_indexes
from bench.environment.partition_trees import read_partition_trees
from bench.experiment.explain import capture_plans
from bench.model.explained import Explained

if TYPE_CHECKING:
    from bench.design.parameters import Populations
    from bench.experiment.target import Target
    from bench.model.facts import PlanFact
    from bench.model.indexes import IndexFact
    from bench.model.scenario import Scenario
    from bench.store.writer import RunWriter


@dataclass(frozen=True, slots=True)
class Taken:
    """Plans of the load, which every trial keeps; those from other sides; indexes with their counters before."""

    load: list[PlanFact]
    beside: tuple[PlanFact, ...]
    indexes: tuple[IndexFact, ...]
    tables: frozenset[str]


def take_plans(target: Target, scenario: Scenario, populations: Populations, writer: RunWriter) -> Taken:
    """Explain every operation before the first trial; what could not be explained is noted in the run."""
    captured = capture_plans(target, scenario, populations)
    new = tuple(caveat for caveat in captured.caveats if caveat not in writer.facts.caveats)
    if new:
        writer.record(msgspec.structs.replace(writer.facts, caveats=(*writer.facts.caveats, *new)))
    beside = tuple(fact for fact in captured.facts if not fact.load)
    tables = tables_touched(captured.facts)
    writer.write_explained(Explained(beside, partitions=read_partition_trees(target.admin, tables)))
    indexes = read_indexes(target.admin, tables)
    return Taken([fact for fact in captured.facts if fact.load], beside, indexes, frozenset(tables))


def count_scans(target: Target, taken: Taken, writer: RunWriter) -> None:
    """Store the indexes with the scans that the server counted since the plans were taken, and the partitions."""
    before = {(index.table, index.name): index.scans for index in taken.indexes}
    tables = {index.table for index in taken.indexes}
    now = tuple(
        msgspec.structs.replace(index, scans=max(0, index.scans - before.get((index.table, index.name), 0)))
        for index in read_indexes(target.admin, tables)
    )
    writer.write_explained(Explained(taken.beside, now, read_partition_trees(target.admin, taken.tables)))
