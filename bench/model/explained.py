"""What EXPLAIN showed beside the load's own plans: the same statements from other sides, and the indexes there are."""

from __future__ import annotations

import msgspec

from bench.model.facts import PlanFact
from bench.model.indexes import IndexFact
from bench.model.partitions import PartitionedTable


class Explained(msgspec.Struct, frozen=True):
    """The document of ``explained.json``."""

    plans: tuple[PlanFact, ...] = ()
    indexes: tuple[IndexFact, ...] = ()
    """Those of the tables that the plans touch, with the scans of this run."""
    partitions: tuple[PartitionedTable, ...] = ()
    """The partitioned tables that the plans touch."""
