"""What a proposal for an index has to know of a table: its indexes and partitions."""

from __future__ import annotations

import msgspec


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """An ordinary or partitioned table, or a partition of ``root``. ``rows`` is the planner's estimate."""

    schema: str
    name: str
    root: str | None = None
    partitioned: bool = False
    partitions: tuple[str, ...] = ()
    rows: float = 0.0
    indexes: tuple[str, ...] = ()
    """Definitions as the server writes them; of invalid ones none."""
