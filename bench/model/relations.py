"""What a proposal for an index has to know of a table: its columns, indexes and partitions."""

from __future__ import annotations

import msgspec


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """What ANALYZE knows of a column. ``correlation`` of its values with their place in the table, -1 to 1."""

    width_bytes: int = 0
    correlation: float = 0.0


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
    columns: dict[str, Column] = {}
